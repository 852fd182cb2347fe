"""Margin (book): get smaller before the venue makes it so, and come back only well below that.

Reads the ratio of maintenance margin to equity and the distance to the liquidation spots, both of
what is held now.
"""

from __future__ import annotations

import math

from hedger.core.model import MarginRule, Scales, Scaling
from hedger.core.sizing.answers import numbers, stale, unknown

MODEL = "margin"


def margin(
    rule: MarginRule,
    *,
    ratio: float | None,
    distance: float | None,
    age_ms: int | None,
    held: float,
    before: float,
) -> Scaling:
    """Cap of the book's scale.

    Parameters
    ----------
    rule : MarginRule
    ratio : float
        Maintenance margin over equity of what is held; infinite where no equity is left.
    distance : float
        Least |log(liquidation spot / spot)|; infinite where there is no liquidation spot.
    age_ms : int
        Of these; None where they were never known. [ms]
    held : float
        The scale that is held, at which they were measured.
    before : float
        The cap that this model gave last; below 1 while it reduces.

    Notes
    -----
    A cut goes to ``held x min(aim / ratio, distance / distance_min)``: margin is about linear in
    size, and both are measured again before the next. While neither limit is broken but not both
    are released, the cap stays; then it returns to ``held x aim / ratio``, never above 1.
    """
    fault = stale(age_ms, rule.age_ms_max)
    if ratio is None or distance is None or fault or math.isnan(ratio) or math.isnan(distance):
        why = fault or f"ratio {ratio}, distance {distance}"
        return unknown(MODEL, Scales.BOOK, f"margin: {why}", factor=before, is_cap=True)
    inputs = numbers(("ratio", ratio), ("distance", distance), ("held", held), ("before", before))
    said = f"margin ratio {ratio:.2f}, liquidation {distance:.0%} of log spot away"
    if ratio > rule.reduce_above or distance < rule.distance_min:
        share = min(_over(rule.aim, ratio), distance / rule.distance_min, 1.0)
        factor, why = min(before, held * share), "reduce"
    elif before < 1.0 and not (ratio < rule.release_below and distance > rule.release_distance):
        factor, why = before, "not yet released"
    else:
        factor, why = max(before, min(1.0, held * _over(rule.aim, ratio))), "free"
    return Scaling(
        what="book", model=MODEL, factor=factor, is_cap=True, reason=f"{said}: {why}", inputs=inputs
    )


def _over(aim: float, ratio: float) -> float:
    return math.inf if ratio <= 0.0 else aim / ratio
