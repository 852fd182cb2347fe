"""Whether slices of total variance hold butterfly or calendar arbitrage, and where."""

import numpy as np

from pricing.conventions import FloatArray
from pricing.smile import Svi, checked_svi, total_variance, variance_slopes

__all__ = ["butterfly_minimum", "calendar_minimum", "durrleman", "growth"]

_HINGE_WIDTHS = np.sinh(np.linspace(-10.0, 10.0, 801))  # the wings as far as 11,000 hinge widths


def durrleman(svi: Svi) -> tuple[FloatArray, FloatArray]:
    """The points of the check along one smile, and Durrleman's g at each.

    Examples
    --------
    >>> k, g = durrleman(Svi(0.04, 0.1, -0.3, 0.0, 0.2))
    >>> k.size == g.size == 801
    True
    """
    k = svi.m + svi.sigma * _HINGE_WIDTHS
    w, (slope, bend) = total_variance(svi, k), variance_slopes(svi, k)
    g = (1.0 - 0.5 * k * slope / w) ** 2 - 0.25 * slope * slope * (1.0 / w + 0.25) + 0.5 * bend
    valid = (w > 0.0) & (svi.b >= 0.0) & (svi.b * (1.0 + abs(svi.rho)) <= 2.0)
    return k, np.where(valid, g, np.where(np.isnan(w), np.nan, -np.inf))


def growth(nearer: Svi, farther: Svi) -> tuple[FloatArray, FloatArray]:
    """The points of the check along both smiles, and the relative growth of total variance.

    Examples
    --------
    >>> k, more = growth(Svi(0.04, 0.0, 0.0, 0.0, 0.2), Svi(0.05, 0.0, 0.0, 0.0, 0.2))
    >>> bool(np.allclose(more, 0.25))
    True
    """
    k = np.concatenate([svi.m + svi.sigma * _HINGE_WIDTHS for svi in (nearer, farther)])
    return k, total_variance(farther, k) / total_variance(nearer, k) - 1.0


def butterfly_minimum(svi: Svi) -> float:
    """Least of Durrleman's g over the whole smile: negative where the slice has arbitrage.

    Parameters
    ----------
    svi : Svi

    Returns
    -------
    float
        The risk-neutral density has g's sign, so below 0 some butterfly has a negative price; -inf
        where total variance is not positive or a wing is steeper than 2; NaN for NaN. [1]

    Notes
    -----
    ``g = (1 - k w'/(2 w))^2 - w'^2/4 (1/w + 1/4) + w''/2`` at 801 points, evenly spaced in the
    inverse sine hyperbolic of the distance from the hinge, together with Lee's bound
    ``b (1 + |rho|) <= 2`` on the wings.

    References
    ----------
    J. Gatheral and A. Jacquier, Quantitative Finance 14(1), 2014, section 2; R. Lee, The moment
    formula for implied volatility at extreme strikes, Mathematical Finance 14, 2004.

    Examples
    --------
    >>> butterfly_minimum(Svi(0.04, 0.1, -0.3, 0.0, 0.2)) > 0.0
    True
    >>> vogt = Svi(a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)
    >>> round(butterfly_minimum(vogt), 4)
    -0.0329
    """
    with np.errstate(all="ignore"):  # bad parameters turn into NaN or -inf
        return float(durrleman(checked_svi("svi", svi))[1].min())


def calendar_minimum(*, nearer: Svi | None, farther: Svi) -> float:
    """Least relative growth of total variance between two expiries: negative means arbitrage.

    Parameters
    ----------
    nearer : Svi or None
        None stands for expiry now: then nothing can be wrong.
    farther : Svi

    Returns
    -------
    float
        ``min(w_farther / w_nearer) - 1`` over the whole smile, infinite for no nearer slice, NaN
        for NaN. [1]

    Notes
    -----
    At fixed log-moneyness total variance may not fall with time: else the calendar spread of two
    options at the same moneyness has a negative price.  Taken at the points of `butterfly_minimum`
    for both slices.

    References
    ----------
    J. Gatheral and A. Jacquier, Quantitative Finance 14(1), 2014, section 2.

    Examples
    --------
    >>> near, far = Svi(0.04, 0.1, -0.3, 0.0, 0.2), Svi(0.05, 0.1, -0.3, 0.0, 0.2)
    >>> calendar_minimum(nearer=near, farther=far) > 0.0
    True
    >>> calendar_minimum(nearer=far, farther=near) > 0.0
    False
    """
    after = checked_svi("farther", farther)
    if nearer is None:
        return float("inf")
    with np.errstate(all="ignore"):
        return float(growth(checked_svi("nearer", nearer), after)[1].min())
