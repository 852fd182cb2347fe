"""Full revaluation of a prepared book over scenarios of spot, vol and time.

Nothing of size legs x scenarios is ever held: legs pass one after the other over a block of
scenarios that stays in the first-level cache, each leg with its own constants.
"""

from typing import Any

import numpy as np
from numba import types

from pricing._arguments import number, switch
from pricing._batch import INPUT, checked_out, floats
from pricing._batch_kernel import overlapping
from pricing._kernel_cache import compiled, inlined
from pricing._legs import FLAGS, INDEX, STATE
from pricing._option import SMALLEST, european_price, input_check
from pricing._vector_math import log_ratio, multiply_add
from pricing.conventions import FloatArray, FloatLike
from pricing.portfolio import Ladder
from pricing.prepared import PreparedBook

__all__ = ["scenario_pnl", "spot_vol_grid", "spot_vol_ladder"]

_ROWS = types.Array(types.float64, 2, "C", readonly=True)
_OUT_ROWS = types.Array(types.float64, 2, "C")
_BLOCK = 256  # scenarios at a time
_LANES = 16  # a multiple of every vector width: no loop over scenarios has a scalar end
_TINY = 1e-300  # its reciprocal is still a number


@inlined
def _piece(source: FloatArray, start: int, stop: int, filler: float, block: FloatArray) -> None:
    """Columns of `source`, NaN where infinite, filled up to whole vectors."""
    for row in range(source.shape[0]):
        for i in range(stop - start):
            value = source[row, start + i]
            block[row, i] = value + 0.0 * value
        for i in range(stop - start, block.shape[1]):
            block[row, i] = filler


@inlined
def _read_moves(moves: FloatArray, log_moves: FloatArray, backs: FloatArray, width: int) -> None:
    """Logarithm and reciprocal of each move; a move that cannot be is NaN."""
    for row in range(moves.shape[0]):
        for s in range(width):
            move = moves[row, s] + input_check(moves[row, s], 0.0, 0.0, 0.0)
            moves[row, s] = move
            log_moves[row, s] = log_ratio(move, 1.0)
            backs[row, s] = 1.0 / (_TINY if move < _TINY else move)


@inlined
def _add_changes(  # type: ignore[no-untyped-def]
    state, is_call, coin, asset, moves, log_moves, backs, shifts, steps, sums
) -> None:
    """Quantity times change in value of one leg, added to each scenario's sum."""
    strike, time, vol, quantity = state[0], state[1], state[2], state[3]
    side = 1.0 if is_call else -1.0
    worthless = SMALLEST if coin else -1.0  # forwards that have no price in coin
    fixed, back = (0.0, 1.0 / asset) if coin else (1.0, 0.0)  # worth of the quote currency
    log_moneyness = log_ratio(asset, strike)
    price = european_price(asset, strike, log_moneyness, vol * state[4], side)
    value = price * (fixed + back) + input_check(0.0, 0.0, 0.0, vol)
    for s in range(sums.size):
        moved, left, moved_vol = asset * moves[s], time - steps[s], vol + shifts[s]
        moved_vol = 0.0 if moved_vol < 0.0 else moved_vol
        check = input_check(moved, 0.0, left, moved_vol) + (np.nan if moved <= worthless else 0.0)
        total_vol = moved_vol * np.sqrt(0.0 if left <= 0.0 else left)
        price = european_price(moved, strike, log_moneyness + log_moves[s], total_vol, side)
        change = price * multiply_add(back, backs[s], fixed) - value
        sums[s] = multiply_add(quantity, change + check, sums[s])


@compiled(types.int64(STATE, FLAGS, INDEX, INPUT, _ROWS, _ROWS, _ROWS, _OUT_ROWS))
def _revalue(state, flags, index, forward, move, shift, step, pnl):  # type: ignore[no-untyped-def]
    """P&L of each scenario, in all or per group; 1 when the output overlaps an input."""
    if overlapping((pnl,), (move, shift, step), forward):
        return 1
    moves = np.empty((move.shape[0], _BLOCK))
    log_moves, backs = np.empty_like(moves), np.empty_like(moves)
    shifts, steps = np.empty((shift.shape[0], _BLOCK)), np.empty((1, _BLOCK))
    sums = np.empty((pnl.shape[0], _BLOCK))
    for start in range(0, pnl.shape[1], _BLOCK):
        stop = min(start + _BLOCK, pnl.shape[1])
        width = (stop - start + _LANES - 1) // _LANES * _LANES
        _piece(move, start, stop, 1.0, moves)
        _piece(shift, start, stop, 0.0, shifts)
        _piece(step, start, stop, 0.0, steps)
        _read_moves(moves, log_moves, backs, width)
        sums[:] = 0.0
        for i in range(state.shape[1]):
            expiry, group = index[0, i], index[1, i]
            row = expiry if moves.shape[0] > 1 else 0
            _add_changes(
                state[:, i], flags[0, i], flags[1, i], forward[expiry],
                moves[row, :width], log_moves[row, :width], backs[row, :width],
                shifts[group if shifts.shape[0] > 1 else 0, :width], steps[0, :width],
                sums[group if sums.shape[0] > 1 else 0, :width],
            )  # fmt: skip
        pnl[:, start:stop] = sums[:, : stop - start]
    return 0


def _scenario_rows(name: str, value: FloatLike, rows: int) -> FloatArray:
    """`value` as one row for all or as `rows` rows, before its scenarios are counted."""
    array = floats(name, value)
    if array.ndim > 2 or (array.ndim == 2 and array.shape[0] != rows):
        raise ValueError(f"{name}: (scenarios,) or ({rows}, scenarios) wanted, got {array.shape}")
    return array if array.ndim == 2 else array.reshape(1, -1)


def _checked(book: object) -> PreparedBook:
    if not isinstance(book, PreparedBook):
        raise TypeError(f"book: a PreparedBook wanted, got {type(book).__name__}")
    return book


def scenario_pnl(
    book: PreparedBook,
    forward: FloatLike,
    *,
    move: FloatLike,
    vol_shift: FloatLike = 0.0,
    time_step: FloatLike = 0.0,
    by_group: bool = False,
    out: Any = None,
) -> FloatArray:
    """Profit or loss of a book in each scenario, every leg revalued in full.

    Parameters
    ----------
    book : PreparedBook
        As it is now.
    forward : (expiries,) float64
        As they are now. [quote currency]
    move : (scenarios,) or (expiries, scenarios) float64
        Ratio of moved to present forward, at least 0. [1]
    vol_shift : (scenarios,) or (groups, scenarios) float64
        Added to the vols; a vol stops at 0. [1 / sqrt(year)]
    time_step : (scenarios,) float64
        Time that passes; a leg that expires in it is worth its intrinsic value. [years]
    by_group : bool
        One row for each group instead of one for the whole book.
    out : (scenarios,) or (groups, scenarios) float64, optional
        Contiguous array that receives the result and must not overlap anything.

    Returns
    -------
    (scenarios,) or (groups, scenarios) float64
        In coin for inverse groups. [quote currency or coin]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes; a sum over coin and quote currency together.

    Notes
    -----
    ``sum(quantity_i (value_i(scenario) - value_i(now)))``, added up in the order of the legs with
    one rounding for each.  No change gives exactly 0, and a scenario's result does not depend on
    the other scenarios or their number: to use several cores, give each a part of them.  One number
    serves all scenarios.  A scenario that cannot be (a negative move, NaN) gives NaN for itself
    only, a leg without a price NaN for all scenarios of its sum.

    Examples
    --------
    >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=0.1, vol=0.5, is_call=True,
    ...                     quantity=2.0, group=[0], groups=1)
    >>> scenario_pnl(book, [100.0], move=[1.0, 1.1], vol_shift=[0.0, -0.5]).round(6)
    array([0.      , 7.397466])
    """
    forwards = _checked(book).forwards(forward)
    by_group = switch("by_group", by_group)
    is_inverse = book.layout.flags[1]
    if not by_group and is_inverse.any() and not is_inverse.all():
        raise ValueError("by_group: P&L in coin and in quote currency do not add up; ask by group")
    given = [
        _scenario_rows("move", move, book.expiries),
        _scenario_rows("vol_shift", vol_shift, book.groups),
        _scenario_rows("time_step", time_step, 1),
    ]
    sizes = {array.shape[1] for array in given} - {1}
    if len(sizes) > 1:
        shapes = ", ".join(str(array.shape[1]) for array in given)
        raise ValueError(f"move, vol_shift, time_step: unequal numbers of scenarios: {shapes}")
    size = sizes.pop() if sizes else 1
    columns = [
        np.ascontiguousarray(np.broadcast_to(array, (array.shape[0], size))) for array in given
    ]
    rows = book.groups if by_group else 1
    shape = (rows, size) if by_group else (size,)
    pnl = np.empty(shape) if out is None else checked_out((out,), ("pnl",), shape)[0]
    if _revalue(*book.layout, forwards, *columns, pnl.reshape(rows, size)):
        raise ValueError("out: overlaps an input")
    return pnl


def spot_vol_grid(
    book: PreparedBook,
    forward: FloatLike,
    *,
    moves: FloatLike,
    vol_shifts: FloatLike,
    time_step: float = 0.0,
) -> FloatArray:
    """Profit or loss of a book on a grid of spot moves and parallel vol shifts.

    Parameters
    ----------
    book, forward
        As for `scenario_pnl`.
    moves : (moves,) float64
        Ratios of moved to present forward. [1]
    vol_shifts : (shifts,) float64
        [1 / sqrt(year)]
    time_step : float
        [years]

    Returns
    -------
    (moves, shifts) float64

    Examples
    --------
    >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=0.1, vol=0.5, is_call=True,
    ...                     quantity=2.0, group=[0], groups=1)
    >>> spot_vol_grid(book, [100.0], moves=[0.9, 1.1], vol_shifts=[-0.1, 0.0, 0.1]).round(2)
    array([[-9.88, -8.07, -6.09],
           [10.85, 12.96, 15.22]])
    """
    rows, columns = floats("moves", moves), floats("vol_shifts", vol_shifts)
    if rows.ndim != 1 or columns.ndim != 1:
        raise ValueError("moves, vol_shifts: one dimension each wanted")
    pnl = scenario_pnl(
        book,
        forward,
        move=np.repeat(rows, columns.size),
        vol_shift=np.tile(columns, rows.size),
        time_step=time_step,
    )
    return pnl.reshape(rows.size, columns.size)


def spot_vol_ladder(
    book: PreparedBook,
    forward: FloatLike,
    *,
    moves: FloatLike,
    vol_shifts: FloatLike,
    time_step: float = 0.0,
) -> Ladder:
    """Values and Greeks per group on a grid of parallel vol shifts and spot moves.

    Parameters
    ----------
    book, forward, moves, vol_shifts, time_step
        As for `spot_vol_grid`.

    Returns
    -------
    Ladder of (shifts, moves, groups) float64

    Examples
    --------
    >>> book = PreparedBook(strike=np.array([100.0]), time_to_expiry=0.1, vol=0.5, is_call=True,
    ...                     quantity=2.0, group=[0], groups=1)
    >>> spot_vol_ladder(book, [100.0], moves=[1.0, 1.1], vol_shifts=[-0.6]).delta[0, :, 0]
    array([1., 2.])
    """
    rows, columns = floats("moves", moves), floats("vol_shifts", vol_shifts)
    step = number("time_step", time_step)
    if rows.ndim != 1 or columns.ndim != 1:
        raise ValueError("moves, vol_shifts: one dimension each wanted")
    block = np.empty((7, columns.size, rows.size, _checked(book).groups))
    for k, shift in enumerate(columns):
        moved = np.maximum(book.vol + shift, 0.0)
        later = book.updated(vol=moved, time_to_expiry=book.time_to_expiry - step)
        later.ladder(forward, rows, out=tuple(block[:, k]))
    return Ladder(*block)
