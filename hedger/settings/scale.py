"""The table of a book's scale: how large it is to be, and how a change of that is made."""

from __future__ import annotations

from pydantic import Field

from hedger.settings.table import Table


class Scale(Table):
    """A book is its positions file times a scale, which the hedge is no part of."""

    scale: float = Field(
        default=1.0, ge=0, le=100, description="Scale that is wanted, of the positions file."
    )
    inertia: float = Field(
        default=0.10,
        ge=0,
        lt=1,
        description="Share of that scale within which a leg is left as it is.",
    )
    step: float = Field(
        default=0.10,
        ge=0.01,
        le=1,
        description="Stage of a change, in scale: no leg is further ahead of the others.",
    )
    sharpe: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="What the book is believed to earn a year at scale 1, over its own risk.",
    )
    hold_days: float = Field(
        default=30.0,
        gt=0,
        le=365,
        description="How long a scale is expected to last: what a change costs is earned in that.",
    )
