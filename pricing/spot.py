"""Options seen from spot: Black-Scholes-Merton, inverse (coin-settled) options, spot deltas."""

from typing import Any

import numpy as np

from pricing._batch import batch_kernel, evaluate, together
from pricing._kernel_cache import inlined
from pricing._option import SMALLEST, carried_check, european, input_check
from pricing._vector_math import exp, log_ratio
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks

__all__ = ["black_scholes", "inverse", "premium_adjusted_delta", "spot_delta"]

_Six = tuple[float, float, float, float, float, float]
_SPOT_NAMES = ("spot", "strike", "time_to_expiry", "vol", "rate", "dividend_yield")
_FORWARD_NAMES = ("forward", "strike", "time_to_expiry", "vol")


@inlined
def _spot_option(
    spot: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    growth = exp(-carry * live_time)
    asset, money = spot * growth, strike * exp(-rate * live_time)
    finite = (abs(rate) < np.inf) & (abs(carry) < np.inf)
    check = input_check(spot, strike, time, vol) + (0.0 if finite else np.nan)
    check += carried_check(asset, money)
    price, units, owed, density, per_total_vol, per_asset = european(
        asset,
        money,
        log_ratio(spot, strike) + (rate - carry) * live_time,
        vol * root,
        is_call,
        check,
    )
    slope = density * per_total_vol
    per_spot = growth * per_asset
    delta = units * growth
    earned = carry * spot * delta - rate * owed
    theta = (0.0 if time <= 0.0 else earned) - 0.5 * (density * vol) * (vol * per_total_vol)
    return price, delta, slope * per_spot * per_spot, density * root, theta, live_time * owed


@inlined
def _inverse_option(
    forward: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    price, _, owed, density, per_total_vol, per_forward = european(
        forward,
        strike,
        log_ratio(forward, strike),
        vol * root,
        is_call,
        input_check(forward, strike, time, vol) + (np.nan if forward <= SMALLEST else 0.0),
    )
    slope = density * per_total_vol
    gamma = (slope - 2.0 * owed) * per_forward * per_forward * per_forward
    theta = 0.0 - 0.5 * (density * per_forward * vol) * (vol * per_total_vol)
    vega = density * root * per_forward
    return price * per_forward, owed * per_forward, gamma, vega, theta, 0.0 * density


_spot_kernel = batch_kernel("black_scholes", _spot_option)
_inverse_kernel = batch_kernel("inverse", _inverse_option)


def black_scholes(
    *,
    spot: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    rate: FloatLike,
    dividend_yield: FloatLike = 0.0,
    out: Any = None,
) -> Greeks:
    """Price and Greeks of European options on spot with continuous rate and dividend yield.

    Parameters
    ----------
    spot, strike : (...) float64
        At least 0. [quote currency]
    time_to_expiry : (...) float64
        Zero or less is expired. [years]
    vol : (...) float64
        At least 0. [1 / sqrt(year)]
    is_call : (...) bool
    rate, dividend_yield : (...) float64
        Continuously compounded. [1 / year]
    out : Greeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    Greeks
        Derivatives by spot; theta and rho with spot held fixed.

    Notes
    -----
    With F = S exp((r - q) t) and d1, d2 of Black-76::

        price = s (S exp(-q t) N(s d1) - K exp(-r t) N(s d2))
        delta = s exp(-q t) N(s d1)             vega = S exp(-q t) n(d1) sqrt(t)
        gamma = exp(-q t) n(d1) / (S v)         rho  = s K t exp(-r t) N(s d2)
        theta = -S exp(-q t) n(d1) vol / (2 sqrt(t)) + q S delta - r s K exp(-r t) N(s d2)

    Edge values are those of `pricing.black`; at zero vol theta and rho keep their carry terms.
    A leg that carry or discounting takes above 1e150 counts as infinite and gives NaN.

    References
    ----------
    F. Black and M. Scholes, Journal of Political Economy 81, 1973; R. C. Merton, Bell Journal of
    Economics and Management Science 4, 1973.

    Examples
    --------
    >>> greeks = black_scholes(spot=100.0, strike=100.0, time_to_expiry=1.0, vol=0.2,
    ...                        is_call=True, rate=0.05)
    >>> round(float(greeks.price), 6), round(float(greeks.rho), 6)
    (10.450584, 53.232482)
    """
    values = (spot, strike, time_to_expiry, vol, rate, dividend_yield)
    return evaluate(_spot_kernel, _SPOT_NAMES, values, is_call, out)


def inverse(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    out: Any = None,
) -> Greeks:
    """Price and Greeks in coin of options that settle in the coin they are written on.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol, is_call, out
        As for `pricing.black`.

    Returns
    -------
    Greeks
        price [coin]; delta: the net transaction delta F dprice/dF [coin]; gamma: d2price/dF2
        [coin / quote currency squared]; vega, theta [coin]; rho: 0.

    Notes
    -----
    With c = Black/F and Black's d1, d2 at rate 0::

        price = c                                gamma = (K n(d2) / v - 2 s K N(s d2)) / F^3
        delta = s (K/F) N(s d2)                  vega  = n(d1) sqrt(t)
        rho   = 0                                theta = -n(d1) vol / (2 sqrt(t))

    delta = Black delta - c.  gamma is not the slope of that delta: d(delta)/d log F =
    F^2 gamma + delta.  Edge values are those of `pricing.black`, but a forward of 0, which has no
    price in coin, gives NaN.

    References
    ----------
    C. Alexander and A. Imeraj, Delta hedging bitcoin options with a smile, Quantitative Finance
    23(5), 2023.

    Examples
    --------
    >>> coin = inverse(forward=60000.0, strike=60000.0, time_to_expiry=0.1, vol=0.5, is_call=True)
    >>> round(float(coin.price), 6), round(float(coin.delta), 6)
    (0.063013, 0.468494)
    """
    values = (forward, strike, time_to_expiry, vol)
    return evaluate(_inverse_kernel, _FORWARD_NAMES, values, is_call, out)


def premium_adjusted_delta(*, delta: FloatLike, price: FloatLike, spot: FloatLike) -> FloatArray:
    """Delta of an option whose premium is counted in the underlying.

    Parameters
    ----------
    delta : (...) float64
        Derivative of the price by the underlying. [1]
    price : (...) float64
        [quote currency]
    spot : (...) float64
        The underlying's price: spot with a spot delta, forward with a forward delta.
        [quote currency]

    Returns
    -------
    (...) float64
        [1]

    Notes
    -----
    ``delta - price / spot`` = S d(price/S)/dS; it cancels for deep in-the-money calls, where
    `pricing.inverse` gives the same number without cancellation.

    References
    ----------
    D. Reiswich and U. Wystup, FX volatility smile construction, Wilmott 60, 2012.

    Examples
    --------
    >>> float(premium_adjusted_delta(delta=0.55, price=3000.0, spot=60000.0))
    0.5
    """
    deltas, prices, spots = together(delta=delta, price=price, spot=spot)
    with np.errstate(all="ignore"):  # a spot of 0 gives NaN or infinity in its element
        adjusted: FloatArray = deltas - prices / spots
    return adjusted


def spot_delta(*, delta: FloatLike, forward: FloatLike, spot: FloatLike) -> FloatArray:
    """Spot delta at fixed carry from a forward delta: what a linear option asks of a spot hedge.

    Parameters
    ----------
    delta : (...) float64
        Derivative of the price by the forward. [1]
    forward, spot : (...) float64
        [quote currency]

    Returns
    -------
    (...) float64
        [1]

    Notes
    -----
    ``delta forward / spot``, since the forward moves by forward/spot for each unit of spot.

    Examples
    --------
    >>> float(spot_delta(delta=0.5, forward=112.0, spot=100.0))
    0.56
    """
    deltas, forwards, spots = together(delta=delta, forward=forward, spot=spot)
    with np.errstate(all="ignore"):  # a spot of 0 gives NaN or infinity in its element
        scaled: FloatArray = deltas * forwards / spots
    return scaled
