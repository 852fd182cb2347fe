"""Smiles of the listed expiries, fitted anew on a cadence of their own, never inside a decision.

A fit takes milliseconds and runs in a thread on a snapshot. An expiry with too few vols of late, or
whose fit failed, gets none: the last one then grows too old to be used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import numpy as np

from hedger.core.columns import Market, Smile
from hedger.core.model import Instrument, Kind
from hedger.service.feed import Listener
from hedger.service.world import World
from hedger.telemetry import logger
from pricing import FitStatus, fit_surface
from pricing.conventions import MS_PER_YEAR

FIT_S = 5.0
VOL_AGE_MS_MAX = 60_000
_MONEYNESS_MAX = 2.0

Smiles = dict[tuple[str, int], Smile]


class SmileFits:
    """Keeps the smiles of every board up to date."""

    def __init__(self, world: World, listeners: Iterable[Listener]) -> None:
        self._clock, self._metrics = world.clock, world.metrics
        self._listeners = tuple(listeners)
        self._log = logger(worker=world.params.worker)

    async def run(self) -> None:
        """Fit until cancelled."""
        while True:
            await asyncio.sleep(FIT_S)
            for listener in self._listeners:
                try:
                    await self.step(listener)
                except Exception:  # without smiles books are held at Black's delta, and say so
                    self._metrics.count("defects")
                    self._log.exception("defect", during="smiles")

    async def step(self, listener: Listener) -> None:
        """Fit what one board knows now."""
        board, now = listener.board, self._clock.market_ms()
        fitted = await asyncio.to_thread(smiles, board.market(), board.instruments, now)
        board.take_smiles(fitted)
        self._metrics.count("smiles_fitted", len(fitted))


def smiles(market: Market, instruments: Mapping[str, Instrument], now: int) -> Smiles:
    """Smiles by underlying and expiry, of the options with a vol of late."""
    found: Smiles = {}
    for underlying, options in listed(market, instruments, now).items():
        index = market.index.get(underlying)
        if index is not None:
            found |= _fit(underlying, options, market, index.value, now)
    return found


def listed(
    market: Market, instruments: Mapping[str, Instrument], now: int
) -> dict[str, list[tuple[Instrument, int]]]:
    """Options with a vol of late and their rows, by underlying."""
    by_underlying: dict[str, list[tuple[Instrument, int]]] = {}
    for name, row in market.row.items():
        option = instruments[name]
        fresh = 0 <= now - market.vol_ms[row] <= VOL_AGE_MS_MAX
        known = np.isfinite(market.vol[row]) and np.isfinite(market.ratio[row])
        if option.kind is Kind.OPTION and option.expiry_ms > now and fresh and known:
            by_underlying.setdefault(option.underlying, []).append((option, row))
    return by_underlying


def _fit(
    underlying: str,
    options: list[tuple[Instrument, int]],
    market: Market,
    index: float,
    now: int,
) -> Smiles:
    rows = np.array([row for _, row in options])
    expiry_ms = np.array([option.expiry_ms for option, _ in options])
    strike = np.array([option.strike for option, _ in options])
    vol = market.vol[rows]
    moneyness = np.log(strike / (market.ratio[rows] * index))
    near = np.abs(moneyness) <= _MONEYNESS_MAX
    if not near.any():
        return {}
    years = (expiry_ms - now) / MS_PER_YEAR
    fit = fit_surface(
        log_moneyness=moneyness[near],
        time_to_expiry=years[near],
        bid_vol=vol[near],
        ask_vol=vol[near],
    )
    good = [q.status is FitStatus.OK for q in fit.quality if q.status is not _FEW]
    found: Smiles = {}
    for time, svi, is_good in zip(fit.surface.times, fit.surface.slices, good, strict=True):
        if is_good:
            place = int(np.argmin(np.abs(years - time)))
            key = (underlying, int(expiry_ms[place]))
            found[key] = Smile(tuple(svi), float(time), now)
    return found


_FEW = FitStatus.TOO_FEW_QUOTES
