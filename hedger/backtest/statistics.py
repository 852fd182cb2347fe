"""Numbers about a P&L series: changes over a period, their ratio, and the slope on the index."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hedger.backtest.history import Floats, Ints

MINUTE_MS = 60_000
POINTS_MIN = 10
"""A slope through fewer points says nothing."""
PERIODS = {"1m": MINUTE_MS, "1h": 60 * MINUTE_MS, "1d": 1_440 * MINUTE_MS}


class Slope(NamedTuple):
    """A regression's slope and its standard error; None with too few points."""

    value: float | None
    error: float | None


def sampled(ms: Ints, period_ms: int) -> Ints:
    """Rows that begin a period: the last row of the first instant in each.

    Examples
    --------
    >>> sampled(np.array([0, 0, 30_000, 60_000, 130_000]), 60_000)
    array([1, 3, 4])
    """
    last = np.flatnonzero(np.append(np.diff(ms) > 0, True))
    started = np.diff(ms[last] // period_ms, prepend=-1) > 0
    return np.asarray(last[started], dtype=np.int64)


def changes(values: Floats, rows: Ints) -> Floats:
    """Differences between the rows."""
    return np.diff(values[rows])


def spread(values: Floats) -> float | None:
    """Sample standard deviation; None with fewer than two values."""
    return float(np.std(values, ddof=1)) if values.size > 1 else None


def shortfall(pnl: Floats) -> float:
    """Mean cost of the worst twentieth of P&L, at least of one; what is lost is positive.

    Examples
    --------
    >>> shortfall(np.arange(40.0))
    -0.5
    """
    worst = max(1, round(0.05 * pnl.size))
    return -float(np.partition(pnl, worst - 1)[:worst].mean())


def ratio(above: float | None, below: float | None) -> float | None:
    """Quotient; None where it does not exist."""
    if above is None or below is None or not below > 0.0:
        return None
    return above / below


def slope(moves: Floats, returns: Floats) -> Slope:
    """Ordinary least squares with a constant.

    Examples
    --------
    >>> returns = np.arange(10.0)
    >>> slope(1.0 + 2.0 * returns, returns).value
    2.0
    """
    if moves.size < POINTS_MIN:
        return Slope(None, None)
    centred = returns - returns.mean()
    variance = float(centred @ centred)
    if not variance > 0.0:
        return Slope(None, None)
    value = float(centred @ moves) / variance
    rest = moves - moves.mean() - value * centred
    return Slope(value, math.sqrt(float(rest @ rest) / (moves.size - 2) / variance))


def percentile(values: list[float], percent: float) -> float | None:
    """Percentile; None of nothing."""
    return float(np.percentile(values, percent)) if values else None


def deepest_fall(values: Floats) -> float:
    """Largest fall from an earlier high, as a positive number."""
    return float((np.maximum.accumulate(values) - values).max())
