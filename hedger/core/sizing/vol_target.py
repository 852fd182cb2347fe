"""Volatility target (book): carry so much that the book's own risk is what its owner wants.

The risk is that of scenarios at realised or forecast vol, never the realised P&L of a hedged book:
that is small because the hedge works, until it does not.
"""

from __future__ import annotations

from hedger.core.model import Scales, Scaling, VolTargetRule
from hedger.core.sizing.answers import positive, settled, stale, unknown

MODEL = "vol_target"


def vol_target(
    rule: VolTargetRule, *, risk: float | None, age_ms: int | None, before: float
) -> Scaling:
    """Scale of the base book.

    Parameters
    ----------
    rule : VolTargetRule
    risk : float
        Annual standard deviation of the base book's scenario P&L over capital, at scale 1.
    age_ms : int
        Of that number; None where there never was one. [ms]
    before : float
        The scale that this model gave last.

    Notes
    -----
    ``min(cap, target / risk)``, kept at `before` within the inertia band. With risk estimated from
    n returns the achieved one overshoots by about ``sqrt(n / (n - 2))``.
    """
    fault = stale(age_ms, rule.age_ms_max)
    if not fault and not positive(risk):
        fault = f"risk is {risk}, expected above 0"
    if fault or risk is None:
        held = min(before, rule.cap)
        return unknown(MODEL, Scales.BOOK, f"risk at scale 1: {fault}", factor=held)
    wanted = min(rule.cap, rule.target / risk)
    factor = min(settled(wanted, before, rule.inertia), rule.cap)
    return Scaling(
        what="book",
        model=MODEL,
        factor=factor,
        reason=f"target {rule.target:.3g} a year over risk {risk:.3g}, at most {rule.cap:g}",
        inputs=(("risk", risk), ("target", rule.target), ("wanted", wanted), ("before", before)),
    )
