"""Policies over many simulated paths at once, in machine code: one row of paths at a time.

A row of triggers and targets comes from the policy, a row of trades from them; so a policy is one
branch of `_edges` and every policy trades and pays in the same lines.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hedger.core.bands.formulas import (
    SPREAD_NODES,
    SPREAD_WEIGHTS,
    clipped,
    cubic,
    dearer,
    leland_vol,
    spread,
    two_cost,
    unwinding,
    whalley_wilmott,
    zakamouline,
    zakamouline_vol,
)
from pricing._kernel_cache import compiled, subroutine
from pricing._vector_math import exp, log_ratio, normal

Array: TypeAlias = npt.NDArray[np.float64]
Legs: TypeAlias = npt.NDArray[np.float64]

NONE, FIXED, INTERVAL, LELAND, WHALLEY_WILMOTT, ZAKAMOULINE, CUBIC, NUMERICAL = range(8)
COST, FEE, AVERSION, VOL, DELAY, CLIP, WIDTH, EVERY, CAP, DOWN, UP = range(11)
"""Places in the vector of numbers that every policy reads; the last three are each check's own."""
_INSTANT = 1e-9


@compiled("void(float64[:,::1], float64[::1], float64, float64)")
def lognormal(block: Array, seconds: Array, spot: float, vol: float) -> None:
    """Turn rows of standard normals into rows of spot; row 0 becomes the spot at the start.

    ``seconds`` are the years between each row and the one before.
    """
    rows, paths = block.shape
    place = np.zeros(paths)
    for p in range(paths):
        block[0, p] = spot
    for n in range(1, rows):
        scale = vol * np.sqrt(seconds[n])
        drift = -0.5 * scale * scale
        row = block[n]
        for p in range(paths):
            place[p] += drift + scale * row[p]
            row[p] = spot * exp(place[p])


@subroutine
def _greeks(spots: Array, vols: Array, legs: Legs, time: float, delta: Array, gamma: Array) -> None:
    """Book delta and gamma of a row; a leg is (quantity, strike, expiry, 1 for a put)."""
    for p in range(spots.size):
        delta[p] = 0.0
        gamma[p] = 0.0
    for i in range(legs.shape[0]):
        quantity, strike, put = legs[i, 0], legs[i, 1], legs[i, 3]
        left = legs[i, 2] - time
        if left <= _INSTANT:
            continue
        root = np.sqrt(left)
        for p in range(spots.size):
            total = vols[p] * root
            density, below = normal(log_ratio(spots[p], strike) / total + 0.5 * total)
            delta[p] += quantity * (below - put)
            gamma[p] += quantity * density / (spots[p] * total)


@subroutine
def _mixed(legs: Legs, time: float) -> bool:
    """Whether a living leg is long and another one short."""
    longs = shorts = False
    for i in range(legs.shape[0]):
        if legs[i, 2] - time > _INSTANT:
            longs |= legs[i, 0] > 0.0
            shorts |= legs[i, 0] < 0.0
    return bool(longs and shorts)


@subroutine
def _slopes(legs: Legs, time: float, v: Array) -> None:
    """What lives can need: half of its largest hedge, which no band exceeds, and delta's two ends.

    Legs are in the order of strikes and expiries; these are the slopes of their payoff, from below
    all of them, which has none between two legs of one strike and expiry.
    """
    slope = 0.0
    for i in range(legs.shape[0]):
        if legs[i, 2] - time > _INSTANT:
            slope -= legs[i, 0] * legs[i, 3]
    most, v[DOWN] = abs(slope), slope
    for i in range(legs.shape[0]):
        if legs[i, 2] - time > _INSTANT:
            slope += legs[i, 0]
            last = i + 1 == legs.shape[0]
            if last or legs[i, 1] != legs[i + 1, 1] or legs[i, 2] != legs[i + 1, 2]:
                most = max(most, abs(slope))
    v[CAP], v[UP] = 0.5 * most, slope


@compiled(
    "void(float64[:,::1], int64[::1], float64[::1], float64[:,::1], float64,"
    " float64[:,::1], float64[:,::1], float64[:,::1])"
)
def greeks(
    block: Array,
    checks: npt.NDArray[np.int64],
    times: Array,
    legs: Legs,
    vol: float,
    delta: Array,
    gamma: Array,
    square: Array,
) -> None:
    """Delta, gamma and its square at every check.

    Where living legs bend both ways the square is the mean over log spot with the standard
    deviation that the time left to the horizon gives.
    """
    paths = block.shape[1]
    vols = np.full(paths, vol)
    moved, unused, other = np.empty(paths), np.empty(paths), np.empty(paths)
    for n in range(delta.shape[0]):
        spots = block[checks[n]]
        _greeks(spots, vols, legs, times[n], delta[n], gamma[n])
        if not _mixed(legs, times[n]):
            for p in range(paths):
                square[n, p] = gamma[n, p] * gamma[n, p]
            continue
        deviation = spread(vol, times[-1] - times[n])
        for p in range(paths):
            square[n, p] = 0.0
        for i in range(len(SPREAD_NODES)):
            factor = np.exp(deviation * SPREAD_NODES[i])
            for p in range(paths):
                moved[p] = spots[p] * factor
            _greeks(moved, vols, legs, times[n], unused, other)
            for p in range(paths):
                square[n, p] += SPREAD_WEIGHTS[i] * other[p] * other[p]


@subroutine
def _around(edges: Array, p: int, centre: float, trigger: float, target: float) -> None:
    edges[0, p], edges[1, p] = centre - trigger, centre - target
    edges[2, p], edges[3, p] = centre + target, centre + trigger


@subroutine
def _still(edges: Array) -> None:
    for p in range(edges.shape[1]):
        _around(edges, p, 0.0, np.inf, 0.0)


@subroutine
def _cubic(
    spots: Array, delta: Array, gamma: Array, square: Array, left: float, v: Array, edges: Array
) -> None:
    """The cubic band; numbers and rows are named outside the loop, so that it is vector code."""
    cost, aversion, vol, delay = v[COST], v[AVERSION], v[VOL], v[DELAY]
    clip, cap = v[CLIP], v[CAP]
    buy, buy_to, sell_to, sell = edges[0], edges[1], edges[2], edges[3]
    for p in range(spots.size):
        half = cubic(cost, spots[p], gamma[p], square[p], vol, left, aversion, delay)
        outer, inner = clipped(min(half, cap), clip, 0.0)
        centre = -delta[p]
        buy[p], buy_to[p] = centre - outer, centre - inner
        sell_to[p], sell[p] = centre + inner, centre + outer


@subroutine
def _dearer_delta(
    spots: Array,
    gamma: Array,
    square: Array,
    legs: Legs,
    time: float,
    left: float,
    v: Array,
    more: Array,
    centre: Array,
) -> None:
    """Delta at the variance that both costs make, for what is left of the study."""
    for p in range(spots.size):
        factor = dearer(v[COST], v[FEE], spots[p], gamma[p], square[p], v[AVERSION])
        more[p] = factor - 1.0
        centre[p] = 0.0
    for i in range(legs.shape[0]):
        lives = legs[i, 2] - time
        if lives <= _INSTANT:
            continue
        root, part = np.sqrt(lives), min(left / lives, 1.0)
        for p in range(spots.size):
            total = v[VOL] * np.sqrt(1.0 + more[p] * part) * root
            _, below = normal(log_ratio(spots[p], legs[i, 1]) / total + 0.5 * total)
            centre[p] += legs[i, 0] * (below - legs[i, 3])


@subroutine
def _two_cost(
    spots: Array,
    delta: Array,
    gamma: Array,
    square: Array,
    left: float,
    v: Array,
    centre: Array,
    edges: Array,
) -> None:
    """With a fixed cost an order: trigger and inner target, at least one clip apart."""
    for p in range(spots.size):
        outer, inner = two_cost(
            v[COST], v[FEE], spots[p], gamma[p], square[p], v[VOL], left, v[AVERSION], v[DELAY]
        )
        outer = min(outer, v[CAP])
        above, below = clipped(outer, v[CLIP], 0.0)
        inner = max(min(inner, outer - (above - below)), 0.0)
        down, up = v[DOWN] - delta[p], v[UP] - delta[p]
        further = unwinding(down if abs(down) < abs(up) else up, outer, inner)
        _around(edges, p, -centre[p], outer, inner)
        edges[1, p] += further
        edges[2, p] += further


@subroutine
def _whalley_wilmott(spots: Array, delta: Array, square: Array, v: Array, edges: Array) -> None:
    for p in range(spots.size):
        half = whalley_wilmott(v[COST], spots[p], square[p], v[AVERSION])
        outer, inner = clipped(min(half, v[CAP]), v[CLIP], 0.0)
        _around(edges, p, -delta[p], outer, inner)


@subroutine
def _zakamouline(
    spots: Array,
    gamma: Array,
    legs: Legs,
    time: float,
    left: float,
    v: Array,
    work: Array,
    edges: Array,
) -> None:
    vols, delta, unused = work[0], work[1], work[2]
    for p in range(spots.size):
        vols[p] = zakamouline_vol(v[COST], spots[p], gamma[p], v[VOL], left, v[AVERSION])
    _greeks(spots, vols, legs, time, delta, unused)
    for p in range(spots.size):
        half = zakamouline(v[COST], spots[p], gamma[p], v[VOL], left, v[AVERSION])
        outer, inner = clipped(min(half, v[CAP]), v[CLIP], 0.0)
        _around(edges, p, -delta[p], outer, inner)


@subroutine
def _leland(
    spots: Array, gamma: Array, legs: Legs, time: float, v: Array, work: Array, edges: Array
) -> None:
    """To Leland's delta; what has no solution is NaN, which trades nothing."""
    vols, delta, unused = work[0], work[1], work[2]
    for p in range(spots.size):
        vols[p] = leland_vol(v[COST], v[VOL], v[DELAY] * v[EVERY], gamma[p])
    _greeks(spots, vols, legs, time, delta, unused)
    for p in range(spots.size):
        _around(edges, p, -delta[p], 0.0, 0.0)


@subroutine
def _numerical(
    spots: Array, delta: Array, time: float, v: Array, table: Array, grid: Array, edges: Array
) -> None:
    """Edges between the two nearest nodes of the table's row; `grid` is (middle, width, spot)."""
    top = table.shape[0] - 2
    shift = grid[0] + 0.5 * v[VOL] * v[VOL] * time / grid[1]
    for p in range(spots.size):
        place = log_ratio(spots[p], grid[2]) / grid[1] + shift
        place = min(max(place, 0.0), top + 1.0)
        node = min(int(place), top)
        share = place - node
        for i in range(4):
            low, high = table[node, i], table[node + 1, i]
            between = low if low == high or share == 0.0 else low + share * (high - low)
            edges[i, p] = between - delta[p]


@subroutine
def _trade(spots: Array, later: Array, hedge: Array, edges: Array, v: Array, books: Array) -> None:
    """Trade to the edges, pay, and hold until the next row; books are P&L, orders, turnover."""
    cost, fee = v[COST], v[FEE]
    buy, buy_to, sell_to, sell = edges[0], edges[1], edges[2], edges[3]
    pnl, orders, turnover = books[0], books[1], books[2]
    for p in range(spots.size):
        old = hedge[p]
        new = buy_to[p] if old < buy[p] else old
        new = sell_to[p] if old > sell[p] else new
        amount = abs(new - old) * spots[p]
        traded = 1.0 if new != old else 0.0
        pnl[p] += new * (later[p] - spots[p]) - cost * amount - fee * traded
        orders[p] += traded
        turnover[p] += amount
        hedge[p] = new


@compiled(
    "void(int64, float64[:,::1], int64[::1], float64[::1], float64[:,::1], float64[:,::1],"
    " float64[:,::1], float64[:,::1], float64[::1], float64[:,:,::1], float64[::1],"
    " float64[:,::1], float64[:,::1])"
)
def hedged(
    kind: int,
    block: Array,
    checks: npt.NDArray[np.int64],
    times: Array,
    legs: Legs,
    delta: Array,
    gamma: Array,
    square: Array,
    v: Array,
    table: Array,
    grid: Array,
    books: Array,
    record: Array,
) -> None:
    """Run one policy over a block of paths; adds to `books`, leaves the hedges in `record`.

    The last of `checks` is the horizon, where nothing is traded. `record` keeps one row, or one for
    each check.
    """
    paths, last = block.shape[1], checks.size - 1
    edges, work, hedge = np.zeros((4, paths)), np.empty((3, paths)), np.zeros(paths)
    every = max(1, int(v[EVERY]))
    for n in range(last):
        spots = block[checks[n]]
        left = times[last] - times[n]
        _slopes(legs, times[n], v)
        if kind == CUBIC and v[FEE] > 0.0:
            _dearer_delta(spots, gamma[n], square[n], legs, times[n], left, v, work[0], work[1])
            _two_cost(spots, delta[n], gamma[n], square[n], left, v, work[1], edges)
        elif kind == CUBIC:
            _cubic(spots, delta[n], gamma[n], square[n], left, v, edges)
        elif kind == NUMERICAL:
            row = table[n * table.shape[0] // last]
            _numerical(spots, delta[n], times[n], v, row, grid, edges)
        elif kind == WHALLEY_WILMOTT:
            _whalley_wilmott(spots, delta[n], square[n], v, edges)
        elif kind == ZAKAMOULINE:
            _zakamouline(spots, gamma[n], legs, times[n], left, v, work, edges)
        elif kind == FIXED:
            outer, inner = clipped(v[WIDTH], v[CLIP], 0.0) if v[CLIP] >= 0.0 else (v[WIDTH], 0.0)
            for p in range(paths):
                _around(edges, p, -delta[n, p], outer, inner)
        elif kind == NONE or n % every:
            _still(edges)
        elif kind == LELAND:
            _leland(spots, gamma[n], legs, times[n], v, work, edges)
        else:
            for p in range(paths):
                _around(edges, p, -delta[n, p], 0.0, 0.0)
        _trade(spots, block[checks[n + 1]], hedge, edges, v, books)
        record[n if record.shape[0] == last else 0] = hedge
