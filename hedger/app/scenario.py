"""A book under scenarios, for people: the grid, its worst cells by leg, and a recorded history.

Every number is a full revaluation by `hedger.core.risk`; what cannot be valued is refused by name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hedger.app.look import Sight
from hedger.app.recorded import history
from hedger.core.columns import Floats
from hedger.core.model import Record
from hedger.core.risk import Holdings, Shocks, VolRule, contributions, grid, pnl
from hedger.core.risk.holdings import holdings
from hedger.core.risk.measures import tail_parts
from hedger.core.risk.revaluation import smileless
from hedger.errors import ConfigError, MissingQuote
from hedger.service.smiles import smiles
from pricing import tail_risk

WORST = 3
LEVELS = (0.95, 0.99)


class Wanted(Record, frozen=True, kw_only=True):
    """What to ask: moves and vol shifts as fractions (0.1 is ten percent or ten points)."""

    moves: tuple[float, ...]
    vol_shifts: tuple[float, ...]
    days: tuple[float, ...]
    stickiness: float = 1.0
    vol_power: float = 0.0
    history: Path | None = None
    horizon_days: float = 1.0


class Part(Record, frozen=True, kw_only=True):
    """What one leg, future, hedge or the cash brings."""

    name: str
    pnl: float


class Cell(Record, frozen=True, kw_only=True):
    """One scenario with its profit by part, the worst first."""

    label: str
    move: float
    vol_shift: float
    days: float
    pnl: float
    parts: tuple[Part, ...]


class Tail(Record, frozen=True, kw_only=True):
    """Losses of the recorded scenarios at one level, as positive numbers, and the tail by part."""

    level: float
    value_at_risk: float
    expected_shortfall: float
    parts: tuple[Part, ...]


class Past(Record, frozen=True, kw_only=True):
    """Recorded returns applied to today."""

    source: str
    scenarios: int
    horizon_days: float
    has_vol: bool
    tails: tuple[Tail, ...]
    worst: tuple[Cell, ...]


class Scenarios(Record, frozen=True, kw_only=True):
    """``pnl`` by days, spot move and vol shift, in ``unit``; ``hedge_pnl`` is the hedges' share.

    ``straight_smiles`` counts expiries of so few strikes that a line stands for their smile.
    """

    book: str
    underlying: str
    numeraire: str
    unit: str
    market_ms: int
    positions_from: str
    open_intents: int
    spot: float
    legs: int
    stickiness: float
    straight_smiles: int
    vol_power: float
    moves: tuple[float, ...]
    vol_shifts: tuple[float, ...]
    days: tuple[float, ...]
    pnl: tuple[tuple[tuple[float, ...], ...], ...]
    hedge_pnl: tuple[float, ...]
    worst: tuple[Cell, ...]
    history: Past | None = None


def scenarios(sight: Sight, wanted: Wanted) -> Scenarios:
    """The book's grid and history on the market as it stands.

    Raises
    ------
    MissingQuote
        Where something that the book holds cannot be valued now, or a smile is not known.
    ConfigError
        For a grid or a history that makes no sense.
    """
    held = _held(sight, wanted)
    rule = VolRule(
        short_power=wanted.vol_power, long_power=wanted.vol_power, stickiness=wanted.stickiness
    )
    try:
        asked = grid(moves=wanted.moves, vol_shifts=wanted.vol_shifts, days=wanted.days)
        past = None
        if wanted.history is not None:
            past = history(wanted.history, wanted.horizon_days)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    cube = pnl(held, asked, rule)
    shape = (len(wanted.days), len(wanted.moves), len(wanted.vol_shifts))
    return Scenarios(
        book=held.book,
        underlying=held.underlying,
        numeraire=held.numeraire,
        unit=held.underlying if held.coin else "USD",
        market_ms=held.time_ms,
        positions_from=sight.positions_from,
        open_intents=len(sight.book.open),
        spot=held.spot,
        legs=len(held.names),
        stickiness=wanted.stickiness,
        straight_smiles=0 if wanted.stickiness == 1.0 else len(held.skews),
        vol_power=wanted.vol_power,
        moves=wanted.moves,
        vol_shifts=wanted.vol_shifts,
        days=wanted.days,
        pnl=tuple(tuple(map(tuple, plane)) for plane in cube.reshape(shape).tolist()),
        hedge_pnl=_hedges(held, wanted.moves),
        worst=_worst(held, asked, rule, cube, None),
        history=None if past is None else _past(held, rule, wanted, *past),
    )


def _held(sight: Sight, wanted: Wanted) -> Holdings:
    params, book = sight.params, sight.book
    market = sight.market
    if wanted.stickiness != 1.0:
        own = {name: row for name, row in market.row.items() if name in book.instruments}
        fitted = smiles(dataclasses.replace(market, row=own), book.instruments, sight.now)
        market = dataclasses.replace(market, smiles={**market.smiles, **fitted})
    held = holdings(book, market, params.rules, sight.now)
    if isinstance(held, tuple):
        first, *more = held
        rest = f" (and {len(more)} more)" if more else ""
        raise MissingQuote(f"book {book.name}: {first.reason}{rest}")
    lacking = smileless(held) if wanted.stickiness != 1.0 else ()
    if lacking:
        raise MissingQuote(
            f"book {book.name}: one strike alone of the expiry of {lacking[0]} is held and has no "
            "smile; expected two at least, or --smile sticky_strike"
        )
    return held


def _hedges(held: Holdings, moves: Sequence[float]) -> tuple[float, ...]:
    """What the hedges bring at each spot move; vol and time do not touch them."""
    asked = grid(moves=moves, vol_shifts=(0.0,), days=(0.0,))
    names, parts = contributions(held, asked)
    own = {future.name for future in held.futures if future.role == "hedge"}
    return tuple(parts[[name in own for name in names]].sum(axis=0).tolist())


def _worst(
    held: Holdings, asked: Shocks, rule: VolRule, found: Floats, labels: Sequence[str] | None
) -> tuple[Cell, ...]:
    """The scenarios that lose most, each by its parts."""
    order = np.argsort(found, kind="stable")[:WORST]
    chosen = Shocks(
        asked.move[order], asked.vol_shift[order], asked.vol_ratio[order], asked.days[order]
    )
    names, parts = contributions(held, chosen, rule)
    cells = []
    for column, at in enumerate(order.tolist()):
        by_size = sorted(zip(names, parts[:, column].tolist(), strict=True), key=lambda p: p[1])
        cells.append(
            Cell(
                label="" if labels is None else labels[at],
                move=float(asked.move[at]),
                vol_shift=float(asked.vol_shift[at] if labels is None else asked.vol_ratio[at]),
                days=float(asked.days[at]),
                pnl=float(found[at]),
                parts=tuple(Part(name=name, pnl=value) for name, value in by_size),
            )
        )
    return tuple(cells)


def _past(
    held: Holdings, rule: VolRule, wanted: Wanted, asked: Shocks, labels: list[str], has_vol: bool
) -> Past:
    found = pnl(held, asked, rule)
    return Past(
        source=str(wanted.history),
        scenarios=len(asked),
        horizon_days=wanted.horizon_days,
        has_vol=has_vol,
        tails=tuple(
            _tail(held, asked, rule, found, level)
            for level in LEVELS
            if len(asked) * (1.0 - level) >= 1.0 - 1e-9  # one outcome at least lies beyond it
        ),
        worst=_worst(held, asked, rule, found, labels),
    )


def _tail(held: Holdings, asked: Shocks, rule: VolRule, found: Floats, level: float) -> Tail:
    tail = tail_risk(found, level=level)
    names, parts = tail_parts(held, asked, found, level=level, rule=rule)
    by_size = sorted(zip(names, parts.tolist(), strict=True), key=lambda part: part[1])
    return Tail(
        level=level,
        value_at_risk=tail.value_at_risk,
        expected_shortfall=tail.expected_shortfall,
        parts=tuple(Part(name=name, pnl=value) for name, value in by_size),
    )
