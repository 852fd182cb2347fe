"""The simulated server answers as another implementation does, and forgets what a crash costs."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from fakeredis import FakeServer
from fakeredis.aioredis import FakeAsyncRedisConnection

from hedger.core.model import Memory
from hedger.errors import LeaseLost, StoreUnavailable
from hedger.ports import BookSeed, JournalEntry
from hedger.store.params import StoreParams
from hedger.store.redis import RedisStore
from tests.simulation.data import Data, WrongCommand
from tests.simulation.loop import Process
from tests.simulation.server import Server
from tests.simulation.wire import Line, SimLink
from tests.store.desk import FakeLink, fill, intent

HASH, SET, STREAM = b"h", b"z", b"s"


def commands(seed: int) -> list[tuple[bytes, ...]]:
    """Random commands of every kind that the scripts and the store use."""
    random = Random(seed)
    names, found, ms = [b"a", b"b", b"c"], list[tuple[bytes, ...]](), 1
    for _ in range(60):
        one, number = random.choice(names), b"%d" % random.randint(-9, 9)
        ms += random.randint(0, 2)
        place = b"%d-%d" % (ms, random.randint(0, 2))
        found.append(
            random.choice(
                [
                    (b"HSET", HASH, one, number, b"d", b"x"),
                    (b"HSETNX", HASH, one, number),
                    (b"HINCRBY", HASH, one if one != b"d" else b"a", number),
                    (b"HDEL", HASH, one, b"d"),
                    (b"HGET", HASH, one),
                    (b"HMGET", HASH, *names),
                    (b"HGETALL", HASH),
                    (b"HVALS", HASH),
                    (b"HLEN", HASH),
                    (b"HEXISTS", HASH, one),
                    (b"EXISTS", HASH),
                    (b"ZADD", SET, b"%d" % ms, one),
                    (b"ZREM", SET, one),
                    (b"ZREMRANGEBYSCORE", SET, b"-inf", b"(%d" % (ms - 3)),
                    (b"ZRANGE", SET, b"0", b"-1", b"WITHSCORES"),
                    (b"XADD", STREAM, b"MAXLEN", b"~", b"1000", place, b"k", one),
                    (b"XADD", STREAM, b"MAXLEN", b"~", b"1000", b"%d-*" % ms, b"k", one),
                    (b"XRANGE", STREAM, b"-", b"+", b"COUNT", b"3"),
                    (b"XRANGE", STREAM, b"(" + place, b"+"),
                    (b"XREVRANGE", STREAM, b"+", b"-", b"COUNT", b"2"),
                    (b"XREVRANGE", STREAM, place, b"-"),
                ]
            )
        )
    return found


@pytest.mark.parametrize("seed", range(40))
def test_commands_answer_as_another_implementation_does(seed: int) -> None:
    async def both() -> None:
        connection = FakeAsyncRedisConnection(
            server=FakeServer(version=(7,)), version=(7,), protocol=2
        )
        await connection.connect()
        data = Data()
        for command in commands(seed):
            await connection.send_command(*command)
            try:
                theirs = await connection.read_response()
            except Exception as error:
                theirs = type(error).__name__
            try:
                ours = data.execute(command, 0)
            except WrongCommand:
                ours = "ResponseError"
            assert ours == theirs, command
        await connection.disconnect()

    asyncio.run(both())


class Desk:
    """A store on a simulated server, on an ordinary loop."""

    def __init__(self) -> None:
        now_s = asyncio.get_running_loop().time
        self.server = Server("sim", now_s=now_s, shards=8)
        line = Line(Random(0), now_s)
        self.link = SimLink(self.server, line, Process("w"), lambda *_: False)
        self.store = RedisStore(StoreParams(deployment="sim", shards=8), link=self.link)


async def life(store: RedisStore) -> list[object]:
    """One order from its begin to its end, every answer on the way."""
    await store.open()
    said: list[object] = [await store.seed(BookSeed("b", "v1", {"BTC-PERPETUAL": 3}))]
    lease = await store.claim(store.shard_of("b"), "w", lease_ms=60_000)
    assert lease is not None
    one = intent(store, low=-9, high=9)
    entry = JournalEntry("b.1.1", "b", b"{}")
    await store.begin(
        lease, "b", seq=0, intents=(one,), reduces=False, memory=Memory(hedges=1), entry=entry
    )
    said.append(await store.load("b"))
    said += [await store.fill("b", fill(one.id, t, -2), venue="paper") for t in ("1", "1", "2")]
    said += [
        await store.close(lease, "b", one.id, filled=lots, state="done") for lots in (-5, -4, -4)
    ]
    said.append(await store.fill("b", fill(one.id, "3", -1), venue="paper"))
    said += [await store.load("b"), await store.journal(book="b", count=5)]
    await store.release(lease)
    with pytest.raises(LeaseLost):
        await store.renew(lease, lease_ms=1)
    return said


def test_the_scripts_answer_as_on_another_implementation() -> None:
    async def both() -> None:
        desk = Desk()
        params = StoreParams(deployment="sim", shards=8)
        other = RedisStore(params, link=FakeLink(FakeServer(version=(7,))))
        ours, theirs = await life(desk.store), await life(other)
        named = [str(part).replace(other.namespace, desk.store.namespace) for part in theirs]
        under = [part.split("epoch=")[0] for part in named]
        assert [str(part).split("epoch=")[0] for part in ours] == under

    asyncio.run(both())


@pytest.mark.parametrize(("lost_s", "kept"), [(0.0, True), (60.0, False)])
def test_a_crash_forgets_what_was_not_synced_and_every_script(lost_s: float, kept: bool) -> None:
    async def crash() -> None:
        desk = Desk()
        await desk.store.open()
        lease = await desk.store.claim(1, "w", lease_ms=60_000)
        assert lease is not None
        desk.server.crash(lost_s=lost_s)
        with pytest.raises(StoreUnavailable):
            await desk.store.renew(lease, lease_ms=60_000)
        desk.server.restart()
        with pytest.raises(LeaseLost):
            await desk.store.renew(lease, lease_ms=60_000)
        assert bool(await desk.store.shard_info()) is kept
        assert await desk.store.workers() == []

    asyncio.run(crash())
