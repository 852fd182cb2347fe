"""Levenberg-Marquardt of one smile to bids and asks, in compiled code (private).

Two families share the loop.  Each maps unconstrained numbers to parameters inside its constraints,
with the analytic Jacobian, so that no iterate leaves them:

* `ESSVI`: (theta, rho, psi) of one eSSVI slice; no butterfly arbitrage, no calendar arbitrage
  against a nearer slice;
* `SVI`: raw (a, b, rho, m, sigma); variance positive and wings within Lee's slope of 2, the rest
  by a penalty on a grid.
"""

import numpy as np
from numba import types

from pricing._batch import INPUT
from pricing._kernel_cache import compiled, subroutine
from pricing.conventions import FloatArray

__all__ = ["ESSVI", "G_MARGIN", "RHO_MAX", "SVI", "descend"]

ESSVI, SVI = 0, 1
RHO_MAX = 0.999
G_MARGIN = 0.01  # the penalty wants Durrleman's g above this, so that it ends above 0
_W_MARGIN = 1e-3  # and wants total variance above the nearer slice's by this share
_GROWTH_MIN = 1.0 + 1e-9  # of eSSVI's total variance between expiries: rounding stays harmless
_PULL = 0.1  # cost of a squared half-width inside the spread; outside it is 1
_STEPS_MAX = 150
_GAIN_MIN = 1e-6  # relative; below it the descent has arrived
_DAMPING_MAX = 1e12
_OUTPUT = types.Array(types.float64, 1, "C")


@subroutine
def _essvi_map(x: FloatArray, near: FloatArray, p: FloatArray, jacobian: FloatArray) -> None:
    """(theta, rho, psi) beyond the nearer slice `near`, whose theta is 0 where there is none."""
    rho = RHO_MAX * np.tanh(x[1])
    by_rho = RHO_MAX - rho * rho / RHO_MAX
    side = 1.0 if rho >= 0.0 else -1.0
    ratio, ratio_x1 = 1.0, 0.0
    if near[0] > 0.0:
        up = _GROWTH_MIN * (1.0 + near[1]) / (1.0 + rho)
        down = _GROWTH_MIN * (1.0 - near[1]) / (1.0 - rho)
        ratio = max(up, down)
        ratio_x1 = by_rho * (-up / (1.0 + rho) if up >= down else down / (1.0 - rho))
    added = np.exp(x[0])
    theta, theta_x1 = near[0] * ratio + added, near[0] * ratio_x1
    lower, lower_x1 = near[2] * ratio, near[2] * ratio_x1
    wing = 1.0 + abs(rho)
    wing_x1 = side * by_rho
    upper, upper_x0, upper_x1 = 4.0 / wing, 0.0, -4.0 / (wing * wing) * wing_x1
    curved = 2.0 * np.sqrt(theta / wing)
    if curved < upper:
        upper, upper_x0 = curved, 0.5 * curved * added / theta
        upper_x1 = 0.5 * curved * (theta_x1 / theta - wing_x1 / wing)
    if near[0] > 0.0 and near[2] / near[0] * theta < upper:
        slope = near[2] / near[0]
        upper, upper_x0, upper_x1 = slope * theta, slope * added, slope * theta_x1
    if upper < lower:  # butterflies leave no room above the nearer slice
        upper, upper_x0, upper_x1 = lower, 0.0, lower_x1
    share = 1.0 / (1.0 + np.exp(-x[2]))
    p[0], p[1], p[2] = theta, rho, lower + (upper - lower) * share
    jacobian[:] = 0.0
    jacobian[0, 0], jacobian[0, 1] = added, theta_x1
    jacobian[1, 1] = by_rho
    jacobian[2, 0] = upper_x0 * share
    jacobian[2, 1] = lower_x1 + (upper_x1 - lower_x1) * share
    jacobian[2, 2] = (upper - lower) * share * (1.0 - share)


@subroutine
def _svi_map(x: FloatArray, limits: FloatArray, p: FloatArray, jacobian: FloatArray) -> None:
    """Raw SVI from log least variance and from the shares of the bounds of b, rho, m and sigma.

    `limits` are the smallest and largest sigma and the largest |m|: quotes cannot place the hinge
    of the hyperbola outside their own range, nor tell a sharper one from a kink.
    """
    least, part = np.exp(x[0]), 1.0 / (1.0 + np.exp(-x[4]))
    sigma = limits[0] + (limits[1] - limits[0]) * part
    by_sigma = (limits[1] - limits[0]) * part * (1.0 - part)
    m = limits[2] * np.tanh(x[3])
    rho = RHO_MAX * np.tanh(x[2])
    by_rho = RHO_MAX - rho * rho / RHO_MAX
    wing = 1.0 + abs(rho)
    share = 1.0 / (1.0 + np.exp(-x[1]))
    b = 2.0 * share / wing
    b_x1 = b * (1.0 - share)
    b_x2 = -b / wing * (by_rho if rho >= 0.0 else -by_rho)
    root = np.sqrt(1.0 - rho * rho)
    p[0], p[1], p[2], p[3], p[4] = least - b * sigma * root, b, rho, m, sigma
    jacobian[:] = 0.0
    jacobian[0, 0] = least
    jacobian[0, 1] = -b_x1 * sigma * root
    jacobian[0, 2] = -b_x2 * sigma * root + b * sigma * rho / root * by_rho
    jacobian[0, 4] = -b * root * by_sigma
    jacobian[1, 1], jacobian[1, 2] = b_x1, b_x2
    jacobian[2, 2] = by_rho
    jacobian[3, 3] = limits[2] - m * m / limits[2]
    jacobian[4, 4] = by_sigma


@subroutine
def _variance(family: int, p: FloatArray, k: float, row: FloatArray) -> float:
    """Total variance at log-moneyness k; its gradient by the parameters goes to `row`."""
    if family == ESSVI:
        theta, rho, psi = p[0], p[1], p[2]
        z = psi * k
        root = np.sqrt(z * z + 2.0 * rho * z * theta + theta * theta)
        row[0] = 0.5 * (1.0 + (rho * z + theta) / root)
        row[1] = 0.5 * z * (1.0 + theta / root)
        row[2] = 0.5 * k * (rho + (z + rho * theta) / root)
        ssvi: float = 0.5 * (theta + rho * z + root)
        return ssvi
    b, rho, d, sigma = p[1], p[2], k - p[3], p[4]
    root = np.sqrt(d * d + sigma * sigma)
    row[0], row[1], row[2] = 1.0, rho * d + root, b * d
    row[3], row[4] = -b * (rho + d / root), b * sigma / root
    svi: float = p[0] + b * (rho * d + root)
    return svi


@subroutine
def _add_row(
    row: FloatArray, jacobian: FloatArray, matrix: FloatArray, weight: float, pull: float,
    slope: FloatArray, work: FloatArray,
) -> None:  # fmt: skip
    """Add weight * row row' to the normal matrix and pull * row to the slope, both by x."""
    size = slope.size
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += row[j] * jacobian[j, i]
        work[i] = total
    for i in range(size):
        slope[i] += pull * work[i]
        for j in range(i + 1):
            matrix[i, j] += weight * work[i] * work[j]


@subroutine
def _durrleman(p: FloatArray, k: float, row: FloatArray) -> float:
    """Durrleman's g of a raw SVI slice at k, and its gradient by the parameters."""
    b, rho, d, sigma = p[1], p[2], k - p[3], p[4]
    root = np.sqrt(d * d + sigma * sigma)
    w, w1 = p[0] + b * (rho * d + root), b * (rho + d / root)
    bend = sigma * sigma / (root * root * root)
    h = 1.0 - 0.5 * k * w1 / w
    by_w = (h * k * w1 + 0.25 * w1 * w1) / (w * w)
    by_w1 = -h * k / w - 0.5 * w1 * (1.0 / w + 0.25)
    turn = 3.0 * d / (root * root)
    row[0] = by_w
    row[1] = by_w * (rho * d + root) + by_w1 * (rho + d / root) + 0.5 * bend
    row[2] = by_w * b * d + by_w1 * b
    row[3] = -by_w * w1 - by_w1 * b * bend + 0.5 * b * bend * turn
    row[4] = by_w * b * sigma / root - by_w1 * b * d * sigma / (root * root * root)
    row[4] += b * bend * (1.0 / sigma - 1.5 * sigma / (root * root))
    g: float = h * h - 0.25 * w1 * w1 * (1.0 / w + 0.25) + 0.5 * b * bend
    return g


@subroutine
def _quotes(
    family: int, cutoff: float, time: float, k: FloatArray, bid: FloatArray, ask: FloatArray,
    half: FloatArray, p: FloatArray, jacobian: FloatArray, matrix: FloatArray, slope: FloatArray,
) -> float:  # fmt: skip
    """Cost of all quotes; adds to the normal matrix and to the slope."""
    row, work = np.empty(5), np.empty(5)
    cost, square = 0.0, cutoff * cutoff
    for i in range(k.size):
        vol = np.sqrt(_variance(family, p, k[i], row) / time)
        outside = max(vol - ask[i], 0.0) + min(vol - bid[i], 0.0)
        scale = 1.0 / half[i]
        u = outside * scale
        fade = 1.0 / (1.0 + u * u / square)
        cost -= square * np.log(fade)
        weight, pull = fade if u != 0.0 else 0.0, fade * u
        if bid[i] > 0.0 and ask[i] < np.inf:
            u = (vol - 0.5 * (bid[i] + ask[i])) * scale
            fade = 1.0 / (1.0 + u * u / square)
            cost -= _PULL * square * np.log(fade)
            weight += _PULL * fade
            pull += _PULL * fade * u
        by_variance = 0.5 * scale / (vol * time)
        _add_row(
            row, jacobian, matrix, weight * by_variance * by_variance, pull * by_variance,
            slope, work,
        )  # fmt: skip
    return cost


@subroutine
def _arbitrage(
    penalty: float, p: FloatArray, grid: FloatArray, floor: FloatArray, jacobian: FloatArray,
    matrix: FloatArray, slope: FloatArray,
) -> float:  # fmt: skip
    """Cost of g below its margin, and of total variance below the nearer slice's, on the grid."""
    row, work = np.empty(5), np.empty(5)
    cost = 0.0
    for i in range(grid.size):
        short = G_MARGIN - _durrleman(p, grid[i], row)
        if short > 0.0:
            cost += penalty * short * short
            _add_row(row, jacobian, matrix, penalty, -penalty * short, slope, work)
        if floor[i] > 0.0:
            least = floor[i] * (1.0 + _W_MARGIN)
            short = 1.0 - _variance(SVI, p, grid[i], row) / least
            if short > 0.0:
                cost += penalty * short * short
                per = penalty / least
                _add_row(row, jacobian, matrix, per / least, -per * short, slope, work)
    return cost


@subroutine
def _step(matrix: FloatArray, slope: FloatArray, damping: float, x: FloatArray) -> None:
    """Replace x by the damped Gauss-Newton step, by Cholesky's factors."""
    size = slope.size
    root = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            if i == j:
                total += damping * matrix[i, i] + 1e-14 * (1.0 + matrix[i, i])
            for m in range(j):
                total -= root[i, m] * root[j, m]
            root[i, j] = np.sqrt(max(total, 1e-300)) if i == j else total / root[j, j]
    for i in range(size):
        total = -slope[i]
        for j in range(i):
            total -= root[i, j] * x[j]
        x[i] = total / root[i, i]
    for i in range(size - 1, -1, -1):
        for j in range(i + 1, size):
            x[i] -= root[j, i] * x[j]
        x[i] /= root[i, i]


@compiled(
    types.int64(
        types.int64, types.float64, types.float64, types.float64, *[INPUT] * 7, *[_OUTPUT] * 2
    )
)
def descend(  # type: ignore[no-untyped-def]
    family, cutoff, penalty, time, k, bid, ask, half, limits, grid, floor, x, p
):  # fmt: skip
    """Move x downhill and leave its parameters in p; the number of steps, or -1 if still moving.

    A missing bid is 0, a missing ask infinite; `half` is half the spread of each quote in vol;
    `limits` is the nearer slice's (theta, rho, psi) for `ESSVI`, the bounds of `SVI` for it.
    """
    size = x.size
    jacobian = np.zeros((size, size))
    matrix, slope = np.zeros((2, size, size)), np.zeros((2, size))
    trial, step = x.copy(), np.zeros(size)
    now, damping, best, steps, arrived = 0, 1e-3, np.inf, 0, False
    while steps < _STEPS_MAX and not arrived:
        steps += 1
        other = 1 - now
        if family == ESSVI:
            _essvi_map(trial, limits, p, jacobian)
        else:
            _svi_map(trial, limits, p, jacobian)
        matrix[other], slope[other] = 0.0, 0.0
        cost = _quotes(
            family, cutoff, time, k, bid, ask, half, p, jacobian, matrix[other], slope[other]
        )
        if family == SVI:
            cost += _arbitrage(penalty, p, grid, floor, jacobian, matrix[other], slope[other])
        arrived = damping > _DAMPING_MAX
        if cost < best:
            arrived = best - cost < _GAIN_MIN * best
            x[:], best, now, damping = trial, cost, other, max(0.1 * damping, 1e-9)
        else:
            damping *= 8.0
        _step(matrix[now], slope[now], damping, step)
        for i in range(size):
            trial[i] = x[i] + min(max(step[i], -2.0), 2.0)
    if family == ESSVI:
        _essvi_map(x, limits, p, jacobian)
    else:
        _svi_map(x, limits, p, jacobian)
    return steps if arrived else -1
