"""The answer: the least of all limits, what it costs to hedge that much, and which one binds.

Pure, like a decision, and made of one: what `decide` finds missing, stale or in doubt is a no.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hedger.core import limits
from hedger.core.capacity.question import Gate, Question, forbids
from hedger.core.capacity.rooms import book_rooms, hedges, places, venue_room
from hedger.core.capacity.scenario import scenario_rooms
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.model import VALID_MS, Offer, Room, Rules


def can_hedge(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    delta: float,
    *,
    gates: Sequence[Gate] = (),
    reserved: float = 0.0,
) -> Offer:
    """How much of a delta the book can be given now, so that it is hedged at once.

    Parameters
    ----------
    book, market, rules, now
        As for `hedger.core.decide.decide`.
    delta : float
        What the risk would add to the book's delta, signed [coin].
    gates : sequence of Gate
        Limits beside those of the rules.
    reserved : float
        What others have set aside of the same side, unsigned [coin]: it goes first.

    Raises
    ------
    ValueError
        Where ``delta`` is zero or not finite, or ``reserved`` is not a size.
    """
    if not math.isfinite(delta) or delta == 0.0:
        raise ValueError(f"delta {delta}: expected a finite number other than zero")
    if not 0.0 <= reserved < math.inf:
        raise ValueError(f"reserved {reserved}: expected a size")
    question = Question(book, market, rules, now, delta, decide(book, market, rules, now))
    if no := forbids(book, question.decision):
        return _refused(question, no)
    found = places(question)
    asked = (*scenario_rooms(question), *(gate(question) for gate in gates))
    rooms = (*book_rooms(question), venue_room(question, found), *map(_sure, asked))
    tight = min(rooms, key=lambda room: room.size)
    left = max(tight.size - reserved, 0.0)
    size = min(abs(delta), left)
    least = min((place.least for place in found), default=0.0)
    if size < min(abs(delta), least):
        size = 0.0
    limit, reason = _binding(abs(delta), size, tight, reserved)
    made = hedges(question, found, size, ahead=question.need + reserved)
    return Offer(
        book=book.name,
        time_ms=now,
        seq=book.seq,
        wanted=delta,
        size=math.copysign(size, delta) if size else 0.0,
        capacity=tight.size,
        limit=limit,
        reason=reason,
        least=least,
        cost=sum(part.cost for part in made),
        hedges=made,
        rooms=rooms,
        warnings=(*question.decision.warnings, *_waits(question)),
        valid_ms=VALID_MS,
    )


def _refused(question: Question, room: Room) -> Offer:
    """No, and the one reason why."""
    return Offer(
        book=question.book.name,
        time_ms=question.now,
        seq=question.book.seq,
        wanted=question.delta,
        size=0.0,
        capacity=0.0,
        limit=room.limit,
        reason=room.reason,
        rooms=(room,),
        warnings=question.decision.warnings,
        valid_ms=VALID_MS,
    )


def _sure(room: Room) -> Room:
    """A gate's answer; one that is no size allows nothing."""
    if room.size >= 0.0:
        return room
    return Room(limit=room.limit, size=0.0, reason=f"{room.reason} (room of {room.size})")


def _binding(wanted: float, size: float, tight: Room, reserved: float) -> tuple[str, str]:
    """What allows no more than this; nothing where all that was asked for is allowed."""
    if size >= wanted:
        return "", ""
    if reserved and tight.size > size:
        return "reserved", f"others have set {reserved:.4f} of {tight.size:.4f} aside"
    return tight.limit, tight.reason


def _waits(question: Question) -> tuple[str, ...]:
    """A word where a hedge of less than the hard band would wait: that is the band's patience."""
    wait = limits.patience(
        question.rules.band,
        question.book.memory,
        wanted=-question.delta,
        index=question.seen.index,
        now=question.now,
        hard=False,
        move=question.band.move,
    )
    return () if wait is None else (f"inside the hard band its hedge waits: {wait.reason}",)
