"""The dynamic program's backward sweep in machine code: one step of expectation, one of trading."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pricing._kernel_cache import compiled, subroutine
from pricing._vector_math import exp

Array: TypeAlias = npt.NDArray[np.float64]
_PAD = 12
"""Grid points by which the part of a row that is looked at exceeds the band one step later."""


@subroutine
def _expect(
    goal: Array,
    worth: Array,
    spots: Array,
    values: Array,
    weights: Array,
    hedges: Array,
    node: int,
    spot: float,
    value: float,
    aversion: float,
    first: int,
    last: int,
) -> None:
    """J of every hedge in [first, last) at one node, into `goal`."""
    reach = weights.size // 2
    for j in range(first, last):
        goal[j] = 0.0
    for i in range(weights.size):
        other = node + i - reach
        slope = -aversion * (spots[other] - spot)
        level = -aversion * (values[other] - value)
        weight = weights[i]
        row = worth[other]
        for j in range(first, last):
            goal[j] += weight * row[j] * exp(level + slope * hedges[j])
    for j in range(first, last):
        goal[j] = np.log(goal[j]) / aversion


@subroutine
def _end(
    goal: Array, hedges: Array, tilt: float, first: int, last: int
) -> tuple[int, float, float]:
    """Where J + tilt y is least in [first, last): index, the hedge between points, and J there."""
    best, least = first, goal[first] + tilt * hedges[first]
    for j in range(first + 1, last):
        total = goal[j] + tilt * hedges[j]
        if total < least:
            best, least = j, total
    hedge = hedges[best]
    if first < best < last - 1:
        below = goal[best - 1] + tilt * hedges[best - 1] - least
        above = goal[best + 1] + tilt * hedges[best + 1] - least
        bend = below + above
        if bend > 0.0:
            shift = 0.5 * (below - above) / bend
            hedge += shift * (hedges[1] - hedges[0])
            least -= 0.25 * (below - above) * shift
    return best, hedge, least - tilt * hedge


@subroutine
def _trigger(
    goal: Array,
    hedges: Array,
    rate: float,
    fixed: float,
    start: int,
    stop: int,
    step: int,
    target: float,
    reached: float,
) -> float:
    """First hedge from `start` to `stop` from where a trade to `target` is worth its cost.

    `step` is 1 upwards and -1 downwards, and said by the caller: start and stop may be the same
    point. Infinite, with that sign, where there is none.
    """
    gain_before, before = -fixed, target
    for j in range(start, stop + step, step):
        if (hedges[j] - target) * step <= 0.0:
            continue
        gain = goal[j] - reached - rate * abs(hedges[j] - target) - fixed
        if gain > 0.0:
            if gain_before >= 0.0:
                return before
            share = gain_before / (gain_before - gain)
            return float(before + (hedges[j] - before) * share)
        gain_before, before = gain, hedges[j]
    return float(step * np.inf)


@subroutine
def _trade(
    goal: Array,
    hedges: Array,
    rate: float,
    fixed: float,
    first: int,
    last: int,
    edges: Array,
) -> bool:
    """Fill the four edges from J in [first, last); False where they lie beyond."""
    low, buy_to, buy_cost = _end(goal, hedges, rate, first, last)
    high, sell_to, sell_cost = _end(goal, hedges, -rate, first, last)
    if (low == first and first > 0) or (high == last - 1 and last < hedges.size):
        return False
    edges[1], edges[2] = buy_to, sell_to
    if fixed == 0.0:
        edges[0], edges[3] = buy_to, sell_to
        return True
    edges[0] = _trigger(goal, hedges, rate, fixed, low, first, -1, buy_to, buy_cost)
    edges[3] = _trigger(goal, hedges, rate, fixed, high, last - 1, 1, sell_to, sell_cost)
    return not ((edges[0] == -np.inf and first > 0) or (edges[3] == np.inf and last < hedges.size))


@subroutine
def _row(
    worth: Array,
    goal: Array,
    hedges: Array,
    rate: float,
    fixed: float,
    aversion: float,
    edges: Array,
    first: int,
    last: int,
) -> None:
    """``exp(γ g)`` of every hedge: J between the triggers, one trade's cost outside."""
    _, _, buy_cost = _end(goal, hedges, rate, first, last)
    _, _, sell_cost = _end(goal, hedges, -rate, first, last)
    for j in range(hedges.size):
        y = hedges[j]
        if y < edges[0]:
            cost = buy_cost + rate * (edges[1] - y) + fixed
        elif y > edges[3]:
            cost = sell_cost + rate * (y - edges[2]) + fixed
        else:
            cost = goal[j]
        worth[j] = exp(aversion * cost)


@subroutine
def _close(
    worth: Array, spots: Array, hedges: Array, proportional: float, fixed: float, aversion: float
) -> None:
    """``exp(γ cost)`` of closing every hedge at the horizon."""
    for k in range(spots.size):
        for j in range(hedges.size):
            size = abs(hedges[j])
            cost = proportional * spots[k] * size + (fixed if size > 1e-12 else 0.0)
            worth[k, j] = exp(aversion * cost)


@subroutine
def _index(hedges: Array, y: float) -> int:
    """Grid point below a hedge; an end of the grid where it lies outside."""
    place = (y - hedges[0]) / (hedges[1] - hedges[0])
    if not place > 0.0:
        return 0
    return int(min(place, hedges.size - 1.0))


@compiled(
    "float64(float64[:,::1], float64[:,::1], float64[:,::1], float64[::1], float64[::1],"
    " int64[::1], float64, float64, float64, boolean, float64[:,:,::1])"
)
def sweep(
    spots: Array,
    before: Array,
    after: Array,
    weights: Array,
    hedges: Array,
    radii: npt.NDArray[np.int64],
    aversion: float,
    proportional: float,
    fixed: float,
    liquidate: bool,
    edges: Array,
) -> float:
    """Fill `edges` backwards in time; returns the cost of starting without a hedge.

    Rows of `spots`, `before` and `after` (the book's value before and after what expires then is
    paid) are checks and the horizon; `radii` are the nodes each side of the middle that matter.
    """
    steps, nodes = edges.shape[0], edges.shape[1]
    middle, reach, size = nodes // 2, weights.size // 2, hedges.size
    worth, later = np.ones((nodes, size)), np.ones((nodes, size))
    goal = np.empty(size)
    if liquidate:
        _close(later, spots[steps], hedges, proportional, fixed, aversion)
    for n in range(steps - 1, -1, -1):
        radius = radii[n]
        for k in range(middle - radius, middle + radius + 1):
            first, last = 0, size
            if n < steps - 1:
                first = max(0, _index(hedges, edges[n + 1, k, 0]) - _PAD)
                last = min(size, _index(hedges, edges[n + 1, k, 3]) + _PAD)
            rate = proportional * spots[n, k]
            while True:
                _expect(
                    goal, later, spots[n + 1], before[n + 1], weights, hedges, k,
                    spots[n, k], after[n, k], aversion, first, last,
                )  # fmt: skip
                found = _trade(goal, hedges, rate, fixed, first, last, edges[n, k])
                if found or (first == 0 and last == size):
                    break
                first, last = 0, size
            _row(worth[k], goal, hedges, rate, fixed, aversion, edges[n, k], first, last)
        for i in range(1, reach + 1):
            worth[middle - radius - i] = worth[middle - radius]
            worth[middle + radius + i] = worth[middle + radius]
        for k in range(nodes):  # beyond what was solved, where hardly a path comes
            inside = min(max(k, middle - radius), middle + radius)
            edges[n, k] = edges[n, inside]
        worth, later = later, worth
    at = _index(hedges, 0.0)
    share = -hedges[at] / (hedges[1] - hedges[0])  # where it would be traded, g is straight
    start, above = np.log(later[middle, at]), np.log(later[middle, min(at + 1, size - 1)])
    return float((start + share * (above - start)) / aversion)
