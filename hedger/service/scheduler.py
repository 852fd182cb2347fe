"""Which books are due: a quote or a timer marks a book, the newest quote wins, one step at a time.

No I/O and no clock of its own; whoever runs it passes the time in, so that it is tested by
arithmetic.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import NamedTuple

from hedger.core.model import Decision, Rules


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
    only_quotes: bool = True
    busy: bool = False
    ready_s: float = -math.inf
    backing_off: bool = False
    market_ms: int | None = None


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
        self._due: dict[str, None] = {}
        self._real: list[tuple[float, str]] = []
        self._market: list[tuple[int, str]] = []

    def add(self, book: str, *, now_s: float) -> None:
        """Schedule a book from now on; it is due at once."""
        if book not in self._slots:
            self._slots[book] = _Slot()
            heapq.heappush(self._real, (now_s + self._time_trigger_s, book))
        self.mark(book)

    def remove(self, book: str) -> None:
        """Forget a book that is no longer ours; a step under way ends by itself."""
        self._slots.pop(book, None)
        self._due.pop(book, None)
        self._real = [entry for entry in self._real if entry[1] != book]
        heapq.heapify(self._real)

    def mark(self, book: str, *, arrival_s: float = math.nan) -> None:
        """Make a book due; a later quote replaces an earlier one that nobody has looked at."""
        slot = self._slots.get(book)
        if slot is None:
            return
        if math.isnan(arrival_s):
            slot.only_quotes = False
        else:
            slot.arrival_s = arrival_s
        slot.due = True
        if not slot.busy:
            self._due[book] = None

    def mark_at(self, book: str, market_ms: int | None) -> None:
        """Make a book due when the market's clock reaches an instant; replaces the one before."""
        slot = self._slots.get(book)
        if slot is None or slot.market_ms == market_ms:
            return
        slot.market_ms = market_ms
        if market_ms is not None:
            heapq.heappush(self._market, (market_ms, book))

    def back_off(self, book: str, until_s: float) -> None:
        """Leave a book alone until then, whatever its quotes do."""
        slot = self._slots.get(book)
        if slot is not None:
            slot.ready_s = max(slot.ready_s, until_s)
            slot.backing_off = True

    def take(self, *, now_s: float, market_ms: int, limit: int) -> list[Due]:
        """Up to `limit` books to step now; each is busy until `done`."""
        self._ring(now_s, market_ms)
        taken: list[Due] = []
        for book in tuple(self._due):
            if len(taken) == limit:
                break
            slot = self._slots[book]
            if slot.ready_s > now_s:
                continue
            del self._due[book]
            taken.append(Due(book, slot.arrival_s, slot.only_quotes))
            slot.due, slot.busy, slot.arrival_s, slot.only_quotes = False, True, math.nan, True
            slot.ready_s, slot.backing_off = now_s + self._min_interval_s, False
        return taken

    def done(self, book: str) -> None:
        """A step ended; what came in meanwhile makes the book due again."""
        slot = self._slots.get(book)
        if slot is not None:
            slot.busy = False
            if slot.due:
                self._due[book] = None

    def quiet(self, books: frozenset[str]) -> bool:
        """Whether none of these books is due or being stepped, those told to back off aside."""
        return not any(
            slot.busy or (slot.due and not slot.backing_off)
            for slot in map(self._slots.get, books)
            if slot is not None
        )

    def wait_s(self, now_s: float, *, longest_s: float) -> float:
        """How long nothing can become due by the machine's clock; the market's has to be asked."""
        soonest_s = min((self._slots[book].ready_s for book in self._due), default=math.inf)
        if self._real:
            soonest_s = min(soonest_s, self._real[0][0])
        return min(max(soonest_s - now_s, 0.0), longest_s)

    def _ring(self, now_s: float, market_ms: int) -> None:
        while self._real and self._real[0][0] <= now_s:
            _, book = self._real[0]
            heapq.heapreplace(self._real, (now_s + self._time_trigger_s, book))
            self.mark(book)
        while self._market and self._market[0][0] <= market_ms:
            at_ms, book = heapq.heappop(self._market)
            slot = self._slots.get(book)
            if slot is not None and slot.market_ms == at_ms:
                slot.market_ms = None
                self.mark(book)


def data_limit_ms(decision: Decision, rules: Rules) -> int | None:
    """Market instant at which an input of this decision becomes too old, so that it is noticed.

    None when nothing that is fresh now can still expire.
    """
    ages = [(quote.age_ms, rules.data.hedge_quote_age_ms_max) for quote in decision.quotes]
    ages.append((decision.index_age_ms, rules.data.forward_age_ms_max))
    left = [limit - age + 1 for age, limit in ages if age is not None and age <= limit]
    return decision.time_ms + min(left) if left else None
