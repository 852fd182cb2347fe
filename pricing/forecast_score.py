"""How far off forecasts of variance were, beside each other on the same periods."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pricing._bars import realised_variance, vector
from pricing._batch import together
from pricing.conventions import FloatArray, FloatLike

__all__ = ["ForecastScore", "qlike", "score_forecasts"]


def qlike(*, variance: FloatLike, forecast: FloatLike) -> FloatArray:
    """The loss of a forecast of variance: 0 where it was right, and worse for too little.

    Parameters
    ----------
    variance, forecast : (...) float64
        Realised and forecast for the same period. [1 / period]

    Returns
    -------
    (...) float64
        NaN where one of them is missing or not positive. [1]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``v / f - log(v / f) - 1``: ranks forecasts rightly though realised variance is a noisy measure.

    References
    ----------
    A. J. Patton, Volatility forecast comparison using imperfect volatility proxies, Journal of
    Econometrics 160, 2011.

    Examples
    --------
    >>> qlike(variance=[1.0, 2.0, 0.5], forecast=1.0).round(4)
    array([0.    , 0.3069, 0.1931])
    """
    realised, expected = together(variance=variance, forecast=forecast)
    with np.errstate(all="ignore"):
        ratio = realised / expected
        loss = ratio - np.log(ratio) - 1.0
    known = (realised > 0.0) & (expected > 0.0) & np.isfinite(loss)
    return np.where(known, loss, np.nan)[()]


_LOSS_MAX = 1e100  # a forecast so near 0 is as good as none


class ForecastScore(NamedTuple):
    """How one forecast did, beside the first one, on the same periods.

    Attributes
    ----------
    name : str
        As given.
    qlike : float
        Mean loss. [1]
    difference, standard_error : float
        Mean of the loss less that of the first forecast, and its standard error; autocorrelation of
        losses is not in it. [1]
    periods : int
        In which every forecast and the realised variance were known.

    Examples
    --------
    >>> ForecastScore._fields
    ('name', 'qlike', 'difference', 'standard_error', 'periods')
    """

    name: str
    qlike: float
    difference: float
    standard_error: float
    periods: int


def score_forecasts(
    *, variance: FloatLike, forecasts: Mapping[str, FloatLike]
) -> tuple[ForecastScore, ...]:
    """Mean QLIKE of forecasts beside each other, on the periods that all of them know.

    Parameters
    ----------
    variance : (periods,) float64
        Realised. [1 / period]
    forecasts : mapping of name to (periods,) float64
        Each for the period after the one it stands at, as `pricing.forecast` makes them.
        [1 / period]

    Returns
    -------
    tuple of ForecastScore
        In the order given; NaN where no period is known to all.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Examples
    --------
    >>> two = {"right": [1.0, 2.0, 1.0], "flat": [1.5, 1.5, 1.5]}
    >>> [(s.name, round(s.qlike, 4)) for s in score_forecasts(variance=[2, 1, 2], forecasts=two)]
    [('right', 0.0), ('flat', 0.0589)]
    """
    known = realised_variance(variance)
    if not isinstance(forecasts, Mapping):
        raise TypeError(f"forecasts: a mapping wanted, got {type(forecasts).__name__}")
    losses = []
    for name, values in forecasts.items():
        made = vector(f"forecasts[{name!r}]", values)
        if made.size != known.size:
            raise ValueError(f"forecasts[{name!r}]: {known.size} periods wanted, got {made.size}")
        losses.append(qlike(variance=known[1:], forecast=made[:-1]))
    if not losses:
        raise ValueError("forecasts: at least one wanted, got none")
    table = np.stack(losses)
    table = table[:, (table < _LOSS_MAX).all(axis=0)]
    periods = table.shape[1]
    scores = []
    for name, row in zip(forecasts, table, strict=True):
        apart = row - table[0]
        error = apart.std(ddof=1) / np.sqrt(periods) if periods > 1 else np.nan
        means = (row.mean(), apart.mean()) if periods else (np.nan, np.nan)
        scores.append(ForecastScore(name, float(means[0]), float(means[1]), float(error), periods))
    return tuple(scores)
