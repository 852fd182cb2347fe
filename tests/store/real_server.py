"""Short cuts for tests against a real server: open, claim, begin one small order, fill it."""

import asyncio
import contextlib

from hedger.core.model import Memory
from hedger.ports import BookSeed, JournalEntry
from hedger.store import open_store
from tests.store import desk
from tests.store.desk import LEASE_MS


def run(main, *, within_s=20):
    async def bounded():
        async with asyncio.timeout(within_s):
            return await main

    return asyncio.run(bounded())


@contextlib.asynccontextmanager
async def opened(params):
    store = await open_store(params)
    try:
        yield store
    finally:
        await store.shutdown()


async def ready(store):
    await store.seed(BookSeed("b", "digest", {}))
    return await store.claim(store.shard_of("b"), "w1", lease_ms=LEASE_MS)


def intent(store, seq=1):
    return desk.intent(store, seq, lots=1, low=-99, high=99)


async def begin(store, lease, seq=1):
    await store.begin(
        lease,
        "b",
        seq=seq - 1,
        intents=[intent(store, seq)],
        reduces=False,
        memory=Memory(),
        entry=JournalEntry(f"b.{seq}.1", "b", b"{}"),
    )


def fill(client_id):
    return desk.fill(client_id, "t1", 1, time_ms=1)
