"""Realised vol of a run of price bars, by five estimators.

Each takes vectors of bars and gives one number, or with `window` the number of every trailing
window, so that what stands at a place knows no bar after it.  A window with a bar that is missing,
not positive, or whose high and low do not enclose its other prices, has no vol: NaN.

Estimators that use high and low see less than the true range, because prices are sampled: at 720
samples a bar Parkinson, Garman-Klass and Rogers-Satchell give .951, .930 and .929 of the variance.
"""

import numpy as np

from pricing._bars import annualised, log_bars, windows
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "close_to_close_vol",
    "garman_klass_vol",
    "parkinson_vol",
    "rogers_satchell_vol",
    "yang_zhang_vol",
]


def close_to_close_vol(
    *, close: FloatLike, periods_per_year: float, window: int | None = None
) -> FloatArray:
    """Annualised standard deviation of log returns.

    Parameters
    ----------
    close : (bars,) float64
        At equal distances in time. [quote currency]
    periods_per_year : float
        Bars a year. [1 / year]
    window : int, optional
        Returns in each trailing window, 2 or more; all of them as one without it.

    Returns
    -------
    () or (bars,) float64
        NaN with too few bars, and where a price of the window is missing or not positive. [1 / year
        under the root]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``sqrt(A / (n - 1) sum (r - mean r)^2)``.

    Examples
    --------
    >>> float(close_to_close_vol(close=[100.0, 101.0, 100.0, 101.0], periods_per_year=365).round(4))
    0.2195
    """
    log = log_bars(close=close)["close"]
    returns = np.diff(log)
    variance = windows(returns, window, 2).var(axis=-1, ddof=1)
    return annualised(variance, log.size, periods_per_year, window)


def parkinson_vol(
    *, high: FloatLike, low: FloatLike, periods_per_year: float, window: int | None = None
) -> FloatArray:
    """Annualised vol from the ranges of bars, for prices without drift.

    Parameters
    ----------
    high, low : (bars,) float64
        [quote currency]
    periods_per_year, window
        As in `close_to_close_vol`; a window may be 1 bar.

    Returns
    -------
    () or (bars,) float64
        As in `close_to_close_vol`.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``A / n sum log(H / L)^2 / (4 log 2)`` is the variance: 5 times as efficient as close to close.

    References
    ----------
    M. Parkinson, The extreme value method for estimating the variance of the rate of return,
    Journal of Business 53, 1980.

    Examples
    --------
    >>> float(parkinson_vol(high=[102.0, 103.0], low=[99.0, 100.0], periods_per_year=365).round(4))
    0.3408
    """
    log = log_bars(high=high, low=low)
    terms = (log["high"] - log["low"]) ** 2 / (4.0 * np.log(2.0))
    return annualised(windows(terms, window, 1).mean(axis=-1), terms.size, periods_per_year, window)


def garman_klass_vol(
    *,
    open: FloatLike,  # noqa: A002, it is what the price is called
    high: FloatLike,
    low: FloatLike,
    close: FloatLike,
    periods_per_year: float,
    window: int | None = None,
) -> FloatArray:
    """Annualised vol from range and body of bars, for prices without drift and without gaps.

    Parameters
    ----------
    open, high, low, close : (bars,) float64
        [quote currency]
    periods_per_year, window
        As in `parkinson_vol`.

    Returns
    -------
    () or (bars,) float64
        As in `close_to_close_vol`.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``A / n sum [log(H / L)^2 / 2 - (2 log 2 - 1) log(C / O)^2]`` is the variance: 7 times as
    efficient as close to close.

    References
    ----------
    M. Garman and M. Klass, On the estimation of security price volatilities from historical data,
    Journal of Business 53, 1980.

    Examples
    --------
    >>> bars = {"open": [100.0, 101.0], "high": [102.0, 103.0], "low": [99.0, 100.0]}
    >>> float(garman_klass_vol(**bars, close=[101.0, 102.0], periods_per_year=365).round(4))
    0.3837
    """
    log = log_bars(open=open, high=high, low=low, close=close)
    body = log["close"] - log["open"]
    terms = 0.5 * (log["high"] - log["low"]) ** 2 - (2.0 * np.log(2.0) - 1.0) * body**2
    return annualised(windows(terms, window, 1).mean(axis=-1), terms.size, periods_per_year, window)


def rogers_satchell_vol(
    *,
    open: FloatLike,  # noqa: A002
    high: FloatLike,
    low: FloatLike,
    close: FloatLike,
    periods_per_year: float,
    window: int | None = None,
) -> FloatArray:
    """Annualised vol from bars, whatever their drift; gaps between them are not seen.

    Parameters
    ----------
    open, high, low, close : (bars,) float64
        [quote currency]
    periods_per_year, window
        As in `parkinson_vol`.

    Returns
    -------
    () or (bars,) float64
        As in `close_to_close_vol`.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``A / n sum [log(H / C) log(H / O) + log(L / C) log(L / O)]`` is the variance.

    References
    ----------
    L. C. G. Rogers and S. E. Satchell, Estimating variance from high, low and closing prices,
    Annals of Applied Probability 1, 1991.

    Examples
    --------
    >>> bars = {"open": [100.0, 101.0], "high": [102.0, 103.0], "low": [99.0, 100.0]}
    >>> float(rogers_satchell_vol(**bars, close=[101.0, 102.0], periods_per_year=365).round(4))
    0.3784
    """
    log = log_bars(open=open, high=high, low=low, close=close)
    terms = _rogers_satchell(log)
    return annualised(windows(terms, window, 1).mean(axis=-1), terms.size, periods_per_year, window)


def _rogers_satchell(log: dict[str, FloatArray]) -> FloatArray:
    first, high, low, last = log["open"], log["high"], log["low"], log["close"]
    return (high - last) * (high - first) + (low - last) * (low - first)


def yang_zhang_vol(
    *,
    open: FloatLike,  # noqa: A002
    high: FloatLike,
    low: FloatLike,
    close: FloatLike,
    periods_per_year: float,
    window: int | None = None,
) -> FloatArray:
    """Annualised vol from bars with gaps between them, whatever their drift.

    Parameters
    ----------
    open, high, low, close : (bars,) float64
        [quote currency]
    periods_per_year, window
        As in `close_to_close_vol`: a window has n gaps, so n + 1 bars, of which the first gives
        only its close.

    Returns
    -------
    () or (bars,) float64
        As in `close_to_close_vol`.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``V_gap + k V_body + (1 - k) V_RS`` with the sample variances of ``log(O_i / C_{i-1})`` and
    ``log(C_i / O_i)``, the mean of Rogers and Satchell's terms, and
    ``k = 0.34 / (1.34 + (n + 1) / (n - 1))``, which leaves the least variance.

    References
    ----------
    D. Yang and Q. Zhang, Drift-independent volatility estimation based on high, low, open, and
    close prices, Journal of Business 73, 2000.

    Examples
    --------
    >>> bars = {"open": [100, 101, 102], "high": [102, 103, 103], "low": [99, 100, 101]}
    >>> float(yang_zhang_vol(**bars, close=[101, 102, 101.5], periods_per_year=365).round(4))
    0.3173
    """
    log = log_bars(open=open, high=high, low=low, close=close)
    gaps = windows(log["open"][1:] - log["close"][:-1], window, 2)
    bodies = windows((log["close"] - log["open"])[1:], window, 2)
    ranges = windows(_rogers_satchell(log)[1:], window, 2)
    n = gaps.shape[-1]
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    variance = gaps.var(axis=-1, ddof=1) + k * bodies.var(axis=-1, ddof=1)
    variance += (1.0 - k) * ranges.mean(axis=-1)
    return annualised(variance, log["close"].size, periods_per_year, window)
