"""What is said of an act, and when it is done: one place for the reasons that tell it."""

from __future__ import annotations

from hedger.core.model import Act, Action, ActKind, Decision

CANCELLING = "cancelling"
CANCELLED = "cancelled"
NEUTRAL = "neutral"
REDUCED = "reduced"
SCALED = "scaled"
CLOSED = "closed"
WAITS = "close_waits"
STEP = "close_leg"
UNWIND = "close_hedge"
SCALE_STEP = "scale_leg"
HALTED = "scale_waits"

DONE = {
    ActKind.CANCEL: frozenset({CANCELLED}),
    ActKind.NEUTRAL: frozenset({NEUTRAL, "below_minimum"}),
    ActKind.REDUCE: frozenset({REDUCED}),
    ActKind.SCALE: frozenset({SCALED}),
    ActKind.CLOSE: frozenset[str](),
}
"""Reasons of the decisions that end an act; `close` has none: only a person ends that."""


def finished(act: Act | None, decision: Decision) -> bool:
    """Whether this decision says that the act has done what it was asked for."""
    return (
        act is not None and decision.action is Action.NO_TRADE and decision.reason in DONE[act.kind]
    )
