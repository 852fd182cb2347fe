"""The early-exercise premium of one put and its derivatives, given the boundary (private).

Scaled as in `pricing._american_boundary`.  With d1, d2 of the scaled spot y against the boundary
b(u) over the elapsed time t = 1 - u, and k(u) = c - a e^(-b(u))::

    premium = integral of a e^(-a t) N(-d2) - c y e^(-c t) N(-d1)

Its derivative by b(u) is ``-y e^(-c t) n(d1) k / (s sqrt(t))``: with the boundary's own derivatives
it turns into vega and rho, and with db/du into theta.  Gamma would be an integral with a peak that
narrows to nothing near the boundary, so it comes from the Black-Scholes equation instead, which the
premium satisfies by itself.
"""

# Kernels get their types from numba, at the first call.
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from pricing._american_boundary import NODE_BY_RATE, NODE_BY_VOL, NODE_VALUE, boundary_top
from pricing._american_tables import PREMIUM_POINTS
from pricing._kernel_cache import inlined, subroutine
from pricing._vector_math import exp, multiply_add, normal

__all__ = ["premium"]

_G, _SLOPE, _BY_VOL, _BY_RATE, _VALUE, _BY_SPOT, _BY_TIME = range(7)
_ROWS = 7
_ROW_SIZE = PREMIUM_POINTS + 8


@inlined
def _curve(node, row, matrix, target):
    """A polynomial given at the nodes, at the premium's points."""
    count = matrix.shape[0]
    for p in range(PREMIUM_POINTS):
        target[p] = 0.0
    for j in range(count):
        value = node[row, j]
        for p in range(PREMIUM_POINTS):
            target[p] = multiply_add(matrix[j, p], value, target[p])


@inlined
def _integrands(a, c, s, log_spot, side, horizon, log_top, top_slope, by_a, by_c, points, work):
    """The premium's integrand and its derivatives, weighted, each in its row."""
    spot = np.exp(log_spot)
    per_top = np.exp(-log_top)
    per_s = 1.0 / s
    drift = a - c
    for p in range(PREMIUM_POINTS):
        t = multiply_add(horizon * points[0, p], points[0, p], 1.0 - horizon)
        r = np.sqrt(t)
        weight, slope_weight = horizon * points[1, p], points[2, p]
        w = per_s / r
        g = side * work[_G, p]
        total = s * r
        d1 = multiply_add(multiply_add(drift, t, log_spot - log_top + g), w, 0.5 * total)
        d2 = d1 - total
        density, near = normal(-d1)
        _, far = normal(-d2)
        decay = exp(-c * t)
        asset = spot * near * decay
        money = far * exp(-a * t)
        inverse = per_top * exp(g)
        k = multiply_add(-a, inverse, c)
        peak = density * decay
        pull = spot * peak * w * k  # minus the derivative by b(u)
        own_s = spot * peak * per_s * (a * inverse * d1 - c * d2)
        own_a = money * (1.0 - a * t) + pull * t
        own_c = asset * (c * t - 1.0) - pull * t
        work[_VALUE, p] = (a * money - c * asset) * weight
        work[_BY_SPOT, p] = (peak * w * k - c * near * decay) * weight
        work[_BY_TIME, p] = side * pull * work[_SLOPE, p] * slope_weight
        work[_BY_VOL, p] = (own_s + side * pull * work[_BY_VOL, p]) * weight
        moved = pull * (side * work[_BY_RATE, p] - top_slope)
        work[_BY_RATE, p] = (by_a * own_a + by_c * own_c + moved) * weight


@inlined
def _sum(row):
    """In a fixed order, four chains side by side."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    for p in range(0, PREMIUM_POINTS, 4):
        first += row[p]
        second += row[p + 1]
        third += row[p + 2]
        fourth += row[p + 3]
    return (first + second) + (third + fourth)


@subroutine
def premium(a, c, s, log_spot, side, horizon, by_a, by_c, numbers, places, node):
    """Premium and derivatives above the boundary.

    Parameters
    ----------
    a, c, s, log_spot, by_a, by_c : float
        As for `pricing._american_boundary.boundary`, and the log of spot over strike.
    side, horizon : float
        Which boundary; and the time before expiry up to which there is one.
    numbers, places : arrays
        The tables, and the row of their layout of the boundary's level.
    node : array
        The boundary.

    Returns
    -------
    value, by_spot, by_spot_twice, by_s, by_rate, by_time : float
    """
    work = np.empty((_ROWS, _ROW_SIZE))
    count, size = places[0], PREMIUM_POINTS
    points = numbers[places[8] : places[8] + 3 * size].reshape(3, size)
    interpolation = numbers[places[11] : places[11] + count * size].reshape(count, size)
    slopes = numbers[places[12] : places[12] + count * size].reshape(count, size)
    log_top, top_slope = boundary_top(a, c, s, side, by_a, by_c)
    _curve(node, NODE_VALUE, interpolation, work[_G])
    _curve(node, NODE_VALUE, slopes, work[_SLOPE])
    _curve(node, NODE_BY_VOL, interpolation, work[_BY_VOL])
    _curve(node, NODE_BY_RATE, interpolation, work[_BY_RATE])
    _integrands(a, c, s, log_spot, side, horizon, log_top, top_slope, by_a, by_c, points, work)
    spot = np.exp(log_spot)
    d1 = (log_spot - log_top + a - c) / s + 0.5 * s
    _, near = normal(-d1)
    _, far = normal(s - d1)
    value, by_spot = _sum(work[_VALUE]), _sum(work[_BY_SPOT])
    by_time = _sum(work[_BY_TIME]) + a * np.exp(-a) * far - c * spot * np.exp(-c) * near
    by_spot_twice = 2.0 * (a * value - (a - c) * spot * by_spot + by_time) / (s * spot) ** 2
    return value, by_spot, by_spot_twice, _sum(work[_BY_VOL]), _sum(work[_BY_RATE]), by_time
