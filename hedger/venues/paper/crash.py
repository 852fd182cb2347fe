"""A market that crashes: a seeded path, vols that rise with it, spreads and depth that react.

Index, perpetual and spot are one number; forwards carry nothing in so short a time. It lasts about
half an hour and is the same for the same kind, seed and start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from hedger.core.model import Instrument, Kind
from hedger.errors import ConfigError
from hedger.venues.paper.crash_paths import KINDS, crash_path, steps_of
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.made_up import option_state
from hedger.venues.paper.nerves import Nerves, strained
from hedger.venues.paper.publish import ChainRow, FutureState, OptionState, published
from hedger.venues.simulator.instant import Instant

__all__ = ["CrashMarket"]

VOL_CALM = 0.6
VOL_SHOCK = 1.0
"""Implied vol grows by this share of itself for a move of 30 %, twice as much at the short end."""
SHORT_MS = 7 * 86_400_000
FUNDING = 0.00375
"""One print at the height of a crash: half of the cap that venues set for eight hours."""


class CrashMarket:
    """One crash of one underlying, as a market that the paper exchange plays.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    seed : int
        Of the path.
    depth : Depth
        Spread and depth while it is calm.
    underlying : str
    spot : float
        Price at the start.
    start_ms : int
    step_ms : int
        Market time between instants.
    spread_most : float
        Spreads are up to so many times wider, and depth thinner, by realised vol.
    funding : float
        Rate of the funding print at the crash's height, against those who win by it; 0 for none.

    Raises
    ------
    ConfigError
        For a kind that is not known or a number that cannot be used.
    """

    def __init__(
        self,
        kind: str,
        seed: int,
        depth: Depth,
        *,
        underlying: str = "BTC",
        spot: float = 60_000.0,
        start_ms: int,
        step_ms: int = 2_000,
        spread_most: float = 10.0,
        funding: float = FUNDING,
    ) -> None:
        if kind not in KINDS:
            raise ConfigError(f"crash {kind!r}: expected one of {', '.join(KINDS)}")
        if not (math.isfinite(spot) and spot > 0.0):
            raise ConfigError(f"crash: spot {spot}: expected a price above 0")
        self.kind, self.seed, self.underlying = kind, seed, underlying
        self.start_ms, self.step_ms = start_ms, step_ms
        self._depth, self._funding = depth, funding
        self._prices, parts = crash_path(kind, seed=seed, spot=spot, step_ms=step_ms)
        self._wanted: dict[str, Instrument] = {}
        self._factors, self._stress = self._reactions(spread_most)
        self.onset_ms = start_ms + steps_of(parts[0], step_ms) * step_ms
        self.height_ms = self.onset_ms + steps_of(parts[1], step_ms) * step_ms

    @property
    def underlyings(self) -> tuple[str, ...]:
        """The one underlying."""
        return (self.underlying,)

    @property
    def end_ms(self) -> int:
        """The last instant."""
        return self.start_ms + (len(self._prices) - 1) * self.step_ms

    def offers(self, instrument: Instrument) -> bool:
        """Whether it is of this underlying."""
        return instrument.underlying == self.underlying

    def want(self, instruments: Mapping[str, Instrument]) -> None:
        """Show these too from the next instant on."""
        self._wanted |= {n: it for n, it in instruments.items() if self.offers(it)}

    def instants(self, after_ms: int | None = None) -> Iterator[Instant]:
        """All instants after ``after_ms``, in order."""
        first = 0
        if after_ms is not None and after_ms >= self.start_ms:
            first = (after_ms - self.start_ms) // self.step_ms + 1
        for number in range(first, len(self._prices)):
            yield self._instant(number)

    def at(self, time_ms: int) -> Instant:
        """The instant of the last step at or before ``time_ms``."""
        number = (time_ms - self.start_ms) // self.step_ms
        if number < 0:
            raise ConfigError(f"crash: nothing at {time_ms}: it starts {self.start_ms}")
        return self._instant(min(number, len(self._prices) - 1))

    def chain(self, time_ms: int, underlying: str | None = None) -> list[ChainRow]:
        """No chain is listed: whatever is asked for can be traded."""
        return []

    def funding(self, after_ms: int, until_ms: int) -> list[float]:
        """Rates printed after one instant, up to another: one, at the crash's height."""
        if not self._funding or not after_ms < self.height_ms <= until_ms:
            return []
        first, now = self._prices[0], self._prices[self._number(self.height_ms)]
        return [math.copysign(self._funding, now - first)]

    def factor(self, time_ms: int) -> float:
        """By how much spreads are wider and depth is thinner at an instant."""
        return float(self._factors[self._number(time_ms)])

    def notes(self) -> list[str]:
        """Every modelling choice, one sentence each."""
        return [
            f"Crash {self.kind}, seed {self.seed}, of {self.underlying}, a step every "
            f"{self.step_ms / 1000:g} s; the path is made to end where its kind says.",
            "Index, spot, perpetual mid and forwards are one number; marks are Black-76.",
            f"Implied vol is {VOL_CALM:.0%} and grows by {VOL_SHOCK:.0%} of itself for a move of "
            "30 %, twice as much for options of a week or less; it never comes back meanwhile.",
            "Spreads widen and depth thins with realised vol.",
            f"One funding print of {self._funding:.3%} at the height, paid by the winning side.",
        ]

    # --- parts ----------------------------------------------------------------------------

    def _number(self, time_ms: int) -> int:
        return min(max((time_ms - self.start_ms) // self.step_ms, 0), len(self._prices) - 1)

    def _reactions(self, most: float) -> tuple[list[float], list[float]]:
        """Factor of the spreads, and the largest move so far in units of 30 %, at every step."""
        nerves, factors, stress = Nerves(most), [], []
        worst = 0.0
        moves = np.abs(np.log(self._prices / self._prices[0])) / -math.log(0.7)
        for number, (price, move) in enumerate(zip(self._prices, moves, strict=True)):
            nerves.see(self.start_ms + number * self.step_ms, float(price))
            worst = max(worst, float(move))
            factors.append(nerves.factor)
            stress.append(worst)
        return factors, stress

    def _instant(self, number: int) -> Instant:
        time_ms = self.start_ms + number * self.step_ms
        spot, factor = float(self._prices[number]), self._factors[number]
        depth = strained(self._depth, factor)
        alive = [
            it
            for it in self._wanted.values()
            if it.kind is Kind.PERPETUAL or it.expiry_ms > time_ms
        ]
        options = [
            self._option(it, time_ms, spot, number) for it in alive if it.kind is Kind.OPTION
        ]
        futures = [FutureState(it, spot, spot) for it in alive if it.kind is not Kind.OPTION]
        shown, valued = published(time_ms, spot, options, futures, depth)
        return Instant(time_ms, {self.underlying: spot}, shown, valued)

    def _option(self, it: Instrument, time_ms: int, spot: float, number: int) -> OptionState:
        short = 2.0 if it.expiry_ms - time_ms <= SHORT_MS else 1.0
        return option_state(
            it,
            time_ms=time_ms,
            forward=spot,
            atm=VOL_CALM * (1.0 + VOL_SHOCK * short * self._stress[number]),
            widening=self._factors[number],
        )
