"""How vols answered to their forwards, from what a worker's own boards showed, never in a decision.

Every quarter of an hour each option's vol is held against the one before; a week of such changes
is fitted, and the fit counts only if that of the older half would have served in the newer one. A
worker that starts has seen nothing: until a day of changes is known there is no answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from hedger.core.columns import Floats, Market, VolAnswer
from hedger.core.model import Instrument
from hedger.service.feed import Listener
from hedger.service.smiles import FIT_S, listed
from hedger.service.world import World
from hedger.telemetry import logger
from pricing import MinimumVariance, black, fit_minimum_variance, minimum_variance_delta
from pricing.conventions import MS_PER_YEAR

PERIOD_MS = 900_000
PERIODS_MIN = 96
"""A day: all options of one period share one move, so that periods count, not changes."""
PERIODS_MAX = 672
OPTIONS_MAX = 200
"""Of one underlying and period; of more, every so many-th by expiry and strike."""
LIFE_MS_MIN = 86_400_000
"""In their last day vols jump for reasons of their own."""
DELTA_MIN = 0.05
"""As in the paper: beyond, and above 1 less this, a vol is mostly noise."""
STRONGEST = 2.5
"""An answer above moves a delta by more than 1; no market did, so it is a fault."""

Answers = dict[str, VolAnswer]


class Seen(NamedTuple):
    """Forwards and vols of an underlying's options at one instant, by name."""

    now: int
    options: dict[str, tuple[float, float]]


class Changes(NamedTuple):
    """Of one period: (6, options) delta, vega, forward, years, move, the gain beside delta's."""

    end_ms: int
    columns: Floats


class VolWatch:
    """What the options of one board told so far; bounded."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._changes: dict[str, deque[Changes]] = {}
        self._period = 0

    def see(self, market: Market, instruments: Mapping[str, Instrument], now: int) -> Answers:
        """Take the vols in where a period has ended; answers of underlyings that are known anew."""
        if now // PERIOD_MS == self._period:
            return {}
        self._period = now // PERIOD_MS
        found: Answers = {}
        for underlying, options in listed(market, instruments, now).items():
            index = market.index.get(underlying)
            if index is None:
                continue
            seen = Seen(
                now,
                {
                    option.name: (float(market.ratio[row]) * index.value, float(market.vol[row]))
                    for option, row in options
                },
            )
            before = self._seen.get(underlying)
            self._seen[underlying] = seen
            if before is None or not 0 < now - before.now <= 2 * PERIOD_MS:
                continue  # what happened in a gap is not of one period, nor is a tape begun anew
            past = self._changes.setdefault(underlying, deque(maxlen=PERIODS_MAX))
            if (columns := _columns(before, seen, instruments)).size:
                past.append(Changes(now, columns))
            if (answer := fitted(past)) is not None:
                found[underlying] = answer
        return found


def _columns(before: Seen, after: Seen, instruments: Mapping[str, Instrument]) -> Floats:
    """The changes of what both instants know; the vol alone makes the gain, time stands still."""
    names = sorted(
        (n for n in before.options.keys() & after.options.keys()),
        key=lambda n: (instruments[n].expiry_ms, instruments[n].strike, n),
    )
    names = names[:: -(-len(names) // OPTIONS_MAX) or 1]
    if not names:
        return np.empty((6, 0))
    strike = np.array([instruments[n].strike for n in names])
    left_ms = np.array([instruments[n].expiry_ms - before.now for n in names])
    forward, vol = np.array([before.options[n] for n in names]).T
    later, vol_later = np.array([after.options[n] for n in names]).T
    years = left_ms / MS_PER_YEAR
    unit = black(forward=forward, strike=strike, time_to_expiry=years, vol=vol, is_call=True)
    here = black(forward=later, strike=strike, time_to_expiry=years, vol=vol, is_call=True)
    there = black(forward=later, strike=strike, time_to_expiry=years, vol=vol_later, is_call=True)
    delta = np.asarray(unit.delta)
    gain = np.asarray(there.price) - here.price
    columns = np.stack([delta, np.asarray(unit.vega), forward, years, later - forward, gain])
    inside = (delta >= DELTA_MIN) & (delta <= 1.0 - DELTA_MIN) & (left_ms >= LIFE_MS_MIN)
    return np.asarray(columns[:, inside & np.isfinite(columns).all(axis=0)])


def fitted(past: Iterable[Changes]) -> VolAnswer | None:
    """The answer of so many periods; None of too few, of one that would not have served, or absurd.

    Notes
    -----
    The older half is fitted and judged on the newer one, by the squared error of the hedge that is
    left; then all is fitted.
    """
    periods = list(past)
    if len(periods) < PERIODS_MIN:
        return None
    half = len(periods) // 2
    older, newer = _joined(periods[:half]), _joined(periods[half:])
    if not _serves(_fit(older), newer):
        return None
    made = _fit(np.hstack([older, newer]))
    delta = np.linspace(0.0, 1.0, 21)
    strongest = np.abs(made.a + delta * (made.b + delta * made.c)).max()
    if not strongest <= STRONGEST:
        return None
    return VolAnswer(made.a, made.b, made.c, made.changes, periods[-1].end_ms)


def _joined(periods: list[Changes]) -> Floats:
    return np.hstack([changes.columns for changes in periods])


def _fit(changes: Floats) -> MinimumVariance:
    delta, vega, forward, years, move, gain = changes
    return fit_minimum_variance(
        delta=delta,
        vega=vega,
        spot=forward,
        time_to_expiry=years,
        spot_change=move,
        price_change=delta * move + gain,
    )


def _serves(fit: MinimumVariance, changes: Floats) -> bool:
    """Whether its hedge leaves less of these changes than a hedge at fixed vols."""
    delta, vega, forward, years, move, gain = changes
    moved = minimum_variance_delta(
        delta=delta, vega=vega, spot=forward, time_to_expiry=years, fitted=fit
    ).value
    left = gain - (moved - delta) * move
    return bool(left @ left < gain @ gain)


class AnswerFits:
    """Keeps the answers of every board up to date."""

    def __init__(self, world: World, listeners: Iterable[Listener]) -> None:
        self._clock, self._metrics = world.clock, world.metrics
        self._watched = [(listener, VolWatch()) for listener in listeners]
        self._log = logger(worker=world.params.worker)

    async def run(self) -> None:
        """Watch until cancelled, more often than periods end: a replay's clock may run faster."""
        while True:
            await asyncio.sleep(FIT_S)
            for listener, watch in self._watched:
                try:
                    await self.step(listener, watch)
                except Exception:  # without answers books are held at Black's delta, and say so
                    self._metrics.count("defects")
                    self._log.exception("defect", during="answers of vols")

    async def step(self, listener: Listener, watch: VolWatch) -> None:
        """Let one board's vols be seen, and tell the board what was made of them."""
        board, now = listener.board, self._clock.market_ms()
        found = await asyncio.to_thread(watch.see, board.market(), board.instruments, now)
        if found:
            board.take_answers(found)
            self._metrics.count("vol_answers_fitted", len(found))
