"""Paths with a vol of their own and with jumps, from ready random numbers, in machine code."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pricing._kernel_cache import compiled

Array: TypeAlias = npt.NDArray[np.float64]


@compiled("void(float64[:,::1], float64[:,::1], float64[:,::1], float64[::1], float64[::1])")
def stochastic(block: Array, other: Array, jumps: Array, gaps: Array, v: Array) -> None:
    """Turn normals into spot under Heston's variance and Merton's jumps; row 0 is the start.

    ``other`` drives the variance, ``jumps`` is the sum of log jumps in each row, ``gaps`` the years
    between a row and the one before; ``v`` is spot, vol (of the start and of the long run), mean
    reversion, vol of vol, correlation, and the jumps' mean growth per year that the drift gives
    back.

    Notes
    -----
    Log spot moves by the variance at the start of a step, so spot is a martingale at any step;
    the variance takes Euler's step and counts as zero while below it (full truncation).

    References
    ----------
    R. Lord, R. Koekkoek, D. van Dijk, A comparison of biased simulation schemes for stochastic
    volatility models, Quantitative Finance 10, 2010.
    """
    spot, vol, reversion, wild, correlation, growth = v[0], v[1], v[2], v[3], v[4], v[5]
    rest = np.sqrt(1.0 - correlation * correlation)
    long_run = vol * vol
    for p in range(block.shape[1]):
        place, variance = 0.0, long_run
        block[0, p] = spot
        for n in range(1, block.shape[0]):
            gap, z = gaps[n], block[n, p]
            held = max(variance, 0.0)
            root = np.sqrt(held * gap)
            place += root * z - 0.5 * held * gap + jumps[n, p] - growth * gap
            mixed = correlation * z + rest * other[n, p]
            variance += reversion * (long_run - held) * gap + wild * root * mixed
            block[n, p] = spot * np.exp(place)
