"""Forecasts of variance from what was realised.

All work on one series of realised variances, one for each period of any one length: sums of squared
returns within it, or squares of an estimator of `pricing.realised`.  A forecast stands at the
period at whose end it is made, and is for the next one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pricing._arguments import count, fraction
from pricing._bars import realised_variance, windows
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "Har",
    "ewma_forecast",
    "fit_har",
    "har_forecast",
    "rolling_har",
]

CORSI_LAGS = (1, 5, 22)  # a day, a week and a month of a market that rests at weekends


def ewma_forecast(*, variance: FloatLike, decay: float = 0.94, seed: int = 30) -> FloatArray:
    """Exponentially weighted mean of realised variances.

    Parameters
    ----------
    variance : (periods,) float64
        Realised in each period, say squared returns. [1 / period]
    decay : float
        Weight of the value before, between 0 and 1. [1]
    seed : int
        The recursion begins at the mean of the first so many.

    Returns
    -------
    (periods,) float64
        For the next period; NaN before the seed is complete. A missing variance leaves it as it
        was. [1 / period]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``V <- d V + (1 - d) v``.

    References
    ----------
    J. P. Morgan, RiskMetrics technical document, 4th edition, 1996.

    Examples
    --------
    >>> ewma_forecast(variance=[1.0, 3.0, 7.0], decay=0.5, seed=2)
    array([nan, 2. , 4.5])
    """
    known = realised_variance(variance)
    kept, seed = fraction("decay", decay), count("seed", seed, 1)
    forecast = np.full(known.size, np.nan)
    first = known[:seed][np.isfinite(known[:seed])]
    if known.size < seed or not first.size:
        return forecast
    value = float(first.mean())
    for place in range(seed - 1, known.size):
        if place >= seed and np.isfinite(known[place]):
            value = kept * value + (1.0 - kept) * known[place]
        forecast[place] = value
    return forecast


class Har(NamedTuple):
    """A fitted heterogeneous autoregression of realised variance.

    Attributes
    ----------
    intercept : float
        NaN, like the weights, with too few periods. [1 / period]
    weights : tuple of float
        Of the mean variance over each number of past periods. [1]
    lags : tuple of int
        Those numbers.
    lowest, highest, mean : float
        Of the variances that the fit has seen. [1 / period]
    periods : int
        Observations that were used.

    Examples
    --------
    >>> Har._fields
    ('intercept', 'weights', 'lags', 'lowest', 'highest', 'mean', 'periods')
    """

    intercept: float
    weights: tuple[float, ...]
    lags: tuple[int, ...]
    lowest: float
    highest: float
    mean: float
    periods: int


def fit_har(*, variance: FloatLike, lags: Sequence[int] = CORSI_LAGS) -> Har:
    """Least-squares fit of the next period's variance on its means over several horizons.

    Parameters
    ----------
    variance : (periods,) float64
        Realised in each; a period with a missing one among what explains it is left out.
        [1 / period]
    lags : sequence of int
        Periods in each mean: Corsi's day, week and month; (1, 7, 30) where markets never rest.

    Returns
    -------
    Har
        NaN where fewer than twice as many periods as coefficients remain, or where the means are
        dependent.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``V_{t+1} = b_0 + sum b_l mean(V_{t-l+1} ... V_t)``, ordinary least squares.

    References
    ----------
    F. Corsi, A simple approximate long-memory model of realized volatility, Journal of Financial
    Econometrics 7, 2009.

    Examples
    --------
    >>> fitted = fit_har(variance=[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], lags=[1])
    >>> round(fitted.intercept, 9), round(fitted.weights[0], 9)
    (3.0, -1.0)
    """
    known, spans = realised_variance(variance), _lags(lags)
    rows = _means(known, spans)[:-1]
    target = known[1:]
    kept = np.isfinite(target) & np.isfinite(rows).all(axis=1)
    nothing = Har(np.nan, (np.nan,) * len(spans), spans, np.nan, np.nan, np.nan, int(kept.sum()))
    if kept.sum() < 2 * (len(spans) + 1):
        return nothing
    matrix = np.column_stack([np.ones(int(kept.sum())), rows[kept]])
    found, _, rank, _ = np.linalg.lstsq(matrix, target[kept], rcond=None)
    if rank < matrix.shape[1]:
        return nothing
    seen = target[kept]
    weights = tuple(map(float, found[1:]))
    range_and_mean = (float(seen.min()), float(seen.max()), float(seen.mean()))
    return Har(float(found[0]), weights, spans, *range_and_mean, seen.size)


def har_forecast(*, variance: FloatLike, fitted: Har) -> FloatArray:
    """What a fitted autoregression expects of the next period, at each period.

    Parameters
    ----------
    variance : (periods,) float64
        [1 / period]
    fitted : Har
        From `fit_har`.

    Returns
    -------
    (periods,) float64
        NaN where one of the variances in its longest mean is missing. [1 / period]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    A line fitted to skewed numbers can expect next to nothing, or less. In place of an expectation
    below the least or above the greatest variance of the fit stands their mean, as is usual.

    References
    ----------
    T. Bollerslev, A. J. Patton and R. Quaedvlieg, Exploiting the errors: a simple approach for
    improved volatility forecasting, Journal of Econometrics 192, 2016 (the filter).

    Examples
    --------
    >>> fitted = Har(0.5, (0.25, 0.5), (1, 2), 1.0, 5.0, 2.0, 9)
    >>> har_forecast(variance=[1.0, 2.0, 4.0], fitted=fitted)
    array([ nan, 1.75, 3.  ])
    """
    if not isinstance(fitted, Har):
        raise TypeError(f"fitted: a Har wanted, got {type(fitted).__name__}")
    with np.errstate(all="ignore"):
        expected = (
            fitted.intercept + _means(realised_variance(variance), fitted.lags) @ fitted.weights
        )
    outside = (expected < fitted.lowest) | (expected > fitted.highest)
    return np.where(outside, fitted.mean, expected)


def har_ahead(*, variance: FloatLike, fitted: Har, periods: int) -> float:
    """Mean variance that a fitted autoregression expects of the next so many periods.

    Parameters
    ----------
    variance : (periods,) float64
        [1 / period]
    fitted : Har
        From `fit_har`.
    periods : int
        How far to look, one period on what is expected of those before it.

    Returns
    -------
    float
        NaN where one of the variances in its longest mean is missing. [1 / period]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    The filter of `har_forecast` holds at each step; for one period they agree.

    Examples
    --------
    >>> fitted = Har(0.5, (0.25, 0.5), (1, 2), 1.0, 5.0, 2.0, 9)
    >>> har_ahead(variance=[1.0, 2.0, 4.0], fitted=fitted, periods=2)
    3.0
    """
    if not isinstance(fitted, Har):
        raise TypeError(f"fitted: a Har wanted, got {type(fitted).__name__}")
    known, longest = realised_variance(variance), max(fitted.lags)
    periods = count("periods", periods, 1)
    if known.size < longest:
        return float("nan")
    path = known[-longest:].tolist()
    terms = list(zip(fitted.weights, fitted.lags, strict=True))
    for _ in range(periods):
        expected = fitted.intercept + sum(w * sum(path[-lag:]) / lag for w, lag in terms)
        outside = expected < fitted.lowest or expected > fitted.highest
        path.append(fitted.mean if outside else expected)
    return float(sum(path[longest:]) / periods)


def rolling_har(
    *, variance: FloatLike, window: int, refit: int = 1, lags: Sequence[int] = CORSI_LAGS
) -> FloatArray:
    """Forecasts of autoregressions that are fitted anew on a trailing window: out of sample.

    Parameters
    ----------
    variance : (periods,) float64
        [1 / period]
    window : int
        Periods of each fit.
    refit : int
        Periods that a fit is kept for.
    lags : sequence of int
        As in `fit_har`.

    Returns
    -------
    (periods,) float64
        For the next period; NaN before the first window is full. [1 / period]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Examples
    --------
    >>> alternating = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]
    >>> rolling_har(variance=alternating, window=6, lags=[1]).round(9)
    array([nan, nan, nan, nan, nan,  1.,  2.])
    """
    known, spans = realised_variance(variance), _lags(lags)
    window, refit = count("window", window, 2), count("refit", refit, 1)
    forecast = np.full(known.size, np.nan)
    for start in range(window, known.size + 1, refit):
        fitted = fit_har(variance=known[start - window : start], lags=spans)
        first = max(start - max(spans), 0)
        stop = min(start - 1 + refit, known.size)
        made = har_forecast(variance=known[first:stop], fitted=fitted)
        forecast[start - 1 : stop] = made[start - 1 - first :]
    return forecast


def _lags(lags: Sequence[int]) -> tuple[int, ...]:
    if isinstance(lags, str | bytes) or not isinstance(lags, Sequence) or not lags:
        raise TypeError(f"lags: a sequence of integers wanted, got {lags!r}")
    return tuple(count("lags", lag, 1) for lag in lags)


def _means(known: FloatArray, lags: tuple[int, ...]) -> FloatArray:
    """(periods, lags): means of the last so many, NaN before there are as many."""
    rows = np.full((known.size, len(lags)), np.nan)
    for column, lag in enumerate(lags):
        if lag <= known.size:
            rows[lag - 1 :, column] = windows(known, lag, 1).mean(axis=-1)
    return rows
