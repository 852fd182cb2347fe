"""Kelly (book): the scale beyond which more risk lowers long-run growth; a cap, never a reason.

The general form over the book's own P&L scenarios. Mean over variance is wrong for short options:
it does not see that the rare outcome is large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hedger.core.model import Growth, KellyRule, Scales, Scaling
from hedger.core.sizing.answers import eased, numbers, stale, unknown

MODEL = "kelly"
_STEPS = 200
Floats = NDArray[np.float64]


def growth(
    outcomes: Sequence[float] | Floats,
    weights: Sequence[float] | Floats | None = None,
    *,
    observations: float | None = None,
) -> Growth:
    """Growth-optimal scale of a book.

    Parameters
    ----------
    outcomes : (n,) float64
        Profit of the base book over one period, as a fraction of capital.
    weights : (n,) float64, optional
        Probabilities, up to a factor; equal by default.
    observations : float, optional
        How many independent periods the mean is known from; without it the mean is believed.

    Returns
    -------
    Growth
        ``fraction`` 0 where the mean is not above 0, infinite where nothing can be lost.

    Raises
    ------
    ValueError
        No outcomes, or outcomes and weights that are not numbers, or weights that are none.

    Notes
    -----
    Maximises ``E log(1 + f x)`` over f >= 0: the root of ``E x / (1 + f x)``, which only falls. For
    a bet that wins b with probability p it is ``p - (1 - p) / b``, for small normal outcomes mean
    over variance. The mean is shrunk by ``max(0, 1 - 1 / t^2)`` with t its t-statistic, which
    takes the expected cost of not knowing it off.

    References
    ----------
    J. L. Kelly, A new interpretation of information rate, 1956; E. O. Thorp, The Kelly criterion
    in blackjack, sports betting and the stock market, 2006; W. James and C. Stein, Estimation
    with quadratic loss, 1961, for the shrinkage.

    Examples
    --------
    >>> round(growth([1.0, -1.0], [0.6, 0.4]).fraction, 9)
    0.2
    """
    x, p = _checked(outcomes, weights)
    mean = float(p @ x)
    std = math.sqrt(max(float(p @ (x - mean) ** 2), 0.0))
    shrunken = mean
    if observations is not None and std > 0.0:
        t_square = observations * mean * mean / (std * std)
        shrunken = mean * max(0.0, 1.0 - 1.0 / t_square) if t_square > 0.0 else 0.0
    return Growth(
        fraction=_optimum(x + (shrunken - mean), p),
        mean=mean,
        shrunken_mean=shrunken,
        std=std,
        outcomes=x.size,
    )


def kelly(rule: KellyRule, *, optimum: Growth | None, age_ms: int | None, before: float) -> Scaling:
    """Cap of the base book's scale: a fraction of its growth optimum."""
    fault = stale(age_ms, rule.age_ms_max)
    if optimum is None or fault or math.isnan(optimum.fraction):
        why = fault or "no outcomes"
        held = min(before, rule.cap)
        return unknown(MODEL, Scales.BOOK, f"P&L scenarios: {why}", factor=held, is_cap=True)
    wanted = min(rule.cap, rule.fraction * optimum.fraction)
    return Scaling(
        what="book",
        model=MODEL,
        factor=eased(wanted, min(before, rule.cap), rule.inertia),
        is_cap=True,
        reason=f"{rule.fraction:g} of the growth optimum {optimum.fraction:.3g}",
        inputs=numbers(
            ("optimum", optimum.fraction),
            ("mean", optimum.mean),
            ("shrunken_mean", optimum.shrunken_mean),
            ("std", optimum.std),
        ),
    )


def _checked(
    outcomes: Sequence[float] | Floats, weights: Sequence[float] | Floats | None
) -> tuple[Floats, Floats]:
    x = np.asarray(outcomes, dtype=np.float64)
    p = np.ones(x.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if x.ndim != 1 or not x.size or p.shape != x.shape:
        raise ValueError(f"kelly: outcomes and weights of one length wanted, got {x.shape}")
    if not (np.isfinite(x).all() and np.isfinite(p).all() and (p >= 0.0).all() and p.sum() > 0.0):
        raise ValueError("kelly: finite outcomes and weights of at least 0 wanted")
    some = p > 0.0
    return x[some], p[some] / p[some].sum()


def _optimum(x: Floats, p: Floats) -> float:
    """Root of the slope of expected log growth, by halving; it falls on all of [0, ruin)."""
    if float(p @ x) <= 0.0:
        return 0.0
    worst = float(x.min())
    if worst >= 0.0:
        return math.inf
    low, high = 0.0, -1.0 / worst
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if float(p @ (x / (1.0 + middle * x))) > 0.0:
            low = middle
        else:
            high = middle
    return low
