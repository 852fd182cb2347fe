"""Kernels that price laid-out legs and add them up per group (private).

Legs are priced in blocks by vector code into scratch that stays in the first-level cache, and then
added up one after the other: a sum runs over its legs in their order, whatever the block size.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._batch import INPUT
from pricing._batch_kernel import overlapping
from pricing._kernel_cache import compiled, inlined, subroutine
from pricing._legs import FLAGS, INDEX, STATE
from pricing._option import SMALLEST, european, input_check
from pricing._vector_math import log_ratio
from pricing.conventions import FloatArray

__all__ = ["greeks_sums", "ladder_block", "ladder_sums"]

_OUT = types.Array(types.float64, 1, "C")
_OUT_ROWS = types.Array(types.float64, 2, "C")
_BLOCK = 256  # legs at a time


@inlined
def _pieces(
    forward: float, strike: float, vol: float, root: float, is_call: bool
) -> tuple[float, float, float, float, float, float]:
    total_vol = vol * root
    check = input_check(forward, 0.0, 0.0, vol) + 0.0 * total_vol  # NaN of the leg stays NaN
    return european(forward, strike, log_ratio(forward, strike), total_vol, is_call, check)


@inlined
def _unit_greeks(
    forward: float, strike: float, time: float, vol: float, root: float, is_call: bool, coin: bool
) -> tuple[float, float, float, float, float, float]:
    """As `pricing.black` at rate 0, or as `pricing.inverse` where `coin`."""
    price, units, owed, density, per_total_vol, per_forward = _pieces(
        forward, strike, vol, root, is_call
    )
    verdict = np.nan if coin & (forward <= SMALLEST) else 0.0
    worth = (per_forward if coin else 1.0) + verdict
    value = price * worth
    delta = (owed * per_forward if coin else units) + verdict
    bend = density * per_total_vol - (2.0 * owed if coin else 0.0)
    gamma = bend * per_forward * per_forward * worth
    vega = density * root * worth
    theta = 0.0 - 0.5 * (density * worth * vol) * (vol * per_total_vol)
    span = 0.0 if coin | (time <= 0.0) else time
    return value, delta, gamma, vega, theta, 0.0 - span * value


@inlined
def _gather(source: FloatArray, index: npt.NDArray[np.int32], target: FloatArray) -> None:
    for i in range(index.size):
        target[i] = source[index[i]]


@inlined
def _vols(
    kept: FloatArray, fresh: FloatArray, place: npt.NDArray[np.int32], scratch: FloatArray
) -> FloatArray:
    """Vols as they were laid out, or fresh ones that are in the order of the legs as given."""
    if fresh.size == 0:
        return kept
    stride = 1 if fresh.size > 1 else 0
    for i in range(kept.size):
        scratch[i] = fresh[stride * place[i]]
    return scratch


@inlined
def _add_six(unit, group, price, delta, gamma, vega, theta, rho) -> None:  # type: ignore[no-untyped-def]
    """Runs of one group add up in registers."""
    i = 0
    while i < group.size:
        k = group[i]
        a, b, c, d, e, f = price[k], delta[k], gamma[k], vega[k], theta[k], rho[k]
        while i < group.size and group[i] == k:
            a += unit[0, i]
            b += unit[1, i]
            c += unit[2, i]
            d += unit[3, i]
            e += unit[4, i]
            f += unit[5, i]
            i += 1
        price[k], delta[k], gamma[k], vega[k], theta[k], rho[k] = a, b, c, d, e, f


@compiled(types.int64(STATE, FLAGS, INDEX, types.int64, INPUT, INPUT, types.int64, *[_OUT] * 6))
def greeks_sums(  # type: ignore[no-untyped-def]
    state, flags, index, row, forward, fresh_vol, size, price, delta, gamma, vega, theta, rho
):
    """Quantity times unit Greeks, summed over equal entries of `index[row]`.

    1 when an output overlaps or has another size; nothing is computed then.
    """
    outputs = (price, delta, gamma, vega, theta, rho)
    for output in outputs:
        if output.size != size:
            return 1
    if overlapping(outputs, (forward,), fresh_vol):
        return 1
    for output in outputs:
        output[:] = 0.0
    legs = state.shape[1]
    scratch = np.empty((8, _BLOCK))
    for start in range(0, legs, _BLOCK):
        stop = min(start + _BLOCK, legs)
        strike, time = state[0, start:stop], state[1, start:stop]
        quantity, root = state[3, start:stop], state[4, start:stop]
        is_call, coin = flags[0, start:stop], flags[1, start:stop]
        asset = scratch[6]
        _gather(forward, index[0, start:stop], asset)
        vol = _vols(state[2, start:stop], fresh_vol, index[2, start:stop], scratch[7])
        for i in range(stop - start):
            q = quantity[i]
            result = _unit_greeks(
                asset[i], strike[i], time[i], vol[i], root[i], is_call[i], coin[i]
            )
            scratch[0, i] = q * result[0]
            scratch[1, i] = q * result[1]
            scratch[2, i] = q * result[2]
            scratch[3, i] = q * result[3]
            scratch[4, i] = q * result[4]
            scratch[5, i] = q * result[5]
        _add_six(scratch, index[row, start:stop], *outputs)
    return 0


@inlined
def _add_seven(unit, group, first, second, third, fourth, fifth, sixth, seventh) -> None:  # type: ignore[no-untyped-def]
    i = 0
    while i < group.size:
        k = group[i]
        a, b, c, d = first[k], second[k], third[k], fourth[k]
        e, f, g = fifth[k], sixth[k], seventh[k]
        while i < group.size and group[i] == k:
            a += unit[0, i]
            b += unit[1, i]
            c += unit[2, i]
            d += unit[3, i]
            e += unit[4, i]
            f += unit[5, i]
            g += unit[6, i]
            i += 1
        first[k], second[k], third[k], fourth[k] = a, b, c, d
        fifth[k], sixth[k], seventh[k] = e, f, g


@subroutine
def ladder_block(  # type: ignore[no-untyped-def]
    state, flags, index, forward, moves,
    value, coin_value, delta, delta_cash, gamma_cash, vega, theta,
) -> None:  # fmt: skip
    """The fields of `Ladder` at each move, added to what is there."""
    legs = state.shape[1]
    scratch = np.empty((8, _BLOCK))
    for start in range(0, legs, _BLOCK):
        stop = min(start + _BLOCK, legs)
        strike, calls = state[0, start:stop], flags[0, start:stop]
        vol, quantity, root = state[2, start:stop], state[3, start:stop], state[4, start:stop]
        group, asset = index[1, start:stop], scratch[7]
        _gather(forward, index[0, start:stop], asset)
        for row in range(moves.size):
            move = moves[row]
            for i in range(stop - start):
                moved, q = asset[i] * move, quantity[i]
                price, units, _, density, per_total_vol, per_forward = _pieces(
                    moved, strike[i], vol[i], root[i], calls[i]
                )
                worth = q * price
                held = q * units
                scratch[0, i] = worth
                scratch[1, i] = worth * per_forward
                scratch[2, i] = held
                scratch[3, i] = held * moved
                scratch[4, i] = q * (density * per_total_vol)
                scratch[5, i] = q * (density * root[i])
                scratch[6, i] = 0.0 - q * (0.5 * (density * vol[i]) * (vol[i] * per_total_vol))
            _add_seven(
                scratch, group, value[row], coin_value[row], delta[row], delta_cash[row],
                gamma_cash[row], vega[row], theta[row],
            )  # fmt: skip


@compiled(types.int64(STATE, FLAGS, INDEX, INPUT, INPUT, *[_OUT_ROWS] * 7))
def ladder_sums(  # type: ignore[no-untyped-def]
    state, flags, index, forward, moves,
    value, coin_value, delta, delta_cash, gamma_cash, vega, theta,
):  # fmt: skip
    """The fields of `Ladder` at each move; 1 when an output overlaps."""
    outputs = (value, coin_value, delta, delta_cash, gamma_cash, vega, theta)
    if overlapping(outputs, (forward,), moves):
        return 1
    for output in outputs:
        output[:] = 0.0
    ladder_block(state, flags, index, forward, moves, *outputs)
    return 0
