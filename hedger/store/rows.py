"""The data behind `hedger.store.memory`: what a server would hold, as plain Python."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from hedger.core.model import Act, Intent, Memory, Override
from hedger.errors import RevisionConflict
from hedger.ports import JournalEntry


class LeaseRow(msgspec.Struct):
    """A shard's lease; the epoch only ever grows."""

    owner: str = ""
    epoch: int = 0
    expiry: int = 0
    run_id: str = ""
    reconciled: str = ""


class ReservedRow(msgspec.Struct):
    """What a client has set aside, in 1e-8 coin."""

    sells: bool
    amount: int
    until_ms: int
    is_taken: bool = False


class BookRow(msgspec.Struct):
    """One book, as `hedger.core.model.BookState` without the name."""

    digest: str
    positions: dict[str, int]
    seq: int = 0
    facts: int = 0
    intents: dict[str, Intent] = {}
    memory: Memory = Memory()
    hold: str = ""
    stopped: bool = False
    confirmed: float = 0.0
    since_ms: int = 0
    act: Act | None = None
    closing: bool = False
    override: Override | None = None
    reserved: dict[str, ReservedRow] = {}

    def check(self, book: str, seq: int, facts: int | None) -> None:
        """Raise `RevisionConflict` unless the book is as it was read."""
        if self.seq != seq or facts not in (None, self.facts):
            raise RevisionConflict(f"stale: book {book} is at revision {self.seq}")

    def ask(self, act: Act, *, closes: bool) -> str:
        """Take an act in, unless the book is stopped, or closing and this one closes nothing.

        What the service asks for by itself goes behind every other act, and behind a hold.
        """
        if self.stopped and act.trades:
            return "stopped"
        if self.act is not None and self.closing and not closes:
            return "closing"
        if act.cause and (self.act is not None or self.hold):
            return "acting" if self.act is not None else "held"
        self.act, self.closing, self.facts = act, closes, self.facts + 1
        return "ok"

    def stop(self, reason: str) -> None:
        """Stop for a reason, if one is given; the reason of an earlier stop stays."""
        if reason and not self.stopped:
            self.hold, self.stopped = reason, True


class MemoryServer:
    """What all stores of one deployment share; its time is the injected monotonic clock."""

    def __init__(
        self,
        *,
        shards: int = 256,
        namespace: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        journal_max: int = 2_000,
    ) -> None:
        self.shards = shards
        self.namespace = namespace or secrets.token_hex(4)
        self.monotonic = monotonic
        self.born = self.run_id = secrets.token_hex(20)
        self.leases: dict[int, LeaseRow] = {}
        self.beats: dict[str, int] = {}
        self.books: dict[str, BookRow] = {}
        self.trades: dict[str, dict[str, int]] = {}
        self.journal: deque[JournalEntry] = deque(maxlen=journal_max)
        self.signals: dict[str, tuple[bytes | None, bytes | None]] = {}
        self.shadows: dict[str, dict[str, bytes]] = {}
        self.shadow_journal: deque[JournalEntry] = deque(maxlen=journal_max)

    def now_ms(self) -> int:
        """The server's time."""
        return int(self.monotonic() * 1000)

    def restart(self) -> None:
        """Become a new incarnation with the same data."""
        self.run_id = secrets.token_hex(20)

    def filled(self, intent_id: str) -> int:
        """Lots recorded under an intent."""
        return sum(self.trades.get(intent_id, {}).values())

    def beyond(self, row: BookRow, intents: Sequence[Intent]) -> str:
        """Which bound could be passed on one reading: what is open counts as filled and as not."""
        low = {i.instrument: row.positions.get(i.instrument, 0) for i in intents}
        high = dict(low)
        for intent in (*row.intents.values(), *intents):
            left = intent.lots - self.filled(intent.id)
            if intent.instrument in low and left * intent.lots > 0:
                low[intent.instrument] += min(0, left)
                high[intent.instrument] += max(0, left)
        for intent in intents:
            name = intent.instrument
            if low[name] < intent.low or high[name] > intent.high:
                return f"{name} could end anywhere in {low[name]}..{high[name]} lots"
        return ""
