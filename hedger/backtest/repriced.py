"""Recorded perpetual bars with funding as a market whose options are repriced at a vol model.

Nothing here was recorded of options: their vol is one number at each instant, made from bars that
had closed by then. It stands in for a chain where there is none, and says so in its notes.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from hedger.backtest.history import Floats, Ints
from hedger.core.model import Instrument, Kind
from hedger.errors import ConfigError
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.publish import ChainRow, FutureState, OptionState, published
from hedger.venues.paper.tape_files import BAR_MS, bar_rows
from hedger.venues.simulator.instant import Instant, Level
from pricing.conventions import MS_PER_YEAR

PATTERN = "{}*perp_1m*"
NUMBERS = ("open_time_ms", "close", "volume", "funding_rate")
FUNDING_MS = 8 * 3_600_000
RATE_MAX = 0.05
HALF_LIFE_MS = 2 * 86_400_000
WARM_UP_MS = 86_400_000
PREMIUM = 1.1
VOL_MIN, VOL_MAX = 0.1, 3.0


class Repriced:
    """The market of one underlying's perpetual; index and forwards are its close.

    Parameters
    ----------
    folder
        Where the bars lie.
    underlying
        Whose; the name of the file begins with it.
    depth
        Spread and depth of the perpetual, which no bar tells.
    start_ms, end_ms
        Part of the recording to play [ms].

    Raises
    ------
    ConfigError
        Where the bars or prints cannot be used, in one line.
    """

    step_ms = BAR_MS

    def __init__(
        self,
        folder: str | Path,
        underlying: str,
        depth: Depth,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> None:
        self.underlying, self._depth = underlying, depth
        self._repairs: list[str] = []
        self._wanted: dict[str, Instrument] = {}
        ms, close = self._read(Path(folder))
        vol = model_vol(ms, close)
        first = max(int(ms[0]) + WARM_UP_MS, start_ms or 0)
        chosen = (ms >= first) & (ms <= (int(ms[-1]) if end_ms is None else end_ms))
        if int(chosen.sum()) < 2:
            raise ConfigError(
                f"{folder}: bars of {underlying} from {int(ms[0])} to {int(ms[-1])} leave less "
                "than two to play, expected more than the day that the vol model begins with"
            )
        self._ms = ms[chosen].tolist()
        self._close: list[float] = close[chosen].tolist()
        self._vol: list[float] = vol[chosen].tolist()
        self._check_prints(folder)

    @property
    def underlyings(self) -> tuple[str, ...]:
        """The one underlying of the recording."""
        return (self.underlying,)

    @property
    def start_ms(self) -> int:
        """The first instant: a day after the first bar, from which the vol model is made."""
        return int(self._ms[0])

    @property
    def end_ms(self) -> int:
        """The last bar's close."""
        return int(self._ms[-1])

    def offers(self, instrument: Instrument) -> bool:
        """Whether it is of this underlying: everything of it can be repriced."""
        return instrument.underlying == self.underlying

    def want(self, instruments: Mapping[str, Instrument]) -> None:
        """Show these too from the next instant on."""
        self._wanted |= {n: it for n, it in instruments.items() if self.offers(it)}

    def instants(self, after_ms: int | None = None) -> Iterator[Instant]:
        """One instant a bar; a minute that was not recorded is jumped over."""
        first = 0 if after_ms is None else bisect_right(self._ms, after_ms)
        for bar in range(first, len(self._ms)):
            yield self._instant(bar)

    def at(self, time_ms: int) -> Instant:
        """The instant of the last bar that closed at or before ``time_ms``."""
        return self._instant(self._bar(time_ms))

    def chain(self, time_ms: int, underlying: str | None = None) -> list[ChainRow]:
        """No chain was recorded."""
        return []

    def level(self, time_ms: int) -> tuple[float, float]:
        """Index and the model's vol at an instant."""
        bar = self._bar(time_ms)
        return self._close[bar], self._vol[bar]

    def funding(self, after_ms: int, until_ms: int) -> list[float]:
        """Rates printed after one instant, up to another."""
        since, until = (bisect_right(self._print_ms, ms) for ms in (after_ms, until_ms))
        return self._rates[since:until]

    def notes(self) -> list[str]:
        """Every modelling choice and every repair, one sentence each."""
        days = HALF_LIFE_MS / 86_400_000
        return [
            f"Recorded perpetual of {self.underlying}: {len(self._ms)} one-minute bars; the market "
            "stands still inside a bar; index, perpetual mid and all forwards are its close.",
            "Options were not recorded: each is worth Black-76 at one vol for all strikes and "
            f"expiries, {PREMIUM:g} x the root of the exponentially weighted mean of squared "
            f"one-minute returns with a half-life of {days:g} days, of bars closed by then, within "
            f"{VOL_MIN:.0%} and {VOL_MAX:.0%}; the first day only feeds it.",
            "Options are quoted at the ticks around their mark, and never without a bid.",
            f"Perpetual: half-spread {self._depth.half_spread_bps:g} bp (at least one tick wide), "
            f"{self._depth.levels} levels of {self._depth.amount_usd:g} USD each side, made up.",
            f"{len(self._rates)} recorded funding prints are paid when they were printed.",
            *self._repairs,
        ]

    # --- parts ----------------------------------------------------------------------------

    def _read(self, folder: Path) -> tuple[Ints, Floats]:
        """Closes by the instant at which they are known; prints beside them."""
        pattern = PATTERN.format(self.underlying.lower())
        table, rows = bar_rows(folder, pattern, NUMBERS, self._repairs)
        opened = table.numbers["open_time_ms"][rows].astype(np.int64)
        rate = table.numbers["funding_rate"][rows]
        with np.errstate(invalid="ignore"):
            wild = np.abs(rate) > RATE_MAX
        if wild.any():
            at = int(np.flatnonzero(wild)[0])
            raise ConfigError(
                f"{table.where(int(rows[at]))}: funding_rate is {rate[at]:g}, expected "
                f"{-RATE_MAX:g} to {RATE_MAX:g}"
            )
        paid = np.isfinite(rate)
        self._print_ms: list[int] = opened[paid].tolist()
        self._rates: list[float] = rate[paid].tolist()
        volume = table.numbers["volume"][rows]
        traded = volume > 0.0
        if not traded.all():
            self._repairs.append(
                f"{int((~traded).sum())} bars without volume left out, the first at "
                f"{table.where(int(rows[np.argmin(traded)]))}: nobody could trade there."
            )
        if int(traded.sum()) < 2:
            raise ConfigError(f"{folder}: {int(traded.sum())} bars with volume, expected more")
        return opened[traded] + BAR_MS, table.numbers["close"][rows][traded]

    def _check_prints(self, folder: str | Path) -> None:
        """Note prints that should be there and are not; none is made up for them."""
        first = -(-self.start_ms // FUNDING_MS) * FUNDING_MS
        due = range(first, self.end_ms + 1, FUNDING_MS)
        known = set(self._print_ms)
        missing = [ms for ms in due if ms not in known]
        start, end = bisect_left(self._print_ms, self.start_ms), self.end_ms
        self._rates = self._rates[start : bisect_right(self._print_ms, end)]
        self._print_ms = [ms for ms in self._print_ms if self.start_ms <= ms <= end]
        if missing:
            self._repairs.append(
                f"{len(missing)} of {len(due)} funding prints are missing, the first at "
                f"{missing[0]}: none is paid there."
            )

    def _bar(self, time_ms: int) -> int:
        bar = bisect_right(self._ms, time_ms) - 1
        if bar < 0:
            raise ConfigError(f"nothing to play at {time_ms}: the first instant is {self.start_ms}")
        return bar

    def _instant(self, bar: int) -> Instant:
        time_ms, close, vol = int(self._ms[bar]), self._close[bar], self._vol[bar]
        options: list[OptionState] = []
        futures: list[FutureState] = []
        for instrument in self._wanted.values():
            if instrument.kind is not Kind.OPTION:
                futures.append(FutureState(instrument, close, close))
            elif instrument.expiry_ms > time_ms:
                options.append(OptionState(instrument, vol, close, 0.0, vol, close))
        shown, valued = published(time_ms, close, options, futures, self._depth)
        for state in options:
            name, tick = state.instrument.name, state.instrument.tick
            if not shown[name].bids:
                asks = (Level(2 * tick, shown[name].asks[0].amount),)
                bids = (Level(tick, asks[0].amount),)
                shown[name] = shown[name]._replace(bids=bids, asks=asks)
        return Instant(time_ms, {self.underlying: close}, shown, valued)


def model_vol(ms: Ints, close: Floats) -> Floats:
    """Vol at each close by what had closed until then; a return over a gap counts by its time."""
    moves, steps = np.diff(np.log(close)), np.diff(ms).astype(np.float64)
    keep = 0.5 ** (steps / HALF_LIFE_MS)
    rate = moves**2 / steps * MS_PER_YEAR
    variance = np.empty(len(ms))
    total = weight = 0.0
    for i in range(len(moves)):
        total = keep[i] * total + (1.0 - keep[i]) * rate[i]
        weight = keep[i] * weight + (1.0 - keep[i])
        variance[i + 1] = total / weight
    variance[0] = variance[1]
    vol: Floats = np.clip(PREMIUM * np.sqrt(variance), VOL_MIN, VOL_MAX)
    assert math.isfinite(float(vol[-1]))
    return vol
