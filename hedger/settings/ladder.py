"""The table of a book's de-leveraging ladder."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from hedger.core.ladder import Rung
from hedger.settings.table import DAY_S, Table, broken
from hedger.settings.texts import Levels

RISING = ("margin_ratio", "drawdown", "scenario_loss")
FALLING = ("liquidation_distance",)
TRIGGERS = (*RISING, *FALLING)
RUNGS = tuple(rung.text for rung in Rung if rung is not Rung.FREE)

Pair = tuple[float | None, float | None]


def pairs(text: str) -> tuple[Pair, ...]:
    """Enter and leave level of each rung; None where this trigger has none.

    Examples
    --------
    >>> pairs("0.1/0.05 - 0.3/0.2 -")
    ((0.1, 0.05), (None, None), (0.3, 0.2), (None, None))
    """
    found: list[Pair] = []
    for part in text.split():
        if part == "-":
            found.append((None, None))
        else:
            enter, _, leave = part.partition("/")
            found.append((float(enter), float(leave)))
    return tuple(found)


class Ladder(Table):
    """Triggers with enter and leave levels, and how patient the ladder is."""

    margin_ratio: Levels = Field(
        default="",
        description="Maintenance over margin balance: ENTER/LEAVE of warn, stop_adding, reduce and"
        " close, '-' for none of these; empty: no such trigger.",
    )
    liquidation_distance: Levels = Field(
        default="",
        description="Move of the index to the nearer liquidation, as a share: levels fall.",
    )
    drawdown: Levels = Field(
        default="", description="Share of the largest equity seen that is lost."
    )
    scenario_loss: Levels = Field(
        default="", description="Tail loss over the limit, both as in scaling.tail."
    )
    hold_s: float = Field(
        default=300.0,
        gt=0,
        le=DAY_S,
        description="How long a measure must be well before a rung is left, and a reduction has.",
    )
    age_s_max: float = Field(
        default=15.0,
        gt=0,
        le=DAY_S,
        description="Age of a measure: beyond, nobody knows it, which stops adding and no more.",
    )
    reduce_to: float = Field(
        default=0.5, ge=0, lt=1, description="Share of each option leg that one reduction keeps."
    )

    @property
    def measured(self) -> tuple[str, ...]:
        """Triggers that are given and that a loop must measure; a drawdown needs none."""
        return tuple(name for name in TRIGGERS if name != "drawdown" and getattr(self, name))

    @model_validator(mode="after")
    def _levels(self) -> Self:
        for name in TRIGGERS:
            _check(name, pairs(getattr(self, name)), sign=-1.0 if name in FALLING else 1.0)
        return self


def _check(name: str, levels: tuple[Pair, ...], *, sign: float) -> None:
    """Refuse levels that a ladder cannot climb: each rung lies beyond the one before."""
    set_ = [(r, e, v) for r, (e, v) in zip(RUNGS, levels, strict=False) if e is not None]
    beyond = "above" if sign > 0 else "below"
    for rung, enter, leave in set_:
        if leave is not None and sign * leave >= sign * enter:
            broken(
                f"{name}: {rung} is entered at {enter:g} and left at {leave:g}, expected to"
                f" be entered {beyond} where it is left"
            )
    for (low, first, _), (high, second, _) in pairwise(set_):
        if sign * second <= sign * first:
            broken(f"{name}: {high} is entered at {second:g}, expected {beyond} {low}'s {first:g}")
