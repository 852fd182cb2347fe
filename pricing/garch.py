"""GARCH(1, 1): fitted by the package `arch` (extra `forecast`), carried forward here."""

from typing import NamedTuple

import numpy as np

from pricing._arguments import count
from pricing._bars import vector
from pricing.conventions import FloatArray, FloatLike

__all__ = ["Garch", "fit_garch", "garch_forecast", "rolling_garch"]

_RETURNS_MIN = 50


class Garch(NamedTuple):
    """A fitted model of the variance of returns with mean zero.

    Attributes
    ----------
    omega : float
        NaN, like the others, where the fit did not converge. [1 / period]
    alpha, beta : float
        Weights of the last squared return and the last variance. [1]
    start : float
        Variance before the first return of the fit. [1 / period]

    Examples
    --------
    >>> Garch._fields
    ('omega', 'alpha', 'beta', 'start')
    """

    omega: float
    alpha: float
    beta: float
    start: float


def fit_garch(*, returns: FloatLike) -> Garch:
    """Maximum-likelihood fit to log returns, with normal innovations.

    Parameters
    ----------
    returns : (periods,) float64
        Log returns; missing ones are left out. [1]

    Returns
    -------
    Garch
        NaN with fewer than 50 returns, with constant ones, or without convergence.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.
    ImportError
        Without the extra `forecast`.

    Notes
    -----
    ``V_{t+1} = omega + alpha r_t^2 + beta V_t``.

    References
    ----------
    T. Bollerslev, Generalized autoregressive conditional heteroskedasticity, Journal of
    Econometrics 31, 1986.

    Examples
    --------
    >>> fit_garch(returns=[0.01, -0.02])
    Garch(omega=nan, alpha=nan, beta=nan, start=nan)
    """
    given = vector("returns", returns)
    known = given[np.isfinite(given)]
    nothing = Garch(np.nan, np.nan, np.nan, np.nan)
    if known.size < _RETURNS_MIN or not np.isfinite(np.var(known)) or np.var(known) == 0.0:
        return nothing
    try:
        from arch import arch_model  # an extra, and slow to import
    except ImportError as error:
        raise ImportError("GARCH needs the package arch: install the extra `forecast`") from error
    unit = 1.0 / float(np.std(known))  # the optimiser wants returns of the order of 1
    model = arch_model(known * unit, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    found = model.fit(disp="off", show_warning=False)
    if found.convergence_flag != 0:
        return nothing
    omega, alpha, beta = (float(found.params[name]) for name in ("omega", "alpha[1]", "beta[1]"))
    start = float(found.conditional_volatility[0]) ** 2
    return Garch(omega / unit**2, alpha, beta, start / unit**2)


def garch_forecast(*, returns: FloatLike, fitted: Garch) -> FloatArray:
    """What a fitted model expects of the variance of the next period, at each period.

    Parameters
    ----------
    returns : (periods,) float64
        Log returns; in place of a missing one stands what was expected of it. [1]
    fitted : Garch
        From `fit_garch`.

    Returns
    -------
    (periods,) float64
        NaN where the fit is. [1 / period]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Examples
    --------
    >>> garch_forecast(returns=[0.1, 0.2], fitted=Garch(0.005, 0.25, 0.5, 0.02)).round(6)
    array([0.0175 , 0.02375])
    """
    if not isinstance(fitted, Garch):
        raise TypeError(f"fitted: a Garch wanted, got {type(fitted).__name__}")
    known = vector("returns", returns)
    forecast = np.empty(known.size)
    variance = fitted.start
    with np.errstate(over="ignore"):
        squares = np.where(np.isfinite(known), known, np.nan) ** 2
    for place, square in enumerate(squares.tolist()):
        seen = square if np.isfinite(square) else variance
        variance = fitted.omega + fitted.alpha * seen + fitted.beta * variance
        forecast[place] = variance
    return forecast


def rolling_garch(*, returns: FloatLike, window: int, refit: int = 1) -> FloatArray:
    """Forecasts of models that are fitted anew on a trailing window: out of sample.

    Parameters
    ----------
    returns : (periods,) float64
        Log returns. [1]
    window : int
        Returns of each fit, 50 or more.
    refit : int
        Periods that a fit is kept for.

    Returns
    -------
    (periods,) float64
        For the next period; NaN before the first window is full. [1 / period]

    Raises
    ------
    TypeError, ValueError, ImportError
        As `fit_garch`.

    Examples
    --------
    >>> rolling_garch(returns=[0.01, -0.02], window=50)
    array([nan, nan])
    """
    known = vector("returns", returns)
    window, refit = count("window", window, _RETURNS_MIN), count("refit", refit, 1)
    forecast = np.full(known.size, np.nan)
    for end in range(window, known.size + 1, refit):
        first, stop = end - window, min(end - 1 + refit, known.size)
        fitted = fit_garch(returns=known[first:end])
        forecast[end - 1 : stop] = garch_forecast(returns=known[first:stop], fitted=fitted)[
            window - 1 :
        ]
    return forecast
