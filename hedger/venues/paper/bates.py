"""The Bates model: spot with stochastic variance and jumps, one step at a time, from one seed.

Notes
-----
Per step ``h`` (years), with independent standard normals z, w and v = max(V, 0)::

    ln S += (drift - v / 2) h + sqrt(v h) z + jump,        drift = -rate (exp(m + s^2 / 2) - 1)
    V    += speed (level - v) h + xi sqrt(v h) (rho z + sqrt(1 - rho^2) w)

(full truncation); a jump, normal(m, s), happens with probability ``rate h`` per step, so spot is
a martingale up to O(h). Parameters are plausible for coin markets, fitted to nothing.

References
----------
Bates, *Jumps and stochastic volatility*, Review of Financial Studies 9(1), 1996; full truncation:
Lord, Koekkoek, van Dijk, Quantitative Finance 10(2), 2010.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_BLOCK = 1024  # draws are made in blocks of fixed size: the path does not depend on who reads it


class Bates(NamedTuple):
    """Parameters, per year; ``level`` and the variance are squared vols."""

    mean_reversion: float = 6.0
    level: float = 0.25
    vol_of_variance: float = 1.2
    correlation: float = -0.3
    jump_rate: float = 24.0
    jump_mean: float = -0.005
    jump_std: float = 0.02

    @property
    def jump_variance(self) -> float:
        """Variance per year that the jumps add."""
        return self.jump_rate * (self.jump_mean**2 + self.jump_std**2)

    def atm_vol(self, variance: float, time_to_expiry: float) -> float:
        """Root of the expected average variance to expiry, jumps included."""
        x = self.mean_reversion * max(time_to_expiry, 1e-9)
        pull = -math.expm1(-x) / x
        mean = self.level + (max(variance, 0.0) - self.level) * pull
        return math.sqrt(max(mean, 1e-4) + self.jump_variance)


def path(
    model: Bates, *, seed: tuple[int, ...], spot: float, step: float
) -> Iterator[tuple[float, float]]:
    """Yield (spot, variance) for ever, the start first; ``step`` in years."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    log_spot, variance = math.log(spot), model.level
    jump_growth = math.expm1(model.jump_mean + model.jump_std**2 / 2)
    drift = -model.jump_rate * jump_growth
    rho, other = model.correlation, math.sqrt(1 - model.correlation**2)
    while True:
        normals = rng.standard_normal((_BLOCK, 3)).tolist()
        chances = rng.random(_BLOCK).tolist()
        for (z, w, size), chance in zip(normals, chances, strict=True):
            yield math.exp(log_spot), variance
            v = max(variance, 0.0)
            move = math.sqrt(v * step)
            log_spot += (drift - v / 2) * step + move * z
            if chance < model.jump_rate * step:
                log_spot += model.jump_mean + model.jump_std * size
            variance += model.mean_reversion * (model.level - v) * step
            variance += model.vol_of_variance * move * (rho * z + other * w)
