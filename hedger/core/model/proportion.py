"""How large a book is to be: its base, the scale of it, and how a change of scale is made."""

from __future__ import annotations

from hedger.core.model.record import Record


class ScaleRule(Record, frozen=True, kw_only=True):
    """A book declared as ``base`` x ``scale``; without a base nothing is ever scaled.

    ``base`` has the signed lots of each option leg at scale 1. Within ``inertia`` (a share of the
    scale that is wanted) nothing is done; beyond, the legs go together in stages of ``step``.
    ``sharpe`` is what the base book is believed to earn a year per unit of its risk, ``hold_days``
    how long a scale is expected to last: what a change is worth follows from both.
    """

    base: tuple[tuple[str, int], ...] = ()
    scale: float = 1.0
    inertia: float = 0.10
    step: float = 0.10
    sharpe: float = 1.0
    hold_days: float = 30.0
