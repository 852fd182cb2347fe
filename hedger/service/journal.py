"""Which decisions are written down, and how one becomes a journal entry.

Every hedge is. What repeats itself is not written at every tick: a "no trade" when its reason
changes or after ten seconds, a refusal when it changes or after one second, each with the count of
the decisions it stands for, so that a quiet market costs the store nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hedger.core.model import Action, Decision, Intent
from hedger.ports import JournalEntry
from hedger.service.entry import Timings
from hedger.service.written import encoded

QUIET_S = 10.0
REFUSED_S = 1.0


@dataclass(slots=True)
class _Last:
    """The last entry of a book and what has repeated it since."""

    key: tuple[object, ...]
    at_s: float
    repeats: int = 0


class Journal:
    """The entries of one worker: their ids, and which decisions need one."""

    def __init__(
        self, *, worker: str, wall_ms: Callable[[], int], now_s: Callable[[], float]
    ) -> None:
        self._worker = worker
        self._wall_ms = wall_ms
        self._now_s = now_s
        self._last: dict[str, _Last] = {}
        self._us = 0

    def next_id(self, book: str, epoch: int) -> str:
        """``<book>.<epoch>.<n>``: of one lease, and with it of one worker, whatever the clocks say.

        ``n`` counts from the epoch on to the wall clock in microseconds, never the same and never
        lower than before; `entry_ms` reads the instant back.
        """
        self._us = max(self._us + 1, 1_000 * self._wall_ms(), 1_000 * epoch)
        return f"{book}.{epoch}.{self._us - 1_000 * epoch}"

    def repeats(self, decision: Decision) -> int:
        """How many decisions an entry for this one would stand for; 0: it needs no entry."""
        key = _key(decision)
        last = self._last.get(decision.book)
        if decision.action is Action.HEDGE or last is None or last.key != key:
            return 1
        last.repeats += 1
        longest_s = REFUSED_S if decision.action is Action.BLOCKED else QUIET_S
        return last.repeats if self._now_s() - last.at_s >= longest_s else 0

    def passes(self, book: str, reason: str, *, now_s: float, late: bool = False) -> bool:
        """Count one more "no trade" like the last entry; False where an entry is to be written.

        The caller asks for thousands and passes the time in, read once. With ``late`` an entry that
        repeats the last may come later than it should.
        """
        last = self._last.get(book)
        if last is None:
            return False
        action, said, _, refusals, *_ = last.key  # a hold that is lifted is seen by the next step
        if refusals or action is not Action.NO_TRADE or said != reason:
            return False
        if now_s - last.at_s >= QUIET_S and not late:
            return False
        last.repeats += 1
        return True

    def written(self, decision: Decision) -> None:
        """The entry is in the store: count anew."""
        self._last[decision.book] = _Last(_key(decision), self._now_s())

    def forget(self, book: str) -> None:
        """The book is another worker's; its next decision here is written whatever it says."""
        self._last.pop(book, None)

    def entry(
        self,
        decision: Decision,
        *,
        entry_id: str,
        epoch: int,
        intents: tuple[Intent, ...] = (),
        timings: Timings | None = None,
        repeats: int = 1,
    ) -> JournalEntry:
        """The decision as one journal entry."""
        payload = encoded(
            decision,
            entry_id=entry_id,
            worker=self._worker,
            epoch=epoch,
            intents=intents,
            timings=timings,
            repeats=repeats,
        )
        return JournalEntry(id=entry_id, book=decision.book, payload=payload)


def _key(decision: Decision) -> tuple[object, ...]:
    """What makes two decisions alike: the outcome and its reasons, not the numbers in the text."""
    refusals = tuple((refusal.rule, refusal.instrument) for refusal in decision.refusals)
    rung = decision.rung.partition(" (")[0]
    scale = None if decision.resize is None else decision.resize.state
    return (decision.action, decision.reason, decision.hold, refusals, decision.act, rung, scale)
