"""The de-leveraging ladder: from measures of risk to a rung, with hysteresis; pure, no clock.

Each trigger climbs by itself, from its own measure; the book stands on the highest rung of any.
A rung is entered at once where the measure reaches its ``enter`` level, and left only after the
measure has been at or beyond its ``leave`` level for the hold time without a break. What lies
between the two levels changes nothing.

A measure that is stale, missing or no number proves nothing: it takes no rung away, and by itself
it leads to `STOP_ADDING` and an alarm and no further. Nothing is reduced or closed on the word of a
trigger whose measure is not fresh; what was asked for while it was fresh goes on to its end.

`CLOSE` is the last rung: it lasts until a person releases the book. A person may also override the
ladder up to a rung and until an instant; what it would have done is told all the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

import msgspec

from hedger.core.model import Climb, LadderRule, LadderState, Measure, Trigger


class Rung(IntEnum):
    """What the ladder does with a book, the mildest first."""

    FREE = 0
    WARN = 1
    STOP_ADDING = 2
    REDUCE = 3
    CLOSE = 4

    @property
    def text(self) -> str:
        """As people write it."""
        return self.name.lower()


STALE_MAX = Rung.STOP_ADDING
"""As far as a measure leads that nobody knows."""


class Standing(NamedTuple):
    """Where a book stands: ``rung`` is in force, ``wanted`` would be without an override.

    ``reasons`` tell of each trigger that stands above free, ``blind`` names what is not known.
    """

    state: LadderState
    rung: Rung
    wanted: Rung
    reasons: tuple[str, ...]
    blind: tuple[str, ...]


def climbed(
    rule: LadderRule,
    state: LadderState,
    measures: Mapping[str, Measure],
    now: int,
    *,
    closing: bool,
    allowed: Rung = Rung.CLOSE,
) -> Standing:
    """The ladder after a look at its measures.

    Parameters
    ----------
    rule : LadderRule
        The triggers, how old a measure may be, and how long it must be well before a rung is left.
    state : LadderState
        As it was after the look before; stored with the book.
    measures : mapping of str to Measure
        The newest of each, by name; one that is not there is not known.
    now : int
        The instant of the look [ms].
    closing : bool
        Whether the book is being closed, or is: that lasts until a person releases it.
    allowed : Rung
        As far as a person lets the ladder go; without an override, all the way.

    Notes
    -----
    With the same state and instant a worse measure never leads to a lower rung.
    """
    if state.closed and not closing:
        state = released(state)
    known = {climb.trigger: climb for climb in state.climbs}
    climbs, reasons, blind, wanted = [], [], [], Rung.FREE
    for trigger in rule.triggers:
        value = fresh(rule, measures.get(trigger.name), now)
        climb = known.get(trigger.name, Climb(trigger=trigger.name))
        if value is None:
            # Being well has been broken off.
            climb = msgspec.structs.replace(climb, well_ms=0, blind=True)
            here = STALE_MAX
            blind.append(trigger.name)
        else:
            climb = msgspec.structs.replace(_moved(rule, trigger, climb, value, now), blind=False)
            here = Rung(climb.rung)
        climbs.append(climb)
        wanted = max(wanted, here)
        if here > Rung.FREE:
            is_now = "is not known" if value is None else f"is {value:.6g}"
            reasons.append(f"{here.text}: {trigger.name} {is_now}")
    latched = state.closed and closing
    rung = Rung.CLOSE if latched else min(wanted, allowed)
    same = state.rung == rung and _steps(state.climbs) == _steps(climbs)
    after = msgspec.structs.replace(
        state,
        climbs=tuple(climbs),
        rung=int(rung),
        text=state.text if same else "; ".join(reasons),  # numbers alone are no news
        closed=closing and rung is Rung.CLOSE,
    )
    return Standing(after, rung, wanted, tuple(reasons), tuple(blind))


def _steps(climbs: Iterable[Climb]) -> list[tuple[str, int, bool]]:
    return [(climb.trigger, climb.rung, climb.blind) for climb in climbs]


def released(state: LadderState) -> LadderState:
    """The ladder after a person has let a closed book go on: what closed it must do so anew."""
    climbs = tuple(
        msgspec.structs.replace(c, rung=0, well_ms=0) if c.rung == Rung.CLOSE else c
        for c in state.climbs
    )
    return msgspec.structs.replace(state, climbs=climbs, closed=False)


def fresh(rule: LadderRule, measure: Measure | None, now: int) -> float | None:
    """A measure's value; None where it is missing, too old, of the future or no number."""
    if measure is None or measure.value is None or not math.isfinite(measure.value):
        return None
    return measure.value if abs(now - measure.time_ms) <= rule.age_ms_max else None


def presses(state: LadderState) -> bool:
    """Whether a trigger still asks for less: known, at reduce or beyond, and not yet well again."""
    return any(c.rung >= Rung.REDUCE and not c.blind and not c.well_ms for c in state.climbs)


def drawdown(peak: float, equity: float) -> float:
    """Share of the largest equity that is lost; 0 where there was never any.

    Examples
    --------
    >>> drawdown(20.0, 15.0)
    0.25
    """
    return max(1.0 - equity / peak, 0.0) if peak > 0.0 else 0.0


def restraint(state: LadderState | None) -> str:
    """Why a book may add nothing; empty where the ladder does not say so.

    Higher rungs do not restrain: what they want is an act, which trades.
    """
    if state is None or state.rung != Rung.STOP_ADDING:
        return ""
    return f"ladder: {state.text}"


def adds_nothing(state: LadderState | None) -> bool:
    """Whether no risk may be added on this rung or a higher one."""
    return state is not None and state.rung >= Rung.STOP_ADDING


def said(state: LadderState | None) -> str:
    """Where a book stands and why, in words; empty while it is free.

    Examples
    --------
    >>> said(LadderState(rung=1, text="warn: drawdown is 0.11"))
    'ladder at warn (warn: drawdown is 0.11)'
    """
    if state is None or not state.rung:
        return ""
    return f"ladder at {Rung(state.rung).text} ({state.text})"


def _moved(rule: LadderRule, trigger: Trigger, before: Climb, value: float, now: int) -> Climb:
    """One trigger after one fresh value."""
    sign = -1.0 if trigger.falls else 1.0
    level = sign * value  # the larger the worse, whatever is measured
    steps = enumerate(trigger.steps, 1)
    entered = max((n for n, s in steps if _at(s.enter, sign) <= level), default=0)
    if entered >= before.rung:
        return msgspec.structs.replace(before, rung=entered, well_ms=0)
    if level > _at(trigger.steps[before.rung - 1].leave, sign):
        return msgspec.structs.replace(before, well_ms=0)
    since = before.well_ms or now
    if now - since < rule.hold_ms:
        return msgspec.structs.replace(before, well_ms=since)
    rung = before.rung
    while rung > entered and level <= _at(trigger.steps[rung - 1].leave, sign):
        rung -= 1
    return msgspec.structs.replace(before, rung=rung, well_ms=0)


def _at(level: float | None, sign: float) -> float:
    """A level where larger is worse; one that is not set is never reached, and left at once."""
    return math.inf if level is None else sign * level
