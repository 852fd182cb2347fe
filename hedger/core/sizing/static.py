"""Static target (centre): the delta that the owner wants, in coin or in quote currency."""

from __future__ import annotations

from hedger.core.model import Scales, Scaling, StaticRule
from hedger.core.sizing.answers import positive, unknown

MODEL = "static"


def static(rule: StaticRule, *, spot: float | None, before: float) -> Scaling:
    """Shift of the centre; a target in quote currency is divided by spot."""
    if not rule.is_usd:
        shift, unit = rule.target, "coin"
    elif spot is not None and positive(spot):
        shift, unit = rule.target / spot, "USD"
    else:
        return unknown(MODEL, Scales.CENTRE, f"spot is {spot}", shift=before)
    return Scaling(
        what="centre", model=MODEL, shift=shift, reason=f"target of {rule.target:+g} {unit}",
        inputs=(("target", rule.target),),
    )  # fmt: skip
