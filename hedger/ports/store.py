"""The fourth port: `Store`, what workers share, and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from hedger.core.model import (
    Act,
    BookState,
    Fill,
    Intent,
    Memory,
    Override,
    Reading,
)
from hedger.reservations import Reservations


class Lease(NamedTuple):
    """Right to act for one shard until ``until_s`` (monotonic time, taken before the call)."""

    shard: int
    owner: str
    epoch: int
    run_id: str
    until_s: float


class BookSeed(NamedTuple):
    """What the configuration gives a book once; transfers count from ``since_ms`` on."""

    book: str
    digest: str
    positions: dict[str, int]
    since_ms: int = 0


class JournalEntry(NamedTuple):
    """One journal line: the decision as encoded JSON, and whether it came to a trade."""

    id: str
    book: str
    payload: bytes


class WorkerInfo(NamedTuple):
    """A living worker and the age of its last beat."""

    worker: str
    beat_age_ms: int


class ShardInfo(NamedTuple):
    """Who holds a shard."""

    shard: int
    owner: str
    epoch: int
    lease_ms_left: int


Changes = Mapping[str, tuple[int, int]]
"""Corrections of positions: instrument -> (lots stored, lots at the venue)."""


class CloseOutcome(NamedTuple):
    """Answer of `Store.close`: ``ok``, ``not_current``, or ``fill_gap`` with what is recorded."""

    result: str
    recorded: int = 0


class Store(Reservations, Protocol):
    """Shared state. Every method raises `StoreUnavailable`; fenced ones also `LeaseLost`.

    Fenced: renew, release, reconciled, begin, note, close, unknown, fast_forward, correct, keep and
    acted. All else is free of fences: fills are facts, holds and acts are orders by people.
    """

    # deployment and ownership
    async def open(self) -> None:
        """Connect; create or check schema version, namespace and shard count (`ConfigError`)."""
        ...

    @property
    def namespace(self) -> str:
        """Eight hex characters, random at creation of the deployment."""
        ...

    @property
    def shards(self) -> int:
        """Number of shards, chosen at creation, then fixed."""
        ...

    @property
    def born(self) -> str:
        """Incarnation of the server that created the deployment; empty where unknown."""
        ...

    @property
    def journal_dropped(self) -> int:
        """Journal entries that were left out because the server is nearly full."""
        ...

    def shard_of(self, book: str) -> int:
        """``blake2b(book) mod shards``."""
        ...

    async def beat(self, worker: str, *, ttl_ms: int) -> list[WorkerInfo]:
        """Register now, drop the old, return the living."""
        ...

    async def leave(self, worker: str) -> None:
        """Take a worker off the list of the living."""
        ...

    async def workers(self) -> list[WorkerInfo]:
        """Everybody on the list with the age of the last beat; registers and drops nobody."""
        ...

    async def claim(self, shard: int, owner: str, *, lease_ms: int) -> Lease | None:
        """Take a free or expired shard under a higher epoch; None while a live other holds it."""
        ...

    async def renew(self, lease: Lease, *, lease_ms: int) -> Lease:
        """Extend; raises `LeaseLost`."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give up at once; raises `LeaseLost`."""
        ...

    async def reconciled(self, lease: Lease) -> None:
        """Record that the shard's books agree with the venues under this server."""
        ...

    async def is_reconciled(self, lease: Lease) -> bool:
        """Whether someone has reconciled this shard under the lease's incarnation."""
        ...

    async def shard_info(self) -> list[ShardInfo]:
        """Leases of the shards that have one."""
        ...

    # books
    async def seed(self, seed: BookSeed) -> str:
        """Create a book that is not there; return the digest now stored (not replaced)."""
        ...

    async def apply(self, seed: BookSeed, *, positions: bool) -> None:
        """`config apply`: replace the digest and, if asked, the option legs' positions."""
        ...

    async def books(self) -> list[str]:
        """Names of all seeded books."""
        ...

    async def load(self, book: str) -> BookState | None:
        """Read one book whole: revision, positions, open intents (with fills), memory, hold."""
        ...

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
        """Record 1..n intents, memory and journal entry at revision ``seq + 1``, all or none.

        ``seq`` is the revision decided on; with ``facts``, nothing else of the book may have
        changed either since it was read with that many. ``reduces`` says that every intent reduces
        |delta| on every reading, which alone is allowed while the book is on hold (and nothing is
        allowed while it is stopped). Raises `LeaseLost`, or `RevisionConflict` whose text begins
        with ``stale`` (not as it was read), ``busy`` (what is open could pass an intent's bound on
        one reading) or ``hold``.
        """
        ...

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
        """Store memory and journal entry without an intent; raises `RevisionConflict`."""
        ...

    async def fill(self, book: str, fill: Fill, *, venue: str, stop: str = "") -> str:
        """Apply a fill once by (client id, trade id): ``ok``, ``dup``, or ``late`` (not open).

        With ``stop``, a reason, one that was applied also stops the book, in the same call.
        """
        ...

    async def lacks(self, book: str, fills: Sequence[Fill]) -> list[Fill]:
        """Those of some fills that are not recorded, in their order; a read of any length."""
        ...

    async def close(
        self, lease: Lease, book: str, intent_id: str, *, filled: int, state: str
    ) -> CloseOutcome:
        """Close an intent whose recorded fills equal the venue's cumulative lots."""
        ...

    async def unknown(self, lease: Lease, book: str, intent_id: str) -> None:
        """Mark an open intent as of unknown outcome."""
        ...

    async def fast_forward(self, lease: Lease, book: str, *, seq: int) -> None:
        """Raise the revision at least to this one; open intents keep theirs."""
        ...

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
        """Replace positions by what the venue holds, all or none, and raise the revision.

        Only with nothing in flight, at revision ``seq`` (and ``facts``, as in `begin`), and where
        each position still is what it was compared with: raises `LeaseLost` or `RevisionConflict`
        (``stale``, ``busy``) else. What follows of the change goes with it: a ``stop`` for this
        reason, and a new ``memory``.
        """
        ...

    async def hold(self, book: str, reason: str, *, stop: bool = False) -> None:
        """Allow only what reduces |delta| until a person resumes; with ``stop`` nothing at all."""
        ...

    async def resume(self, book: str, *, who: str, confirmed: float = 0.0) -> None:
        """Clear a hold and an act; ``confirmed`` allows a first trade up to that size (coin)."""
        ...

    async def ask(self, book: str, act: Act) -> str:
        """Have an act done by whoever owns the book: ``ok``, or why not.

        ``closing``: it is being closed, or is closed, which nothing but a close may replace and
        nothing but `resume` ends. ``stopped``: a person forbids every trade. An act that the
        service asks for by itself (`Act.cause`) is also refused as ``acting``, where the book has
        any act, and as ``held``, where it is on hold.
        """
        ...

    async def acted(self, lease: Lease, book: str, act: Act, *, outcome: str) -> bool:
        """Take an act away that is done; False where the book has another one by now."""
        ...

    async def override(self, book: str, override: Override) -> None:
        """Let the book's ladder go no further than a rung before an instant; replaces the last."""
        ...

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
        ...

    async def shadows(self, book: str) -> dict[str, bytes]:
        """What shadows of a book remember, by name."""
        ...

    # reading
    async def signals(self, names: Sequence[str]) -> dict[str, Reading]:
        """Signals by name; one that is not there, or is no number, has no value but a reason."""
        ...

    async def journal(
        self, *, book: str | None, count: int, of_shadows: bool = False
    ) -> list[JournalEntry]:
        """Newest journal entries first, of one book or of all: theirs, or those of shadows."""
        ...

    async def entry(self, entry_id: str) -> JournalEntry | None:
        """One journal entry by id, a shadow's too."""
        ...

    async def shutdown(self) -> None:
        """Close the connections."""
        ...
