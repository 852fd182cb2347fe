"""From positions and unit Greeks to sums per group, and the same on a ladder of spot moves.

A group is whatever the caller nets: an expiry, an underlying, a book.  Sums are plain and in the
order of the legs, so a NaN leg spoils its own group only and no other.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._arguments import count
from pricing._batch import INPUT, broadcast, checked_out, floats
from pricing._kernel_cache import compiled
from pricing._leg_sums import ladder_sums
from pricing._legs import Legs, integers, laid_out
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks

__all__ = ["Ladder", "book_greeks", "ladder", "rungs"]

_LEG_NAMES = ("forward", "strike", "time_to_expiry", "vol", "quantity")
_LINEAR = np.zeros(1, np.bool_)
_GROUPS = types.Array(types.int64, 1, "C", readonly=True)
_SUMS = types.Array(types.float64, 2, "C")


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


@compiled(types.int64(*[INPUT] * 6, INPUT, _GROUPS, _SUMS))
def _sums(price, delta, gamma, vega, theta, rho, quantity, group, sums):  # type: ignore[no-untyped-def]
    """Sums of quantity times unit Greeks; 1 for a group out of range."""
    for i in range(quantity.size):
        k, q = group[i], quantity[i]
        if not 0 <= k < sums.shape[1]:
            return 1
        sums[0, k] += q * price[i]
        sums[1, k] += q * delta[i]
        sums[2, k] += q * gamma[i]
        sums[3, k] += q * vega[i]
        sums[4, k] += q * theta[i]
        sums[5, k] += q * rho[i]
    return 0


def rungs(
    legs: Legs, forward: FloatArray, moves: FloatLike, groups: int, out: Any = None
) -> Ladder:
    """The ladder of legs that are laid out.

    Parameters
    ----------
    legs : Legs
    forward : (expiries,) float64
        Contiguous.
    moves, groups, out
        As for `ladder`.

    Examples
    --------
    >>> one, zero = np.ones(1), np.zeros(1, np.int64)
    >>> legs = laid_out([one, 0.0 * one, one, one, one > 0.0], one < 0.0, zero, zero, 1, 1)
    >>> rungs(legs, 2.0 * one, [1.5], 1).value
    array([[2.]])
    """
    ratios = floats("moves", moves)
    if ratios.ndim != 1:
        raise ValueError(f"moves: one dimension wanted, got {ratios.ndim}")
    ratios = np.ascontiguousarray(ratios)
    size = (ratios.size, groups)
    if out is None:
        sums = Ladder(*np.empty((7, *size)))
    else:
        checked = checked_out(out, Ladder._fields, size)
        sums = out if isinstance(out, Ladder) else Ladder(*checked)
    if ladder_sums(*legs, forward, ratios, *sums):
        raise ValueError("out: its arrays overlap the inputs or one another")
    return sums


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
    held = np.ascontiguousarray(floats("quantity", quantity))
    if held.ndim != 1:
        raise ValueError(f"quantity: one dimension wanted, got {held.ndim}")
    if not isinstance(greeks, tuple) or len(greeks) != 6:
        raise TypeError("greeks: a Greeks tuple of six arrays wanted")
    units = []
    for name, value in zip(Greeks._fields, greeks, strict=True):
        array = floats(f"greeks.{name}", value)
        if array.shape != held.shape:
            raise ValueError(f"greeks.{name}: shape {held.shape} wanted, got {array.shape}")
        units.append(np.ascontiguousarray(array))
    sums = np.zeros((6, count("groups", groups)))
    if _sums(*units, held, integers("group", group, held.size), sums):
        raise ValueError(f"group: indices must lie in [0, {groups})")
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
    *columns, calls = arrays
    rows = count("groups", groups)
    which = integers("group", group, shape[0])
    legs = laid_out([*columns[1:], calls], _LINEAR, np.arange(shape[0]), which, shape[0], rows)
    forwards = columns[0] if columns[0].size == shape[0] else np.full(shape, columns[0][0])
    return rungs(legs, forwards, moves, rows, out)
