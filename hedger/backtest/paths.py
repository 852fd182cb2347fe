"""Where a study's paths come from: blocks of seeded normals, or windows of recorded bars."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hedger.backtest._lanes import lognormal
from hedger.backtest._markets import stochastic
from hedger.backtest.study import DAYS, Market

Array = npt.NDArray[np.float64]
_VALUES_PER_BLOCK = 2**17
"""A megabyte each of spot, delta, gamma and its square: what a core keeps near itself."""
_INSTANT = 1e-9


class Rows(NamedTuple):
    """The instants of a path.

    Attributes
    ----------
    times : (rows,) float64
        Checks, expiries between them and the horizon. [years]
    checks : (steps + 1,) int64
        Rows of the checks, and last that of the horizon.
    """

    times: Array
    checks: npt.NDArray[np.int64]


class Source(Protocol):
    """Paths in blocks, the same ones whenever they are asked for."""

    count: int
    """Paths in all."""
    width: int
    """Paths in a block; the last may have fewer."""
    notes: tuple[str, ...]
    """What has to be known of them, one sentence each."""

    def block(self, index: int) -> Array:
        """Spot of the block's paths, (rows, paths)."""
        ...


def rows(market: Market, expiries: tuple[float, ...]) -> Rows:
    """Instants of a study: an expiry that falls on a check has no row of its own."""
    horizon = market.horizon_days / DAYS
    checks = np.linspace(0.0, horizon, market.steps + 1)
    extra = [e for e in expiries if e < horizon and np.min(np.abs(checks - e)) > _INSTANT]
    times = np.unique(np.concatenate((checks, extra)))
    return Rows(times, np.searchsorted(times, checks).astype(np.int64))


class Simulated:
    """Paths of a model, drawn block by block from a seed and the block's number."""

    def __init__(self, market: Market, times: Array) -> None:
        self._market, self._times = market, times
        self._gaps = np.diff(times, prepend=0.0)
        self.count = market.paths
        self.notes: tuple[str, ...] = ()
        self.width = int(min(max(_VALUES_PER_BLOCK // times.size, 8), 512))

    def block(self, index: int) -> Array:
        """Spot of the block's paths, (rows, paths)."""
        it = self._market
        generator = np.random.Generator(np.random.SFC64([it.seed, index]))
        made = np.empty((self._times.size, self.width))
        generator.standard_normal(out=made[1:])
        if it.kind == "gbm":
            lognormal(made, self._gaps, it.spot, it.vol)
        else:
            self._model(made, generator)
        left = self.count - index * self.width
        return made if left >= self.width else np.ascontiguousarray(made[:, :left])

    def _model(self, made: Array, generator: np.random.Generator) -> None:
        """Heston, Merton or Bates."""
        it, shape = self._market, made[1:].shape
        has_vol, has_jumps = it.kind in ("heston", "bates"), it.kind in ("merton", "bates")
        other, jumps = np.zeros_like(made), np.zeros_like(made)
        if has_vol:
            generator.standard_normal(out=other[1:])
        if has_jumps:
            counts = generator.poisson(it.jumps_per_year * self._gaps[1:, None], size=shape)
            hits = counts > 0
            sizes = it.jump_mean * counts[hits] + it.jump_std * np.sqrt(
                counts[hits]
            ) * generator.standard_normal(int(hits.sum()))
            jumps[1:][hits] = sizes
        mean = np.expm1(it.jump_mean + 0.5 * it.jump_std**2)
        stochastic(
            made,
            other,
            jumps,
            self._gaps,
            np.array(
                [
                    it.spot,
                    it.vol,
                    it.mean_reversion if has_vol else 0.0,
                    it.vol_of_vol if has_vol else 0.0,
                    it.correlation if has_vol else 0.0,
                    it.jumps_per_year * mean if has_jumps else 0.0,
                ]
            ),
        )
