"""American options by finite differences: slow, simple and independent of boundary methods.

Crank-Nicolson in log spot (fully implicit for the first two steps), the exercise constraint solved
in each step by policy iteration, so that any number of exercise boundaries is found by itself.  The
strike and the spot are nodes, and time steps grow from expiry as squares, which keeps the scheme of
second order; three grids, each twice as fine, are extrapolated and tell their own error.
"""

import itertools

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_banded

__all__ = ["american_price"]

_Array = npt.NDArray[np.float64]


def _step(
    values: _Array, payoff: _Array, bands: tuple[float, float, float], dt: float, weight: float
) -> _Array:
    """One step away from expiry: ``max(payoff, .)`` of a theta scheme, by policy iteration."""
    low, middle, high = bands
    explicit = values.copy()
    explicit[1:-1] += (1.0 - weight) * dt * (
        low * values[:-2] + middle * values[1:-1] + high * values[2:]
    )  # fmt: skip
    ends = np.zeros(values.size, bool)
    ends[[0, -1]] = True
    exercised = ends | (values <= payoff)
    result = values
    for _ in range(100):
        system = np.empty((3, values.size))
        system[0, 1:] = np.where(exercised[:-1], 0.0, -weight * dt * high)
        system[1] = np.where(exercised, 1.0, 1.0 - weight * dt * middle)
        system[2, :-1] = np.where(exercised[1:], 0.0, -weight * dt * low)
        result = solve_banded((1, 1), system, np.where(exercised, payoff, explicit))
        residual = np.zeros(values.size)  # of the equation, where it was replaced by the payoff
        residual[1:-1] = (
            result[1:-1]
            - weight * dt * (low * result[:-2] + middle * result[1:-1] + high * result[2:])
            - explicit[1:-1]
        )
        slack = 1e-14 * np.max(payoff)  # below it is rounding, which would go in circles
        wanted = ends | np.where(exercised, residual >= -slack, result < payoff - slack)
        if np.array_equal(wanted, exercised):
            return result
        exercised = wanted
    raise ArithmeticError("policy iteration did not settle")


def _on_grid(
    spot: float, strike: float, time: float, vol: float, is_call: bool, rate: float, carry: float,
    nodes: int, steps: int,
) -> float:  # fmt: skip
    away = np.log(spot / strike)
    width = 8.0 * vol * np.sqrt(time) + abs(rate - carry) * time
    dx = width / nodes
    if away != 0.0:
        dx = abs(away) / max(1.0, np.ceil(abs(away) / dx)) if abs(away) > dx else abs(away)
    offset = round(away / dx)
    count = int(np.ceil(width / dx))
    index = np.arange(min(0, offset) - count, max(0, offset) + count + 1)
    sign = 1.0 if is_call else -1.0
    payoff = np.maximum(sign * strike * np.expm1(index * dx), 0.0)
    drift, spread = rate - carry - 0.5 * vol * vol, vol * vol / (dx * dx)
    bands = (0.5 * spread - 0.5 * drift / dx, -spread - rate, 0.5 * spread + 0.5 * drift / dx)
    times = time * (np.arange(steps + 1) / steps) ** 2
    values = payoff.copy()
    for k in range(steps):
        dt = times[k + 1] - times[k]
        halves = 2 if k < 2 else 1
        for _ in range(halves):
            values = _step(values, payoff, bands, dt / halves, 1.0 if k < 2 else 0.5)
    return float(values[offset - index[0]])


def american_price(
    *, spot: float, strike: float, time: float, vol: float, is_call: bool, rate: float,
    carry: float, nodes: int = 300,
) -> tuple[float, float]:  # fmt: skip
    """Price, and an estimate of its error: what the finest grid still changed."""
    prices = [
        _on_grid(spot, strike, time, vol, is_call, rate, carry, k * nodes, k * nodes // 2)
        for k in (1, 2, 4)
    ]
    coarse, fine = ((4.0 * b - a) / 3.0 for a, b in itertools.pairwise(prices))
    return fine, abs(fine - coarse)
