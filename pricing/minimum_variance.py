"""The delta that leaves the least variance: Hull and White's correction, and its fit on changes."""

from typing import NamedTuple

import numpy as np

from pricing._batch import together
from pricing.conventions import FloatArray, FloatLike
from pricing.sticky import DeltaRule, SmileDelta

__all__ = ["MinimumVariance", "fit_minimum_variance", "minimum_variance_delta"]

_CHANGES_MIN = 10  # for three coefficients


class MinimumVariance(NamedTuple):
    """The quadratic by which vol answers to a move of the underlying.

    Attributes
    ----------
    a, b, c : float
        Coefficients of 1, delta and delta^2; NaN with too few changes. [1]
    gain : float
        Share of the squared hedging error of the given delta that the fit removes, in the sample.
        [1]
    changes : int
        Observations that were used.

    Examples
    --------
    >>> MinimumVariance._fields
    ('a', 'b', 'c', 'gain', 'changes')
    """

    a: float
    b: float
    c: float
    gain: float
    changes: int


def minimum_variance_delta(
    *,
    delta: FloatLike,
    vega: FloatLike,
    spot: FloatLike,
    time_to_expiry: FloatLike,
    fitted: MinimumVariance,
) -> SmileDelta:
    """Delta with the fitted answer of vol to the underlying.

    Parameters
    ----------
    delta, vega : (...) float64
        At fixed vol, vega per 1.00 of vol. [1, quote currency]
    spot : (...) float64
        The underlying that delta is taken by: the forward with `pricing.black`. [quote currency]
    time_to_expiry : (...) float64
        [years]
    fitted : MinimumVariance
        Calls and puts have fits of their own.

    Returns
    -------
    SmileDelta
        NaN where spot or time is not positive.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``Delta + vega / (S sqrt(t)) (a + b Delta + c Delta^2)``.

    References
    ----------
    J. Hull and A. White, Optimal delta hedging for options, Journal of Banking & Finance 82, 2017.

    Examples
    --------
    >>> fitted = MinimumVariance(a=-0.25, b=0.0, c=0.0, gain=0.2, changes=1000)
    >>> delta = minimum_variance_delta(delta=0.5, vega=20.0, spot=100.0, time_to_expiry=0.25,
    ...                                fitted=fitted)
    >>> float(delta.value)
    0.4
    """
    if not isinstance(fitted, MinimumVariance):
        raise TypeError(f"fitted: a MinimumVariance wanted, got {type(fitted).__name__}")
    units, by_vol, asset, time = together(
        delta=delta, vega=vega, spot=spot, time_to_expiry=time_to_expiry
    )
    with np.errstate(all="ignore"):  # bad elements give NaN, in silence
        answer = fitted.a + units * (fitted.b + units * fitted.c)
        per = np.where((asset > 0.0) & (time > 0.0), by_vol / (asset * np.sqrt(time)), np.nan)
        return SmileDelta(np.asarray(units + per * answer), DeltaRule.MINIMUM_VARIANCE)


def fit_minimum_variance(
    *,
    delta: FloatLike,
    vega: FloatLike,
    spot: FloatLike,
    time_to_expiry: FloatLike,
    spot_change: FloatLike,
    price_change: FloatLike,
) -> MinimumVariance:
    """The three coefficients, by least squares on changes of options and of their underlying.

    Parameters
    ----------
    delta, vega, spot, time_to_expiry : (changes,) float64
        At the start of each change, as for `minimum_variance_delta`.
    spot_change, price_change : (changes,) float64
        Of the underlying and of the option over the same stretch. [quote currency]

    Returns
    -------
    MinimumVariance
        Changes with a number, or a square of a term, that is not finite, or without time or spot,
        are left out; NaN coefficients with fewer than 10 changes left.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    Least squares without a constant of ``dV - Delta dS`` on
    ``(vega / sqrt(t)) (dS / S) (1, Delta, Delta^2)``; the residual is the hedging error, so the
    fit is the hedge of least variance within the family.  Theta is left in the residual, as in the
    paper: use changes over a day or less.

    References
    ----------
    J. Hull and A. White, Optimal delta hedging for options, Journal of Banking & Finance 82, 2017.

    Examples
    --------
    >>> delta = np.linspace(0.1, 0.9, 11)
    >>> vega, move = np.full(11, 20.0), np.full(11, 2.0)
    >>> change = delta * move + vega / 0.5 * 0.02 * (-0.2 + 0.1 * delta)
    >>> fitted = fit_minimum_variance(delta=delta, vega=vega, spot=100.0, time_to_expiry=0.25,
    ...                               spot_change=move, price_change=change)
    >>> round(fitted.a, 6), round(fitted.b, 6), round(fitted.gain, 6)
    (-0.2, 0.1, 1.0)
    """
    arrays = np.broadcast_arrays(
        *together(
            delta=delta,
            vega=vega,
            spot=spot,
            time_to_expiry=time_to_expiry,
            spot_change=spot_change,
            price_change=price_change,
        )
    )
    units, by_vol, asset, time, moved, gained = arrays
    if units.ndim != 1:
        raise ValueError(f"changes: one dimension wanted, got shape {units.shape}")
    with np.errstate(all="ignore"):  # what is absurd is left out
        error: FloatArray = gained - units * moved
        scale = by_vol / np.sqrt(time) * (moved / asset)
        columns = scale[:, None] * np.stack([np.ones_like(units), units, units * units], axis=1)
        square = np.square(columns).sum(axis=1) + error * error
        good = np.isfinite(arrays).all(axis=0) & (asset > 0.0) & (time > 0.0) & np.isfinite(square)
        return _fitted(columns[good], error[good])


def _fitted(columns: FloatArray, error: FloatArray) -> MinimumVariance:
    """Least squares of the errors on the columns."""
    changes = error.size
    if changes < _CHANGES_MIN:
        nan = float("nan")
        return MinimumVariance(nan, nan, nan, nan, changes)
    found = np.linalg.lstsq(columns, error, rcond=None)[0]
    a, b, c = found.tolist()
    before, left = float(error @ error), error - columns @ found
    gain = 1.0 - float(left @ left) / before if before > 0.0 else 0.0
    return MinimumVariance(a, b, c, gain, changes)
