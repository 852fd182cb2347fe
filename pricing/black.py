"""Black-76: price and first-order Greeks of European options on a forward, per unit, in batches."""

from typing import Any

import numpy as np

from pricing._batch import batch_kernel, evaluate
from pricing._kernel_cache import inlined
from pricing._option import forward_option
from pricing._vector_math import exp
from pricing.conventions import BoolLike, FloatLike, Greeks

__all__ = ["black"]

_Six = tuple[float, float, float, float, float, float]
_NAMES = ("forward", "strike", "time_to_expiry", "vol", "rate")


@inlined
def _undiscounted(
    forward: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    price, units, gamma, vega, decay, _, live_time, _ = forward_option(
        forward, strike, time, vol, is_call
    )
    return price, units, gamma, vega, 0.0 - decay, 0.0 - live_time * price


@inlined
def _discounted(
    forward: float, strike: float, time: float, vol: float, rate: float, carry: float, is_call: bool
) -> _Six:
    undiscounted, units, gamma, vega, decay, _, live_time, _ = forward_option(
        forward, strike, time, vol, is_call
    )
    discount = exp(-rate * live_time) if abs(rate) < np.inf else np.nan
    price = undiscounted * discount
    earned = 0.0 if time <= 0.0 else rate * price
    theta = earned - decay * discount
    rho = 0.0 - live_time * price
    return price, units * discount, gamma * discount, vega * discount, theta, rho


_undiscounted_kernel = batch_kernel("black_undiscounted", _undiscounted)
_discounted_kernel = batch_kernel("black_discounted", _discounted)


def black(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    rate: FloatLike = 0.0,
    out: Any = None,
) -> Greeks:
    """Price and Greeks of European options on a forward.

    Parameters
    ----------
    forward, strike : (...) float64
        At least 0. [quote currency]
    time_to_expiry : (...) float64
        Zero or less is expired. [years]
    vol : (...) float64
        At least 0. [1 / sqrt(year)]
    is_call : (...) bool
    rate : (...) float64
        Continuously compounded. [1 / year]
    out : Greeks or tuple of six (...) float64 arrays, optional
        Contiguous arrays that receive the results and must not overlap anything; without it one
        fresh block is allocated.

    Returns
    -------
    Greeks
        Fields of the broadcast shape (`numpy.float64` scalars for scalars), per unit of option:
        derivatives by the forward; rho is taken with the forward held fixed.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; never for an element's value.

    Notes
    -----
    With s = +1 for calls, -1 for puts, v = vol sqrt(t), d1 = log(F/K)/v + v/2, d2 = d1 - v and
    D = exp(-rate t)::

        price = s D (F N(s d1) - K N(s d2))     vega  = D F n(d1) sqrt(t)
        delta = s D N(s d1)                     theta = rate price - D F n(d1) vol / (2 sqrt(t))
        gamma = D n(d1) / (F v)                 rho   = -t price

    Expired: price is the intrinsic value, delta the step 0 or s, and s/2 exactly at the money;
    gamma, vega, theta and rho are 0.  Zero vol: the same steps, discounted; theta is rate times
    price.  At the kink, where gamma and theta do not exist, they and vega are 0 too.  A negative or
    infinite forward, strike or vol, an infinite time or rate, and NaN anywhere give NaN in all six
    fields of that element and in no other.  Forwards and strikes below 1e-150 count as 0, above
    1e150 as infinite.  Tails keep their relative accuracy until they underflow, beyond 37 standard
    deviations.  A result does not depend on its place or company in the batch.

    References
    ----------
    F. Black, The pricing of commodity contracts, Journal of Financial Economics 3, 1976.

    Examples
    --------
    >>> greeks = black(forward=100.0, strike=[90.0, 110.0], time_to_expiry=0.5, vol=0.4,
    ...                is_call=True)
    >>> greeks.price.round(6)
    array([16.411068,  7.46773 ])
    """
    if type(rate) is float and rate == 0.0:
        values: tuple[FloatLike, ...] = (forward, strike, time_to_expiry, vol)
        return evaluate(_undiscounted_kernel, _NAMES[:4], values, is_call, out)
    values = (forward, strike, time_to_expiry, vol, rate)
    return evaluate(_discounted_kernel, _NAMES, values, is_call, out)
