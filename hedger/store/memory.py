"""The store in one process, for tests and backtests: the same answers as the server's scripts.

Several "workers" share one `MemoryServer`. No call awaits anything, so each is atomic, as a script
is. Nothing expires but leases and beats.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hedger.core.model import Act, BookState, Fill, Intent, IntentState, Memory, Override
from hedger.errors import ConfigError, RevisionConflict
from hedger.ports import (
    BookSeed,
    Changes,
    CloseOutcome,
    JournalEntry,
    Lease,
    ShardInfo,
    WorkerInfo,
)
from hedger.store import codec, keys
from hedger.store.rows import BookRow, LeaseRow, MemoryServer
from hedger.store.setting_aside import SettingAside

__all__ = ["MemoryServer", "MemoryStore"]


class MemoryStore(SettingAside):
    """`hedger.ports.Store` over a `MemoryServer`."""

    # deployment and ownership

    async def open(self) -> None:
        """Nothing to connect to."""

    @property
    def namespace(self) -> str:
        """Eight hex characters, random at creation of the deployment."""
        return self._server.namespace

    @property
    def shards(self) -> int:
        """Number of shards, chosen at creation, then fixed."""
        return self._server.shards

    @property
    def born(self) -> str:
        """Incarnation of the server that created the deployment."""
        return self._server.born

    @property
    def journal_dropped(self) -> int:
        """Nothing is ever too full here."""
        return 0

    async def beat(self, worker: str, *, ttl_ms: int) -> list[WorkerInfo]:
        """Register now, drop the old, return the living."""
        codec.checked_word("worker", worker)
        now, beats = self._server.now_ms(), self._server.beats
        beats[worker] = now
        for name in [name for name, beat in beats.items() if beat < now - ttl_ms]:
            del beats[name]
        return [WorkerInfo(name, now - beat) for name, beat in sorted(beats.items())]

    async def leave(self, worker: str) -> None:
        """Take a worker off the list of the living."""
        self._server.beats.pop(worker, None)

    async def workers(self) -> list[WorkerInfo]:
        """Everybody on the list with the age of the last beat; registers and drops nobody."""
        now = self._server.now_ms()
        return [WorkerInfo(name, now - beat) for name, beat in sorted(self._server.beats.items())]

    async def claim(self, shard: int, owner: str, *, lease_ms: int) -> Lease | None:
        """Take a free or expired shard under a higher epoch; None while a live other holds it."""
        codec.checked_word("owner", owner)
        server = self._server
        before, now = server.monotonic(), server.now_ms()
        row = server.leases.setdefault(shard, LeaseRow())
        if row.owner not in ("", owner) and row.run_id == server.run_id and row.expiry > now:
            return None
        row.owner, row.run_id, row.expiry = owner, server.run_id, now + lease_ms
        row.epoch = max(row.epoch + 1, now)
        return Lease(shard, owner, row.epoch, server.run_id, before + lease_ms / 1000)

    async def renew(self, lease: Lease, *, lease_ms: int) -> Lease:
        """Extend; raises `LeaseLost`."""
        before = self._server.monotonic()
        self._fence(lease).expiry = self._server.now_ms() + lease_ms
        return lease._replace(until_s=before + lease_ms / 1000)

    async def release(self, lease: Lease) -> None:
        """Give up at once; raises `LeaseLost`."""
        row = self._fence(lease)
        row.owner, row.expiry = "", 0

    async def reconciled(self, lease: Lease) -> None:
        """Record that the shard's books agree with the venues under this server."""
        self._fence(lease).reconciled = self._server.run_id

    async def is_reconciled(self, lease: Lease) -> bool:
        """Whether someone has reconciled this shard under the lease's incarnation."""
        return self._server.leases[lease.shard].reconciled == lease.run_id

    async def shard_info(self) -> list[ShardInfo]:
        """Leases of the shards that have one."""
        now = self._server.now_ms()
        rows = sorted(self._server.leases.items())
        return [
            ShardInfo(shard, row.owner, row.epoch, max(0, row.expiry - now))
            for shard, row in rows
            if row.owner
        ]

    # books

    async def seed(self, seed: BookSeed) -> str:
        """Create a book that is not there; return the digest now stored (not replaced)."""
        keys.checked_name("book", seed.book)
        for other in self._server.books:
            if other != seed.book and keys.book_hash(other) == keys.book_hash(seed.book):
                raise ConfigError(
                    f"book {seed.book!r}: its order ids would equal those of {other!r}:"
                    " rename one of the two"
                )
        held = {name: lots for name, lots in codec.checked_positions(seed).items() if lots}
        row = self._server.books.setdefault(
            seed.book, BookRow(seed.digest, held, since_ms=seed.since_ms)
        )
        return row.digest

    async def apply(self, seed: BookSeed, *, positions: bool) -> None:
        """`config apply`: replace the digest; with ``positions`` set those named (0 removes)."""
        await self.seed(seed)
        row = self._server.books[seed.book]
        row.digest, row.seq, row.facts = seed.digest, row.seq + 1, row.facts + 1
        if positions:
            row.positions |= seed.positions
            row.positions = {name: lots for name, lots in row.positions.items() if lots}

    async def books(self) -> list[str]:
        """Names of all seeded books."""
        return sorted(self._server.books)

    async def load(self, book: str) -> BookState | None:
        """Read one book whole, at one instant."""
        row = self._server.books.get(keys.checked_name("book", book))
        if row is None:
            return None
        intents = (
            msgspec.structs.replace(intent, filled=self._server.filled(intent.id))
            for intent in row.intents.values()
        )
        positions, coins = codec.split(row.positions)
        return BookState(
            book=book,
            seq=row.seq,
            facts=row.facts,
            digest=row.digest,
            positions=positions,
            coins=coins,
            since_ms=row.since_ms,
            intents=tuple(sorted(intents, key=lambda intent: (intent.seq, intent.id))),
            memory=row.memory,
            hold=row.hold,
            stopped=row.stopped,
            confirmed=row.confirmed,
            act=row.act,
            override=row.override,
        )

    async def begin(
        self,
        lease: Lease,
        book: str,
        *,
        seq: int,
        intents: Sequence[Intent],
        reduces: bool,
        memory: Memory,
        entry: JournalEntry,
        facts: int | None = None,
    ) -> None:
        """Record 1..n intents, memory and journal entry at revision ``seq + 1``, all or none."""
        self._check_shard(lease, book)
        codec.checked_intents(book, seq, intents)
        codec.checked_entry(book, entry)
        self._fence(lease)
        row = self._row(book)
        row.check(book, seq, facts)
        if row.stopped or (row.hold and not reduces):
            raise RevisionConflict(f"hold: book {book}: {row.hold}")
        if beyond := self._server.beyond(row, intents):
            raise RevisionConflict(f"busy: book {book}: {beyond}")
        for intent in intents:
            row.intents[intent.id] = msgspec.structs.replace(intent, epoch=lease.epoch, filled=0)
        row.seq, row.memory = seq + 1, memory
        self._server.journal.append(entry)

    async def note(
        self,
        lease: Lease,
        book: str,
        *,
        seq: int,
        memory: Memory,
        entry: JournalEntry | None,
        facts: int | None = None,
    ) -> None:
        """Store memory and journal entry without an intent; the revision stays."""
        self._check_shard(lease, book)
        if entry is not None:
            codec.checked_entry(book, entry)
        self._fence(lease)
        row = self._row(book)
        row.check(book, seq, facts)
        if row.memory != memory:
            row.memory, row.facts = memory, row.facts + 1
        if entry is not None:
            self._server.journal.append(entry)

    async def fill(self, book: str, fill: Fill, *, venue: str, stop: str = "") -> str:
        """Apply a fill once: ``ok``, ``dup``, or ``late`` (not open); new ones may ``stop``."""
        codec.checked_lots(f"fill {fill.trade_id} of book {book}", fill.lots)
        codec.checked_word(f"fill {fill.trade_id} of book {book}", venue)
        row = self._row(book)
        slot, field = keys.trade_slot(book, fill.client_id, fill.trade_id, fill.time_ms)
        trades = self._server.trades.setdefault(slot, {})
        if field in trades:
            return "dup"
        trades[field] = fill.lots
        row.positions[fill.instrument] = row.positions.get(fill.instrument, 0) + fill.lots
        if row.positions[fill.instrument] == 0:
            del row.positions[fill.instrument]
        row.facts += 1
        row.stop(stop)
        return "ok" if fill.client_id in row.intents else "late"

    async def lacks(self, book: str, fills: Sequence[Fill]) -> list[Fill]:
        """Those of some fills that are not recorded, in their order."""
        missing = []
        for fill in fills:
            slot, field = keys.trade_slot(book, fill.client_id, fill.trade_id, fill.time_ms)
            if field not in self._server.trades.get(slot, ()):
                missing.append(fill)
        return missing

    async def close(
        self, lease: Lease, book: str, intent_id: str, *, filled: int, state: str
    ) -> CloseOutcome:
        """Close an intent whose recorded fills equal the venue's cumulative lots."""
        if state not in ("done", "dead"):
            raise ValueError(f"close of {intent_id}: state {state!r}, expected done or dead")
        self._check_shard(lease, book)
        self._fence(lease)
        row, recorded = self._row(book), self._server.filled(intent_id)
        if intent_id not in row.intents:
            return CloseOutcome("not_current", 0)
        if recorded != filled:
            return CloseOutcome("fill_gap", recorded)
        del row.intents[intent_id]
        row.facts += 1
        return CloseOutcome("ok", recorded)

    async def unknown(self, lease: Lease, book: str, intent_id: str) -> None:
        """Mark an open intent as of unknown outcome; one that is not open stays as it is."""
        self._check_shard(lease, book)
        self._fence(lease)
        row = self._row(book)
        intent = row.intents.get(intent_id)
        if intent is not None and intent.state is IntentState.PENDING:
            row.intents[intent_id] = msgspec.structs.replace(intent, state=IntentState.UNKNOWN)
            row.facts += 1

    async def fast_forward(self, lease: Lease, book: str, *, seq: int) -> None:
        """Raise the revision at least to this one; open intents keep theirs."""
        self._check_shard(lease, book)
        self._fence(lease)
        row = self._row(book)
        if seq > row.seq:
            row.seq, row.facts = seq, row.facts + 1

    async def correct(
        self,
        lease: Lease,
        book: str,
        *,
        seq: int,
        changes: Changes,
        why: str,
        facts: int | None = None,
        memory: Memory | None = None,
        stop: str = "",
    ) -> None:
        """Replace positions by what the venue holds, all or none, with what follows of it."""
        codec.checked_changes(book, changes, why)
        self._check_shard(lease, book)
        self._fence(lease)
        row = self._row(book)
        if row.intents:
            raise RevisionConflict(f"busy: book {book} has open intents")
        row.check(book, seq, facts)
        if any(row.positions.get(name, 0) != ours for name, (ours, _) in changes.items()):
            raise RevisionConflict(f"stale: book {book} is at revision {seq}")
        row.positions |= {name: theirs for name, (_, theirs) in changes.items()}
        row.positions = {name: lots for name, lots in row.positions.items() if lots}
        row.seq, row.memory = row.seq + 1, memory or row.memory
        row.stop(stop)

    async def hold(self, book: str, reason: str, *, stop: bool = False) -> None:
        """Allow only what reduces |delta| until a person resumes; with ``stop`` nothing at all."""
        if not reason:
            raise ValueError(f"hold of book {book}: expected a reason")
        row = self._row(book)
        if stop or not row.stopped:
            row.hold = reason
        row.stopped = row.stopped or stop
        row.facts += 1

    async def resume(self, book: str, *, who: str, confirmed: float = 0.0) -> None:
        """Clear a hold; ``confirmed`` > 0 allows a first trade up to that size (coin)."""
        row = self._row(book)
        row.hold, row.stopped, row.act = "", False, None
        row.confirmed = confirmed if confirmed > 0 else row.confirmed
        row.facts += 1

    async def ask(self, book: str, act: Act) -> str:
        """Have an act done by whoever owns the book: ``ok``, or why not."""
        codec.act_bytes(act)
        return self._row(book).ask(act, closes=codec.outlasts(act))

    async def acted(self, lease: Lease, book: str, act: Act, *, outcome: str) -> bool:
        """Take an act away that is done; False where the book has another one by now."""
        self._check_shard(lease, book)
        self._fence(lease)
        row = self._row(book)
        if row.act != act:
            return False
        row.act, row.facts = None, row.facts + 1
        return True

    async def override(self, book: str, override: Override) -> None:
        """Let the book's ladder go no further than a rung before an instant."""
        codec.override_bytes(override)
        row = self._row(book)
        row.override, row.facts = override, row.facts + 1

    async def shutdown(self) -> None:
        """Nothing to close."""
