"""Many books side by side, column by column: what a screen of all of them has to know of each.

A shelf is filled outside `decide`, one book at a time and only when that book has changed; a slot
is one book's place in every column. What a screen could not judge is put down as not judged: a book
with open orders, with an instrument that the market does not list, or with rules that it does not
know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hedger.core.bands import formulas
from hedger.core.bands.inputs import delay, given_aversion, horizon
from hedger.core.bands.widths import KINDS
from hedger.core.columns import Book, Ints, Legs
from hedger.core.measured import learned
from hedger.core.model import MS_PER_YEAR, SETTLEMENT_WINDOW_MS, Instrument, Position, Rules

NEVER_MS = np.iinfo(np.int64).max
UNITS = ("coin", "usd", "gross_delta")
"""Band units by the number that a card has of each."""
_HEDGE = [("row", "i8"), ("amount", "f8"), ("lot", "f8"), ("inverse", "?"), ("settles_ms", "i8")]
_HEDGE += [("fee", "f8")]
_ADAPTIVE = (
    "aversion", "cost", "order_cost", "horizon", "spread", "delay", "interval",
    "width_min", "width_max", "funding", "cap", "beyond",
)  # fmt: skip
CARD = np.dtype(
    [
        *((flag, "?") for flag in ("judged", "coin", "linear", "edge")),
        *((n, "i8") for n in ("kind", "unit", "underlying", "account")),
        *((n, "f8") for n in ("ratio", "base_coin", "lower", "upper", "clip_min")),
        *((n, "i8") for n in ("quote_age", "forward_age", "vol_age")),
        *((n, "f8") for n in _ADAPTIVE),
        ("buy", _HEDGE),
        ("sell", _HEDGE),
    ]
)
"""One book's numbers; ``amount`` and ``lot`` in venue amount, ages in ms, times in years.

``kind`` is the number of an adaptive band, -1 for a fixed one; of ``aversion`` (in the numeraire's
unit) and ``cost`` 0 means that they are made from the market. ``cap`` is the most that is paid
beyond mid, ``beyond`` what recent fills paid beyond the half-spread, as fractions of price.
``spread`` is that of log spot per unit of vol, over which gamma is averaged.
"""
_UNJUDGED: Any = np.zeros((), dtype=CARD)[()]


class Held(NamedTuple):
    """What lies in one slot: option legs, other futures, and their rows in the market, or -1."""

    legs: Legs
    leg_rows: Ints
    futures: tuple[tuple[int, float, bool, int], ...]

    @property
    def known(self) -> bool:
        """Whether the market lists everything here."""
        return bool((self.leg_rows >= 0).all()) and all(future[0] >= 0 for future in self.futures)


class Shelf:
    """Books of one venue's market by slot.

    ``version`` grows with every change of option legs or futures, so that what is laid out from
    them is laid out anew only then.
    """

    def __init__(self) -> None:
        self.cards: NDArray[Any] = np.zeros(0, dtype=CARD)
        self.held: list[Held | None] = []
        self.underlyings: list[str] = []
        self.accounts: list[str] = []
        self.version = 0
        self._slots: dict[str, int] = {}
        self._free: list[int] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, book: str) -> int | None:
        """The place of a book; None where it has none."""
        return self._slots.get(book)

    def judges(self, book: str) -> bool:
        """Whether a screen may judge a book as it lies here."""
        slot = self._slots.get(book)
        return slot is not None and bool(self.cards["judged"][slot])

    def slots(self) -> Iterable[tuple[str, int]]:
        """Every book and its place."""
        return self._slots.items()

    def put(self, book: Book, rules: Rules, row: Mapping[str, int]) -> int:
        """Set a book down, in its old place if it has one; ``row`` is that of the `Market`."""
        slot = self._slots.get(book.name)
        if slot is None:
            slot = self._slots[book.name] = self._free.pop() if self._free else self._grow()
        before = self.held[slot]
        same = before is not None and before.known and before.legs is book.legs
        held = Held(
            legs=book.legs,
            leg_rows=before.leg_rows if before and same else _rows(book.legs.names, row),
            futures=tuple(_future(p, row) for p in book.futures),
        )
        if not same or before is None or before.futures != held.futures:
            self.version += 1
        self.held[slot] = held
        self.cards[slot] = self._card(book, rules, row) if held.known else _UNJUDGED
        return slot

    def distrust(self, book: str) -> None:
        """Judge a book no more until it is put down again."""
        slot = self._slots.get(book)
        if slot is not None:
            self.cards["judged"][slot] = False

    def remove(self, book: str) -> None:
        """Take a book away; its place is the next one's."""
        slot = self._slots.pop(book, None)
        if slot is not None:
            self.cards[slot] = _UNJUDGED
            self.held[slot] = None
            self._free.append(slot)
            self.version += 1

    def _grow(self) -> int:
        """Twice the room, so that filling a shelf copies it seldom."""
        size = len(self.held)
        wider = np.zeros(max(2 * size, 8), dtype=CARD)
        wider[:size] = self.cards
        self.cards = wider
        self.held += [None] * (wider.size - size)
        self._free = list(range(wider.size - 1, size, -1))
        return size

    def _card(self, book: Book, rules: Rules, row: Mapping[str, int]) -> Any:
        lots = {p.instrument.name: p.lots for p in book.hedges}
        buy, sell = rules.hedge.buy, rules.hedge.sell
        band, data = rules.band, rules.data
        judged = (
            not book.open
            and book.act is None
            and set(lots) == {buy, sell} <= row.keys()
            and band.kind in ("fixed", *KINDS)
            and band.vol == "implied"
            and band.delta == "black"
            and band.tuning == "off"
            and data.delta_gap == "warn"
            and band.unit in UNITS
            and rules.numeraire in ("coin", "usd")
            and not _scales(rules)
        )
        if not judged:
            return _UNJUDGED
        instruments = book.instruments
        return (
            True,
            rules.numeraire == "coin",
            book.linear,
            band.rehedge_to == "edge",
            KINDS.index(band.kind) if band.kind != "fixed" else -1,
            UNITS.index(band.unit),
            self._number("underlying", book.underlying, self.underlyings),
            self._number("account", book.account, self.accounts),
            rules.hedge.ratio,
            rules.base_coin,
            band.lower,
            band.upper,
            band.clip_min,
            data.hedge_quote_age_ms_max,
            data.forward_age_ms_max,
            data.vol_age_ms_max,
            *_adaptive(book, rules),
            _hedge(instruments[buy], lots[buy], row),
            # One contract for both ways is held once.
            _hedge(instruments[sell], lots[sell] if sell != buy else 0, row),
        )

    def _number(self, kind: str, name: str, names: list[str]) -> int:
        number = self._numbers.setdefault((kind, name), len(names))
        if number == len(names):
            names.append(name)
        return number


def _scales(rules: Rules) -> bool:
    """Whether a scaler moves the centre, or remembers what it said: `decide` alone knows both.

    Those of the trade have no say while delta is inside; that they widen a clip only adds room.
    """
    sizing = rules.sizing
    return sizing is not None and (sizing.moves_centre or sizing.scales_book)


def _rows(names: tuple[str, ...], row: Mapping[str, int]) -> Ints:
    return np.fromiter((row.get(n, -1) for n in names), np.int64, len(names))


def _future(position: Position, row: Mapping[str, int]) -> tuple[int, float, bool, int]:
    """Row, amount, inverse, and the expiry or never."""
    contract = position.instrument
    amount = position.lots * contract.lot
    return row.get(contract.name, -1), amount, contract.inverse, contract.expiry_ms or NEVER_MS


def _hedge(contract: Instrument, lots: int, row: Mapping[str, int]) -> tuple[Any, ...]:
    settles_ms = contract.expiry_ms - SETTLEMENT_WINDOW_MS if contract.expiry_ms else NEVER_MS
    amount, fee = lots * contract.lot, contract.fees.taker
    return row[contract.name], amount, contract.lot, contract.inverse, settles_ms, fee


def _adaptive(book: Book, rules: Rules) -> tuple[float, ...]:
    """The numbers of an adaptive band, in the order of their names."""
    band, memory = rules.band, learned(book.memory, book.samples)
    return (
        given_aversion(band) or memory.risk_aversion,
        1e-4 * band.cost_bps,
        band.order_cost,
        horizon(band),
        formulas.spread(1.0, horizon(band)),
        delay(band, memory)[1] / MS_PER_YEAR,
        band.interval_ms / MS_PER_YEAR,
        band.half_width_min,
        band.half_width_max,
        band.funding_excess,
        1e-4 * rules.limits.slippage_bps_max,
        max(memory.slippage, 0.0),
    )
