"""The life of an intent: every transition in one table, nothing else decides what may follow.

An intent is recorded (`PENDING`) before it is sent; "sent" is not a state, because it cannot be
known after a crash. What is open counts as filled and as unfilled at once.
"""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model import Intent, IntentState


class IntentEvent(StrEnum):
    """What can happen to an intent."""

    TERMINAL = "terminal"  # the venue says: nothing of it rests any more
    REJECTED = "rejected"  # the venue says: surely refused
    NO_ANSWER = "no_answer"  # time-out, lost connection, crash, take-over
    OPEN_AT_VENUE = "open_at_venue"  # queried: it rests; cancel and query again
    NOT_FOUND = "not_found"  # queried after its deadline, and the engine honours deadlines


TRANSITIONS: dict[tuple[IntentState, IntentEvent], IntentState] = {
    (IntentState.PENDING, IntentEvent.TERMINAL): IntentState.DONE,
    (IntentState.PENDING, IntentEvent.REJECTED): IntentState.DEAD,
    (IntentState.PENDING, IntentEvent.NO_ANSWER): IntentState.UNKNOWN,
    (IntentState.PENDING, IntentEvent.OPEN_AT_VENUE): IntentState.UNKNOWN,
    (IntentState.UNKNOWN, IntentEvent.TERMINAL): IntentState.DONE,
    (IntentState.UNKNOWN, IntentEvent.REJECTED): IntentState.DEAD,
    (IntentState.UNKNOWN, IntentEvent.NO_ANSWER): IntentState.UNKNOWN,
    (IntentState.UNKNOWN, IntentEvent.OPEN_AT_VENUE): IntentState.UNKNOWN,
    (IntentState.UNKNOWN, IntentEvent.NOT_FOUND): IntentState.DEAD,
}

OPEN = frozenset({IntentState.PENDING, IntentState.UNKNOWN})


def transition(state: IntentState, event: IntentEvent) -> IntentState:
    """State after an event; raises ValueError where the table has no row.

    Examples
    --------
    >>> transition(IntentState.PENDING, IntentEvent.NO_ANSWER)
    <IntentState.UNKNOWN: 'unknown'>
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ValueError(f"an intent that is {state} cannot meet {event}") from None


def remaining(intent: Intent) -> int:
    """Signed lots that may still fill, 0 once the intent is closed."""
    return intent.lots - intent.filled if intent.state in OPEN else 0
