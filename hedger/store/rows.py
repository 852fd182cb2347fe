"""The data behind `hedger.store.memory`: what a server would hold, as plain Python."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable

import msgspec

from hedger.core.model import Intent, Memory
from hedger.ports import JournalEntry


class LeaseRow(msgspec.Struct):
    """A shard's lease; the epoch only ever grows."""

    owner: str = ""
    epoch: int = 0
    expiry: int = 0
    run_id: str = ""
    reconciled: str = ""


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
