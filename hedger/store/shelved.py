"""What of the memory store changes no book: checks, journals, and what shadows remember."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from hedger.core.model import Reading
from hedger.errors import LeaseLost, StoreError
from hedger.ports import JournalEntry, Lease
from hedger.store import codec, keys
from hedger.store.rows import BookRow, LeaseRow, MemoryServer


class Shelved:
    """What `hedger.store.memory.MemoryStore` builds on."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    def shard_of(self, book: str) -> int:
        """``blake2b(book) mod shards``."""
        return keys.shard_of(book, self._server.shards)

    # shadows

    async def keep(
        self,
        lease: Lease,
        book: str,
        *,
        shadows: Mapping[str, bytes],
        entries: Sequence[JournalEntry],
    ) -> None:
        """Store what these shadows of a book remember and journal; nothing of the book changes."""
        self._check_shard(lease, book)
        codec.checked_shadows(book, shadows)
        for entry in entries:
            codec.checked_entry(book, entry)
        self._fence(lease)
        self._server.shadows.setdefault(book, {}).update(shadows)
        self._server.shadow_journal.extend(entries)

    async def shadows(self, book: str) -> dict[str, bytes]:
        """What shadows of a book remember, by name."""
        return dict(self._server.shadows.get(keys.checked_name("book", book), {}))

    # reading

    async def signals(self, names: Sequence[str]) -> dict[str, Reading]:
        """Signals by name; one that is not there, or is no number, has no value but a reason."""
        known = self._server.signals
        return {name: codec.signal_from(*known.get(name, (None, None))) for name in names}

    async def journal(
        self, *, book: str | None, count: int, of_shadows: bool = False
    ) -> list[JournalEntry]:
        """Newest journal entries first, of one book or of all: theirs, or those of shadows."""
        server = self._server
        entries = reversed(server.shadow_journal if of_shadows else server.journal)
        return [entry for entry in entries if book in (None, entry.book)][: max(0, count)]

    async def entry(self, entry_id: str) -> JournalEntry | None:
        """One journal entry by id, a shadow's too."""
        keys.entry_parts(entry_id)
        both = itertools.chain(self._server.journal, self._server.shadow_journal)
        return next((entry for entry in both if entry.id == entry_id), None)

    # the checks of the scripts

    def _fence(self, lease: Lease) -> LeaseRow:
        server = self._server
        row = server.leases.get(lease.shard, LeaseRow())
        # A store in this process always talks to the server as it is now.
        mine = (lease.owner, lease.epoch, server.run_id)
        reason = "fenced" if (row.owner, row.epoch, row.run_id) != mine else ""
        if not reason and server.now_ms() >= row.expiry:
            reason = "expired"
        if reason:
            raise LeaseLost(
                f"shard {lease.shard}: {reason}: {lease.owner} acted under epoch {lease.epoch},"
                f" the store has {row.owner or 'nobody'} {row.epoch}"
            )
        return row

    def _check_shard(self, lease: Lease, book: str) -> None:
        if self.shard_of(book) != lease.shard:
            raise ValueError(
                f"book {book} is of shard {self.shard_of(book)}, the lease of {lease.shard}"
            )

    def _row(self, book: str) -> BookRow:
        row = self._server.books.get(keys.checked_name("book", book))
        if row is None:
            raise StoreError(f"book {book!r} is not in the store: seed it first")
        return row
