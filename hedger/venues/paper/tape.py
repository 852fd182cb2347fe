"""A recorded market: one-minute bars and option snapshots become `Instant`s, without look-ahead.

``shown`` at an instant is a function of rows at or before it; ``valued`` interpolates between the
snapshots around it and is used for profit-and-loss marks alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hedger.core.model import Instrument, Kind
from hedger.errors import ConfigError
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.publish import (
    ChainRow,
    FutureState,
    OptionState,
    chain_rows,
    published,
)
from hedger.venues.paper.tape_files import BAR_MS, read_bars, read_chain
from hedger.venues.paper.tape_lines import Line, forwards, instruments, played
from hedger.venues.simulator.instant import Instant

NO_DEPTH = Depth(0.5, 5, 250_000.0)


class _Option(NamedTuple):
    instrument: Instrument
    vol: Line
    half_width: list[float]


class Tape:
    """The recorded market of one underlying; see `notes` for what is recorded and what is made up.

    Parameters
    ----------
    folder : Path
        Recorded data: option chains and one-minute spot bars.
    depth : Depth
        Spread and depth of perpetuals and futures, and the size quoted in options.
    start_ms, end_ms : int, optional
        Part of the recording to play [ms].
    """

    step_ms = BAR_MS

    def __init__(
        self,
        folder: str | Path,
        depth: Depth = NO_DEPTH,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> None:
        self._repairs: list[str] = []
        self._folder, self._depth = Path(folder), depth
        bars = read_bars(self._folder, self._repairs)
        chain = read_chain(self._folder, self._repairs)
        self._listed = instruments(self._folder, chain)
        self._numbers = {it.name: number for number, it in enumerate(self._listed)}
        self.underlying = self._listed[0].underlying
        curve = forwards(chain)
        self._ratios, self._chain = curve.ratios, chain
        self._snapshots = tuple(curve.snapshot_ms.tolist())
        self._bars, self._index, self._visible_ms = played(
            self._folder, bars, curve, start_ms=start_ms, end_ms=end_ms
        )
        self._options: dict[str, _Option] = {}
        self._futures: dict[str, Instrument] = {}

    @property
    def underlyings(self) -> tuple[str, ...]:
        """The one underlying of the recording."""
        return (self.underlying,)

    @property
    def start_ms(self) -> int:
        """The first instant: the first bar that closes after a snapshot."""
        return int(self._bars[0])

    @property
    def end_ms(self) -> int:
        """The last instant: the last bar that closes before the last snapshot."""
        return int(self._bars[-1])

    @property
    def snapshot_times(self) -> tuple[int, ...]:
        """When the option chain was recorded."""
        return self._snapshots

    @property
    def instruments(self) -> tuple[str, ...]:
        """Every option of the recording."""
        return self._chain.names

    def offers(self, instrument: Instrument) -> bool:
        """Whether the recording could ever show it."""
        if instrument.underlying != self.underlying:
            return False
        if instrument.kind is Kind.OPTION:
            return instrument.name in self._numbers
        return instrument.kind is Kind.PERPETUAL or instrument.expiry_ms in self._ratios

    def want(self, instruments: Mapping[str, Instrument]) -> None:
        """Show these too from the next instant on; what is not recorded is never shown."""
        for name, instrument in instruments.items():
            if not self.offers(instrument):
                continue
            if instrument.kind is not Kind.OPTION:
                self._futures[name] = instrument
            elif name not in self._options:
                self._options[name] = self._option(self._numbers[name])

    def instants(self, after_ms: int | None = None) -> Iterator[Instant]:
        """One instant a bar; a minute that was not recorded is jumped over."""
        first = 0 if after_ms is None else int(np.searchsorted(self._bars, after_ms, "right"))
        for bar in range(first, len(self._bars)):
            yield self._instant(bar)

    def at(self, time_ms: int) -> Instant:
        """The instant of the last bar that closed at or before ``time_ms``."""
        return self._instant(self._bar(time_ms))

    def chain(self, time_ms: int, underlying: str | None = None) -> list[ChainRow]:
        """All options as shown at an instant, those only that the last snapshot holds."""
        if underlying not in (None, self.underlying):
            return []
        bar = self._bar(time_ms)
        visible = self._visible_ms[bar]
        listed = (self._option(i) for i in range(len(self._listed)))
        fresh = [one for one in listed if visible in one.vol.time_ms]
        states = self._option_states(bar, fresh)
        return chain_rows(int(self._bars[bar]), float(self._index[bar]), states, self._depth)

    def notes(self) -> list[str]:
        """Every modelling choice and every repair, one sentence each."""
        d = self._depth
        return [
            f"Recorded market of {self.underlying}: {len(self._snapshots)} option snapshots and "
            f"{len(self._bars)} one-minute bars; the market stands still inside a bar.",
            "Index and perpetual mid are the spot bar's close times the ratio, at the last "
            "snapshot, of the front expiry's forward to spot (spot between the two closes around "
            "the snapshot); the perpetual has no basis of its own.",
            "Other forwards are the index times their ratio to the front forward at the last "
            "snapshot (the middle one where rows of one snapshot differ).",
            "Shown vols are the last snapshot's, kept per strike (sticky strike) at the current "
            "forward; nothing shown depends on a later row.",
            "Profit-and-loss marks alone interpolate vol per strike and forward ratios in time "
            "between the snapshots around the instant.",
            "Option marks are Black-76 at these vols and forwards, not the recorded marks.",
            "Options are quoted only if the last snapshot has both a bid and an ask, at the mark "
            "plus and minus half of the recorded width, on tick; an option missing from the last "
            "snapshot keeps its vol and has no quote.",
            f"The perpetual's spread and depth are made up: half-spread {d.half_spread_bps} bp "
            f"(at least one tick wide), {d.levels} levels of {d.amount_usd:g} USD each side; "
            "options show one level of the same value.",
            *self._repairs,
        ]

    def _bar(self, time_ms: int) -> int:
        bar = int(np.searchsorted(self._bars, time_ms, "right")) - 1
        if bar < 0:
            raise ConfigError(
                f"{self._folder}: nothing recorded at {time_ms}: the first instant "
                f"is {self.start_ms}"
            )
        return bar

    def _instant(self, bar: int) -> Instant:
        time_ms, index = int(self._bars[bar]), float(self._index[bar])
        states = self._option_states(bar, self._options.values())
        shown, valued = published(time_ms, index, states, self._future_states(bar), self._depth)
        return Instant(time_ms, {self.underlying: index}, shown, valued)

    def _option_states(self, bar: int, options: Iterable[_Option]) -> list[OptionState]:
        time_ms, index = int(self._bars[bar]), float(self._index[bar])
        visible = self._visible_ms[bar]
        states = []
        for instrument, vol, half_width in options:
            row = vol.last(visible)
            if row < 0 or instrument.expiry_ms <= time_ms:
                continue
            width = half_width[row] if vol.time_ms[row] == visible else math.nan
            forward, forward_valued = self._forward(instrument.expiry_ms, time_ms, visible, index)
            states.append(
                OptionState(
                    instrument=instrument,
                    vol=vol.value[row],
                    forward=forward,
                    half_width=None if math.isnan(width) else width,
                    vol_valued=vol.between(time_ms),
                    forward_valued=forward_valued,
                )
            )
        return states

    def _future_states(self, bar: int) -> list[FutureState]:
        time_ms, index = int(self._bars[bar]), float(self._index[bar])
        visible = self._visible_ms[bar]
        states = []
        for instrument in self._futures.values():
            if instrument.kind is Kind.PERPETUAL:
                states.append(FutureState(instrument, index, index))
            elif self._ratios[instrument.expiry_ms].last(visible) >= 0:
                both = self._forward(instrument.expiry_ms, time_ms, visible, index)
                states.append(FutureState(instrument, *both))
        return states

    def _forward(
        self, expiry_ms: int, time_ms: int, visible: int, index: float
    ) -> tuple[float, float]:
        ratios = self._ratios[expiry_ms]
        row = ratios.last(visible)
        return index * ratios.value[row], index * ratios.between(time_ms)

    def _option(self, number: int) -> _Option:
        chain = self._chain
        rows = slice(int(chain.first[number]), int(chain.first[number + 1]))
        line = Line(chain.time_ms[rows].tolist(), chain.vol[rows].tolist())
        return _Option(self._listed[number], line, chain.half_width[rows].tolist())
