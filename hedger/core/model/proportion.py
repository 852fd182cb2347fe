"""How large a book is to be: its base, the scale of it, and how a change of scale is made."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.record import Record


class ScaleRule(Record, frozen=True, kw_only=True):
    """A book declared as ``base`` x ``scale``; without a base nothing is ever scaled.

    ``base`` has the signed lots of each option leg at scale 1. Within ``inertia`` (a share of the
    scale that is wanted) nothing is done; beyond, the legs go together in stages of ``step``.
    ``sharpe`` is what the base book is believed to earn a year per unit of its risk, ``hold_days``
    how long a scale is expected to last: what a change is worth follows from both.

    ``shrink`` on lets the service make the book smaller by itself, ``grow`` on give back what it
    took, at most ``grow_day_max`` of scale a UTC day of market time. Both wait until what the
    models want has been the same for ``hold_ms``, a cap of risk for ``cap_hold_ms``, and is
    ``apart`` (a share of what is held) from what is held.
    """

    base: tuple[tuple[str, int], ...] = ()
    scale: float = 1.0
    inertia: float = 0.10
    step: float = 0.10
    sharpe: float = 1.0
    hold_days: float = 30.0
    shrink: str = "off"
    grow: str = "off"
    grow_day_max: float = 1.0
    apart: float = 0.25
    hold_ms: int = 14_400_000
    cap_hold_ms: int = 60_000


class Patience(Record, frozen=True, kw_only=True):
    """A wish and since when it has been the same; ``since_ms`` 0: there is none.

    ``why`` says why it was not followed when it had lasted; then it waits anew.
    """

    wish: float = 0.0
    since_ms: int = 0
    why: str = ""


NO_WISH = Patience()


class Resized(Record, frozen=True, kw_only=True):
    """What must be remembered of the changes of scale that the service makes by itself.

    ``calm`` is the wish of the models together, ``cap`` that of the caps of risk, ``idle`` that an
    act under way is not wanted any more. ``top`` is the scale that the service took the book down
    from, 0 where it took nothing; ``left`` the one that it brought it to last for no cap, at
    ``left_ms``, 0 where it did not. ``grows_on`` says that a day's cap cut the last growth. ``grown`` was added on
    ``day`` (of UTC, market time). ``act_ms`` names the act that was counted last, ``stands`` is
    what the models wanted when a person last scaled the book, None once they want something else.
    """

    calm: Patience = NO_WISH
    cap: Patience = NO_WISH
    idle: Patience = NO_WISH
    top: float = 0.0
    left: float = 0.0
    left_ms: int = 0
    grows_on: bool = False
    day: int = 0
    grown: float = 0.0
    act_ms: int = 0
    stands: float | None = None


class Resizing(StrEnum):
    """Where a book stands that may scale itself."""

    NO_BASE = "no_base"
    INSIDE = "inside"
    WAITS = "waits"
    HELD_BACK = "held_back"
    NOT_WORTH = "not_worth"
    ASKS = "asks"
    UNDER_WAY = "under_way"
    HALTED = "halted"
    WITHDRAWS = "withdraws"
    ANOTHER = "another_act"


class Resize(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a book's own scaling came to at one decision, and why.

    ``ask`` is the scale of the act that is to be asked for now, None for none; ``cause`` says
    whether the ``models`` or a ``cap`` of risk ask, ``grows`` that it makes the book larger.
    """

    state: Resizing
    text: str
    held: float | None = None
    wanted: float | None = None
    ask: float | None = None
    cause: str = ""
    grows: bool = False
