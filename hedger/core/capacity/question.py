"""What is asked, on which book and market; and what forbids any answer but no."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hedger.core import limits
from hedger.core.columns import Book, Market
from hedger.core.ladder import adds_nothing, said
from hedger.core.model import Action, Decision, Exposure, Room, Rules, Target

_CUTS = frozenset({"order_max", "per_minute_max", "position_max", "first_trade_max", "share_max"})
"""Blocks of a hedge of the book's own that leave room for nothing more by themselves."""


class Question(NamedTuple):
    """A book, its market, what would be decided on it now, and the delta that it may be given.

    ``delta`` [coin] is what the risk adds to the book's delta, in its numeraire and after its hedge
    ratio: where it is above zero the hedge sells.
    """

    book: Book
    market: Market
    rules: Rules
    now: int
    delta: float
    decision: Decision

    @property
    def sells(self) -> bool:
        """Whether the hedge would be a sale."""
        return self.delta > 0.0

    @property
    def seen(self) -> Exposure:
        """Exposure of the book as it stands."""
        assert self.decision.exposure is not None
        return self.decision.exposure

    @property
    def band(self) -> Target:
        """Its band."""
        assert self.decision.target is not None
        return self.decision.target

    @property
    def need(self) -> float:
        """What the book itself may want of the same side, on any reading: it goes first [coin].

        What it wants of the other side is no credit: the risk may come before that hedge is made.
        """
        if self.sells:
            return max(self.seen.high - self.band.to_high, 0.0)
        return max(self.band.to_low - self.seen.low, 0.0)


Gate = Callable[[Question], Room]
"""A limit of another model (margin, scenarios, a ladder's rung): the unsigned delta that it allows.

A gate is pure, and is asked only where the book can be decided; what is not a number allows none.
"""


def forbids(book: Book, decision: Decision) -> Room | None:
    """Why no delta at all may be taken; None where nothing forbids it.

    Held by a person, being brought to rest or closed, on a rung that adds nothing, or unknown.
    """
    if restraint := limits.restraint(book.hold, stopped=book.stopped):
        return _none("stopped" if book.stopped else "hold", restraint)
    if book.act is not None:
        return _none("act", book.act.text)
    if adds_nothing(book.memory.ladder):
        return _none("ladder", said(book.memory.ladder))
    if decision.exposure is None or decision.target is None:
        return _none(decision.reason, decision.text)
    if decision.action is Action.BLOCKED and decision.reason not in _CUTS:
        return _none(decision.reason, decision.text)
    return None


def _none(limit: str, reason: str) -> Room:
    return Room(limit=limit, size=0.0, reason=reason)
