"""Arithmetic of an option on the mean of a few more samples, without branches (private).

Times are counted in averaging windows and vols per root of a window.  The mean of the samples to
come is a shifted lognormal that has its first three moments, to second order in the variance.
"""

import numpy as np

from pricing._kernel_cache import inlined
from pricing._option import SMALLEST, european, input_check
from pricing._vector_math import exp, log_ratio

__all__ = ["inverse_future", "inverse_option", "linear_future", "linear_option"]

_Six = tuple[float, float, float, float, float, float]
_LARGEST = 1e150
_DUE = 1e-6  # of a sampling interval: a sample due within it counts as taken
_VARIANCE_MAX = 1.0  # vol^2 window above which a shifted lognormal is no answer


@inlined
def _schedule(time: float, samples: float) -> tuple[float, float, float, float, float]:
    """What the samples still to come amount to; times in windows.

    Returns
    -------
    weight : float
        Their share of the mean.
    variance : float
        Of their mean, per vol^2, to first order.
    centre : float
        Their mean time: the covariance of their mean with the last of them, per vol^2.
    skew : float
        Third moment of their mean over a lognormal's, less 1.
    curve : float
        What the shifted lognormal's variance takes per vol^4.
    """
    live = 0.0 if time <= 0.0 else time
    inside = 1.0 if live > 1.0 else live
    discrete = samples < np.inf
    count = samples if discrete else 1.0
    left = np.ceil(inside * count - _DUE)
    left = 0.0 if left < 0.0 else left
    weight = left / count if discrete else inside
    step = 1.0 / (left if left > 1.0 else 1.0) if discrete else 0.0
    ahead = live - weight * (1.0 - step)  # to the next sample
    ahead = 0.0 if ahead < 0.0 else ahead
    variance = ahead + weight * (1.0 - step) * (2.0 - step) / 6.0
    centre = ahead + weight * (1.0 - step) / 2.0
    square = step * step
    spread = (weight * weight) * (1.0 - square)
    third = spread * (4.0 - square) / 180.0
    skew = third / variance / variance if variance > 0.0 else 0.0  # the square would underflow
    curve = spread * (2.0 + square) / 72.0 - third * (1.0 + 0.5 * skew)
    return weight, variance, centre, skew, curve


@inlined
def _known(
    weight: float, mean: float, vol: float, samples: float, check: float
) -> tuple[float, float]:
    """The mean's known part, and the verdict on all inputs: unknown where it counts is NaN."""
    whole = (samples >= 1.0) & (samples == np.floor(samples))
    seen = (weight == 1.0) | ((mean >= 0.0) & (mean <= _LARGEST))
    valid = whole & seen & (vol * vol <= _VARIANCE_MAX)
    known = 0.0 if weight == 1.0 else (1.0 - weight) * mean
    return known, check + (0.0 if valid else np.nan)


@inlined
def _mean_option(
    asset: float, strike: float, skew: float, total_vol: float, is_call: bool, check: float
) -> tuple[float, float, float, float, float]:
    """Option on a shifted lognormal: price, slope, ``+-N(+-d2)``, ``asset^2 price''``, density.

    The mean is ``asset (1 + (L - 1) / (1 + skew))`` with L lognormal of mean 1 and deviation
    `total_vol`.  A strike that it cannot fall below makes the option certain.
    """
    shifted = strike + skew * (strike - asset)
    sure = shifted <= SMALLEST
    money = 0.0 if sure else shifted
    price, units, owed, density, per_total_vol, _ = european(
        asset, money, log_ratio(asset, SMALLEST if sure else money), total_vol, is_call, check
    )
    per_money = 1.0 / (SMALLEST if sure else money)
    scale = 1.0 / (1.0 + skew)
    whole = (1.0 if is_call else 0.0) + check
    likely = whole if sure else owed * per_money
    slope = whole if sure else (units + skew * likely) * scale
    price = whole * (asset - strike) if sure else price * scale
    ratio = strike * per_money
    bend = 0.0 if sure else (density * per_total_vol) * (1.0 + skew) * (ratio * ratio)
    return price, slope, likely, bend, density


@inlined
def _deviation(vol: float, variance: float, curve: float) -> tuple[float, float]:
    """``vol`` times root of the effective time, and its derivative by vol."""
    first = vol * vol * curve
    root = np.sqrt(variance + first)
    return vol * root, (variance + 2.0 * first) / (root if root > 0.0 else 1.0)


@inlined
def _paid(mean: float, strike: float, is_call: bool) -> float:
    gain = mean - strike if is_call else strike - mean
    return 0.0 if gain < 0.0 else gain


@inlined
def linear_option(
    forward: float, strike: float, time: float, vol: float, mean: float, samples: float,
    is_call: bool,
) -> _Six:  # fmt: skip
    weight, variance, _, skew, curve = _schedule(time, samples)
    known, check = _known(weight, mean, vol, samples, input_check(forward, strike, time, vol))
    deviation, by_vol = _deviation(vol, variance, curve)
    rest = weight if weight > 0.0 else 1.0
    unit, slope, _, bend, density = _mean_option(
        forward, (strike - known) / rest, skew, (1.0 + skew) * deviation, is_call, check
    )
    price = weight * unit if weight > 0.0 else _paid(known, strike, is_call) + check
    per_forward = 1.0 / (SMALLEST if forward < SMALLEST else forward)
    bend = weight * bend + check
    theta = 0.0 - 0.5 * (vol * vol) * bend
    live = 0.0 if time <= 0.0 else time
    gamma = bend * per_forward * per_forward
    return price, weight * slope, gamma, weight * density * by_vol, theta, 0.0 - live * price


@inlined
def _paid_in_coin(
    forward: float, known: float, weight: float, variance: float, centre: float, vol: float
) -> _Six:
    """Where the mean and what is left of it stand for a claim that is paid in coin.

    Returns
    -------
    asset : float
        Expected mean of the samples to come under the measure that a payment of 1 / mean sets.
    per_settlement : float
        Expected 1 / mean in coin.
    share : float
        ``weight asset per_settlement``.
    turn : float
        1 less the derivative of log asset by log forward.
    second : float
        Derivative of that derivative by log forward.
    tilt : float
        Log of asset over forward, per vol^2.
    """
    part = weight * forward / (known + weight * forward)
    turn = (vol * vol) * variance * part * (1.0 - part)
    tilt = centre - part * variance
    asset = forward * exp((vol * vol) * tilt)
    per_settlement = 1.0 / (known + weight * asset)
    share = weight * asset * per_settlement
    return asset, per_settlement, share, turn, turn * (2.0 * part - 1.0), tilt


@inlined
def _coin_greeks(
    forward: float, vol: float, slope: float, bend: float, share: float, turn: float, second: float
) -> tuple[float, float, float]:
    """Delta, gamma and theta in coin from `asset V'` and `asset^2` times the option's own bend."""
    turned = 1.0 - turn
    bent = turned * turned * bend
    both = second - turned * turn  # second + turned^2 - turned
    drag = 2.0 * turned * turned * share
    gamma = (slope * (both - drag) + bent) / forward / forward
    theta = 0.0 - (vol * vol) * (slope * (turned + 0.5 * (both - drag)) + 0.5 * bent)
    return turned * slope, gamma, theta


@inlined
def inverse_option(
    forward: float, strike: float, time: float, vol: float, mean: float, samples: float,
    is_call: bool,
) -> _Six:  # fmt: skip
    weight, variance, centre, skew, curve = _schedule(time, samples)
    known, check = _known(weight, mean, vol, samples, input_check(forward, strike, time, vol))
    check += np.nan if (forward <= SMALLEST) | ((weight == 0.0) & (known <= SMALLEST)) else 0.0
    asset, per_settlement, share, turn, second, tilt = _paid_in_coin(
        forward, known, weight, variance, centre, vol
    )
    deviation, by_vol = _deviation(vol, variance, curve)
    rest = weight if weight > 0.0 else 1.0
    left = (strike - known) / rest
    unit, rise, likely, bend, density = _mean_option(
        asset, left, skew, (1.0 + skew) * deviation, is_call, check
    )
    price = weight * unit if weight > 0.0 else _paid(known, strike, is_call) + check
    slope = share * per_settlement * (known * rise + weight * likely * left)
    delta, gamma, theta = _coin_greeks(
        forward, vol, slope, weight * bend * per_settlement, share, turn, second
    )
    vega = weight * density * per_settlement * by_vol
    vega += slope * (2.0 * vol) * tilt
    return price * per_settlement, delta, gamma + check, vega + check, theta + check, 0.0 * price


@inlined
def linear_future(
    forward: float, strike: float, time: float, vol: float, mean: float, samples: float,
    is_call: bool,
) -> _Six:  # fmt: skip
    weight, _, _, _, _ = _schedule(time, samples)
    known, check = _known(weight, mean, vol, samples, input_check(forward, 0.0, time, vol))
    none = 0.0 + check
    return known + weight * forward + check, weight + check, none, none, none, none


@inlined
def inverse_future(
    forward: float, strike: float, time: float, vol: float, mean: float, samples: float,
    is_call: bool,
) -> _Six:  # fmt: skip
    weight, variance, centre, _, _ = _schedule(time, samples)
    known, check = _known(weight, mean, vol, samples, input_check(forward, 0.0, time, vol))
    check += np.nan if (forward <= SMALLEST) | ((weight == 0.0) & (known <= SMALLEST)) else 0.0
    _, per_settlement, share, turn, second, tilt = _paid_in_coin(
        forward, known, weight, variance, centre, vol
    )
    slope = share * per_settlement + check
    delta, gamma, theta = _coin_greeks(forward, vol, slope, 0.0, share, turn, second)
    vega = slope * (2.0 * vol) * tilt
    return check - per_settlement, delta, gamma, vega, theta, 0.0 + check
