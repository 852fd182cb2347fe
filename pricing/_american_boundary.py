"""The early-exercise boundary of one put by Newton's method on smooth pasting (private).

Scaled: strike 1, time 1; ``a = rate T``, ``c = dividend_yield T``, ``s = vol sqrt(T)``.  With
b(u) = log of the boundary at time u before expiry, d = (b(x^2) - b(u) + (a - c) t) / (s sqrt(t))
+ s sqrt(t) / 2 and t = x^2 - u, the put's slope at its boundary is -1 where

    0 = e^(-c x^2) N(d of the strike) + integral over u of
        e^(-c t) (c N(d) + (c - a e^(-b(u))) n(d) / (s sqrt(t)))

The unknowns are g = log(top) - b at Chebyshev points of the root of x = sqrt(u)
(Andersen, Lake and Offengenden 2016).  Where they iterate a fixed point, here the whole Jacobian
is formed: it costs one more sum over the same exponentials, it makes each sweep square the error,
and solving with it for the right-hand sides "derivative by vol" and "by rate" gives the boundary's
own derivatives, which vega and rho need.  Sweeps on 4 points, then on 8, are a cheap way to a first
guess on as many as the tolerance asks for.
"""

# Kernels get their types from numba, at the first call.
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from pricing._american_tables import (
    AT_STRIKE_ERRORS,
    AT_STRIKE_KINDS,
    BELOW_STRIKE_ERRORS,
    BELOW_STRIKE_KINDS,
    LANES,
    POINTS_MAX,
)
from pricing._kernel_cache import inlined, subroutine
from pricing._vector_math import exp, log_ratio, multiply_add, normal

__all__ = [
    "NODES",
    "NODE_BY_RATE",
    "NODE_BY_VOL",
    "NODE_ROWS",
    "NODE_VALUE",
    "boundary",
    "boundary_top",
]

_ROW_SIZE = POINTS_MAX + 104  # rows start in different lines of the first-level cache
_ROWS = 11
NODE_ROWS = 6
NODES = 32
_TOP_MIN = 0.03  # in total vols below the strike
_PASSES_MAX = 24
_SETTLED = 0.01  # step after which the next level starts
_CLOSE = 1e-3  # step after which one more, squaring it, is the last
_CLOSE_PER_TOLERANCE = 1e4
_CLOSEST = 1e-6  # rounding makes no step smaller for sure
_NOWHERE = 1e3  # a log of price that no boundary reaches
_FLOOR = 0.2  # of the first guess, below which no boundary lies

# rows of the points' scratch
_G, _DECAY, _VALUE, _OWN, _OTHER, _BY_VOL, _BY_RATE, _D, _WEIGHTED, _INVERSE, _BELOW = range(_ROWS)
# rows of the nodes' scratch
NODE_VALUE, NODE_BY_VOL, NODE_BY_RATE, _VALUE_NODE, _OWN_NODE, _GUESS = range(NODE_ROWS)


@inlined
def boundary_top(a, c, s, side, by_a, by_c):
    """Log of the boundary at expiry and its derivative by the rate: min(1, a / c), below: a / c.

    A top just below the strike is left only in the last instants, which no node sees: then the
    polynomial starts from the strike.
    """
    if side < 0.0 or 0.0 < a < c * np.exp(-_TOP_MIN * s):
        return np.log(a / c), by_a / a - by_c / c
    return 0.0, 0.0


@subroutine
def _level_for(a, c, s, tolerance):
    """The first level whose measured error is within the tolerance."""
    kind = 0
    if 0.0 < a < c:
        distance = np.log(c / a) / s
        while distance >= BELOW_STRIKE_KINDS[kind] and kind < len(BELOW_STRIKE_KINDS) - 1:
            kind += 1
        errors = BELOW_STRIKE_ERRORS[kind]
    else:
        hardness = ((a - min(c, 0.0)) / s) ** 2
        while hardness >= AT_STRIKE_KINDS[kind] and kind < len(AT_STRIKE_KINDS) - 1:
            kind += 1
        errors = AT_STRIKE_ERRORS[kind]
    level = 1
    while level < len(errors) and errors[level - 1] > tolerance:
        level += 1
    return level


@subroutine
def _perpetual(a, c, s, side):
    """Log of the boundary without expiry; beyond every other one where there is none."""
    drift = (a - c) / (s * s) - 0.5
    square = drift * drift + 2.0 * a / (s * s)
    if square < 0.0:
        return -side * _NOWHERE
    root = np.sqrt(square)
    beta = -drift - side * root if drift > 0.0 else 2.0 * a / (s * s) / (drift - root)
    return -np.log1p(-1.0 / beta) if beta < -1e-9 else -side * _NOWHERE


@subroutine
def _first_guess(a, c, s, side, log_top, x, node):
    """Short-time asymptotics, bent to the perpetual boundary."""
    limit = side * (log_top - _perpetual(a, c, s, side))
    limit = limit if limit > 0.0 else _NOWHERE
    above = -log_top if side > 0.0 else 0.0  # how far the top lies below the strike
    per_rate = 0.14 / max(a, 1e-30)
    per_gap = min(0.04 * s * s / max((a - c) * (a - c), 1e-100), 1e100)
    for i in range(x.size):
        square = x[i] * x[i]
        equal = 2.0 * log_ratio(square + per_rate, square)
        gap = log_ratio(square + per_gap, square)
        bend = equal if (a < c) | (equal < gap) else gap
        early = s * x[i] * np.sqrt(bend) - above
        late = 0.8 * s * x[i]
        short = early if (early > late) & (side > 0.0) else late
        node[_GUESS, i] = short * limit / np.sqrt(short * short + limit * limit)


@subroutine
def _fold(row, count, size):
    """Sums over the angles of each node, left in the first `count` places."""
    while (size // count) % 2 == 0:
        size //= 2
        for p in range(size):
            row[p] += row[p + size]
    for k in range(1, size // count):
        for i in range(count):
            row[i] += row[k * count + i]


@inlined
def _interpolate(matrix, node, count, row):
    """The boundary's polynomial at the points."""
    for p in range(row.size):
        row[p] = 0.0
    for j in range(0, count, 4):
        g0, g1 = node[NODE_VALUE, j], node[NODE_VALUE, j + 1]
        g2, g3 = node[NODE_VALUE, j + 2], node[NODE_VALUE, j + 3]
        for p in range(row.size):
            even = multiply_add(matrix[j, p], g0, matrix[j + 2, p] * g2)
            odd = multiply_add(matrix[j + 1, p], g1, matrix[j + 3, p] * g3)
            row[p] += even + odd


@inlined
def _integrands(a, c, s, side, top, root, weight, work):
    """Smooth pasting at the points and its derivatives by the node's own b and by b(u)."""
    per_s = 1.0 / s
    per_top = 1.0 / top
    drift = a - c
    for p in range(root.size):
        r = root[p]
        t = r * r
        w = per_s / r
        g = work[_G, p]
        d = multiply_add(multiply_add(drift, t, side * (g - work[_OWN, p])), w, 0.5 * s * r)
        density, below = normal(d)
        decay = work[_DECAY, p] * weight[p]
        inverse = per_top * exp(side * g)
        k = multiply_add(-a, inverse, c)
        weighted = w * density * decay
        inner = multiply_add(-k * d, weighted, c * density * decay)
        work[_D, p] = d
        work[_INVERSE, p] = inverse
        work[_BELOW, p] = below * decay
        work[_WEIGHTED, p] = weighted
        work[_VALUE, p] = multiply_add(c * decay, below, k * weighted)
        work[_OWN, p] = w * inner
        work[_OTHER, p] = weighted * k * multiply_add(w, d, -1.0)


@inlined
def _tangents(a, c, s, by_a, by_c, root, work):
    """Derivatives of the integrands by s and by the rate, the boundary held still."""
    per_s = 1.0 / s
    for p in range(root.size):
        r = root[p]
        d, inverse = work[_D, p], work[_INVERSE, p]
        k = multiply_add(-a, inverse, c)
        weighted, below = work[_WEIGHTED, p], work[_BELOW, p]
        per_w = s * r
        inner = weighted * (c * per_w - k * d)
        work[_BY_VOL, p] = -per_s * (inner * (d - per_w) + k * weighted)
        shift = inner * r * per_s
        by_rate = shift - inverse * weighted
        by_carry = below + weighted - r * r * work[_VALUE, p] - shift
        work[_BY_RATE, p] = by_a * by_rate + by_c * by_carry


@subroutine
def _eliminate(matrix, count, columns):
    """Gauss-Jordan with row exchanges; solutions stand in the columns from `count` on."""
    for k in range(count):
        pivot = k
        for i in range(k + 1, count):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if pivot != k:
            for j in range(columns):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        scale = 1.0 / matrix[k, k]
        for block in range(k - k % LANES, columns, LANES):
            for j in range(block, block + LANES):
                matrix[k, j] *= scale
        for i in range(count):
            factor = 0.0 if i == k else -matrix[i, k]
            for block in range(k - k % LANES, columns, LANES):
                for j in range(block, block + LANES):
                    matrix[i, j] = multiply_add(factor, matrix[k, j], matrix[i, j])


@subroutine
def _own_terms(a, c, s, side, log_top, by_a, by_c, x, node):
    """The European term of each node's equation and its derivatives."""
    for i in range(x.size):
        t = x[i] * x[i]
        total = s * x[i]
        d = (log_top - node[NODE_VALUE, i] + (a - c) * t) / total + 0.5 * total
        density, below = normal(d)
        decay = exp(-c * t)
        density *= decay
        below *= decay
        if side < 0.0:  # a forward contract in place of the put
            density, below = 0.0, decay - 1.0
        node[_VALUE_NODE, i] = below
        node[_OWN_NODE, i] = density / total
        node[NODE_BY_VOL, i] = -density * (d - total) / s
        node[NODE_BY_RATE, i] = (by_a - by_c) * density * x[i] / s - by_c * t * (
            below if side > 0.0 else decay
        )


@inlined
def _add_sums(value, count, size, node, row):
    """Fold one row of integrands into the nodes' equations."""
    _fold(value, count, size)
    for i in range(count):
        node[row, i] += value[i]


@inlined
def _system(top_slope, by_point, count, last, node, work, matrix):
    """The linear equations of one sweep; the last one's have two more right-hand sides."""
    size = by_point.shape[0]
    _add_sums(work[_VALUE], count, size, node, _VALUE_NODE)
    _add_sums(work[_OWN], count, size, node, _OWN_NODE)
    if last:
        _add_sums(work[_BY_VOL], count, size, node, NODE_BY_VOL)
        _add_sums(work[_BY_RATE], count, size, node, NODE_BY_RATE)
    if last and top_slope != 0.0:  # the boundary's top moves with the rate
        for p in range(size):
            work[_D, p] = top_slope * work[_OTHER, p]
        _add_sums(work[_D], count, size, node, NODE_BY_RATE)
        for i in range(count):
            node[NODE_BY_RATE, i] += top_slope * node[_OWN_NODE, i]
    for i in range(count):
        for block in range(0, by_point.shape[1], LANES):
            for j in range(block, block + LANES):
                matrix[i, j] = 0.0
            for p in range(i, size, count):
                factor = work[_OTHER, p]
                for j in range(block, block + LANES):
                    matrix[i, j] = multiply_add(factor, by_point[p, j], matrix[i, j])
        matrix[i, i] += node[_OWN_NODE, i]
        matrix[i, count] = node[_VALUE_NODE, i]
        matrix[i, count + 1] = node[NODE_BY_VOL, i]
        matrix[i, count + 2] = node[NODE_BY_RATE, i]


@subroutine
def _step(a, c, side, top, x, node, matrix):
    """Apply the solved correction, held within a factor; its largest size, by what it weighs.

    A shift of the boundary costs ``c - a / B`` an instant, which falls to nothing at a top below
    the strike.
    """
    largest = 0.0
    scale = 1.0 / (node[NODE_VALUE, 0] * (c - a / top * exp(side * node[NODE_VALUE, 0])))
    for i in range(x.size):
        before = node[NODE_VALUE, i]
        after = min(before + side * matrix[i, x.size], 2.5 * before)
        node[NODE_VALUE, i] = max(after, 0.4 * before, _FLOOR * node[_GUESS, i])
        weight = (c - a / top * exp(side * before)) * scale * x[i] * np.sqrt(x[i])
        size = abs((node[NODE_VALUE, i] - before) * weight)
        largest = largest if size <= largest else size  # NaN stays
    return largest


@subroutine
def _prolong(matrix, node, before, count):
    """From one level's nodes to the next one's."""
    for i in range(count):
        total = 0.0
        for j in range(before):
            total += matrix[j, i] * node[NODE_VALUE, j]
        node[_OWN_NODE, i] = max(total, _FLOOR * node[_GUESS, i])
    for i in range(count):
        node[NODE_VALUE, i] = node[_OWN_NODE, i]


@inlined
def _part(numbers, start, rows, columns):
    return numbers[start : start + rows * columns].reshape(rows, columns)


@subroutine
def boundary(a, c, s, side, by_a, by_c, tolerance, numbers, layout, node):
    """Solve for the boundary and for its derivatives by s and by the rate.

    Parameters
    ----------
    a, c, s : float
    side : float
        1 for the boundary that is reached from above; -1 for the lower one of two.
    by_a, by_c : float
        1 and 0 where "the rate" is a; 0 and 1 where it is c (calls seen as puts).
    tolerance : float
        Wanted error of the price, relative to itself: decides the last level.
    numbers, layout : arrays
        `pricing._american_tables.Tables`.
    node : array
        (NODE_ROWS, NODES), receives the boundary.

    Returns
    -------
    level : int
        g stands in ``node[0]``, its derivatives in ``node[1]`` and ``node[2]``.
    step : float
        The last relative correction: how far Newton was from its end, NaN where it failed.
    """
    work = np.empty((_ROWS, _ROW_SIZE))
    matrix = np.zeros((NODES, NODES + LANES))
    log_top, top_slope = boundary_top(a, c, s, side, by_a, by_c)
    top = np.exp(log_top)
    target = _level_for(a, c, s, tolerance)
    close = max(_CLOSEST, min(_CLOSE, _CLOSE_PER_TOLERANCE * tolerance))
    level, passes, largest = 0, 0, 1.0
    fresh, last = True, False
    while True:
        count, angles = layout[level, 0], layout[level, 1]
        size = count * angles
        x = numbers[layout[level, 2] : layout[level, 2] + count]
        root = numbers[layout[level, 3] : layout[level, 3] + size]
        weight = numbers[layout[level, 4] : layout[level, 4] + size]
        interpolation = _part(numbers, layout[level, 5], count, size)
        by_point = _part(numbers, layout[level, 6], size, count + -count % LANES)
        if fresh:
            _first_guess(a, c, s, side, log_top, x, node)
            if level == 0:
                for i in range(count):
                    node[NODE_VALUE, i] = node[_GUESS, i]
            else:
                before = layout[min(level, 2) - 1, 0]
                _prolong(_part(numbers, layout[level, 7], before, count), node, before, count)
            for p in range(size):
                work[_DECAY, p] = exp(-c * root[p] * root[p])
        for k in range(angles):
            for i in range(count):
                work[_OWN, k * count + i] = node[NODE_VALUE, i]
        _interpolate(interpolation, node, count, work[_G, :size])
        _integrands(a, c, s, side, top, root, weight, work)
        if last:
            _tangents(a, c, s, by_a, by_c, root, work)
        _own_terms(a, c, s, side, log_top, by_a, by_c, x, node)
        _system(top_slope, by_point, count, last, node, work, matrix)
        _eliminate(matrix, count, count + (3 if last else 1))
        largest = _step(a, c, side, top, x, node, matrix)
        passes += 1
        if last or passes >= _PASSES_MAX or not largest < np.inf:
            break
        last = level == target and largest < close
        fresh = level < target and largest < _SETTLED
        if fresh:
            level = 1 if level == 0 else target
    for i in range(layout[level, 0]):
        node[NODE_BY_VOL, i] = side * matrix[i, layout[level, 0] + 1]
        node[NODE_BY_RATE, i] = side * matrix[i, layout[level, 0] + 2]
    return level, largest
