"""Legs of a book, checked once and laid out for the kernels that read them at every tick (private).

Legs stand in the order of their groups, in a group in the order they were given: so a group adds up
in registers, and its sum is in the caller's order all the same.  Strikes, times, vols, quantities
and roots of time are the rows of one block, so that a kernel takes one array instead of five.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._batch import FLAGS as _CALLS
from pricing._batch import INPUT, floats
from pricing._kernel_cache import compiled, inlined
from pricing._option import input_check
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "FLAGS",
    "INDEX",
    "NO_COLUMN",
    "STATE",
    "TIME",
    "VOL",
    "Legs",
    "changed",
    "column",
    "integers",
    "laid_out",
]

STATE = types.Array(types.float64, 2, "C", readonly=True)  # strike, time, vol, quantity, root
FLAGS = types.Array(types.boolean, 2, "C", readonly=True)  # is_call, is_inverse
INDEX = types.Array(types.int32, 2, "C", readonly=True)  # expiry, group, place as given
TIME, VOL = 1, 2  # rows of the state
_STATE = types.Array(types.float64, 2, "C")
_FLAGS = types.Array(types.boolean, 2, "C")
_INDEX = types.Array(types.int32, 2, "C")
_INDICES = types.Array(types.int64, 1, "C", readonly=True)
_INT = np.dtype(np.int64)
_CHANGING = ("time_to_expiry", "vol", "quantity")
NO_COLUMN = np.empty(0)


class Legs(NamedTuple):
    """What the kernels read; its arrays refuse to be written.

    Attributes
    ----------
    state : (5, legs) float64
        Strike, time to expiry, vol, quantity, root of the time that is left.  The root is NaN for
        a leg that can have no price whatever its vol, and so are all its results.
    flags : (2, legs) bool
        Call, inverse.
    places : (3, legs) int32
        Forward, group, and the place at which the leg was given.

    Examples
    --------
    >>> Legs._fields
    ('state', 'flags', 'places')
    """

    state: FloatArray
    flags: npt.NDArray[np.bool_]
    places: npt.NDArray[np.int32]


@inlined
def _set_roots(state: FloatArray) -> None:
    strike, time, quantity, root = state[0], state[1], state[3], state[4]
    for i in range(root.size):
        live_time = 0.0 if time[i] <= 0.0 else time[i]
        verdict = input_check(0.0, strike[i], time[i], 0.0)
        verdict += 0.0 if abs(quantity[i]) < np.inf else np.nan
        root[i] = np.sqrt(live_time) + verdict


@compiled(
    types.int64(
        *[INPUT] * 4, *[_CALLS] * 2, *[_INDICES] * 2, *[types.int64] * 2, _STATE, _FLAGS, _INDEX
    )
)
def _lay_out(  # type: ignore[no-untyped-def]
    strike, time, vol, quantity, is_call, is_inverse, expiry, group, expiries, groups,
    state, flags, index,
):  # fmt: skip
    """A stable counting sort by group; 1 or 2 for a group or an expiry out of range."""
    legs = group.size
    after = np.zeros(groups + 1, np.int64)
    for i in range(legs):
        if not 0 <= group[i] < groups:
            return 1
        if not 0 <= expiry[i] < expiries:
            return 2
        after[group[i] + 1] += 1
    for k in range(groups):
        after[k + 1] += after[k]
    for i in range(legs):
        k = group[i]
        place = after[k]
        after[k] = place + 1
        state[0, place] = strike[i if strike.size > 1 else 0]
        state[1, place] = time[i if time.size > 1 else 0]
        state[2, place] = vol[i if vol.size > 1 else 0]
        state[3, place] = quantity[i if quantity.size > 1 else 0]
        flags[0, place] = is_call[i if is_call.size > 1 else 0]
        flags[1, place] = is_inverse[k if is_inverse.size > 1 else 0]
        index[0, place], index[1, place], index[2, place] = expiry[i], k, i
    _set_roots(state)
    return 0


@compiled(types.void(STATE, INDEX, *[INPUT] * 3, _STATE))
def _change(before, index, time, vol, quantity, state):  # type: ignore[no-untyped-def]
    """The state with other times, vols or quantities; an empty one is kept."""
    state[0] = before[0]
    for source, row in ((time, 1), (vol, 2), (quantity, 3)):
        if source.size == 0:
            state[row] = before[row]
        else:
            stride = 1 if source.size > 1 else 0
            for j in range(state.shape[1]):
                state[row, j] = source[stride * index[2, j]]
    _set_roots(state)


def integers(name: str, value: Any, legs: int) -> npt.NDArray[np.int64]:
    """`value` as one integer for each leg, or one clear error.

    Examples
    --------
    >>> integers("group", [0, 2], 2)
    array([0, 2])
    """
    try:
        index = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: not an array of integers ({error})") from None
    if index.dtype.kind not in "iu" and index.size:
        raise TypeError(f"{name}: integers wanted, got {index.dtype}")
    if index.shape != (legs,):
        raise ValueError(f"{name}: shape ({legs},) wanted, got {index.shape}")
    return np.ascontiguousarray(index, dtype=_INT)


def laid_out(
    arrays: list[npt.NDArray[Any]],
    is_inverse: npt.NDArray[np.bool_],
    expiry: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    expiries: int,
    groups: int,
) -> Legs:
    """Legs in the order of their groups, or one clear error.

    Parameters
    ----------
    arrays : list
        Strike, time, vol, quantity and is_call: vectors, contiguous, of one or of all values.
    is_inverse : (1,) or (groups,) bool
    expiry, group : (legs,) int64
    expiries, groups : int

    Examples
    --------
    >>> one = np.ones(1)
    >>> zero = np.zeros(1, np.int64)
    >>> laid_out([90.0 * one, 0.25 * one, one, one, one > 0.0], one < 0.0, zero, zero, 1, 1).state
    array([[90.  ],
           [ 0.25],
           [ 1.  ],
           [ 1.  ],
           [ 0.5 ]])
    """
    legs = group.size
    made = Legs(np.empty((5, legs)), np.empty((2, legs), np.bool_), np.empty((3, legs), np.int32))
    fault = _lay_out(*arrays, is_inverse, expiry, group, expiries, groups, *made)
    if fault:
        name, bound = (("group", groups), ("expiry", expiries))[fault - 1]
        raise ValueError(f"{name}: indices must lie in [0, {bound})")
    for array in made:
        array.flags.writeable = False
    return made


def column(name: str, value: FloatLike | None, length: int) -> FloatArray:
    """`value` as a contiguous vector of one or `length` numbers; empty where there is none.

    Examples
    --------
    >>> column("vol", 0.5, 2), column("vol", None, 2)
    (array([0.5]), array([], dtype=float64))
    """
    if value is None:
        return NO_COLUMN
    array = floats(name, value)
    if array.shape not in ((), (length,)):
        raise ValueError(f"{name}: shape ({length},) wanted, got {array.shape}")
    return np.ascontiguousarray(array).reshape(-1)


def changed(
    legs: Legs, time: FloatLike | None, vol: FloatLike | None, quantity: FloatLike | None
) -> Legs:
    """The same legs with other times, vols or quantities, given in the order of the legs.

    Examples
    --------
    >>> one = np.ones(1)
    >>> zero = np.zeros(1, np.int64)
    >>> legs = laid_out([one, one, one, one, one > 0.0], one < 0.0, zero, zero, 1, 1)
    >>> changed(legs, 0.25, None, [3.0]).state[:, 0]
    array([1.  , 0.25, 1.  , 3.  , 0.5 ])
    """
    length = legs.state.shape[1]
    values = zip(_CHANGING, (time, vol, quantity), strict=True)
    columns = [column(name, value, length) for name, value in values]
    state = np.empty_like(legs.state)
    _change(legs.state, legs.places, *columns, state)
    state.flags.writeable = False
    return Legs(state, legs.flags, legs.places)
