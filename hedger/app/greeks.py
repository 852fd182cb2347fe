"""Greeks of books for people: per leg, expiry, book and underlying, scaled, with their coverage.

Every number is the decision's own: a leg is valued by the same line that values an expiry, as an
expiry of its own. What is unknown is None, never zero, and no sum hides it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np

from hedger.app.look import Sight
from hedger.core.columns import Book
from hedger.core.decide import decide
from hedger.core.model import Decision, Doubt, ExpiryLine, Exposure, Position, Record

DAYS = 365.0


class Scaled(Record, frozen=True, kw_only=True):
    """Greeks as people read them: delta in coin, the rest in USD per 1 %, 1 vol point and 1 day."""

    delta: float
    delta_usd: float
    gamma_usd_1pct: float
    vega_usd_1pt: float
    theta_usd_1d: float


class LegGreeks(Record, frozen=True, kw_only=True):
    """One option leg; ``doubt`` where its delta is an interval."""

    instrument: str
    quantity: float
    greeks: Scaled
    delta_black: float
    value_coin: float
    doubt: Doubt | None = None


class ExpiryGreeks(Record, frozen=True, kw_only=True):
    """The options of one expiry and settlement style."""

    expiry_ms: int
    inverse: bool
    forward: float
    legs: int
    fresh_legs: int
    greeks: Scaled
    delta_low: float
    delta_high: float
    instruments: tuple[LegGreeks, ...]


class Holding(Record, frozen=True, kw_only=True):
    """A future or perpetual that is held; ``role`` is ``hedge`` or ``future``."""

    instrument: str
    quantity: float
    role: str


class BookGreeks(Record, frozen=True, kw_only=True):
    """One book; ``greeks`` and ``exposure`` are None where ``blocked`` says why."""

    book: str
    underlying: str
    numeraire: str
    market_ms: int
    positions_from: str
    legs: int
    fresh_legs: int
    greeks: Scaled | None
    exposure: Exposure | None
    expiries: tuple[ExpiryGreeks, ...] = ()
    holdings: tuple[Holding, ...] = ()
    blocked: tuple[str, ...] = ()


class UnderlyingGreeks(Record, frozen=True, kw_only=True):
    """Books of one underlying and one numeraire: two numeraires are never added together."""

    underlying: str
    numeraire: str
    books: tuple[str, ...]
    legs: int
    fresh_legs: int
    greeks: Scaled | None


def book_greeks(sight: Sight) -> BookGreeks:
    """Greeks of one book as a decision would see them now."""
    decision = decide(sight.book, sight.market, sight.params.rules, sight.now)
    exposure = decision.exposure
    alive = int((sight.book.legs.expiry_ms > sight.now).sum())
    return BookGreeks(
        book=sight.book.name,
        underlying=sight.book.underlying,
        numeraire=sight.params.rules.numeraire,
        market_ms=sight.now,
        positions_from=sight.positions_from,
        legs=alive,
        fresh_legs=exposure.fresh_legs if exposure else 0,
        greeks=None if exposure is None else _of_book(exposure),
        exposure=exposure,
        expiries=() if exposure is None else _expiries(sight, exposure),
        holdings=tuple(_holdings(sight.book)),
        blocked=_blocked(decision),
    )


def underlyings(books: Sequence[BookGreeks]) -> list[UnderlyingGreeks]:
    """Sums per underlying and numeraire; None where one of the books is not known."""
    found = []
    for key in sorted({(book.underlying, book.numeraire) for book in books}):
        mine = [book for book in books if (book.underlying, book.numeraire) == key]
        known = [book.greeks for book in mine if book.greeks is not None]
        found.append(
            UnderlyingGreeks(
                underlying=key[0],
                numeraire=key[1],
                books=tuple(book.book for book in mine),
                legs=sum(book.legs for book in mine),
                fresh_legs=sum(book.fresh_legs for book in mine),
                greeks=_sum(known) if len(known) == len(mine) else None,
            )
        )
    return found


def _blocked(decision: Decision) -> tuple[str, ...]:
    if decision.exposure is not None and math.isfinite(decision.exposure.book_delta):
        return ()
    return tuple(r.reason for r in decision.refusals) or (decision.text,)


def _expiries(sight: Sight, exposure: Exposure) -> tuple[ExpiryGreeks, ...]:
    legs = _legs(sight, exposure)
    return tuple(
        ExpiryGreeks(
            expiry_ms=line.expiry_ms,
            inverse=line.inverse,
            forward=line.forward,
            legs=line.legs,
            fresh_legs=line.legs - sum(leg.doubt is not None for leg in mine),
            greeks=_scaled(line, exposure.index),
            delta_low=line.delta_low,
            delta_high=line.delta_high,
            instruments=mine,
        )
        for line in exposure.expiries
        for mine in [legs[line.expiry_ms, line.inverse]]
    )


def _legs(sight: Sight, exposure: Exposure) -> dict[tuple[int, bool], tuple[LegGreeks, ...]]:
    """Each leg as an expiry of its own, decided on the same market at the same instant."""
    columns = sight.book.legs
    alone = dataclasses.replace(
        columns,
        group=np.arange(len(columns.names), dtype=np.int64),
        groups=tuple(columns.groups[g] for g in columns.group),
    )
    split = dataclasses.replace(sight.book, legs=alone)
    seen = decide(split, sight.market, sight.params.rules, sight.now).exposure
    assert seen is not None
    doubts = {doubt.instrument: doubt for doubt in exposure.doubts}
    alive = [i for i, expiry in enumerate(columns.expiry_ms) if expiry > sight.now]
    found: dict[tuple[int, bool], list[LegGreeks]] = {}
    for i, line in zip(alive, seen.expiries, strict=True):
        name = columns.names[i]
        found.setdefault((line.expiry_ms, line.inverse), []).append(
            LegGreeks(
                instrument=name,
                quantity=float(columns.quantity[i]),
                greeks=_scaled(line, exposure.index),
                delta_black=line.delta_black,
                value_coin=line.value_coin,
                doubt=doubts.get(name),
            )
        )
    return {key: tuple(legs) for key, legs in found.items()}


def _holdings(book: Book) -> Iterable[Holding]:
    for role, held in (("future", book.futures), ("hedge", book.hedges)):
        for position in held:
            yield Holding(
                instrument=position.instrument.name, quantity=_amount(position), role=role
            )


def _amount(position: Position) -> float:
    return position.lots * position.instrument.lot


def _scaled(line: ExpiryLine, index: float) -> Scaled:
    return Scaled(
        delta=line.delta,
        delta_usd=line.delta * index,
        gamma_usd_1pct=line.gamma * index / 100.0,
        vega_usd_1pt=line.vega / 100.0,
        theta_usd_1d=line.theta / DAYS,
    )


def _of_book(exposure: Exposure) -> Scaled:
    return Scaled(
        delta=exposure.book_delta,
        delta_usd=exposure.book_delta * exposure.index,
        gamma_usd_1pct=exposure.gamma * exposure.index / 100.0,
        vega_usd_1pt=exposure.vega / 100.0,
        theta_usd_1d=exposure.theta / DAYS,
    )


def _sum(parts: Sequence[Scaled]) -> Scaled:
    names = Scaled.__struct_fields__
    return Scaled(**{name: sum(getattr(part, name) for part in parts) for name in names})
