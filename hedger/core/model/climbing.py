"""The de-leveraging ladder's records: its rule, its measures, and what it must remember."""

from __future__ import annotations

from hedger.core.model.record import Record


class Level(Record, frozen=True, kw_only=True):
    """Where one rung is entered and where it is left again; None: this trigger has no such rung."""

    enter: float | None = None
    leave: float | None = None


class Trigger(Record, frozen=True, kw_only=True):
    """One measure and its levels for warn, stop adding, reduce and close, in this order.

    ``falls`` says that the smaller is the worse, as with the distance to liquidation.
    """

    name: str
    steps: tuple[Level, Level, Level, Level]
    falls: bool = False


class LadderRule(Record, frozen=True, kw_only=True):
    """The ladder of one book; without triggers there is none.

    ``hold_ms`` is how long a measure must be well before a rung is left, and how long a reduction
    is given to work; ``age_ms_max`` beyond which a measure is not known, ``reduce_to`` the share of
    each leg that one reduction keeps.
    """

    triggers: tuple[Trigger, ...] = ()
    hold_ms: int = 300_000
    age_ms_max: int = 15_000
    reduce_to: float = 0.5


class Measure(Record, frozen=True, kw_only=True):
    """One finished measure of risk: a number and its instant, None where there is none."""

    name: str
    value: float | None
    time_ms: int


class Climb(Record, frozen=True, kw_only=True):
    """Where one trigger stands; ``well_ms`` is since when its measure has been well, 0: it is not.

    A rung is 0 (free), 1 (warn), 2 (stop adding), 3 (reduce) or 4 (close). ``blind`` says that the
    measure is not known.
    """

    trigger: str
    rung: int = 0
    well_ms: int = 0
    blind: bool = False


class LadderState(Record, frozen=True, kw_only=True):
    """What the ladder remembers; part of a book's memory.

    ``rung`` is what is in force and ``text`` why, ``closed`` says that its close was asked for,
    ``reduced_ms`` when a reduction was last asked for, ``peak`` is the largest equity seen, in the
    numeraire.
    """

    climbs: tuple[Climb, ...] = ()
    rung: int = 0
    text: str = ""
    closed: bool = False
    reduced_ms: int = 0
    peak: float = 0.0


class Override(Record, frozen=True, kw_only=True):
    """A person's word that the ladder may go no further than a rung, before an instant (wall)."""

    rung: int
    until_ms: int
    who: str
    reason: str
