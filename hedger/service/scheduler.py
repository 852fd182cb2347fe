"""Which books are due: a quote or a timer marks a book, the newest quote wins, one step at a time.

No I/O and no clock of its own; whoever runs it passes the time in, so that it is tested by
arithmetic. What made a book due is one of three causes, the strongest counts: for quotes it may be
decided on its state as last read, for a timer it is read again. Due for either it is *unsure*: with
very many of them a screen may pass it over (`hedger.service.screening`). One whose state may have
changed is read, and never passed over.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from hedger.core.model import Decision, Rules

TIMERS_SPARE = 64
"""Timers beyond two a book that may wait before those that were replaced are dropped."""


class Trigger(IntEnum):
    """What has made a book due, the weakest first."""

    QUOTE = 0
    TIMER = 1
    STATE = 2


class Due(NamedTuple):
    """A book to be decided now; ``arrival_s`` is when its newest quote came in, NaN for a timer.

    ``only_quotes`` says that nothing but quotes made it due: no timer, fill or end of an order.
    """

    book: str
    arrival_s: float
    only_quotes: bool = False


@dataclass(slots=True)
class _Slot:
    """What is scheduled for one book."""

    arrival_s: float = math.nan
    due: bool = False
    trigger: Trigger = Trigger.QUOTE
    busy: bool = False
    ready_s: float = -math.inf
    backing_off: bool = False
    market_ms: int | None = None
    timer_s: float = math.nan

    def forget(self) -> None:
        """What made it due has been seen to."""
        self.due, self.trigger, self.arrival_s = False, Trigger.QUOTE, math.nan


class Scheduler:
    """Due books of one worker, at most one entry each.

    Parameters
    ----------
    min_interval_s : float
        Least real time between the starts of two steps of one book.
    time_trigger_s : float
        A book is decided at least this often in real time, quotes or not.
    """

    def __init__(self, *, min_interval_s: float, time_trigger_s: float) -> None:
        self._min_interval_s = min_interval_s
        self._time_trigger_s = time_trigger_s
        self._slots: dict[str, _Slot] = {}
        self._sure: dict[str, None] = {}
        self._unsure: dict[str, None] = {}
        self._busy: set[str] = set()
        self._real: list[tuple[float, str]] = []
        self._market: list[tuple[int, str]] = []

    def add(self, book: str, *, now_s: float) -> None:
        """Schedule a book from now on; it is due at once."""
        if book not in self._slots:
            self._slots[book] = slot = _Slot()
            self._set_timer(book, slot, now_s)
        self.mark(book)

    def remove(self, book: str) -> None:
        """Forget a book that is no longer ours; a step under way ends by itself."""
        self._slots.pop(book, None)
        self._sure.pop(book, None)
        self._unsure.pop(book, None)
        self._busy.discard(book)

    def mark(self, book: str, trigger: Trigger = Trigger.STATE) -> None:
        """Make a book due."""
        slot = self._slots.get(book)
        if slot is None:
            return
        slot.due, slot.trigger = True, max(slot.trigger, trigger)
        if not slot.busy:
            self._queue(book, slot)

    def quoted(self, book: str, arrival_s: float) -> None:
        """Make a book due; a later quote replaces an earlier one that nobody has looked at."""
        slot = self._slots.get(book)
        if slot is not None:
            slot.arrival_s = arrival_s
            if not slot.due:  # of thousands most are due still when the next quote comes
                self.mark(book, Trigger.QUOTE)

    def mark_at(self, book: str, market_ms: int | None) -> None:
        """Make a book due when the market's clock reaches an instant; replaces the one before."""
        slot = self._slots.get(book)
        if slot is None or slot.market_ms == market_ms:
            return
        slot.market_ms = market_ms
        if market_ms is not None:
            heapq.heappush(self._market, (market_ms, book))
            if len(self._market) > 2 * len(self._slots) + TIMERS_SPARE:
                self._forget_replaced()

    def back_off(self, book: str, until_s: float) -> None:
        """Leave a book alone until then, whatever its quotes do."""
        slot = self._slots.get(book)
        if slot is not None:
            slot.ready_s = max(slot.ready_s, until_s)
            slot.backing_off = True

    @property
    def timers(self) -> int:
        """How many timers are set, those that nobody waits for any more among them."""
        return len(self._real) + len(self._market)

    @property
    def waiting(self) -> bool:
        """Whether a book is due that nobody has taken yet."""
        return bool(self._sure or self._unsure)

    @property
    def unsure(self) -> int:
        """How many books are due for prices or time alone."""
        return len(self._unsure)

    def undecided(self, *, now_s: float, market_ms: int) -> list[str]:
        """Books that a screen may look at now: due for prices or time alone, and not too soon."""
        self.ring(now_s, market_ms)
        return [book for book in self._unsure if self._slots[book].ready_s <= now_s]

    def passed(self, books: Iterable[str], *, now_s: float) -> None:
        """Nothing was to be done about these: they are not due until something moves again."""
        for book in books:
            del self._unsure[book]
            slot = self._slots[book]
            slot.forget()
            slot.ready_s, slot.backing_off = now_s + self._min_interval_s, False

    def flagged(self, books: Iterable[str]) -> None:
        """These have to be stepped, as soon as there is room; why they are due is as before."""
        for book in books:
            del self._unsure[book]
            self._sure[book] = None

    def take(self, *, now_s: float, market_ms: int, limit: int, unsure: bool = True) -> list[Due]:
        """Up to `limit` books to step now, unsure ones only if asked; each is busy until `done`."""
        self.ring(now_s, market_ms)
        taken: list[Due] = []
        for book in (*self._sure, *self._unsure) if unsure else tuple(self._sure):
            if len(taken) == limit:
                break
            slot = self._slots[book]
            if slot.ready_s > now_s:
                continue
            self._sure.pop(book, None)
            self._unsure.pop(book, None)
            self._busy.add(book)
            taken.append(Due(book, slot.arrival_s, slot.trigger is Trigger.QUOTE))
            slot.forget()
            slot.busy = True
            slot.ready_s, slot.backing_off = now_s + self._min_interval_s, False
        return taken

    def done(self, book: str) -> None:
        """A step ended; what came in meanwhile makes the book due again."""
        slot = self._slots.get(book)
        if slot is not None:
            slot.busy = False
            self._busy.discard(book)
            if slot.due:
                self._queue(book, slot)

    def quiet(self, books: Collection[str]) -> bool:
        """Whether none of these books is due or being stepped, those told to back off aside."""
        if any(book in books for book in self._busy):
            return False
        due = (book for queue in (self._sure, self._unsure) for book in queue)
        return not any(book in books and not self._slots[book].backing_off for book in due)

    def wait_s(self, now_s: float, *, longest_s: float, unsure: bool = True) -> float:
        """How long nothing can become due by the machine's clock; the market's has to be asked."""
        queues = (self._sure, self._unsure) if unsure else (self._sure,)
        ready = (self._slots[book].ready_s for queue in queues for book in queue)
        soonest_s = min(ready, default=math.inf)
        if self._real:
            soonest_s = min(soonest_s, self._real[0][0])
        return min(max(soonest_s - now_s, 0.0), longest_s)

    def _forget_replaced(self) -> None:
        """Keep one timer a book: of those that were replaced, some ring only in a day."""
        slots = self._slots.items()
        self._market = [(s.market_ms, book) for book, s in slots if s.market_ms is not None]
        heapq.heapify(self._market)

    def ring(self, now_s: float, market_ms: int) -> None:
        """Make due whatever a timer has come for."""
        while self._real and self._real[0][0] <= now_s:
            at_s, book = heapq.heappop(self._real)
            slot = self._slots.get(book)
            if slot is not None and slot.timer_s == at_s:
                self._set_timer(book, slot, now_s)
                self.mark(book, Trigger.TIMER)
        while self._market and self._market[0][0] <= market_ms:
            at_ms, book = heapq.heappop(self._market)
            slot = self._slots.get(book)
            if slot is not None and slot.market_ms == at_ms:
                slot.market_ms = None
                self.mark(book, Trigger.TIMER)

    def _set_timer(self, book: str, slot: _Slot, now_s: float) -> None:
        """Set the time trigger anew; what lies in the heap of a forgotten book fits no slot."""
        slot.timer_s = now_s + self._time_trigger_s
        heapq.heappush(self._real, (slot.timer_s, book))

    def _queue(self, book: str, slot: _Slot) -> None:
        if slot.trigger is Trigger.STATE:
            self._unsure.pop(book, None)
            self._sure[book] = None
        elif book not in self._sure:
            self._unsure[book] = None


def data_limit_ms(decision: Decision, rules: Rules) -> int | None:
    """Market instant at which an input of this decision becomes too old, so that it is noticed.

    None when nothing that is fresh now can still expire.
    """
    ages = [(quote.age_ms, rules.data.hedge_quote_age_ms_max) for quote in decision.quotes]
    ages.append((decision.index_age_ms, rules.data.forward_age_ms_max))
    left = [limit - age + 1 for age, limit in ages if age is not None and age <= limit]
    return decision.time_ms + min(left) if left else None
