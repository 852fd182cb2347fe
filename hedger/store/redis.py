"""The store on a Redis or Valkey server: each method one script, each answer one outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hedger.core.model import Act, BookState, Fill, Intent, Memory, Override, Reading
from hedger.errors import ConfigError
from hedger.ports import BookSeed, Changes, CloseOutcome, JournalEntry, Lease
from hedger.store import codec, keys, reading
from hedger.store.link import Argument
from hedger.store.reserving import Reserving

_READ_AT_ONCE = 500
_CLOSED = {b"OK": "ok", b"NOTCURRENT": "not_current", b"FILLGAP": "fill_gap"}


class RedisStore(Reserving):
    """`hedger.ports.Store` over one server.

    Parameters
    ----------
    params
        Names and limits.
    link
        The connections to use; made from ``params.url`` unless given.
    leave
        Awaited once by `shutdown`; the embedded server's good-bye.
    monotonic
        Local clock of the lease deadlines.
    """

    # books

    async def seed(self, seed: BookSeed) -> str:
        """Create a book that is not there; return the digest now stored (not replaced)."""
        shard = self.shard_of(seed.book)
        held = await self._link.call(
            "index", [self._keys.books], keys.book_hash(seed.book), seed.book
        )
        if reading.text(held) != seed.book:
            raise ConfigError(
                f"book {seed.book!r}: its order ids would equal those of {reading.text(held)!r}:"
                " rename one of the two"
            )
        names = [self._keys.book(shard, seed.book), self._keys.log(shard)]
        return reading.text(await self._link.call("seed", names, *self._seed_arguments(seed)))

    async def apply(self, seed: BookSeed, *, positions: bool) -> None:
        """`config apply`: replace the digest; with ``positions`` set those named (0 removes)."""
        await self.seed(seed)
        shard = self.shard_of(seed.book)
        if not positions:
            seed = seed._replace(positions={})
        names = [self._keys.book(shard, seed.book), self._keys.log(shard)]
        reply = await self._link.call("apply", names, *self._seed_arguments(seed))
        self._refuse(reply, seed.book)

    async def books(self) -> list[str]:
        """Names of all seeded books."""
        (names,) = await self._link.commands(("HVALS", self._keys.books))
        return sorted(reading.text(name) for name in names)

    async def load(self, book: str) -> BookState | None:
        """Read one book whole, at one instant."""
        shard = self.shard_of(book)
        names = [self._keys.book(shard, book), self._keys.intents(shard, book)]
        fields, opened = await self._link.call("load", names, self._keys.trades(shard))
        return reading.book_state(book, fields, opened) if fields else None

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
        shard = self._shard(lease, book)
        arguments: list[Argument] = [book, seq, _asked(facts), int(reduces)]
        arguments.append(self._memory(memory))
        arguments += [self._keys.trades(shard), self._params.log_max, self._journal_max]
        arguments += self._entry_arguments(book, entry)
        for intent in codec.checked_intents(book, seq, intents):
            arguments += [intent.id, codec.intent_bytes(_under(intent, lease), self._schema)]
        names = [
            self._keys.book(shard, book),
            self._keys.intents(shard, book),
            self._keys.log(shard),
            self._keys.journal(shard),
            self._keys.reserved(shard, book),
        ]
        reply = await self._fenced("begin", lease, names, *arguments)
        self._refuse(reply, book)

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
        shard = self._shard(lease, book)
        arguments: list[Argument] = [book, seq, _asked(facts), self._memory(memory)]
        arguments += [self._journal_max, *self._entry_arguments(book, entry)]
        names = [self._keys.book(shard, book), self._keys.journal(shard)]
        reply = await self._fenced("note", lease, names, *arguments)
        self._refuse(reply, book)

    async def fill(self, book: str, fill: Fill, *, venue: str, stop: str = "") -> str:
        """Apply a fill once: ``ok``, ``dup``, or ``late`` (not open); new ones may ``stop``."""
        shard = self.shard_of(book)
        codec.checked_lots(f"fill {fill.trade_id} of book {book}", fill.lots)
        slot, field = keys.trade_slot(book, fill.client_id, fill.trade_id, fill.time_ms)
        names = [
            self._keys.book(shard, book),
            self._keys.intents(shard, book),
            self._keys.trades(shard) + slot,
            self._keys.log(shard),
        ]
        detail = (
            f"{fill.client_id} {fill.trade_id} {venue} {fill.instrument} {fill.lots}"
            f" at {fill.price!r} fee {fill.fee!r} {fill.kind} {fill.time_ms}"
        )
        arguments = (book, fill.client_id, field, fill.lots, fill.instrument)
        limits = (self._params.log_max, keys.TRADES_KEPT_MS)
        reply = await self._link.call("fill", names, *arguments, *limits, detail, stop)
        self._refuse(reply, book)
        return reading.text(reply[0]).lower()

    async def lacks(self, book: str, fills: Sequence[Fill]) -> list[Fill]:
        """Those of some fills that are not recorded, in their order."""
        trades, missing = self._keys.trades(self.shard_of(book)), []
        for start in range(0, len(fills), _READ_AT_ONCE):
            part = fills[start : start + _READ_AT_ONCE]
            slots = (keys.trade_slot(book, f.client_id, f.trade_id, f.time_ms) for f in part)
            asked = [("HEXISTS", trades + slot, field) for slot, field in slots]
            known = await self._link.commands(*asked)
            missing += [fill for fill, has in zip(part, known, strict=True) if not has]
        return missing

    async def close(
        self, lease: Lease, book: str, intent_id: str, *, filled: int, state: str
    ) -> CloseOutcome:
        """Close an intent whose recorded fills equal the venue's cumulative lots."""
        if state not in ("done", "dead"):
            raise ValueError(f"close of {intent_id}: state {state!r}, expected done or dead")
        shard = self._shard(lease, book)
        names = [
            self._keys.book(shard, book),
            self._keys.intents(shard, book),
            self._keys.trades(shard) + intent_id,
            self._keys.log(shard),
        ]
        limits = (self._params.log_max, keys.TRADES_KEPT_MS)
        reply = await self._fenced("close", lease, names, book, intent_id, filled, state, *limits)
        return CloseOutcome(_CLOSED[reply[0]], int(reply[1]))

    async def unknown(self, lease: Lease, book: str, intent_id: str) -> None:
        """Mark an open intent as of unknown outcome; one that is not open stays as it is."""
        shard = self._shard(lease, book)
        names = [
            self._keys.book(shard, book),
            self._keys.intents(shard, book),
            self._keys.log(shard),
        ]
        await self._fenced("unknown", lease, names, book, intent_id, self._params.log_max)

    async def fast_forward(self, lease: Lease, book: str, *, seq: int) -> None:
        """Raise the revision at least to this one; open intents keep theirs."""
        shard = self._shard(lease, book)
        names = [self._keys.book(shard, book), self._keys.log(shard)]
        reply = await self._fenced("ffwd", lease, names, book, seq, self._params.log_max)
        self._refuse(reply, book)

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
        shard = self._shard(lease, book)
        names = [
            self._keys.book(shard, book),
            self._keys.intents(shard, book),
            self._keys.log(shard),
        ]
        remembered = b"" if memory is None else self._memory(memory)
        arguments: list[Argument] = [book, seq, _asked(facts), why, stop, remembered]
        arguments.append(self._params.log_max)
        for instrument, (ours, theirs) in changes.items():
            arguments += [instrument, ours, theirs]
        reply = await self._fenced("correct", lease, names, *arguments)
        self._refuse(reply, book)

    async def hold(self, book: str, reason: str, *, stop: bool = False) -> None:
        """Allow only what reduces |delta| until a person resumes; with ``stop`` nothing at all."""
        if not reason:
            raise ValueError(f"hold of book {book}: expected a reason")
        await self._marked("hold", book, reason, int(stop))

    async def resume(self, book: str, *, who: str, confirmed: float = 0.0) -> None:
        """Clear a hold; ``confirmed`` > 0 allows a first trade up to that size (coin)."""
        await self._marked("resume", book, who, repr(confirmed) if confirmed > 0 else "")

    async def ask(self, book: str, act: Act) -> str:
        """Have an act done by whoever owns the book: ``ok``, or why not."""
        shard, is_close = self.shard_of(book), int(codec.outlasts(act))
        names = [self._keys.book(shard, book), self._keys.log(shard)]
        arguments = (book, codec.act_bytes(act), is_close, self._params.log_max, act.text)
        reply = await self._link.call(
            "ask", names, *arguments, int(act.trades), int(bool(act.cause))
        )
        self._refuse(reply, book)
        return reading.text(reply[0]).lower()

    async def acted(self, lease: Lease, book: str, act: Act, *, outcome: str) -> bool:
        """Take an act away that is done; False where the book has another one by now."""
        shard = self._shard(lease, book)
        names = [self._keys.book(shard, book), self._keys.log(shard)]
        arguments = (book, codec.act_bytes(act), self._params.log_max, f"{act.text}: {outcome}")
        reply = await self._fenced("acted", lease, names, *arguments)
        return bool(reply[0] == b"OK")

    async def override(self, book: str, override: Override) -> None:
        """Let the book's ladder go no further than a rung before an instant."""
        shard = self.shard_of(book)
        names = [self._keys.book(shard, book), self._keys.log(shard)]
        detail = f"rung {override.rung} until {override.until_ms}, {override.who}: "
        arguments = (book, codec.override_bytes(override), self._params.log_max)
        reply = await self._link.call("override", names, *arguments, detail + override.reason)
        self._refuse(reply, book)

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
        shard = self._shard(lease, book)
        arguments: list[Argument] = [book, self._journal_max, len(shadows)]
        for name, memory in codec.checked_shadows(book, shadows).items():
            arguments += [name, name.encode() + b" " + memory]
        for entry in entries:
            arguments += self._entry_arguments(book, entry)
        names = [self._keys.shadows(shard, book), self._keys.shadow_journal(shard)]
        await self._fenced("keep", lease, names, *arguments)

    async def shadows(self, book: str) -> dict[str, bytes]:
        """What shadows of a book remember, by name."""
        key = self._keys.shadows(self.shard_of(book), book)
        (found,) = await self._link.commands(("HVALS", key))
        parts = (bytes(value).partition(b" ") for value in found)
        return {reading.text(name): memory for name, _, memory in parts}

    # reading

    async def signals(self, names: Sequence[str]) -> dict[str, Reading]:
        """Signals by name; one that is not there, or is no number, has no value but a reason."""
        asked = [("HMGET", self._keys.signal(name), "value", "time_ms") for name in names]
        found = await self._link.commands(*asked) if asked else []
        return {n: codec.signal_from(*row) for n, row in zip(names, found, strict=True)}

    async def journal(
        self, *, book: str | None, count: int, of_shadows: bool = False
    ) -> list[JournalEntry]:
        """Newest journal entries first, of one book or of all: theirs, or those of shadows."""
        stream = self._keys.shadow_journal if of_shadows else self._keys.journal
        if book is not None:
            return await reading.journal_of(self._link, stream(self.shard_of(book)), book, count)
        shards = {self.shard_of(name) for name in await self.books()}
        return await reading.journal_of_all(
            self._link, [stream(shard) for shard in sorted(shards)], count
        )

    async def entry(self, entry_id: str) -> JournalEntry | None:
        """One journal entry by id, a shadow's too."""
        book, ms, n = keys.entry_parts(entry_id)
        shard = self.shard_of(book)
        for stream in (self._keys.journal(shard), self._keys.shadow_journal(shard)):
            found = await reading.entry(self._link, stream, entry_id, f"{ms}-{n}")
            if found is not None:
                return found
        return None

    async def shutdown(self) -> None:
        """Close the connections, and leave the embedded server."""
        await self._link.close()
        leave, self._leave = self._leave, None
        if leave is not None:
            await leave()

    # how a call goes out and an answer comes back

    async def _marked(self, script: str, book: str, *arguments: Argument) -> None:
        shard = self.shard_of(book)
        names = [self._keys.book(shard, book), self._keys.log(shard)]
        reply = await self._link.call(script, names, book, *arguments, self._params.log_max)
        self._refuse(reply, book)

    def _shard(self, lease: Lease, book: str) -> int:
        shard = self.shard_of(book)
        if shard != lease.shard:
            raise ValueError(f"book {book} is of shard {shard}, the lease of {lease.shard}")
        return shard

    def _memory(self, memory: Memory) -> bytes:
        return codec.memory_bytes(memory, self._schema)

    def _seed_arguments(self, seed: BookSeed) -> list[Argument]:
        arguments: list[Argument] = [
            seed.book,
            seed.digest,
            self._params.log_max,
            self._memory(Memory()),
            seed.since_ms,
        ]
        for instrument, lots in codec.checked_positions(seed).items():
            arguments += [instrument, lots]
        return arguments

    def _entry_arguments(self, book: str, entry: JournalEntry | None) -> list[Argument]:
        if entry is None:
            return ["", 0, 0, b""]
        ms, n = codec.checked_entry(book, entry)
        if self._pressed:
            self._journal_dropped += 1
            return [entry.id, ms, n, b""]
        return [entry.id, ms, n, entry.payload]


def _asked(facts: int | None) -> Argument:
    """The count of facts that the book must still have; empty asks for none."""
    return "" if facts is None else facts


def _under(intent: Intent, lease: Lease) -> Intent:
    """The intent as recorded: under the epoch that may send it."""
    return msgspec.structs.replace(intent, epoch=lease.epoch, filled=0)
