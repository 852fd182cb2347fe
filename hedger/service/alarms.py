"""What must wake a person: one log line on stderr, never through the store.

`Alarms` repeats a standing alarm at a bounded rate. `NakedWatch` knows since when each book has
been outside its band without getting back in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Set
from typing import Any

from hedger.core.model import Action, Decision
from hedger.ports import Store
from hedger.telemetry import Metrics, Throttle, logger

REPEAT_S = 10.0
IN_FLIGHT = "in_flight"
"""Reason of a decision that waits for an order whose outcome is not known yet."""


class Alarms:
    """The alarms of one worker; the same alarm of the same book is said once per ten seconds."""

    def __init__(self, *, worker: str, metrics: Metrics, now_s: Callable[[], float]) -> None:
        self._log = logger(worker=worker)
        self._metrics = metrics
        self._throttle = Throttle(REPEAT_S, now_s)

    def raise_(self, what: str, *, book: str, reason: str, **facts: Any) -> None:
        """Say it on stderr: event ``alarm``, what it is, of which book, and why."""
        self._metrics.count(f"alarm_{what}")
        times = self._throttle.passes(f"{what}:{book}:{facts.get('intent', '')}")
        if times is not None:
            self._log.critical("alarm", alarm=what, book=book, reason=reason, times=times, **facts)


class NakedWatch:
    """How long each book has been outside its band without being able to trade back.

    "Outside" is beyond the triggers, where the band asks for a trade. A delta that cannot be known
    counts as outside: unknown is not zero. Waiting by choice (a cooldown, a minimum move) neither
    starts the count nor ends it.
    """

    def __init__(self, *, alarms: Alarms, longest_s: float, now_s: Callable[[], float]) -> None:
        self._alarms = alarms
        self._longest_s = longest_s
        self._now_s = now_s
        self._since: dict[str, float] = {}

    def see(self, decision: Decision, *, stuck: str = "") -> None:
        """Take the newest decision of a book in; `stuck` says why it cannot be acted on."""
        if not outside(decision):
            self._since.pop(decision.book, None)
            return
        if decision.action is Action.NO_TRADE and decision.reason != IN_FLIGHT and not stuck:
            return
        now_s = self._now_s()
        for_s = now_s - self._since.setdefault(decision.book, now_s)
        if for_s > self._longest_s:
            delta = None if decision.exposure is None else decision.exposure.book_delta
            self._alarms.raise_(
                "naked",
                book=decision.book,
                reason=stuck or decision.text,
                seconds=round(for_s, 1),
                delta=delta,
            )

    def inside(self, books: Set[str]) -> None:
        """These books are surely inside their bands."""
        for book in self._since.keys() & books:
            del self._since[book]

    def forget(self, book: str) -> None:
        """The book is another worker's."""
        self._since.pop(book, None)


def outside(decision: Decision) -> bool:
    """Whether the book's delta is, or may be, where the band asks for a trade."""
    exposure, target = decision.exposure, decision.target
    if exposure is None or target is None or not math.isfinite(exposure.book_delta):
        return decision.action is not Action.NO_TRADE
    low, high = min(exposure.low, exposure.high), max(exposure.low, exposure.high)
    return high > target.trigger_high or low < target.trigger_low


async def halt(
    store: Store, alarms: Alarms, *, book: str, what: str, reason: str, stop: bool = False
) -> None:
    """Raise the alarm first (it needs no store), then hold or stop the book unless it is so."""
    alarms.raise_(what, book=book, reason=reason)
    state = await store.load(book)
    if state is not None and not state.stopped and (stop or not state.hold):
        await store.hold(book, reason, stop=stop)
