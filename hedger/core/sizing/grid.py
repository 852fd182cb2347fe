"""Grid (centre): sell a step when spot has risen a step, buy one when it has fallen, up to a total.

It moves the centre; resting orders are another matter. It earns from crossings and loses with the
square of the distance: over a martingale nothing, before cost.
"""

from __future__ import annotations

import math

from hedger.core.model import GridRule, Scales, Scaling
from hedger.core.sizing.answers import positive, unknown

MODEL = "grid"
LEVELS_MAX = 1_000


def level(rule: GridRule, *, spot: float, anchor: float, before: int) -> int:
    """Level that was crossed last: it changes when spot reaches the next one, never in between.

    Examples
    --------
    >>> rule = GridRule(step=100.0, size=0.1, total_max=1.0)
    >>> [level(rule, spot=s, anchor=1000.0, before=1) for s in (1001.0, 1000.0, 1199.0, 1310.0)]
    [1, 0, 1, 3]
    """
    place = (spot - anchor) / rule.step
    place = min(max(place, -LEVELS_MAX), LEVELS_MAX)
    if place >= before + 1:
        return math.floor(place)
    if place <= before - 1:
        return math.ceil(place)
    return before


def grid(
    rule: GridRule, *, spot: float | None, anchor: float | None, before: int
) -> tuple[Scaling, int]:
    """Shift of the centre, and the level to be remembered.

    Notes
    -----
    ``-size x level``, within ``total_max``. At prices on levels and as long as the total is not
    reached, its P&L after n crossings is ``size x step / 2 x (n - level^2)``, exactly.
    """
    if spot is None or anchor is None or not (positive(spot) and positive(anchor)):
        shift = _total(rule, before)
        why = f"spot {spot}, anchor {anchor}"
        return unknown(MODEL, Scales.CENTRE, why, shift=shift), before
    now = level(rule, spot=spot, anchor=anchor, before=before)
    return (
        Scaling(
            what="centre",
            model=MODEL,
            shift=_total(rule, now),
            reason=f"level {now:+d} of {rule.step:g} around {anchor:,.6g}",
            inputs=(("level", float(now)), ("spot", spot), ("anchor", anchor)),
        ),
        now,
    )


def _total(rule: GridRule, number: int) -> float:
    return min(max(-rule.size * number, -rule.total_max), rule.total_max)
