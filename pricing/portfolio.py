"""From positions and unit Greeks to sums per group, and the same on a ladder of spot moves.

A group is whatever the caller nets: an expiry, an underlying, a book.  Sums are plain and in the
order of the legs, so a NaN leg spoils its own group only and no other.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._batch import FLAGS, INPUT, broadcast, checked_out, floats
from pricing._kernel_cache import compiled
from pricing._option import forward_option
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks

__all__ = ["Ladder", "book_greeks", "ladder"]

_LEG_NAMES = ("forward", "strike", "time_to_expiry", "vol", "quantity")
_GROUPS = types.Array(types.int64, 1, "C", readonly=True)
_SUMS = types.Array(types.float64, 2, "C")
_INT = np.dtype(np.int64)


class Ladder(NamedTuple):
    """Sums over the legs of each group, at each spot move.

    Attributes
    ----------
    value : (moves, groups) float64
        Sum of quantity x Black price. [quote currency]
    coin_value : (moves, groups) float64
        Sum of quantity x Black price / moved forward. [coin]
    delta : (moves, groups) float64
        Sum of quantity x forward delta. [underlying]
    delta_cash : (moves, groups) float64
        Sum of quantity x forward x delta: value change per unit of log spot. [quote currency]
    gamma_cash : (moves, groups) float64
        Sum of quantity x forward^2 x gamma. [quote currency]
    vega : (moves, groups) float64
        Sum of quantity x vega, per 1.00 of vol. [quote currency]
    theta : (moves, groups) float64
        Sum of quantity x theta, per year. [quote currency / year]

    Examples
    --------
    >>> Ladder._fields[:3]
    ('value', 'coin_value', 'delta')
    """

    value: FloatArray
    coin_value: FloatArray
    delta: FloatArray
    delta_cash: FloatArray
    gamma_cash: FloatArray
    vega: FloatArray
    theta: FloatArray


@compiled(types.boolean(_GROUPS, types.int64))
def _all_within(group, groups):  # type: ignore[no-untyped-def]
    valid = True
    for i in range(group.size):
        valid = valid & (group[i] >= 0) & (group[i] < groups)
    return valid


@compiled(types.void(*[INPUT] * 6, INPUT, _GROUPS, _SUMS))
def _sums(price, delta, gamma, vega, theta, rho, quantity, group, sums):  # type: ignore[no-untyped-def]
    for i in range(quantity.size):
        k, q = group[i], quantity[i]
        sums[0, k] += q * price[i]
        sums[1, k] += q * delta[i]
        sums[2, k] += q * gamma[i]
        sums[3, k] += q * vega[i]
        sums[4, k] += q * theta[i]
        sums[5, k] += q * rho[i]


@compiled(types.void(*[INPUT] * 4, FLAGS, INPUT, _GROUPS, INPUT, *[_SUMS] * 7))
def _ladder(  # type: ignore[no-untyped-def]
    forward, strike, time, vol, is_call, quantity, group, moves,
    value, coin_value, delta, delta_cash, gamma_cash, vega, theta,
):  # fmt: skip
    legs = quantity.size
    unit = np.empty((6, legs))
    for row in range(moves.size):
        move = moves[row]
        for i in range(legs):
            moved = forward[i] * move
            price, units, gamma, by_vol, decay, _, _, per_forward = forward_option(
                moved, strike[i], time[i], vol[i], is_call[i]
            )
            q = quantity[i]
            unit[0, i] = q * price
            unit[1, i] = q * price * per_forward
            unit[2, i] = q * units
            unit[3, i] = q * gamma * moved * moved
            unit[4, i] = q * by_vol
            unit[5, i] = 0.0 - q * decay
        for sums in (value, coin_value, delta, delta_cash, gamma_cash, vega, theta):
            sums[row, :] = 0.0
        for i in range(legs):
            k = group[i]
            value[row, k] += unit[0, i]
            coin_value[row, k] += unit[1, i]
            delta[row, k] += unit[2, i]
            delta_cash[row, k] += unit[2, i] * (forward[i] * move)
            gamma_cash[row, k] += unit[3, i]
            vega[row, k] += unit[4, i]
            theta[row, k] += unit[5, i]


def _checked_group(group: Any, legs: int, groups: int) -> npt.NDArray[np.int64]:
    """`group` as one valid index for each leg, or one clear error."""
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 0:
        raise ValueError(f"groups: a count of at least 0 wanted, got {groups!r}")
    index = np.asarray(group)
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"group: integers wanted, got {index.dtype}")
    if index.shape != (legs,):
        raise ValueError(f"group: shape ({legs},) wanted, got {index.shape}")
    indices = np.ascontiguousarray(index, dtype=_INT)
    if not _all_within(indices, groups):
        raise ValueError(f"group: indices must lie in [0, {groups})")
    return indices


def _full(array: npt.NDArray[Any], legs: int) -> npt.NDArray[Any]:
    return array if array.size == legs else np.full(legs, array[0])


def book_greeks(
    greeks: Greeks, quantity: FloatLike, group: npt.NDArray[np.int64], groups: int
) -> Greeks:
    """Signed sums of positions times unit Greeks, per group.

    Parameters
    ----------
    greeks : Greeks of (legs,) float64
        Per unit, as the pricing functions return them.
    quantity : (legs,) float64
        Signed position times contract multiplier. [units of underlying]
    group : (legs,) int64
        In [0, groups).
    groups : int

    Returns
    -------
    Greeks of (groups,) float64
        Zero for a group without legs.

    Raises
    ------
    TypeError, ValueError
        Wrong types, shapes or groups.

    Notes
    -----
    ``sum(quantity_i * greek_i for i in group)``, in the order of the legs.

    Examples
    --------
    >>> from pricing import black
    >>> legs = black(forward=100.0, strike=np.array([100.0, 100.0]), time_to_expiry=1.0, vol=0.2,
    ...              is_call=np.array([True, False]))
    >>> book_greeks(legs, np.array([1.0, -1.0]), np.array([0, 0]), 1).delta
    array([1.])
    """
    count = np.ascontiguousarray(floats("quantity", quantity))
    if count.ndim != 1:
        raise ValueError(f"quantity: one dimension wanted, got {count.ndim}")
    if not isinstance(greeks, tuple) or len(greeks) != 6:
        raise TypeError("greeks: a Greeks tuple of six arrays wanted")
    units = []
    for name, value in zip(Greeks._fields, greeks, strict=True):
        array = floats(f"greeks.{name}", value)
        if array.shape != count.shape:
            raise ValueError(f"greeks.{name}: shape {count.shape} wanted, got {array.shape}")
        units.append(np.ascontiguousarray(array))
    index = _checked_group(group, count.size, groups)
    sums = np.zeros((6, groups))
    _sums(*units, count, index, sums)
    return Greeks(*sums)


def ladder(
    *,
    forward: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    quantity: FloatLike,
    group: npt.NDArray[np.int64],
    groups: int,
    moves: FloatLike,
    out: Any = None,
) -> Ladder:
    """Book sums per group at each of several spot moves, vols held fixed, at rate 0, in one pass.

    Parameters
    ----------
    forward, strike, time_to_expiry, vol : (legs,) float64
        As for `pricing.black`.
    is_call : (legs,) bool
    quantity : (legs,) float64
        Signed position times contract multiplier. [units of underlying]
    group : (legs,) int64
        In [0, groups).
    groups : int
    moves : (moves,) float64
        Ratios of moved to present spot, such as 0.97; each multiplies every forward. [1]
    out : Ladder or tuple of seven (moves, groups) float64 arrays, optional
        Contiguous arrays that receive the results and must not overlap anything.

    Returns
    -------
    Ladder of (moves, groups) float64
        Zero for a group without legs.

    Raises
    ------
    TypeError, ValueError
        Wrong types, shapes or groups; never for an element's value.

    Notes
    -----
    Sums of quantity times Black-76 at ``forward * move``; edge values as for `pricing.black`.
    Scalars among the leg inputs serve all legs.

    Examples
    --------
    >>> rungs = ladder(forward=np.array([100.0, 100.0]), strike=np.array([100.0, 100.0]),
    ...                time_to_expiry=0.1, vol=0.5, is_call=np.array([True, False]),
    ...                quantity=np.array([1.0, -1.0]), group=np.array([0, 0]), groups=1,
    ...                moves=np.array([0.9, 1.0, 1.1]))
    >>> rungs.value[:, 0].round(9)
    array([-10.,   0.,  10.])
    """
    values = (forward, strike, time_to_expiry, vol, quantity)
    arrays, shape = broadcast(_LEG_NAMES, values, is_call)
    if len(shape) != 1:
        raise ValueError(f"legs: one dimension wanted, got shape {shape}")
    legs = shape[0]
    if any(array.size != legs for array in arrays):
        arrays = [_full(array, legs) for array in arrays]
    *inputs, quantities, calls = arrays
    index = _checked_group(group, legs, groups)
    rungs = np.ascontiguousarray(floats("moves", moves))
    if rungs.ndim != 1:
        raise ValueError(f"moves: one dimension wanted, got {rungs.ndim}")
    size = (rungs.size, int(groups))
    results = np.empty((7, *size)) if out is None else checked_out(out, Ladder._fields, size)
    _ladder(*inputs, calls, quantities, index, rungs, *results)
    return out if isinstance(out, Ladder) else Ladder(*results)
