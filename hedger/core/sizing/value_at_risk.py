"""Value at risk and expected shortfall (book): so much may be lost in the tail, and no more.

The measures are those of `hedger.core.risk`, made on a cadence of their own; this reads the number.
"""

from __future__ import annotations

import math

from hedger.core.model import Scales, Scaling, TailRule
from hedger.core.sizing.answers import eased, stale, unknown

MODEL = "value_at_risk"


def value_at_risk(
    rule: TailRule,
    *,
    loss: float | None,
    age_ms: int | None,
    before: float,
    measured: str = "expected shortfall",
) -> Scaling:
    """Cap of the base book's scale.

    Parameters
    ----------
    rule : TailRule
    loss : float
        Tail loss of the base book, at scale 1, as a positive number. [numeraire]
    age_ms : int
        Of that number; None where there never was one. [ms]
    before : float
        The cap that this model gave last.
    measured : str
        Which loss by which method, and what it fell back on, for the reason.

    Notes
    -----
    ``min(cap, limit / loss)``; no loss at all leaves the cap. Profit and loss of a scaled book is
    scaled, so the scaled book's tail is the limit. It tightens at once and loosens with inertia.
    """
    fault = stale(age_ms, rule.age_ms_max)
    if loss is None or fault or not math.isfinite(loss):
        why = fault or f"is {loss}"
        held = min(before, rule.cap)
        return unknown(MODEL, Scales.BOOK, f"{measured} {why}", factor=held, is_cap=True)
    wanted = rule.cap if loss <= 0.0 else min(rule.cap, rule.limit / loss)
    return Scaling(
        what="book",
        model=MODEL,
        factor=eased(wanted, min(before, rule.cap), rule.inertia),
        is_cap=True,
        reason=f"{measured} {loss:,.4g} at scale 1, at most {rule.limit:,.4g}",
        inputs=(("loss", loss), ("limit", rule.limit), ("wanted", wanted), ("before", before)),
    )
