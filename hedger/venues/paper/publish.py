"""From vols and forwards to what an exchange publishes: marks, quotes, and marks for P&L."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

import pricing
from hedger.core.model import SETTLEMENT_WINDOW_MS, Instrument, Kind
from hedger.venues.paper.depth import Depth, around, ladder
from hedger.venues.simulator.instant import Instant, Shown, Valued
from pricing.conventions import MS_PER_YEAR


class OptionState(NamedTuple):
    """What a market source knows of one option: as shown, and as valued for P&L alone.

    ``half_width`` is half of the quoted spread in the price unit, None where nothing is quoted.
    """

    instrument: Instrument
    vol: float
    forward: float
    half_width: float | None
    vol_valued: float
    forward_valued: float


class FutureState(NamedTuple):
    """The same of a perpetual or a dated future."""

    instrument: Instrument
    price: float
    price_valued: float


class ChainRow(NamedTuple):
    """One listed option at an instant; ``delta`` is the plain Black delta."""

    instrument: str
    expiry_ms: int
    strike: float
    is_call: bool
    vol: float
    forward: float
    mark: float
    delta: float
    bid: float | None
    ask: float | None


class Market(Protocol):
    """A source of instants: a recorded tape or a simulated market."""

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What it has an index of."""
        ...

    @property
    def start_ms(self) -> int:
        """The first instant."""
        ...

    @property
    def end_ms(self) -> int | None:
        """The last instant, None if it goes on for ever."""
        ...

    @property
    def step_ms(self) -> int:
        """Market time between two instants."""
        ...

    def offers(self, instrument: Instrument) -> bool:
        """Whether the market could ever show this instrument."""
        ...

    def want(self, instruments: Mapping[str, Instrument]) -> None:
        """Show these too from the next instant on."""
        ...

    def at(self, time_ms: int) -> Instant:
        """The instant at ``time_ms``, one of the market's own and not before the last one made."""
        ...

    def instants(self, after_ms: int | None = None) -> Iterator[Instant]:
        """All instants after ``after_ms`` (None: from the first), in order."""
        ...

    def chain(self, time_ms: int, underlying: str | None = None) -> list[ChainRow]:
        """The listed options as shown at an instant, sorted by expiry, strike, call first."""
        ...

    def notes(self) -> list[str]:
        """Every modelling choice and repair, one sentence each, for the report."""
        ...


def published(
    time_ms: int,
    index: float,
    options: Sequence[OptionState],
    futures: Sequence[FutureState],
    depth: Depth,
) -> tuple[dict[str, Shown], dict[str, Valued]]:
    """Price everything in one batch and place the quotes; expired instruments are left out."""
    shown: dict[str, Shown] = {}
    valued: dict[str, Valued] = {}
    for instrument, price, price_valued in futures:
        if instrument.kind is Kind.FUTURE and instrument.expiry_ms <= time_ms:
            continue
        own = None if instrument.kind is Kind.PERPETUAL else price
        own_valued = None if own is None else price_valued
        bids, asks = ladder(price, instrument, depth, index=index)
        shown[instrument.name] = Shown(bids, asks, price, None, own)
        valued[instrument.name] = Valued(price_valued, None, own_valued)
    alive = [state for state in options if state.instrument.expiry_ms > time_ms]
    marks, deltas = _marks_and_deltas(alive, time_ms)
    rows = zip(alive, marks, marks[len(alive) :], deltas, strict=False)
    for state, mark, mark_valued, delta in rows:
        name = state.instrument.name
        bids, asks = around(mark, state.half_width, state.instrument, depth, index=index)
        shown[name] = Shown(
            bids, asks, mark, state.vol, state.forward, round(delta * _share(state, time_ms), 5)
        )
        valued[name] = Valued(mark_valued, state.vol_valued, state.forward_valued)
    return shown, valued


def _share(state: OptionState, time_ms: int) -> float:
    """Share of the settlement window still to run: by that a shown delta fades."""
    return min((state.instrument.expiry_ms - time_ms) / SETTLEMENT_WINDOW_MS, 1.0)


def chain_rows(
    time_ms: int, index: float, options: Sequence[OptionState], depth: Depth
) -> list[ChainRow]:
    """The options of a chain as rows, sorted by expiry, strike, call first."""
    alive = [state for state in options if state.instrument.expiry_ms > time_ms]
    marks, deltas = _marks_and_deltas(alive, time_ms)
    rows = []
    for state, mark, delta in zip(alive, marks, deltas, strict=False):
        it = state.instrument
        bids, asks = around(mark, state.half_width, it, depth, index=index)
        rows.append(
            ChainRow(
                instrument=it.name,
                expiry_ms=it.expiry_ms,
                strike=it.strike,
                is_call=it.is_call,
                vol=state.vol,
                forward=state.forward,
                mark=mark,
                delta=delta,
                bid=bids[0].price if bids else None,
                ask=asks[0].price if asks else None,
            )
        )
    return sorted(rows, key=lambda row: (row.expiry_ms, row.strike, not row.is_call))


def _marks_and_deltas(
    options: Sequence[OptionState], time_ms: int
) -> tuple[list[float], list[float]]:
    """Marks in the price unit and Black deltas: first all as shown, then all as valued."""
    if not options:
        return [], []
    forward = np.array([s.forward for s in options] + [s.forward_valued for s in options])
    vol = np.array([s.vol for s in options] + [s.vol_valued for s in options])
    expiry = np.array([s.instrument.expiry_ms for s in options] * 2)
    greeks = pricing.inverse(
        forward=forward,
        strike=np.array([s.instrument.strike for s in options] * 2),
        time_to_expiry=(expiry - time_ms) / MS_PER_YEAR,
        vol=vol,
        is_call=np.array([s.instrument.is_call for s in options] * 2),
    )
    coin = np.asarray(greeks.price)
    is_inverse = np.array([s.instrument.inverse for s in options] * 2)
    marks = np.where(is_inverse, coin, coin * forward)
    return marks.tolist(), (np.asarray(greeks.delta) + coin).tolist()
