"""The table of a book's scale: how large it is to be, and how a change of that is made."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hedger.settings.table import DAY_S, Table, broken


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
    shrink: Literal["off", "on"] = Field(
        default="off",
        description="Whether the service makes the book smaller by itself, as its models want.",
    )
    grow: Literal["off", "on"] = Field(
        default="off",
        description="Whether it also gives back by itself what it took by itself.",
    )
    grow_day_max: float = Field(
        default=1.0, gt=0, le=100, description="Most scale that it adds in a day (UTC)."
    )
    apart: float = Field(
        default=0.25,
        gt=0,
        lt=1,
        description="Share of the scale held by which the models must want another one.",
    )
    hold_s: float = Field(
        default=14_400.0,
        ge=0,
        le=30 * DAY_S,
        description="How long they must want the same first, in market time.",
    )
    cap_hold_s: float = Field(
        default=60.0, ge=0, le=DAY_S, description="The same for a cap of risk: tail, margin."
    )

    @model_validator(mode="after")
    def _both(self) -> Self:
        if self.grow == "on" and self.shrink == "off":
            broken("grow is on, expected shrink on too: only what was taken is given back")
        return self
