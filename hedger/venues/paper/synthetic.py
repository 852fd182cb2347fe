"""A simulated market that never ends: Bates paths, a simple smile, Deribit's listing rules."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from hedger.core.model import Instrument, Kind
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument as contract
from hedger.venues.deribit.names import ContractName, printed
from hedger.venues.paper.bates import Bates, path
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.made_up import HALF_SPREAD_VOL, option_state
from hedger.venues.paper.nerves import CALM_VOL, Nerves, strained
from hedger.venues.paper.publish import (
    ChainRow,
    FutureState,
    OptionState,
    chain_rows,
    published,
)
from hedger.venues.simulator.instant import Instant, Shown, Valued
from pricing.conventions import MS_PER_YEAR

DEFAULT_START_MS = 1_782_432_000_000  # 2026-06-26 00:00 UTC: a fixed start makes runs repeatable
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
SPOTS = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
CARRY = 0.03  # forward = spot exp(CARRY * years)
STRIKES_EACH_SIDE = 12
STEPS_S = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


def step_ms_at(speed: float) -> int:
    """Market time of a step: a minute bar at speed 60 and above, below that about a real second."""
    return 1000 * max((step for step in STEPS_S if step <= speed), default=1)


class SyntheticMarket:
    """Seeded market of one or more underlyings, the same for the same seed, start and step.

    Every option, future and perpetual of its underlyings can be traded until its expiry, whether
    `chain` lists it or not.

    Parameters
    ----------
    seed : int
        Seed of all paths; each underlying draws its own.
    depth : Depth
        Spread and depth of perpetuals and futures, and the size quoted in options.
    underlyings : iterable of str
        What to simulate, `SPOTS` says from which spot (100 where it is silent).
    start_ms : int, optional
        First instant [ms]; `DEFAULT_START_MS` if not given, moved down to a whole step.
    step_ms : int
        Market time between instants [ms], see `step_ms_at`.
    spread_most : float
        Spreads are up to so many times wider, and depth thinner, by realised vol; 1: never.
    """

    def __init__(
        self,
        seed: int,
        depth: Depth,
        *,
        underlyings: Iterable[str] = ("BTC",),
        start_ms: int | None = None,
        end_ms: int | None = None,
        step_ms: int = 60_000,
        model: Bates | None = None,
        spread_most: float = 1.0,
    ) -> None:
        start = DEFAULT_START_MS if start_ms is None else start_ms
        self.seed, self.step_ms, self.end_ms = seed, step_ms, end_ms
        self.start_ms = start - start % step_ms
        self._depth, self._model = depth, model or Bates()
        self._spread_most = spread_most
        self._underlyings = tuple(sorted(set(underlyings)))
        self._wanted: dict[str, Instrument] = {}
        self._rewind()

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What is simulated."""
        return self._underlyings

    def offers(self, instrument: Instrument) -> bool:
        """Whether it is or could be listed."""
        return instrument.underlying in self._underlyings

    def want(self, instruments: Mapping[str, Instrument]) -> None:
        """Show these too from the next instant on."""
        self._wanted.update({n: it for n, it in instruments.items() if self.offers(it)})

    def instants(self, after_ms: int | None = None) -> Iterator[Instant]:
        """All instants after ``after_ms``, without end unless an end was given."""
        time_ms = self.start_ms
        if after_ms is not None and after_ms >= self.start_ms:
            time_ms += (after_ms - self.start_ms) // self.step_ms * self.step_ms + self.step_ms
        while self.end_ms is None or time_ms <= self.end_ms:
            yield self.at(time_ms)
            time_ms += self.step_ms

    def at(self, time_ms: int) -> Instant:
        """The instant of the last step at or before ``time_ms``."""
        self._seek(time_ms)
        shown: dict[str, Shown] = {}
        valued: dict[str, Valued] = {}
        index: dict[str, float] = {}
        for underlying, (spot, _) in self._states.items():
            index[underlying] = spot
            wanted = [it for it in self._wanted.values() if it.underlying == underlying]
            options = [self._option(it) for it in wanted if self._alive(it, Kind.OPTION)]
            futures = [
                self._future(it)
                for it in wanted
                if it.kind is Kind.PERPETUAL or self._alive(it, Kind.FUTURE)
            ]
            depth = strained(self._depth, self._nerves[underlying].factor)
            quotes, marks = published(self._time_ms, spot, options, futures, depth)
            shown.update(quotes)
            valued.update(marks)
        return Instant(self._time_ms, index, shown, valued)

    def chain(self, time_ms: int, underlying: str | None = None) -> list[ChainRow]:
        """The listed options of one underlying (None: the first) as shown at an instant."""
        name = self._underlyings[0] if underlying is None else underlying
        if name not in self._underlyings:
            return []
        self._seek(time_ms)
        spot, _ = self._states[name]
        states = [
            self._option(contract(printed(listed)))
            for expiry_ms in expiries(self._time_ms)
            for listed in _strikes(name, spot, expiry_ms, self._time_ms)
        ]
        return chain_rows(self._time_ms, spot, states, self._depth)

    def notes(self) -> list[str]:
        """Every modelling choice, one sentence each."""
        m, d = self._model, self._depth
        return [
            f"Simulated market of {', '.join(self._underlyings)}, seed {self.seed}, a step every "
            f"{self.step_ms // 1000} s: spot follows the Bates model (vol level "
            f"{math.sqrt(m.level):.0%}, mean reversion {m.mean_reversion:g}, vol of variance "
            f"{m.vol_of_variance:g}, correlation {m.correlation:g}, {m.jump_rate:g} jumps a year "
            f"of {m.jump_mean:+.1%} +- {m.jump_std:.0%}), fitted to nothing.",
            "Index, spot and perpetual mid are one number; forwards carry "
            f"{CARRY:.0%} a year; marks are Black-76.",
            "The smile is the expected average vol to expiry times a parabola in standard "
            "deviations of log-moneyness; it is not proven free of arbitrage.",
            f"Options are quoted {HALF_SPREAD_VOL:.0%} of vol each side of the mark, at least one "
            f"tick; perpetuals {d.half_spread_bps} bp each side with {d.levels} levels of "
            f"{d.amount_usd:g} USD.",
            *self._reactions(),
        ]

    def _reactions(self) -> list[str]:
        if self._spread_most <= 1.0:
            return []
        return [
            f"Spreads widen and depth thins with realised vol above {CALM_VOL:.0%} a year, up to "
            f"{self._spread_most:g} times."
        ]

    def _rewind(self) -> None:
        years = self.step_ms / MS_PER_YEAR
        self._paths = {
            name: path(
                self._model,
                seed=(self.seed, zlib.crc32(name.encode())),
                spot=SPOTS.get(name, 100.0),
                step=years,
            )
            for name in self._underlyings
        }
        self._time_ms = self.start_ms
        self._states = {name: next(steps) for name, steps in self._paths.items()}
        self._nerves = {name: Nerves(self._spread_most) for name in self._underlyings}
        self._watch()

    def _watch(self) -> None:
        """Let spreads and depth feel the step."""
        for name, (spot, _) in self._states.items():
            self._nerves[name].see(self._time_ms, spot)

    def _seek(self, time_ms: int) -> None:
        if time_ms < self.start_ms:
            raise ConfigError(f"simulated market: nothing at {time_ms}: it starts {self.start_ms}")
        if time_ms < self._time_ms:
            self._rewind()
        while self._time_ms + self.step_ms <= time_ms:
            self._time_ms += self.step_ms
            self._states = {name: next(steps) for name, steps in self._paths.items()}
            self._watch()

    def _alive(self, instrument: Instrument, kind: Kind) -> bool:
        return instrument.kind is kind and instrument.expiry_ms > self._time_ms

    def _forward(self, instrument: Instrument) -> float:
        years = max(instrument.expiry_ms - self._time_ms, 0) / MS_PER_YEAR
        return self._states[instrument.underlying][0] * math.exp(CARRY * years)

    def _future(self, instrument: Instrument) -> FutureState:
        spot = self._states[instrument.underlying][0]
        price = spot if instrument.kind is Kind.PERPETUAL else self._forward(instrument)
        return FutureState(instrument, price, price)

    def _option(self, instrument: Instrument) -> OptionState:
        years = (instrument.expiry_ms - self._time_ms) / MS_PER_YEAR
        return option_state(
            instrument,
            time_ms=self._time_ms,
            forward=self._forward(instrument),
            atm=self._model.atm_vol(self._states[instrument.underlying][1], years),
            widening=self._nerves[instrument.underlying].factor,
        )


def expiries(time_ms: int) -> list[int]:
    """Listed expiries at 08:00 UTC: four days, four Fridays, the last Fridays of eight months."""
    first = time_ms - time_ms % DAY_MS + 8 * HOUR_MS
    if first <= time_ms:
        first += DAY_MS
    days = [first + i * DAY_MS for i in range(4)]
    fridays = [ms for ms in (first + i * DAY_MS for i in range(28)) if _moment(ms).weekday() == 4]
    ahead = (first + i * DAY_MS for i in range(245))
    monthly = [ms for ms in ahead if _is_last_friday(_moment(ms))]
    return sorted({*days, *fridays, *monthly})


def _moment(time_ms: int) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _is_last_friday(day: datetime) -> bool:
    return day.weekday() == 4 and (day + timedelta(days=7)).month != day.month


def _strikes(underlying: str, spot: float, expiry_ms: int, time_ms: int) -> Iterator[ContractName]:
    """Puts and calls around spot, wider apart the later the expiry."""
    days = (expiry_ms - time_ms) / DAY_MS
    gap = _round_number(spot * (0.008 if days < 5 else 0.016 if days < 40 else 0.04))
    middle = round(spot / gap)
    for number in range(max(middle - STRIKES_EACH_SIDE, 1), middle + STRIKES_EACH_SIDE + 1):
        for is_call in (True, False):
            yield ContractName(
                underlying=underlying,
                quote="USD",
                inverse=True,
                kind=Kind.OPTION,
                expiry_ms=expiry_ms,
                strike=round(number * gap, 6),
                is_call=is_call,
            )


def _round_number(value: float) -> float:
    """Largest of 1, 2, 5, 10, 20, 50 ... that is not above ``value``."""
    power: float = 10.0 ** math.floor(math.log10(value))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= value)
