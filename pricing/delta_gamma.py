"""Tail risk of a quadratic in normal factors: delta-normal, and delta-gamma by Cornish-Fisher.

Fast, and only as good as the quadratic and the expansion: outside its domain the expansion is not
a distribution, which `CornishFisher.is_valid` tells, and full revaluation has to take over.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from pricing import _arguments
from pricing._arguments import fraction
from pricing._batch import floats
from pricing.conventions import FloatArray, FloatLike
from pricing.tail_risk import TailRisk

__all__ = [
    "SKEW_MAX",
    "CornishFisher",
    "Cumulants",
    "cornish_fisher",
    "cumulants",
    "normal_points",
    "normal_tail",
]

SKEW_MAX = 2.5
REACH = 4.0
"""Standard deviations up to which an expansion has to rise: one outcome in 30,000 lies beyond."""
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


class Cumulants(NamedTuple):
    """Mean, standard deviation, skewness and excess kurtosis of a profit.

    Examples
    --------
    >>> Cumulants(0.0, 1.0, 0.0, 0.0).std
    1.0
    """

    mean: float
    std: float
    skew: float
    kurtosis: float


class CornishFisher(NamedTuple):
    """Tail of a Cornish-Fisher expansion, and whether it is that of a distribution at all.

    Examples
    --------
    >>> CornishFisher._fields
    ('tail', 'is_valid')
    """

    tail: TailRisk
    is_valid: bool


def cumulants(
    *, delta: FloatLike, gamma: FloatLike, covariance: FloatLike, drift: float = 0.0
) -> Cumulants:
    """Cumulants of ``drift + delta'x + x' gamma x / 2`` with x normal around 0.

    Parameters
    ----------
    delta : (factors,) float64
        [currency per unit of the factor]
    gamma, covariance : (factors, factors) float64
        Symmetric; a singular covariance is as good as another.
    drift : float
        What comes without any move, such as theta over the horizon. [currency]

    Returns
    -------
    Cumulants
        Skewness and kurtosis are 0 where nothing varies.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, numbers that are not finite, a covariance that is none.

    Notes
    -----
    With G = gamma Sigma, the cumulants are ``k1 = drift + tr G / 2`` and, for r >= 2,
    ``k_r = (r-1)!/2 tr(G^r) + r!/2 delta' Sigma G^(r-2) delta``.

    References
    ----------
    P. Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 9.1; A. M. Mathai
    and S. B. Provost, Quadratic Forms in Random Variables, 1992.

    Examples
    --------
    >>> cumulants(delta=[0.0], gamma=[[2.0]], covariance=[[1.0]]).skew.__round__(6)  # chi-squared
    2.828427
    """
    slope, bend, sigma = floats("delta", delta), floats("gamma", gamma), floats("cov", covariance)
    size = (slope.size, slope.size)
    if slope.ndim != 1 or bend.shape != size or sigma.shape != size:
        raise ValueError(f"delta, gamma, covariance: (n,), (n, n) and (n, n) wanted, got {size}")
    if not all(np.isfinite(part).all() for part in (slope, bend, sigma)) or not np.isfinite(drift):
        raise ValueError("delta, gamma, covariance, drift: finite numbers wanted")
    scale = float(np.abs(sigma).max()) if sigma.size else 0.0
    lowest = float(np.linalg.eigvalsh(sigma).min()) if sigma.size else 0.0
    if not np.allclose(sigma, sigma.T, rtol=1e-12, atol=1e-300) or lowest < -1e-10 * scale:
        raise ValueError("covariance: a symmetric matrix without negative eigenvalues wanted")
    step = bend @ sigma
    found, power, carried = [drift + 0.5 * float(np.trace(step))], step, slope
    for r in (2, 3, 4):
        power = power @ step
        found.append(
            0.5 * math.factorial(r - 1) * float(np.trace(power))
            + 0.5 * math.factorial(r) * float(slope @ sigma @ carried)
        )
        carried = step @ carried
    if not found[1] > 0.0:
        return Cumulants(found[0], 0.0, 0.0, 0.0)
    return Cumulants(
        found[0], math.sqrt(found[1]), found[2] / found[1] ** 1.5, found[3] / found[1] ** 2
    )


def normal_tail(*, mean: float, std: float, level: float) -> TailRisk:
    """Value at risk and expected shortfall of a normal profit.

    Notes
    -----
    ``VaR = z std - mean`` and ``ES = n(z) / (1 - level) std - mean`` with z = N^-1(level).

    Examples
    --------
    >>> normal_tail(mean=0.0, std=1.0, level=0.99).expected_shortfall.__round__(6)
    2.665214
    """
    z = _quantile(level)
    beyond = _INV_SQRT_2PI * math.exp(-0.5 * z * z) / (1.0 - level)
    return TailRisk(z * std - mean, beyond * std - mean)


def cornish_fisher(moments: Cumulants, *, level: float) -> CornishFisher:
    """Tail of a profit from its first four cumulants.

    Parameters
    ----------
    moments : Cumulants
    level : float
        Confidence, such as 0.99; above 0 and below 1.

    Notes
    -----
    With s the skewness, k the excess kurtosis and z = N^-1(1 - level)::

        w(z) = z + (z^2 - 1) s / 6 + (z^3 - 3 z) k / 24 - (2 z^3 - 5 z) s^2 / 36
        VaR  = -(mean + std w(z))
        ES   = std n(z) / (1 - level) (1 + z s / 6 + (z^2 - 1) k / 24 - (2 z^2 - 1) s^2 / 36) - mean

    ES is the integral of the same w, not another expansion.  Where w does not rise it is no
    quantile function: if that is so for any ``|z| <= 4``, or ``|s| > 2.5``, the result is not
    valid.  (On the whole line no quadratic would pass: with small gamma, ``k = 4 s^2 / 3``, w turns
    at -3 / s.)

    References
    ----------
    E. A. Cornish and R. A. Fisher, Moments and cumulants in the specification of distributions,
    1938; D. Maillard, A user's guide to the Cornish Fisher expansion, 2012, for the domain.

    Examples
    --------
    >>> found = cornish_fisher(Cumulants(0.0, 1.0, 0.0, 0.0), level=0.99)
    >>> round(found.tail.value_at_risk, 6), found.is_valid
    (2.326348, True)
    """
    mean, std, s, k = moments
    z = -_quantile(level)
    w = (
        z
        + (z * z - 1.0) * s / 6.0
        + (z**3 - 3.0 * z) * k / 24.0
        - (2.0 * z**3 - 5.0 * z) * s * s / 36.0
    )
    beyond = 1.0 + z * s / 6.0 + (z * z - 1.0) * k / 24.0 - (2.0 * z * z - 1.0) * s * s / 36.0
    density = _INV_SQRT_2PI * math.exp(-0.5 * z * z) / (1.0 - level)
    tail = TailRisk(-(mean + std * w), std * density * beyond - mean)
    return CornishFisher(tail, _rises(s, k))


def _rises(s: float, k: float) -> bool:
    """Whether w'(z) = a z^2 + b z + c is above 0 for all |z| <= REACH."""
    a, b, c = k / 8.0 - s * s / 6.0, s / 3.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0
    if abs(s) > SKEW_MAX or a * REACH * REACH + c <= abs(b) * REACH:
        return False
    hollow = a > 0.0 and abs(b) < 2.0 * a * REACH  # the least is inside
    return not hollow or b * b < 4.0 * a * c


def _quantile(level: float) -> float:
    return float(ndtri(fraction("level", level)))


def normal_points(count: int) -> FloatArray:
    """Evenly spread standard normal points in two dimensions, always the same.

    Parameters
    ----------
    count : int

    Returns
    -------
    (2, count) float64
        The first row holds the quantiles (i + 1/2) / count in rising order.

    Notes
    -----
    A lattice with the golden ratio: the first coordinate is stratified, the second nearly so within
    every part of the first.  A tail of a thousand points is that of many more random ones, and two
    calls agree.

    References
    ----------
    H. Niederreiter, Random Number Generation and Quasi-Monte Carlo Methods, 1992, chapter 5.

    Examples
    --------
    >>> normal_points(2)[0].round(4)
    array([-0.6745,  0.6745])
    """
    count = _arguments.count("count", count, 1)
    place = np.arange(count) + 0.5
    second = np.clip((place * _GOLDEN) % 1.0, 0.25 / count, 1.0 - 0.25 / count)
    return np.vstack([ndtri(place / count), ndtri(second)])
