"""How a market shrinks from its own moves: wider spreads and thinner depth while it is volatile."""

from __future__ import annotations

import math

from hedger.venues.paper.depth import Depth
from pricing.conventions import MS_PER_YEAR

__all__ = ["CALM_VOL", "Nerves", "strained"]

CALM_VOL = 0.8
"""Realised vol up to which nothing widens."""
HALF_LIFE_MS = 60_000


class Nerves:
    """A factor from 1 to ``most``: realised vol over the calm one, slow to forget.

    Parameters
    ----------
    most : float
        Largest factor; at 1 nothing ever reacts.
    calm_vol : float
        Realised vol, a year, at which the factor begins to grow.

    Notes
    -----
    Variance is an exponential mean of squared log returns over the time that they took, with a
    half-life of a minute; the factor is ``clip(vol / calm_vol, 1, most)``.
    """

    def __init__(self, most: float, *, calm_vol: float = CALM_VOL) -> None:
        self._most, self._calm = most, calm_vol
        self._variance = calm_vol**2
        self._last: tuple[int, float] | None = None

    def see(self, time_ms: int, price: float) -> None:
        """Take the next price of the index."""
        if self._last is not None and time_ms > self._last[0]:
            elapsed = time_ms - self._last[0]
            kept = 0.5 ** (elapsed / HALF_LIFE_MS)
            sample = math.log(price / self._last[1]) ** 2 / (elapsed / MS_PER_YEAR)
            self._variance = kept * self._variance + (1.0 - kept) * sample
        self._last = (time_ms, price)

    @property
    def vol(self) -> float:
        """Realised vol, a year."""
        return math.sqrt(self._variance)

    @property
    def factor(self) -> float:
        """By how much spreads are wider and depth is thinner."""
        return min(max(self.vol / self._calm, 1.0), self._most)


def strained(depth: Depth, factor: float) -> Depth:
    """Depth with so much wider spreads and so much less at each level."""
    return Depth(depth.half_spread_bps * factor, depth.levels, depth.amount_usd / factor)
