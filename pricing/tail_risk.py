"""Value at risk and expected shortfall of a vector of outcomes."""

import fractions
from typing import NamedTuple

import numpy as np

from pricing._arguments import fraction
from pricing._batch import floats
from pricing.conventions import FloatLike

__all__ = ["TailRisk", "tail_risk"]


class TailRisk(NamedTuple):
    """Losses in the tail of a P&L distribution, as positive numbers.

    Attributes
    ----------
    value_at_risk : float
        [currency of the P&L]
    expected_shortfall : float
        Never below the value at risk. [currency of the P&L]

    Examples
    --------
    >>> TailRisk._fields
    ('value_at_risk', 'expected_shortfall')
    """

    value_at_risk: float
    expected_shortfall: float


def tail_risk(pnl: FloatLike, *, level: float) -> TailRisk:
    """Value at risk and expected shortfall of equally likely outcomes.

    Parameters
    ----------
    pnl : (scenarios,) float64
        [any currency]
    level : float
        Confidence, such as 0.99; above 0 and below 1.

    Returns
    -------
    TailRisk
        NaN where any outcome is not finite.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, no scenarios, a level outside (0, 1).

    Notes
    -----
    With losses l(1) >= l(2) >= ... of n scenarios and a tail of w = n (1 - level) of them, in exact
    arithmetic of the level as it is written, and k = floor(w)::

        value at risk      = l(k + 1), the least loss that holds with probability >= level
        expected shortfall = (l(1) + ... + l(k) + (w - k) l(k + 1)) / w

    No interpolation: the value at risk is one of the outcomes.

    References
    ----------
    R. T. Rockafellar and S. Uryasev, Conditional value-at-risk for general loss distributions,
    Journal of Banking & Finance 26, 2002; C. Acerbi and D. Tasche, On the coherence of expected
    shortfall, same volume.

    Examples
    --------
    >>> tail_risk([-5.0, 3.0, -1.0, 2.0, 1.0], level=0.7)
    TailRisk(value_at_risk=1.0, expected_shortfall=3.6666666666666665)
    """
    outcomes = floats("pnl", pnl)
    if outcomes.ndim != 1 or not outcomes.size:
        raise ValueError(f"pnl: one or more scenarios in one dimension, got {outcomes.shape}")
    level = fraction("level", level)
    if not np.isfinite(outcomes).all():
        return TailRisk(np.nan, np.nan)
    tail = outcomes.size * (1 - fractions.Fraction(str(level)))
    whole = int(tail)
    losses = -np.sort(outcomes)
    at_risk = float(losses[whole])
    beyond = float(np.sum(losses[:whole] - at_risk))
    return TailRisk(at_risk, at_risk + beyond / float(tail))
