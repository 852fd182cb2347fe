"""Journals that would not fit into a small server: they give way to their own newest entries."""

import asyncio

import pytest
import redis

from hedger.core.model import Memory
from hedger.ports import BookSeed, JournalEntry
from hedger.store import StoreParams, embedded, keys
from hedger.store.reading import memory_of
from tests.store.desk import LEASE_MS
from tests.store.real_server import opened, run

MEMORY_MB, SHARDS, BYTES = 16, 16, 15_000
ROUNDS, LOOK_EVERY = 120, 3
"""120 rounds of 16 entries are 29 MB; a beat looks at the memory every few of them."""
PAYLOAD = b"x" * BYTES


@pytest.fixture
def small(tmp_path):
    params = StoreParams(
        deployment="small",
        state_dir=str(tmp_path / "s"),
        runtime_dir=str(tmp_path / "r"),
        memory_mb=MEMORY_MB,
        shards=SHARDS,
        timeout_s=5.0,
    )
    attached = asyncio.run(embedded.attach(params))
    with redis.Redis(unix_socket_path=attached.path) as raw:
        yield params, raw
    asyncio.run(attached.leave())


async def ready(store):
    """One book on each shard, and the leases."""
    found, number = {}, 0
    while len(found) < SHARDS:
        name = f"b{number}"
        if (shard := store.shard_of(name)) not in found:
            await store.seed(BookSeed(name, "digest", {}))
            found[shard] = (name, await store.claim(shard, "w1", lease_ms=LEASE_MS))
        number += 1
    return list(found.values())


async def note(store, name, lease, number):
    entry = JournalEntry(f"{name}.{number}.1", name, PAYLOAD)
    await store.note(lease, name, seq=0, memory=Memory(), entry=entry)


def full(raw):
    used, limit = memory_of({name: str(value) for name, value in raw.info("memory").items()})
    assert limit == MEMORY_MB << 20
    return used / limit


def test_the_newest_entries_always_fit(small):
    params, raw = small

    async def main():
        fullest = 0.0
        async with opened(params) as store:
            books = await ready(store)
            for number in range(1, ROUNDS + 1):
                await asyncio.gather(*(note(store, *book, number) for book in books))
                if number % LOOK_EVERY == 0:
                    await store._measure_pressure()
                    fullest = max(fullest, full(raw))
            assert store.journal_dropped == 0
            for name, _ in books:
                ids = [entry.id for entry in await store.journal(book=name, count=20)]
                assert ids == [f"{name}.{number}.1" for number in range(ROUNDS, ROUNDS - 20, -1)]
            assert 0.5 < fullest < 0.8, "what there is room for is kept"

    run(main(), within_s=60)


def test_old_entries_give_way_where_a_burst_has_filled_the_server(small):
    params, raw = small
    rounds = 60  # 14 MB before anybody looks

    async def main():
        async with opened(params) as store:
            books = await ready(store)
            for number in range(1, rounds + 1):
                await asyncio.gather(*(note(store, *book, number) for book in books))
            assert full(raw) > 0.8
            for number in range(rounds + 1, rounds + 9):
                await store._measure_pressure()
                await asyncio.gather(*(note(store, *book, number) for book in books))
            assert 0 < store.journal_dropped < 8 * SHARDS, "and then no more"
            assert full(raw) < 0.8
            for name, _ in books:
                (newest,) = await store.journal(book=name, count=1)
                assert newest.id == f"{name}.{rounds + 8}.1"

    run(main(), within_s=60)


def test_where_others_fill_the_server_the_journal_keeps_a_few_and_is_dropped(small):
    params, raw = small

    async def main():
        async with opened(params) as store:
            books = await ready(store)
            for number in range(1, 15):
                await asyncio.gather(*(note(store, *book, number) for book in books))
            while full(raw) < 0.95:
                raw.append("else", b"x" * (MEMORY_MB << 11))
            for number in range(15, 35):
                await store._measure_pressure()
                await asyncio.gather(*(note(store, *book, number) for book in books))
            assert store.journal_dropped == 20 * SHARDS
            lengths = {raw.xlen(keys.Keys("small").journal(shard)) for shard in range(SHARDS)}
            assert lengths == {10}

    run(main(), within_s=60)
