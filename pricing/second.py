"""Second-order Greeks: how delta, vega and gamma run with the underlying, with vol and with time.

Closed formulas of the same pieces as the first order, so they hold as far out, as close to expiry
and as deep in the money.
"""

from typing import Any

import numpy as np

from pricing._batch import batch_kernel, evaluate
from pricing._kernel_cache import inlined
from pricing._option import SMALLEST, carried_check, european, input_check, standardised
from pricing._vector_math import exp, log_ratio
from pricing.conventions import BoolLike, FloatLike, SecondGreeks

__all__ = ["black_scholes_second", "black_second", "inverse_second"]

_Six = tuple[float, float, float, float, float, float]
_BLACK_NAMES = ("forward", "strike", "time_to_expiry", "vol", "rate")
_SPOT_NAMES = ("spot", "strike", "time_to_expiry", "vol", "rate", "dividend_yield")
_INVERSE_NAMES = ("forward", "strike", "time_to_expiry", "vol")


@inlined
def _black(
    forward: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    total_vol = vol * root
    log_moneyness = log_ratio(forward, strike)
    check = input_check(forward, strike, time, vol) + (0.0 if abs(rate) < np.inf else np.nan)
    _, units, _, density, per_total_vol, per_forward = european(
        forward, strike, log_moneyness, total_vol, is_call, check
    )
    d1, d2 = standardised(log_moneyness, total_vol, per_total_vol)
    discount = exp(-rate * live_time)
    earned = 0.0 if time <= 0.0 else rate
    per_vol, per_root = root * per_total_vol, vol * per_total_vol  # 1 / vol, 1 / sqrt(time)
    slope = density * per_total_vol
    gamma = slope * per_forward * per_forward
    bend = d1 * d2
    vanna = 0.0 - (density * per_forward) * d2 * per_vol
    volga = density * bend * (root * per_vol)
    charm = earned * units + 0.5 * (density * per_forward) * d2 * per_root * per_root
    speed = 0.0 - gamma * (1.0 + d1 * per_total_vol) * per_forward
    zomma = gamma * (bend - 1.0) * per_vol
    color = earned * gamma + 0.5 * gamma * (1.0 - bend) * per_root * per_root
    return (
        vanna * discount, volga * discount, charm * discount, speed * discount, zomma * discount,
        color * discount,
    )  # fmt: skip


@inlined
def _spot(
    spot: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    total_vol = vol * root
    growth = exp(-carry * live_time)
    asset, money = spot * growth, strike * exp(-rate * live_time)
    finite = (abs(rate) < np.inf) & (abs(carry) < np.inf)
    check = input_check(spot, strike, time, vol) + (0.0 if finite else np.nan)
    check += carried_check(asset, money)
    drift = rate - carry
    log_moneyness = log_ratio(spot, strike) + drift * live_time
    _, units, _, density, per_total_vol, per_asset = european(
        asset, money, log_moneyness, total_vol, is_call, check
    )
    d1, d2 = standardised(log_moneyness, total_vol, per_total_vol)
    earned = 0.0 if time <= 0.0 else carry
    per_vol, per_root = root * per_total_vol, vol * per_total_vol
    per_spot = growth * per_asset
    tilt = density * per_spot  # n(d1) exp(-q t)
    gamma = tilt * per_total_vol * per_spot
    bend = d1 * d2
    vanna = 0.0 - tilt * d2 * per_vol
    volga = density * bend * (root * per_vol)
    charm = (
        earned * (units * growth)
        - tilt * per_total_vol * drift
        + 0.5 * tilt * d2 * per_root * per_root
    )
    speed = 0.0 - gamma * (1.0 + d1 * per_total_vol) * per_spot
    zomma = gamma * (bend - 1.0) * per_vol
    color = (
        earned * gamma
        + gamma * d1 * per_total_vol * drift
        + 0.5 * gamma * (1.0 - bend) * per_root * per_root
    )
    return vanna, volga, charm, speed, zomma, color


@inlined
def _coin(
    forward: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    total_vol = vol * root
    log_moneyness = log_ratio(forward, strike)
    check = input_check(forward, strike, time, vol) + (np.nan if forward <= SMALLEST else 0.0)
    _, _, owed, density, per_total_vol, per_forward = european(
        forward, strike, log_moneyness, total_vol, is_call, check
    )
    d1, d2 = standardised(log_moneyness, total_vol, per_total_vol)
    per_vol, per_root = root * per_total_vol, vol * per_total_vol
    tilt = density * per_forward  # n(d1)
    slope = tilt * per_total_vol
    bend = d1 * d2
    vanna = 0.0 - tilt * d1 * per_vol
    volga = tilt * bend * (root * per_vol)
    charm = 0.5 * tilt * d1 * per_root * per_root
    steep = 6.0 * (owed * per_forward) - slope * (4.0 + d1 * per_total_vol)
    # slope * total_vol is tilt: that form keeps its digits at any total vol
    run = slope * (bend - 1.0) + 2.0 * (tilt * d1)
    zomma = run * per_vol * per_forward * per_forward
    color = 0.0 - 0.5 * run * per_root * per_root * per_forward * per_forward
    return (
        vanna, volga, charm, steep * per_forward * per_forward * per_forward, zomma, color,
    )  # fmt: skip


_black_kernel = batch_kernel("black_second", _black)
_spot_kernel = batch_kernel("black_scholes_second", _spot)
_inverse_kernel = batch_kernel("inverse_second", _coin)


def black_second(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    rate: FloatLike = 0.0,
    out: Any = None,
) -> SecondGreeks:
    """Second-order Greeks of European options on a forward.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol, is_call, rate
        As for `pricing.black`.
    out : SecondGreeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    SecondGreeks
        Of the delta and gamma of `pricing.black`, with the forward held fixed as time passes.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; never for an element's value.

    Notes
    -----
    With the symbols of `pricing.black`, n = n(d1), and gamma and vega those of `pricing.black`::

        vanna = -D n d2 / vol                   speed = -gamma (1 + d1 / v) / F
        volga = vega d1 d2 / vol                zomma = gamma (d1 d2 - 1) / vol
        charm = rate delta + D n d2 / (2 t)     color = rate gamma + gamma (1 - d1 d2) / (2 t)

    Expired: all are 0.  Zero vol: all are 0 but charm, which is rate times delta; at the kink,
    where most of them do not exist, too.  Bad elements give NaN as for `pricing.black`.  A result
    beyond the range of float64 (third powers of forwards below 1e-100) is infinite, or NaN.

    References
    ----------
    E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd edition, 2007, chapter 2.

    Examples
    --------
    >>> second = black_second(forward=100.0, strike=110.0, time_to_expiry=0.5, vol=0.4,
    ...                       is_call=True)
    >>> round(float(second.vanna), 6), round(float(second.volga), 6)
    (0.468093, 6.472572)
    """
    values = (forward, strike, time_to_expiry, vol, rate)
    return evaluate(_black_kernel, _BLACK_NAMES, values, is_call, out, SecondGreeks)


def black_scholes_second(
    *,
    spot: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    rate: FloatLike,
    dividend_yield: FloatLike = 0.0,
    out: Any = None,
) -> SecondGreeks:
    """Second-order Greeks of European options on spot with continuous rate and dividend yield.

    Parameters
    ----------
    spot, strike, time_to_expiry, vol, is_call, rate, dividend_yield
        As for `pricing.black_scholes`.
    out : SecondGreeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    SecondGreeks
        Of the delta and gamma of `pricing.black_scholes`, with spot held fixed as time passes.

    Notes
    -----
    With the symbols of `pricing.black_scholes`, n = exp(-q t) n(d1) and b = (r - q) / v::

        vanna = -n d2 / vol                     speed = -gamma (1 + d1 / v) / S
        volga = vega d1 d2 / vol                zomma = gamma (d1 d2 - 1) / vol
        charm = q delta - n (b - d2 / (2 t))    color = gamma (q + b d1 + (1 - d1 d2) / (2 t))

    Edge values are those of `pricing.black_second`, with q delta as the charm of zero vol.

    References
    ----------
    E. G. Haug, The Complete Guide to Option Pricing Formulas, 2nd edition, 2007, chapter 2.

    Examples
    --------
    >>> second = black_scholes_second(spot=100.0, strike=100.0, time_to_expiry=1.0, vol=0.2,
    ...                               is_call=True, rate=0.05)
    >>> round(float(second.charm), 6), round(float(second.color), 6)
    (-0.065667, 0.01053)
    """
    values = (spot, strike, time_to_expiry, vol, rate, dividend_yield)
    return evaluate(_spot_kernel, _SPOT_NAMES, values, is_call, out, SecondGreeks)


def inverse_second(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    out: Any = None,
) -> SecondGreeks:
    """Second-order Greeks in coin of options that settle in the coin they are written on.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol, is_call
        As for `pricing.black`.
    out : SecondGreeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    SecondGreeks
        vanna, charm: of the net transaction delta F dprice/dF, by vol and by passing time [coin,
        coin / year]; volga [coin]; speed, zomma, color: of gamma = d2price/dF2.

    Notes
    -----
    With the symbols of `pricing.inverse`, n = n(d1) and delta its net transaction delta::

        vanna = -n d1 / vol                     speed = (6 delta - (4 + d1 / v) n / v) / F^3
        volga = n sqrt(t) d1 d2 / vol           zomma = n ((d1 d2 - 1) / v + 2 d1) / (vol F^2)
        charm = n d1 / (2 t)                    color = -zomma vol / (2 t)

    vanna is also F times the derivative of vega by the forward.  Expired and zero vol: all are 0
    but speed, which is ``6 delta / F^3``.  Bad elements give NaN as for `pricing.inverse`.

    References
    ----------
    C. Alexander and A. Imeraj, Delta hedging bitcoin options with a smile, Quantitative Finance
    23(5), 2023, for the delta; the rest by differentiation.

    Examples
    --------
    >>> coin = inverse_second(forward=60000.0, strike=60000.0, time_to_expiry=0.1, vol=0.5,
    ...                       is_call=True)
    >>> round(float(coin.vanna), 6), round(float(coin.volga), 6)
    (-0.062882, -0.001572)
    """
    values = (forward, strike, time_to_expiry, vol)
    return evaluate(_inverse_kernel, _INVERSE_NAMES, values, is_call, out, SecondGreeks)
