"""One expiry: total variance as SVI or SSVI, and its vol.

Log-moneyness is ``k = log(strike / forward)``, total variance ``w = vol^2 t``.  Checks for
arbitrage are in `pricing.arbitrage`, fits to quotes in `pricing.calibration`, several expiries in
`pricing.surface`.
"""

from typing import NamedTuple

import numpy as np

from pricing._batch import together
from pricing.conventions import FloatArray, FloatLike

__all__ = ["SmileVol", "Ssvi", "Svi", "svi_vol", "total_variance", "variance_slopes"]


class Svi(NamedTuple):
    """Raw SVI: total variance as a hyperbola of log-moneyness.

    Attributes
    ----------
    a : float
        Level. [1]
    b : float
        Mean slope of the two wings. [1]
    rho : float
        Tilt, within (-1, 1). [1]
    m : float
        Log-moneyness of the hinge. [1]
    sigma : float
        Width of the hinge in log-moneyness, positive. [1]

    Notes
    -----
    ``w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2))``; all parameters belong to one time.

    References
    ----------
    J. Gatheral, A parsimonious arbitrage-free implied volatility parameterization, Global
    Derivatives 2004.

    Examples
    --------
    >>> Svi(a=0.04, b=0.1, rho=-0.3, m=0.0, sigma=0.2)
    Svi(a=0.04, b=0.1, rho=-0.3, m=0.0, sigma=0.2)
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float


class Ssvi(NamedTuple):
    """One slice of SSVI, or of eSSVI where rho differs between expiries.

    Attributes
    ----------
    theta : float
        Total variance at the money, positive. [1]
    rho : float
        Tilt, within (-1, 1). [1]
    psi : float
        theta phi(theta) of the paper: twice the mean slope of the wings, positive. [1]

    Notes
    -----
    ``w(k) = (theta + rho psi k + sqrt((psi k)^2 + 2 rho psi theta k + theta^2)) / 2``.  Without
    butterfly arbitrage where ``psi (1 + |rho|) < 4`` and ``psi^2 (1 + |rho|) <= 4 theta``.  A
    farther slice 2 has no calendar arbitrage against slice 1 where theta2 >= theta1,
    ``psi2 >= psi1 max((1 + rho1)/(1 + rho2), (1 - rho1)/(1 - rho2))`` and
    ``psi2/theta2 <= psi1/theta1`` (sufficient).

    References
    ----------
    J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance
    14(1), 2014; S. Hendriks and C. Martini, The extended SSVI volatility surface, Journal of
    Computational Finance 22(5), 2019.

    Examples
    --------
    >>> Ssvi(theta=0.04, rho=-0.3, psi=0.2).svi().b
    0.1
    """

    theta: float
    rho: float
    psi: float

    def svi(self) -> Svi:
        """The same slice as raw SVI."""
        theta, rho, psi = self
        root = float(np.sqrt(1.0 - rho * rho))
        return Svi(
            a=0.5 * theta * root * root,
            b=0.5 * psi,
            rho=rho,
            m=-rho * theta / psi,
            sigma=root * theta / psi,
        )


class SmileVol(NamedTuple):
    """Vol on a smile and its derivatives by log-moneyness.

    Attributes
    ----------
    vol : (...) float64
        [1 / sqrt(year)]
    skew : (...) float64
        First derivative. [1 / sqrt(year)]
    curvature : (...) float64
        Second derivative. [1 / sqrt(year)]

    Examples
    --------
    >>> SmileVol._fields
    ('vol', 'skew', 'curvature')
    """

    vol: FloatArray
    skew: FloatArray
    curvature: FloatArray


def total_variance(svi: Svi, k: FloatArray) -> FloatArray:
    """Total variance at log-moneyness k.

    Examples
    --------
    >>> float(total_variance(Svi(0.0, 0.5, 0.0, 0.0, 1.0), np.array(0.0)))
    0.5
    """
    a, b, rho, m, sigma = svi
    d = k - m
    return np.asarray(a + b * (rho * d + np.sqrt(d * d + sigma * sigma)))


def variance_slopes(svi: Svi, k: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First and second derivative of total variance at log-moneyness k.

    Examples
    --------
    >>> [float(x) for x in variance_slopes(Svi(0.0, 0.5, 0.0, 0.0, 1.0), np.array(0.0))]
    [0.0, 0.5]
    """
    _, b, rho, m, sigma = svi
    d = k - m
    root = np.sqrt(d * d + sigma * sigma)
    return b * (rho + d / root), b * sigma * sigma / (root * root * root)


def checked_svi(name: str, value: object) -> Svi:
    """`value` when it is an `Svi`, else one clear TypeError.

    Examples
    --------
    >>> checked_svi("svi", Svi(0.04, 0.1, 0.0, 0.0, 0.2)).a
    0.04
    """
    if not isinstance(value, Svi):
        raise TypeError(f"{name}: an Svi wanted, got {type(value).__name__}")
    return value


def svi_vol(*, svi: Svi, log_moneyness: FloatLike, time_to_expiry: FloatLike) -> SmileVol:
    """Vol, skew and curvature of one SVI slice.

    Parameters
    ----------
    svi : Svi
    log_moneyness : (...) float64
        log(strike / forward). [1]
    time_to_expiry : (...) float64
        The time that the slice belongs to. [years]

    Returns
    -------
    SmileVol
        Fields of the broadcast shape; NaN for NaN, for an infinite moneyness, where the time is
        not positive and finite, and where the slice has no positive variance.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``vol = sqrt(w/t)``, ``skew = w' / (2 vol t)``, ``curvature = (w''/(2 t) - skew^2) / vol``.

    Examples
    --------
    >>> smile = svi_vol(svi=Svi(0.0, 0.1, -0.3, 0.0, 0.4), log_moneyness=[-0.1, 0.0, 0.1],
    ...                 time_to_expiry=0.25)
    >>> smile.vol.round(4)
    array([0.4206, 0.4   , 0.3911])
    """
    k, time = np.broadcast_arrays(
        *together(log_moneyness=log_moneyness, time_to_expiry=time_to_expiry)
    )
    with np.errstate(all="ignore"):  # bad elements turn into NaN below, in silence
        w, (slope, bend) = total_variance(checked_svi("svi", svi), k), variance_slopes(svi, k)
        good = np.isfinite(k) & (time > 0.0) & (time < np.inf) & (w > 0.0)
        per_time = np.where(good, 1.0 / time, np.nan)
        vol = np.sqrt(w * per_time)
        skew = 0.5 * slope * per_time / vol
        return SmileVol(vol, skew, (0.5 * bend * per_time - skew * skew) / vol)
