"""Answers of the server turned into records, and the reads that need more than one of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hedger.core.model import BookState
from hedger.ports import JournalEntry, ShardInfo
from hedger.store import codec
from hedger.store.keys import Keys
from hedger.store.link import Access

_PAGE = 256
_NEAR = 16
"""Entries looked at from the place where an id should stand, before the whole stream is."""


def memory_of(info: Mapping[str, str]) -> tuple[int, int]:
    """Bytes that count against a server's limit, and that limit (0: none), as it does itself.

    What waits to be written to its log or sent to replicas is no reason for it to refuse a write.
    """
    waiting = int(info.get("mem_not_counted_for_evict", "0"))
    return int(info["used_memory"]) - waiting, int(info.get("maxmemory", "0"))


def book_state(book: str, fields: Sequence[bytes], opened: Sequence[Any]) -> BookState:
    """Return a book from its hash (names and values in turn) and its open intents with fills."""
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    codec.checked_version(f"book {book}", values.get(b"v", b""))
    intents = (
        codec.intent_from(raw, int(filled))
        for raw, filled in zip(opened[::2], opened[1::2], strict=True)
    )
    positions, coins = codec.split(
        {name[2:].decode(): int(lots) for name, lots in values.items() if name[:2] == b"p:"}
    )
    return BookState(
        book=book,
        seq=int(values[b"seq"]),
        facts=int(values.get(b"facts", b"0")),
        digest=values[b"digest"].decode(),
        positions=positions,
        coins=coins,
        since_ms=int(values.get(b"since", b"0")),
        intents=tuple(sorted(intents, key=lambda intent: (intent.seq, intent.id))),
        memory=codec.memory_from(values[b"memory"]),
        hold=values[b"hold"].decode(),
        stopped=values[b"stopped"] == b"1",
        confirmed=float(values[b"confirmed"]),
        act=codec.act_from(values.get(b"act", b"")),
        override=codec.override_from(values.get(b"override", b"")),
    )


async def shard_info(link: Access, keys: Keys, shards: int) -> list[ShardInfo]:
    """Leases of the shards that have one, at one server time, in one round trip."""
    leases = (("HMGET", keys.lease(shard), "owner", "epoch", "expiry") for shard in range(shards))
    (seconds, micros), *replies = await link.commands(("TIME",), *leases)
    now = int(seconds) * 1000 + int(micros) // 1000
    return [
        ShardInfo(shard, owner.decode(), int(epoch), max(0, int(expiry) - now))
        for shard, (owner, epoch, expiry) in enumerate(replies)
        if owner
    ]


async def journal_of(link: Access, stream: str, book: str, count: int) -> list[JournalEntry]:
    """Newest entries of one book; the stream is shared with the other books of its shard."""
    found: list[JournalEntry] = []
    end = "+"
    while len(found) < count:
        page = min(_PAGE, max(_NEAR, 2 * count))
        (rows,) = await link.commands(("XREVRANGE", stream, end, "-", "COUNT", page))
        found += (entry for _, entry in map(_line, rows) if entry.book == book)
        if len(rows) < page:
            break
        end = "(" + rows[-1][0].decode()
    return found[:count]


async def journal_of_all(link: Access, streams: Sequence[str], count: int) -> list[JournalEntry]:
    """Newest entries of all shards, merged by the server's time of writing."""
    if not streams or count < 1:
        return []
    asked = [("XREVRANGE", stream, "+", "-", "COUNT", count) for stream in streams]
    rows = itertools.chain.from_iterable(await link.commands(*asked))
    lines = sorted(map(_line, rows), key=lambda line: line[0], reverse=True)
    return [entry for _, entry in lines[:count]]


async def entry(link: Access, stream: str, entry_id: str, place: str) -> JournalEntry | None:
    """One entry: at or soon after its place, else wherever a clock that ran ahead has put it."""
    start, page = place, _NEAR
    while True:
        (rows,) = await link.commands(("XRANGE", stream, start, "+", "COUNT", page))
        for _, found in map(_line, rows):
            if found.id == entry_id:
                return found
        if len(rows) < page:
            return None
        start, page = "(" + rows[-1][0].decode(), _PAGE


def text(raw: bytes | str | int) -> str:
    """A reply as text."""
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _line(row: Sequence[Any]) -> tuple[int, JournalEntry]:
    """Server time and entry of one stream row."""
    fields = row[1]
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return int(values[b"at"]), JournalEntry(
        values[b"id"].decode(), values[b"book"].decode(), values[b"payload"]
    )
