"""Implied vols of European option prices, in quote currency or in coin, with a status for each."""

from typing import Any

import numpy as np
from numba import types

from pricing._batch import FLAGS, INPUT, broadcast, checked_out
from pricing._kernel_cache import compiled, inlined
from pricing._parallel import overlap
from pricing._rational import first_guess, householder_step, log_price
from pricing._vector_math import exp, log_ratio, split
from pricing.conventions import BoolLike, FloatLike, ImpliedVol, VolStatus

__all__ = ["implied_vol", "inverse_implied_vol"]

_NAMES = ("price", "forward", "strike", "time_to_expiry", "rate")
_DTYPES = (np.float64, np.uint8)
_BLOCK = 256  # options at a time: scratch stays in the first-level cache
_STEPS = 2  # bring any guess to the attainable error
_NO_RATE = np.zeros(1)
_VOL = types.Array(types.float64, 1, "C")
_STATUS = types.Array(types.uint8, 1, "C")
_SIGNATURE = types.int64(*[INPUT] * 5, FLAGS, types.boolean, _VOL, _STATUS)

_SMALLEST, _LARGEST = 1e-150, 1e150  # of forwards, strikes and times, as in `pricing.black`
_LARGEST_PRICE = 1e300
_LARGEST_GROWTH = 700.0  # |rate time| beyond which exp leaves the range of float64
_SLACK = 8.0 * 2.0**-52  # of the larger leg: rounding of an in-the-money price and of the discount
_TINY = 1e-290  # below it a time value is scaled up before its bits are read
_SCALE, _SCALE_EXPONENT = 2.0**200, 200.0
_NO_TOTAL_VOL = (
    1e-100  # at the money a price below is that of zero total vol, as in `pricing.black`
)

_OK, _BELOW = float(VolStatus.OK), float(VolStatus.BELOW_INTRINSIC)
_ABOVE, _BAD = float(VolStatus.ABOVE_MAXIMUM), float(VolStatus.BAD_INPUT)
_NO_VOL = -1.0  # within the kernel: OK, with the vol 0


@inlined
def _input_ok(price: float, forward: float, strike: float, time: float, growth: float) -> bool:
    return (
        (price >= 0.0)
        & (price <= _LARGEST_PRICE)
        & (forward > _SMALLEST)
        & (forward <= _LARGEST)
        & (strike > _SMALLEST)
        & (strike <= _LARGEST)
        & (time > _SMALLEST)
        & (time <= _LARGEST)
        & (abs(growth) <= _LARGEST_GROWTH)
    )


@inlined
def _normalised(
    price: float, forward: float, strike: float, time: float, rate: float, is_call: bool, coin: bool
) -> tuple[float, float, float, float]:
    """``|log F/K|``, time value per unit of the smaller leg as mantissa and exponent, and status.

    Where there is nothing to solve the price is a harmless 1/2.
    """
    growth = rate * time
    below = forward < strike
    smaller, larger = (forward if below else strike), (strike if below else forward)
    in_the_money = is_call != below
    value = price * (forward if coin else exp(growth))
    value = value - (larger - smaller) if in_the_money else value
    nothing = (value <= 0.0) | ((forward == strike) & (value <= _NO_TOTAL_VOL * smaller))
    status = _NO_VOL if nothing else _OK
    status = _ABOVE if value >= smaller else status
    status = _BELOW if value < (-_SLACK * larger if in_the_money else 0.0) else status
    status = status if _input_ok(price, forward, strike, time, growth) else _BAD
    tiny = value < _TINY
    over, over_exponent = split(value * _SCALE if tiny else value)
    under, under_exponent = split(smaller)
    ratio = over / under
    exponent = over_exponent - under_exponent - (_SCALE_EXPONENT if tiny else 0.0)
    mantissa = 2.0 * ratio if ratio < 1.0 else ratio
    exponent = exponent - 1.0 if ratio < 1.0 else exponent
    solve = status == _OK
    x = abs(log_ratio(forward, strike))
    return (
        (x if solve else 0.0),
        (mantissa if solve else 1.0),
        (exponent if solve else -1.0),
        status,
    )


@inlined
def _load(source: Any, row: Any, start: int, stop: int) -> None:
    """A block of `source`, or copies of the one value that serves the whole batch."""
    if source.size == 1:
        for i in range(stop - start):
            row[i] = source[0]
    else:
        for i in range(stop - start):
            row[i] = source[start + i]


@compiled(_SIGNATURE)
def _kernel(  # type: ignore[no-untyped-def]
    price, forward, strike, time, rate, is_call, coin, vol, status
):  # fmt: skip
    prices, forwards, strikes = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    times, rates, calls = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, np.bool_)
    x, mantissa, exponent = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    target, branch = np.empty(_BLOCK), np.empty(_BLOCK)
    v, verdict = np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, vol.size, _BLOCK):
        stop = min(start + _BLOCK, vol.size)
        _load(price, prices, start, stop)
        _load(forward, forwards, start, stop)
        _load(strike, strikes, start, stop)
        _load(time, times, start, stop)
        _load(rate, rates, start, stop)
        _load(is_call, calls, start, stop)
        for i in range(stop - start):
            x[i], mantissa[i], exponent[i], verdict[i] = _normalised(
                prices[i], forwards[i], strikes[i], times[i], rates[i], calls[i], coin
            )
        for i in range(stop - start):
            v[i], branch[i] = first_guess(x[i], mantissa[i], exponent[i])
            target[i] = log_price(x[i], mantissa[i], exponent[i])
        for _ in range(_STEPS):
            for i in range(stop - start):
                v[i] = householder_step(x[i], mantissa[i], exponent[i], target[i], branch[i], v[i])
        for i in range(stop - start):
            found = v[i] / np.sqrt(times[i])
            found = found if verdict[i] == _OK else np.nan
            v[i] = 0.0 if verdict[i] == _NO_VOL else found
        for i in range(stop - start):
            vol[start + i] = v[i]
            status[start + i] = np.uint8(0.0 if verdict[i] == _NO_VOL else verdict[i])
    return 0


def _solve(values: tuple[FloatLike, ...], is_call: BoolLike, coin: bool, out: Any) -> ImpliedVol:
    """Broadcast, run the kernel, and give the results their shape."""
    arrays, shape = broadcast(_NAMES[: len(values)], values, is_call)
    *inputs, calls = arrays
    inputs += [_NO_RATE] * (5 - len(inputs))
    if out is None:
        vol, status = np.empty(shape), np.empty(shape, np.uint8)
        _kernel(*inputs, calls, coin, vol.reshape(-1), status.reshape(-1))
        return ImpliedVol(vol[()], status[()])
    vol, status = checked_out(out, ImpliedVol._fields, shape, _DTYPES)
    if overlap((vol, status), arrays):
        raise ValueError("out: its arrays overlap the inputs or one another")
    _kernel(*inputs, calls, coin, vol.reshape(-1), status.reshape(-1))
    return out if isinstance(out, ImpliedVol) else ImpliedVol(vol, status)


def implied_vol(
    *,
    price: FloatLike,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    is_call: BoolLike,
    rate: FloatLike = 0.0,
    out: Any = None,
) -> ImpliedVol:
    """Vols at which `pricing.black` gives these prices, and a status for each.

    Parameters
    ----------
    price : (...) float64
        Discounted. [quote currency]
    forward, strike : (...) float64
        Above 0. [quote currency]
    time_to_expiry : (...) float64
        Above 0. [years]
    is_call : (...) bool
    rate : (...) float64
        Continuously compounded. [1 / year]
    out : ImpliedVol or tuple of (...) float64 and (...) uint8 arrays, optional
        Contiguous arrays that receive the results and must not overlap anything.

    Returns
    -------
    ImpliedVol
        Fields of the broadcast shape, scalars for scalars.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; never for an element's value.

    Notes
    -----
    The first status that applies, with the intrinsic value max(+-(F - K), 0) and the maximum F of
    calls and K of puts, both discounted::

        BAD_INPUT        NaN or infinite anywhere; price < 0; forward, strike or time <= 0
        BELOW_INTRINSIC  price < intrinsic
        ABOVE_MAXIMUM    price >= maximum, which only an infinite vol would reach
        OK               otherwise; price = intrinsic has the vol 0

    An expired option is bad input: any vol gives its price.  So are values outside 1e-150 to 1e150
    (prices: up to 1e300) and ``|rate time| > 700``.  An in-the-money price may lie below its
    intrinsic value by 8 x 2^-52 of the larger of forward and strike and still counts as equal to
    it: rounding of a carried forward, of the discount and of the sum with the time value can do
    that to an honest price.  Out of the money there is no slack, and prices keep their meaning
    down to the smallest subnormal number.

    Attainable is a relative error of ``max(eps, eps price / (vol vega))``, eps = 2^-52: the second
    term is the effect of rounding the price itself to float64.  An in-the-money price carries only
    its own digits, so what parity leaves of it is known no better than that, and far in the money
    it may hold no vol at all.  The error stays below 8 times attainable as measured against 60
    digits, and below 16 with the rounding of `pricing.black` on top.

    Two steps are always made, so the time is the same for all options and a result does not depend
    on its place or company in the batch.

    References
    ----------
    P. Jäckel, Let's be rational, Wilmott, January 2015.

    Examples
    --------
    >>> implied = implied_vol(price=[7.46773, 0.0, 120.0], forward=100.0, strike=110.0,
    ...                       time_to_expiry=0.5, is_call=True)
    >>> implied.vol.round(6), implied.status
    (array([0.4, 0. , nan]), array([0, 0, 2], dtype=uint8))
    """
    return _solve((price, forward, strike, time_to_expiry, rate), is_call, False, out)


def inverse_implied_vol(
    *,
    price: FloatLike,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    is_call: BoolLike,
    out: Any = None,
) -> ImpliedVol:
    """Vols at which `pricing.inverse` gives these coin prices, and a status for each.

    Parameters
    ----------
    price : (...) float64
        Of an inverse option, in the underlying. [coin]
    forward, strike : (...) float64
        Above 0. [quote currency]
    time_to_expiry : (...) float64
        Above 0. [years]
    is_call : (...) bool
    out : ImpliedVol or tuple of (...) float64 and (...) uint8 arrays, optional
        Contiguous arrays that receive the results and must not overlap anything.

    Returns
    -------
    ImpliedVol
        Fields of the broadcast shape, scalars for scalars.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; never for an element's value.

    Notes
    -----
    The vol of ``implied_vol(price=price forward, rate=0)``, with its statuses and its accuracy: the
    maximum is 1 coin for calls and strike/forward for puts.

    References
    ----------
    P. Jäckel, Let's be rational, Wilmott, January 2015.

    Examples
    --------
    >>> implied = inverse_implied_vol(price=0.063013, forward=60000.0, strike=60000.0,
    ...                               time_to_expiry=0.1, is_call=True)
    >>> round(float(implied.vol), 5)
    0.5
    """
    return _solve((price, forward, strike, time_to_expiry), is_call, True, out)
