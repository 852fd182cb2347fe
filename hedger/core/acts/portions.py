"""Base x scale in whole lots, and the next stage on the way there; knows neither market nor prices.

A stage is a level between what is held and what is wanted, and no leg begins the next one before
every leg has come to the end of this: whichever leg cannot be traded, no other gets further away
from it than one stage. Levels are counted from the scale that is wanted, so that the stage follows
from what is held alone and nothing about it needs to be remembered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from hedger.core.columns import Book
from hedger.core.model import ScaleRule

LEVELS_MAX = 10_000
_ROUNDING = 1e-9


class Portion(NamedTuple):
    """A living leg of the base; all in signed lots, ``least`` is the venue's least order."""

    name: str
    base: int
    held: int
    least: int

    def excess(self, scale: float) -> int:
        """Lots held beyond the leg's share of a scale; negative where they fall short of it."""
        more = self.held - share(self.base, scale)
        return more if self.base > 0 else -more


class Stage(NamedTuple):
    """What the legs that move come to at one level; ``grows`` says which way."""

    level: float
    goals: dict[str, int]
    grows: bool


def share(base: int, scale: float) -> int:
    """Whole lots of a leg at a scale: a short leg is rounded to less, a long one to more.

    Rounded so, the long legs of a side never cover less of its short ones than in the base.

    Examples
    --------
    >>> share(-5, 0.5), share(5, 0.5), share(-10, 0.3)
    (-2, 3, -3)
    """
    return math.ceil(base * scale - _ROUNDING * max(abs(base), 1))


def portions(book: Book, rule: ScaleRule, now: int) -> tuple[Portion, ...]:
    """Living legs of the base, with what is held of them.

    A leg that is held against the sign of its base is none of them: a scale cannot say what it is
    there for.
    """
    found = []
    for name, base in rule.base:
        contract = book.instruments.get(name)
        if contract is None or contract.expiry_ms <= now or not base:
            continue
        held = book.legs.lots(contract)
        if held * base >= 0:
            found.append(Portion(name, base, held, max(contract.min_lots, 1)))
    return tuple(found)


def held_scale(legs: tuple[Portion, ...]) -> float | None:
    """Lots held over lots of the base, over all legs; None without any."""
    base = sum(abs(leg.base) for leg in legs)
    return sum(abs(leg.held) for leg in legs) / base if base else None


def inside(legs: tuple[Portion, ...], scale: float, inertia: float) -> bool:
    """Whether every leg is as near to a scale as nobody would trade for, or nearer than a lot."""
    return all(
        abs(leg.held - leg.base * scale) <= max(inertia * scale * abs(leg.base), 1.0) + _ROUNDING
        for leg in legs
    )


def stage(
    legs: tuple[Portion, ...], scale: float, *, step: float, may_grow: bool = True
) -> Stage | None:
    """The next stage on the way to a scale; None where every leg is there.

    What is too large goes first, then what is too small.

    Parameters
    ----------
    legs : tuple of Portion
    scale : float
        The one that is wanted.
    step : float
        Distance of two levels.
    may_grow : bool
        Without, legs that fall short are left as they are.

    Examples
    --------
    >>> pair = (Portion("call", -10, -10, 1), Portion("wing", 10, 9, 1))
    >>> stage(pair, 0.5, step=0.25)
    Stage(level=0.75, goals={'call': -7, 'wing': 8}, grows=False)
    """
    for sign in (1, -1) if may_grow else (1,):
        furthest = max((sign * _distance(leg, scale) for leg in legs), default=0.0)
        count = min(math.ceil(furthest / step), LEVELS_MAX)
        for k in range(max(count, 0), -1, -1):
            level = max(scale + sign * k * step, 0.0)
            if moving := [leg for leg in legs if sign * leg.excess(level) >= leg.least]:
                goals = {leg.name: share(leg.base, level) for leg in moving}
                return Stage(level, goals, grows=sign < 0)
    return None


def _distance(leg: Portion, scale: float) -> float:
    """How far a leg's own scale is above one."""
    return leg.held / leg.base - scale


def uncovered(lots: Mapping[str, int], book: Book, now: int, *, is_call: bool) -> float:
    """By how much a side is short of what its long legs cover [coin], at so many lots of each."""
    total = 0.0
    for name, count in lots.items():
        contract = book.instruments[name]
        if contract.is_call == is_call and contract.expiry_ms > now:
            total += count * contract.lot
    return max(-total, 0.0)
