"""The loop over American options: which case each one is, and its price and Greeks (private).

A call is a put with spot and strike, rate and dividend yield exchanged (McDonald and Schroder).
"""

# Kernels get their types from numba, at the first call.
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np
from numba import types

from pricing._american_boundary import NODE_ROWS, NODE_VALUE, NODES, boundary, boundary_top
from pricing._american_premium import premium
from pricing._batch_kernel import FLAGS, INPUT, OUTPUT, overlapping
from pricing._kernel_cache import compiled, inlined
from pricing._option import SMALLEST, european, input_check

__all__ = [
    "CERTAIN",
    "CONVERGED",
    "EXERCISED",
    "NO_INTEREST",
    "SIGNATURE",
    "UNSOLVED",
    "added",
    "american_kernel",
    "at",
    "european_put",
    "scaled",
    "unscaled",
]

CERTAIN = 1e-7  # total vol below which the path counts as certain
NO_INTEREST = 1e-14  # an early exercise that can win no more than this is not one
_TABLE = types.Array(types.float64, 1, "C", readonly=True)
_LAYOUT = types.Array(types.int64, 2, "C", readonly=True)
CONVERGED = 1e-3  # largest last step of a boundary that is solved
_OUT_OF_REACH = 12.0
SIGNATURE = types.int64(*[INPUT] * 6, FLAGS, *[OUTPUT] * 6, types.float64, _TABLE, _LAYOUT)
UNSOLVED = (np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)
EXERCISED = (np.nan, -1.0, 0.0, 0.0, 0.0, 0.0)  # its value is the intrinsic one


@inlined
def _certain(spot, strike, time, rate, carry, is_call):
    """Without vol: the best time to exercise a path that is known."""
    sign = 1.0 if is_call else -1.0
    best, when = sign * (spot - strike), 0.0
    ratio = rate * strike / (carry * spot) if carry * spot != 0.0 else 0.0
    turn = np.log(ratio) / (rate - carry) if ratio > 0.0 and rate != carry else 0.0
    for t in (min(max(turn, 0.0), time), time):
        gain = sign * (spot * np.exp(-carry * t) - strike * np.exp(-rate * t))
        if gain > best:
            best, when = gain, t
    held = 1.0 if best > 0.0 else (0.5 if best == 0.0 else 0.0)
    asset = held * sign * np.exp(-carry * when)
    money = held * sign * strike * np.exp(-rate * when)
    theta = carry * spot * asset - rate * money if 0.0 < when == time else 0.0
    return max(best, 0.0), asset, 0.0, 0.0, theta, when * money


@inlined
def european_put(a, c, s, log_spot, by_a, by_c):
    """Scaled value and its derivatives by spot, spot twice, s, the rate and time."""
    spot = np.exp(log_spot)
    asset, money = spot * np.exp(-c), np.exp(-a)
    price, units, owed, density, _, _ = european(asset, money, log_spot + a - c, s, False, 0.0)
    by_time = a * owed - c * asset * units + 0.5 * s * density
    by_rate = by_a * owed - by_c * asset * units
    twice = density / (s * spot * spot)
    return price, units * np.exp(-c), twice, density, by_rate, by_time


@inlined
def added(held, early, sign):
    """Six fields plus or minus six."""
    return (
        held[0] + sign * early[0], held[1] + sign * early[1], held[2] + sign * early[2],
        held[3] + sign * early[3], held[4] + sign * early[4], held[5] + sign * early[5],
    )  # fmt: skip


@inlined
def unscaled(put, spot, strike, time, is_call):
    """From the scaled put to price and Greeks of the option."""
    value, by_spot, twice, by_s, by_rate, by_time = put
    if by_spot == -1.0 and twice == 0.0 and by_s == 0.0 and by_time == 0.0:  # exercised now
        sign = 1.0 if is_call else -1.0
        return sign * (spot - strike), sign, 0.0, 0.0, 0.0, 0.0
    if is_call:
        ratio = strike / spot
        scale = spot
        delta, gamma = value - ratio * by_spot, ratio * ratio * twice / spot
    else:
        scale = strike
        delta, gamma = by_spot, twice / strike
    vega = scale * np.sqrt(time) * by_s
    return scale * value, delta, gamma, vega, -scale * by_time / time, scale * time * by_rate


@inlined
def at(array, i):
    """The element of this option: an array of one serves all."""
    return array[i if array.size > 1 else 0]


@inlined
def scaled(spot, strike, live, vol, rate, carry, call):
    """The put a, c, s, log of spot over strike, and which of a and c is the rate."""
    log_spot = np.log(strike / spot if call else spot / strike)
    a = (carry if call else rate) * live
    c = (rate if call else carry) * live
    return a, c, vol * np.sqrt(live), log_spot, 0.0 if call else 1.0, 1.0 if call else 0.0


@inlined
def relevant_time(rate, carry, vol, live, call):
    """The part of the time after which the put is out of reach.

    Where the drift wins over the vol, a path that has not been exercised leaves for good: when it
    is `_OUT_OF_REACH` deviations away, what happens later is worth less than e^-72 of the strike.
    """
    short, far = (carry, rate) if call else (rate, carry)
    drift = (short - far) * np.sqrt(live) / vol
    return (_OUT_OF_REACH / drift) ** 2 if (short >= 0.0) & (drift > _OUT_OF_REACH) else 1.0


@compiled(SIGNATURE)
def american_kernel(
    asset, strikes, times, vols, rates, carries, is_call,
    prices, deltas, gammas, vegas, thetas, rhos, tolerance, numbers, layout,
):  # fmt: skip
    """Price and Greeks; 1 where arrays overlap, 2 where options have two boundaries, else 0.

    Options with two boundaries get NaN here, and `american_double_kernel` fills them in.
    """
    outputs = (prices, deltas, gammas, vegas, thetas, rhos)
    if overlapping(outputs, (asset, strikes, times, vols, rates, carries), is_call):
        return 1
    code = 0
    node = np.zeros((NODE_ROWS, NODES))
    for i in range(prices.size):
        spot, strike, time, vol = at(asset, i), at(strikes, i), at(times, i), at(vols, i)
        rate, carry, call = at(rates, i), at(carries, i), at(is_call, i)
        check = input_check(spot, strike, time, vol)
        check += 0.0 if (abs(rate) < np.inf) & (abs(carry) < np.inf) else np.nan
        live = 0.0 if time <= 0.0 else time
        if check != 0.0:
            result = (check, check, check, check, check, check)
        elif vol * np.sqrt(live) < CERTAIN or spot <= SMALLEST or strike <= SMALLEST:
            result = _certain(spot, strike, live, rate, carry, call)
        else:
            live *= relevant_time(rate, carry, vol, live, call)
            a, c, s, log_spot, by_a, by_c = scaled(spot, strike, live, vol, rate, carry, call)
            put = european_put(a, c, s, log_spot, by_a, by_c)
            if (a > 0.0 or c < a) and max(a, -c) >= NO_INTEREST:
                if a < 0.0:
                    put, code = EXERCISED, 2
                else:
                    level, step = boundary(
                        a, c, s, 1.0, by_a, by_c, tolerance, numbers, layout, node
                    )
                    top, _ = boundary_top(a, c, s, 1.0, by_a, by_c)
                    if not step < CONVERGED:
                        put = UNSOLVED
                    elif log_spot <= top - node[NODE_VALUE, 0]:
                        put = EXERCISED
                    else:
                        early = premium(
                            a, c, s, log_spot, 1.0, 1.0, by_a, by_c, numbers, layout[level], node
                        )
                        put = added(put, early, 1.0)
            result = unscaled(put, spot, strike, live, call)
        prices[i], deltas[i], gammas[i] = result[0], result[1], result[2]
        vegas[i], thetas[i], rhos[i] = result[3], result[4], result[5]
    return code
