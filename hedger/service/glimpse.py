"""What a worker knew at one instant, for those that look on: the live side of every comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace as with_columns
from typing import NamedTuple

from msgspec.structs import replace

from hedger.core.book import book as columns
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.model import (
    NO_READINGS,
    AccountEvent,
    BookState,
    Decision,
    Fill,
    FillKind,
    Happening,
    Instrument,
    Readings,
)
from hedger.service import score
from hedger.service.params import BookParams
from hedger.service.score import Price, Purse
from hedger.venues.simulator.instant import Instant, Level, Shown

_ENDLESS = 1e15
"""Depth where a venue tells no size."""


class Glimpse(NamedTuple):
    """What a worker knew at one instant: market, marks of the hedges, its book, and its news.

    Fills and events are those since the last one; ``live`` is what the book's own policy says,
    ``readings`` what its scalers read.
    """

    now_ms: int
    market: Market
    marks: Mapping[str, float]
    state: BookState
    contracts: Mapping[str, Instrument]
    fills: tuple[Fill, ...] = ()
    events: tuple[AccountEvent, ...] = ()
    live: Decision | None = None
    readings: Readings = NO_READINGS

    def price(self, name: str, underlying: str) -> Price:
        """The middle of a hedge's market, its mark where a side is missing; and the index."""
        row = self.market.row[name]
        middle = 0.5 * (float(self.market.bid[row]) + float(self.market.ask[row]))
        known = middle if math.isfinite(middle) else self.marks[name]
        return Price(known, self.market.index[underlying].value)

    def instant(self, params: BookParams, *, levels: int) -> Instant:
        """The hedges' markets as an exchange would show them."""
        market, shown = self.market, {}
        for name in params.hedges:
            row = market.row[name]
            shown[name] = ladder(
                self.contracts[name],
                (float(market.bid[row]), float(market.ask[row])),
                (float(market.bid_size[row]), float(market.ask_size[row])),
                mark=self.marks[name],
                levels=levels,
            )
        index = market.index[params.underlying].value
        return Instant(self.now_ms, {params.underlying: index}, shown, {})

    def is_whole(self, params: BookParams) -> bool:
        """Whether index, marks and contracts are there; without them nothing can be told."""
        return params.underlying in self.market.index and all(
            name in self.contracts and self.marks.get(name, 0.0) > 0.0 for name in params.hedges
        )


def middles(market: Market, names: Iterable[str]) -> dict[str, float]:
    """Middles of two-sided markets: they stand for marks that a venue does not tell."""
    rows = {name: market.row[name] for name in names if name in market.row}
    found = {name: 0.5 * float(market.bid[row] + market.ask[row]) for name, row in rows.items()}
    return {name: middle for name, middle in found.items() if math.isfinite(middle)}


class Live:
    """The book's own policy, looked at with the same eyes at the same instants."""

    def __init__(self, params: BookParams) -> None:
        self._params = params
        self._columns: Book | None = None

    def decision(self, glimpse: Glimpse) -> Decision:
        """What it says, and in which band the live delta lies: the policy's, not that of an act."""
        held = {name: lots for name, lots in glimpse.state.positions.items() if lots}
        self._columns = columns(
            replace(glimpse.state, positions=held, act=None),
            glimpse.contracts,
            account=self._params.account,
            hedges=self._params.hedges,
            previous=self._columns,
        )
        seen = with_columns(self._columns, readings=glimpse.readings)
        return decide(seen, glimpse.market, self._params.rules, glimpse.now_ms)


def ladder(
    contract: Instrument,
    best: tuple[float, float],
    sizes: tuple[float, float],
    *,
    mark: float,
    levels: int,
) -> Shown:
    """A market as shown by its best prices alone.

    Each further level is taken to show as much again, half a spread further, as
    `hedger.core.costs.beyond_best` takes it; a side without a price is empty.
    """
    half = 0.5 * (best[1] - best[0])
    steps = math.floor(half / contract.tick + 1e-6) if math.isfinite(half) else 1
    step = max(steps, 1) * contract.tick
    sides = []
    for price, size, sign in ((best[0], sizes[0], -1), (best[1], sizes[1], 1)):
        amount = size if math.isfinite(size) else _ENDLESS
        prices = [round(price + sign * n * step, 10) for n in range(levels)]
        sides.append(tuple(Level(p, amount) for p in prices if p > 0.0))  # NaN is no price
    return Shown(sides[0], sides[1], mark)


def heard(purse: Purse, glimpse: Glimpse, params: BookParams) -> Purse:
    """With the live hedges' fills and funding since the last glimpse."""
    for fill in glimpse.fills:
        if fill.instrument not in params.hedges:
            continue
        contract = glimpse.contracts[fill.instrument]
        if fill.kind == FillKind.SETTLEMENT:  # nothing is paid but the value
            purse = score.moved(purse, contract, fill.lots, price=fill.price)
            continue
        at = glimpse.price(contract.name, params.underlying)
        purse = score.traded(purse, contract, fill.lots, price=fill.price, fee=fill.fee, at=at)
    for event in glimpse.events:
        if event.kind is Happening.FUNDING and event.instrument in params.hedges:
            contract = glimpse.contracts[event.instrument]
            index = glimpse.market.index[params.underlying].value
            purse = score.funded(purse, contract, event.amount, index=index)
    return purse


def squared(purse: Purse, glimpse: Glimpse, params: BookParams, lots: Mapping[str, int]) -> Purse:
    """With the lots that no fill has told of, taken over at mid."""
    for name, held in lots.items():
        unseen = held - purse.lots.get(name, 0)
        middle = glimpse.price(name, params.underlying).middle
        purse = score.moved(purse, glimpse.contracts[name], unseen, price=middle)
        purse = replace(purse, gaps=purse.gaps + abs(unseen))
    return purse
