"""Smile-adjusted deltas: how far an option moves when its vol moves with the underlying.

Each rule is one assumption on what the smile does, so each gives another delta of the same option.
They come as `SmileDelta`, which knows its rule and does no arithmetic: one book uses one rule.
"""

import enum
from dataclasses import dataclass

import numpy as np

from pricing._batch import floats, together
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "DeltaRule",
    "SmileDelta",
    "skew_stickiness_delta",
    "sticky_delta_delta",
    "sticky_moneyness_delta",
    "sticky_strike_delta",
]

_INV_SQRT_2PI = 0.3989422804014327


class DeltaRule(enum.Enum):
    """What is held fixed when the underlying moves.

    Examples
    --------
    >>> DeltaRule.STICKY_STRIKE.value
    'sticky strike'
    """

    STICKY_STRIKE = "sticky strike"
    STICKY_MONEYNESS = "sticky moneyness"
    STICKY_DELTA = "sticky delta"
    SKEW_STICKINESS = "skew-stickiness ratio"
    MINIMUM_VARIANCE = "minimum variance"


@dataclass(frozen=True, slots=True, eq=False)
class SmileDelta:
    """Deltas under one rule; not a number, so that two rules are never added.

    Attributes
    ----------
    value : (...) float64
        In the units of the delta that was given. [1]
    rule : DeltaRule

    Examples
    --------
    >>> delta = sticky_strike_delta(delta=0.5)
    >>> float(delta.value), delta.rule.value
    (0.5, 'sticky strike')
    """

    value: FloatArray
    rule: DeltaRule


def _moved(
    delta: FloatArray, vega: FloatArray, vol_move: FloatArray, forward: FloatArray
) -> FloatArray:
    """Delta with the vol moving by `vol_move` for each unit of log forward."""
    with np.errstate(all="ignore"):  # bad elements give NaN, in silence
        return np.asarray(np.where(forward > 0.0, delta + vega * vol_move / forward, np.nan))


def sticky_strike_delta(*, delta: FloatLike) -> SmileDelta:
    """Each strike keeps its vol: Black's own delta.

    Parameters
    ----------
    delta : (...) float64
        Of `pricing.black`, or another delta at fixed vol. [1]

    Returns
    -------
    SmileDelta

    Notes
    -----
    ``Delta``: a skew-stickiness ratio of 1 at the money.

    References
    ----------
    E. Derman, Regimes of volatility, Risk 12(4), 1999.

    Examples
    --------
    >>> float(sticky_strike_delta(delta=0.4).value)
    0.4
    """
    return SmileDelta(floats("delta", delta), DeltaRule.STICKY_STRIKE)


def sticky_moneyness_delta(
    *, delta: FloatLike, vega: FloatLike, skew: FloatLike, forward: FloatLike
) -> SmileDelta:
    """Each strike over forward keeps its vol: the smile travels with the forward.

    Parameters
    ----------
    delta, vega : (...) float64
        Of `pricing.black`. [1, quote currency]
    skew : (...) float64
        Derivative of vol by log(strike / forward) at the option's strike. [1 / sqrt(year)]
    forward : (...) float64
        1 with the delta and vega of `pricing.inverse`, which are by log forward and in coin.
        [quote currency]

    Returns
    -------
    SmileDelta
        NaN where the forward is not positive.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``Delta + vega dvol/dF`` with ``dvol/dF = -(K/F) dvol/dK = -skew / F``; a skew-stickiness ratio
    of 0.

    References
    ----------
    C. Alexander and A. Imeraj, Delta hedging bitcoin options with a smile, Quantitative Finance
    23(5), 2023.

    Examples
    --------
    >>> delta = sticky_moneyness_delta(delta=0.5, vega=20.0, skew=-0.25, forward=100.0)
    >>> float(delta.value)
    0.55
    """
    units, by_vol, tilt, asset = together(delta=delta, vega=vega, skew=skew, forward=forward)
    return SmileDelta(_moved(units, by_vol, -tilt, asset), DeltaRule.STICKY_MONEYNESS)


def sticky_delta_delta(
    *,
    delta: FloatLike,
    vega: FloatLike,
    vol_by_delta: FloatLike,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
) -> SmileDelta:
    """Each Black delta keeps its vol: for smiles that are quoted by delta.

    Parameters
    ----------
    delta, vega : (...) float64
        Of `pricing.black`. [1, quote currency]
    vol_by_delta : (...) float64
        Derivative of the quoted smile by the call delta N(d1). [1 / sqrt(year)]
    forward, strike : (...) float64
        [quote currency]
    time_to_expiry : (...) float64
        [years]
    vol : (...) float64
        At the option's strike. [1 / sqrt(year)]

    Returns
    -------
    SmileDelta
        NaN where forward, strike, time or vol is not positive.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    A smile f by delta is a smile by moneyness in disguise, ``vol = f(N(d1(k, vol)))``, so the rule
    is `sticky_moneyness_delta` with::

        skew = -f' n(d1) / (vol sqrt(t)) / (1 + f' n(d1) d2 / vol)

    References
    ----------
    E. Derman, Regimes of volatility, Risk 12(4), 1999; D. Reiswich and U. Wystup, FX volatility
    smile construction, Wilmott 60, 2012.

    Examples
    --------
    >>> delta = sticky_delta_delta(delta=0.5, vega=20.0, vol_by_delta=0.0, forward=100.0,
    ...                            strike=100.0, time_to_expiry=0.25, vol=0.4)
    >>> float(delta.value)
    0.5
    """
    units, by_vol, slope, asset, money, time, sigma = together(
        delta=delta,
        vega=vega,
        vol_by_delta=vol_by_delta,
        forward=forward,
        strike=strike,
        time_to_expiry=time_to_expiry,
        vol=vol,
    )
    with np.errstate(all="ignore"):
        good = (asset > 0.0) & (money > 0.0) & (time > 0.0) & (sigma > 0.0)
        total = np.where(good, sigma * np.sqrt(time), np.nan)
        d1 = np.log(asset / money) / total + 0.5 * total
        rise = slope * _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
        skew = -rise / total / (1.0 + rise * (d1 - total) / sigma)
    return SmileDelta(_moved(units, by_vol, -skew, asset), DeltaRule.STICKY_DELTA)


def skew_stickiness_delta(
    *,
    delta: FloatLike,
    vega: FloatLike,
    skew: FloatLike,
    atm_skew: FloatLike,
    forward: FloatLike,
    ratio: FloatLike,
) -> SmileDelta:
    """The at-the-money vol moves by `ratio` times the skew, and the smile with it.

    Parameters
    ----------
    delta, vega : (...) float64
        Of `pricing.black`. [1, quote currency]
    skew : (...) float64
        Derivative of vol by log(strike / forward) at the option's strike. [1 / sqrt(year)]
    atm_skew : (...) float64
        The same at the money. [1 / sqrt(year)]
    forward : (...) float64
        1 with the delta and vega of `pricing.inverse`. [quote currency]
    ratio : (...) float64
        Bergomi's skew-stickiness ratio: 0 is sticky moneyness at every strike, 1 keeps the vol of
        the strike at the money, 2 is a local-vol model near expiry. [1]

    Returns
    -------
    SmileDelta
        NaN where the forward is not positive.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes.

    Notes
    -----
    ``R = (dvol_atm / dlog F) / atm_skew`` says how the vol at the money moves; the smile around it
    keeps its shape in moneyness, so ``Delta + vega (R atm_skew - skew) / F``.  With `skew` given
    for `atm_skew` too, every strike moves by ``(R - 1) skew``, and 1 is sticky strike everywhere.

    References
    ----------
    L. Bergomi, Smile dynamics IV, Risk, December 2009; L. Bergomi, Stochastic volatility modeling,
    2016, chapter 9.

    Examples
    --------
    >>> delta = skew_stickiness_delta(delta=0.5, vega=20.0, skew=-0.25, atm_skew=-0.25,
    ...                               forward=100.0, ratio=1.5)
    >>> float(delta.value)
    0.475
    """
    units, by_vol, tilt, atm_tilt, asset, stickiness = together(
        delta=delta, vega=vega, skew=skew, atm_skew=atm_skew, forward=forward, ratio=ratio
    )
    with np.errstate(all="ignore"):
        move = stickiness * atm_tilt - tilt
    return SmileDelta(_moved(units, by_vol, move, asset), DeltaRule.SKEW_STICKINESS)
