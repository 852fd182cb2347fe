"""One expiry from quotes to parameters: starting points, fading and dropping of quotes (private).

The descent itself is compiled (`pricing._smile_descent`); here stand its stages.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pricing._smile_descent import ESSVI, RHO_MAX, SVI, descend
from pricing.arbitrage import durrleman, growth
from pricing.conventions import FloatArray
from pricing.smile import Ssvi, Svi, total_variance

__all__ = ["WIDTH_MIN", "Quotes", "essvi_slice", "kept_by", "quotes", "svi_slice"]

WIDTH_MIN = 1e-3  # vol; a tighter spread counts as this wide, so that no quote rules alone
# What lies outside is no quote: 0.01 % to 10,000 % of vol, strikes within e^10 of the forward, a
# second to a thousand years.
_VOL_MIN, _VOL_MAX, _K_MAX, _TIME_MIN, _TIME_MAX = 1e-4, 100.0, 10.0, 3e-8, 1e3
_CUTOFF = 3.0  # half-widths, or robust deviations where those are larger, from which quotes fade
_TRIM = 8.0  # in the same units: farther from the fit a quote is absurd and is dropped
_MAD = 1.4826  # median absolute deviation to standard deviation
_ROUNDS_MAX = 6  # of tightening the penalty on arbitrage
_NODES = np.sinh(np.linspace(-9.0, 9.0, 91))
_NOTHING = np.zeros(0)


class Quotes(NamedTuple):
    """The usable quotes of one expiry; a missing bid is 0, a missing ask infinite."""

    time: float
    k: FloatArray
    bid: FloatArray
    ask: FloatArray
    half: FloatArray  # half the spread in vol
    mid: FloatArray  # the one side that is there where the other is missing
    two_sided: npt.NDArray[np.bool_]

    def vol(self, svi: Svi) -> FloatArray:
        """Of a smile at these quotes."""
        return np.asarray(np.sqrt(total_variance(svi, self.k) / self.time))

    def distance(self, vol: FloatArray) -> FloatArray:
        """Half-widths from the mid; for a one-sided quote, by how much it is violated."""
        outside = np.maximum(vol - self.ask, 0.0) + np.maximum(self.bid - vol, 0.0)
        gap = np.where(self.two_sided, np.abs(vol - self.mid), outside)
        return np.asarray(gap / self.half)

    def only(self, kept: npt.NDArray[np.bool_]) -> "Quotes":
        """Those that are kept."""
        return self._replace(
            k=self.k[kept],
            bid=self.bid[kept],
            ask=self.ask[kept],
            half=self.half[kept],
            mid=self.mid[kept],
            two_sided=self.two_sided[kept],
        )


def quotes(
    time: float, k: FloatArray, bid: FloatArray, ask: FloatArray
) -> tuple[Quotes, npt.NDArray[np.bool_]]:
    """Usable quotes, and which of the given ones they are: crossed and unreadable ones are not."""
    has_bid, has_ask = (bid >= _VOL_MIN) & (bid <= _VOL_MAX), (ask >= _VOL_MIN) & (ask <= _VOL_MAX)
    crossed = has_bid & has_ask & (bid > ask)
    usable = (np.abs(k) <= _K_MAX) & (has_bid | has_ask) & ~crossed
    usable &= _TIME_MIN <= time <= _TIME_MAX
    low, high = np.where(has_bid, bid, 0.0)[usable], np.where(has_ask, ask, np.inf)[usable]
    two_sided = (low > 0.0) & (high < np.inf)
    half = np.maximum(0.5 * (high - low), 0.5 * WIDTH_MIN)
    # Where a side is missing the spread is at least as wide as anywhere else.
    half[~two_sided] = half[two_sided].max() if two_sided.any() else 0.1
    mid = np.where(two_sided, 0.5 * (low + high), np.where(low > 0.0, low, high))
    return Quotes(time, k[usable], low, high, half, mid, two_sided), usable


def _deviation(found: Quotes, svi: Svi) -> float:
    """Robust standard deviation of two-sided quotes around a smile, at least one half-width."""
    gap = found.distance(found.vol(svi))[found.two_sided]
    return max(1.0, _MAD * float(np.median(gap))) if gap.size else 1.0


def kept_by(found: Quotes, svi: Svi) -> npt.NDArray[np.bool_]:
    """Which quotes are near enough to a smile to be believed."""
    return np.asarray(found.distance(found.vol(svi)) <= _TRIM * _deviation(found, svi))


def _first_guess(found: Quotes) -> Ssvi:
    """The best of 20 slices through the vol at the money, by the median of distances."""
    nearest = np.argsort(np.abs(found.k), kind="stable")[:4]
    theta = found.time * float(np.median(found.mid[nearest])) ** 2
    slices = [
        Ssvi(theta, rho, share * 2.0 * float(np.sqrt(theta / (1.0 + abs(rho)))))
        for rho in (-0.6, -0.3, 0.0, 0.3)
        for share in (0.1, 0.2, 0.4, 0.6, 0.9)
    ]
    theta_column, rho, psi = np.array(slices).T[:, :, None]
    z = psi * found.k
    root = np.sqrt(z * z + 2.0 * rho * z * theta_column + theta_column * theta_column)
    vol = np.sqrt(0.5 * (theta_column + rho * z + root) / found.time)
    return slices[int(np.median(found.distance(vol), axis=1).argmin())]


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


def _essvi_start(guess: Ssvi, nearer: Ssvi | None) -> FloatArray:
    """Unconstrained numbers of the slice inside the constraints that is near to the guess."""
    theta, rho, psi = guess
    lower, floor, slope = 0.0, 0.0, np.inf
    if nearer is not None:
        ratio = max((1 + nearer.rho) / (1 + rho), (1 - nearer.rho) / (1 - rho))
        lower, floor, slope = nearer.psi * ratio, nearer.theta * ratio, nearer.psi / nearer.theta
    added = max(theta - floor, 1e-3 * theta)
    theta = floor + added
    upper = min(4.0 / (1.0 + abs(rho)), 2.0 * np.sqrt(theta / (1.0 + abs(rho))), slope * theta)
    share = (psi - lower) / (upper - lower) if upper > lower else 0.5
    start = [np.log(added), np.arctanh(rho / RHO_MAX), _logit(min(max(share, 0.05), 0.95))]
    return np.array(start)


def essvi_slice(found: Quotes, nearer: Ssvi | None) -> tuple[Ssvi, bool]:
    """One eSSVI slice free of arbitrage, also against a nearer one; and whether it settled."""
    limits = np.array(nearer) if nearer is not None else np.zeros(3)
    guess = _first_guess(found)
    x, p, steps = _essvi_start(guess, nearer), np.zeros(3), -1
    for _ in range(3):
        cutoff = _CUTOFF * _deviation(found, guess.svi())
        steps = descend(ESSVI, cutoff, 0.0, *found[:5], limits, _NOTHING, _NOTHING, x, p)
        guess = Ssvi(*p.tolist())
    return guess, steps >= 0


def _svi_limits(found: Quotes, nearer: Svi | None) -> FloatArray:
    """Smallest and largest sigma and largest |m|: a hinge that the quotes can see.

    A farther slice may bend as slowly as a nearer one, whose wings it must stay above.
    """
    quoted = found.k[found.two_sided] if found.two_sided.any() else found.k
    reach = max(float(np.abs(quoted).max()), 1e-3)
    sigma, m = (nearer.sigma, abs(nearer.m)) if nearer is not None else (0.0, 0.0)
    return np.array([0.01 * reach, max(2.0 * reach, 2.0 * sigma), max(1.5 * reach, 1.5 * m)])


def _svi_start(start: Svi, limits: FloatArray) -> FloatArray:
    """Unconstrained numbers of the slice inside the limits that is near to the start."""
    _, b, rho, m, sigma = start
    least = max(start.a + b * sigma * np.sqrt(1.0 - rho * rho), 1e-8)
    smallest, largest, m_max = limits
    share = min(max((sigma - smallest) / (largest - smallest), 0.02), 0.98)
    wing = min(max(0.5 * b * (1.0 + abs(rho)), 1e-6), 0.98)
    tilt, hinge = min(max(rho, -0.98), 0.98), min(max(m / m_max, -0.9), 0.9)
    return np.array(
        [np.log(least), _logit(wing), np.arctanh(tilt / RHO_MAX), np.arctanh(hinge), _logit(share)]
    )


def _arbitrage(svi: Svi, nearer: Svi | None) -> list[float]:
    """Log-moneyness of the worst butterfly and the worst calendar, where there are any."""
    checks = [durrleman(svi)] + ([growth(nearer, svi)] if nearer is not None else [])
    return [float(k[value.argmin()]) for k, value in checks if value.min() < 0.0]


def svi_slice(found: Quotes, start: Svi, nearer: Svi | None) -> tuple[Svi, bool]:
    """One SVI slice, with a penalty on arbitrage that tightens until none is left."""
    limits = _svi_limits(found, nearer)
    x, p, steps = _svi_start(start, limits), np.zeros(5), -1
    nodes = 0.25 * limits[1] * _NODES
    penalty, svi = 100.0 * found.k.size, start
    for round_ in range(_ROUNDS_MAX):
        floor = np.zeros(nodes.size)
        if nearer is not None:
            floor = total_variance(nearer, nodes)
        cutoff = _CUTOFF * _deviation(found, svi)
        steps = descend(SVI, cutoff, penalty, *found[:5], limits, nodes, floor, x, p)
        svi = Svi(*p.tolist())
        if round_ > 0:
            worst = _arbitrage(svi, nearer)
            if not worst:
                break
            nodes = np.append(nodes, worst)
            penalty *= 10.0
    return svi, steps >= 0
