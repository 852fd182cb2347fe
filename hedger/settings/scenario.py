"""The table of a book's scenario limit: what may be lost in the worst cell of a grid."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hedger.settings.table import Table, broken
from hedger.settings.texts import Changes


class Scenario(Table):
    """Asked before risk is taken; a limit of 0 is none. What lowers the worst loss always may."""

    moves: Changes = Field(
        default="-0.2 -0.15 -0.1 -0.05 0 0.05 0.1 0.15 0.2",
        description="Relative changes of spot, the rows of the grid.",
    )
    vols: Changes = Field(
        default="-0.25 0 0.5",
        description="Relative changes of a vol of 30 days, the columns; shorter ones move more.",
    )
    loss_max: float = Field(
        default=0.0, ge=0, le=1e15, description="Largest loss of any cell, in the numeraire."
    )
    share_max: float = Field(
        default=0.0, ge=0, le=10, description="Largest loss of any cell over the margin balance."
    )
    ratio_max: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Largest maintenance margin of any cell over the balance that is left there.",
    )
    initial_max: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Largest share of the balance that initial margin takes with a hedge made.",
    )
    collateral: Literal["segregated", "crossed"] = Field(
        default="segregated", description="Whether the account's balances cover one another."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name in ("moves", "vols"):
            for change in changes(getattr(self, name)):
                if not -1.0 < change <= 10.0:
                    broken(f"{name}: {change:g} is no change, expected above -1 and at most 10")
        return self


def changes(text: str) -> tuple[float, ...]:
    """The numbers of a list of changes.

    Examples
    --------
    >>> changes("-0.2 0 0.5")
    (-0.2, 0.0, 0.5)
    """
    return tuple(float(part) for part in text.split())
