"""Stores of every kind for the tests, and the records that the tests put into them."""

import asyncio
import functools
import itertools
from contextlib import AsyncExitStack

import pytest
from fakeredis.aioredis import FakeAsyncRedisConnection

from hedger.core.model import Fill, Intent, Memory
from hedger.errors import RevisionConflict
from hedger.ports import BookSeed, JournalEntry
from hedger.store import keys
from hedger.store.link import Link, Wire

PERP = "BTC-PERPETUAL"
LEASE_MS = 60_000


class FakeLink(Link):
    header = ""  # fakeredis hands scripts to Lua as they are

    def __init__(self, server):
        super().__init__("", timeout_s=5.0, connections=8)
        self._server = server

    async def _dial(self):
        connection = FakeAsyncRedisConnection(server=self._server, version=(7,))
        await connection.connect()
        wire = Wire(connection, "fake-run-id")
        await self._load(wire)
        return wire

    async def info(self, section):
        if section == "server":
            return {"redis_version": "7.2.0", "run_id": "fake-run-id"}
        return {"maxmemory": "0", "used_memory": "1", "maxmemory_policy": "noeviction"}


class World:
    """One fresh deployment; `store` opens one more worker's view of it."""

    def __init__(self, make):
        self._make = make
        self._open = AsyncExitStack()
        self._n = itertools.count(1)

    async def store(self):
        store = self._make()
        await store.open()
        self._open.push_async_callback(store.shutdown)
        return store

    async def ready(self, **positions):
        """A store, its book ``b`` seeded, and the lease on it."""
        store = await self.store()
        await store.seed(BookSeed("b", "digest", positions))
        lease = await store.claim(store.shard_of("b"), "w1", lease_ms=LEASE_MS)
        return store, lease

    def entry(self, book="b", ms=1_783_036_800_000):
        return JournalEntry(f"{book}.{ms}.{next(self._n)}", book, b'{"n":1}')

    async def begin(self, store, lease, *intents, seq=None, facts=None, **more):
        seq = intents[0].seq - 1 if seq is None else seq
        wanted = {"reduces": False, "memory": Memory(hedges=seq + 1), "entry": self.entry()}
        await store.begin(lease, "b", seq=seq, facts=facts, intents=intents, **(wanted | more))

    async def close(self):
        await self._open.aclose()


def asynchronous(test):
    @functools.wraps(test)
    def run(world, **arguments):
        async def bounded():
            try:
                async with asyncio.timeout(20):
                    await test(world, **arguments)
            finally:
                await world.close()

        asyncio.run(bounded())

    return run


def intent(store, seq=1, lots=-5, low=None, high=None, instrument=PERP, book="b"):
    return Intent(
        id=keys.intent_id(store.namespace, book, instrument, seq),
        book=book,
        venue="paper",
        account="main",
        instrument=instrument,
        lots=lots,
        limit_ticks=123_456,
        deadline_ms=1_783_036_801_500,
        low=min(0, lots) if low is None else low,
        high=max(0, lots) if high is None else high,
        seq=seq,
        decision="b.1783036800000.1",
        market_ms=1_783_036_800_000,
    )


def fill(client_id, trade_id, lots, instrument=PERP, time_ms=1_783_036_800_500, kind="trade"):
    return Fill(
        account="main",
        client_id=client_id,
        trade_id=trade_id,
        instrument=instrument,
        lots=lots,
        price=61_234.5,
        fee=1e-7,
        time_ms=time_ms,
        kind=kind,
    )


def conflict(word):
    return pytest.raises(RevisionConflict, match=rf"^{word}")
