"""What only a real server can show: full memory, retention, the layout of the keys."""

import re
import time

import msgspec
import pytest
import redis
import redis.exceptions

from hedger.clock import wall_ms
from hedger.core.model import Memory
from hedger.errors import StoreUnavailable
from hedger.ports import BookSeed
from hedger.store import keys
from hedger.store.health import health, persistence, replication, syncs
from hedger.store.redis import RedisStore
from tests.store.desk import LEASE_MS
from tests.store.real_server import begin, fill, intent, opened, ready, run


def test_a_full_server_costs_the_journal_never_the_orders(params, raw):
    async def main():
        async with opened(params) as store:
            lease = await ready(store)
            await begin(store, lease, seq=1)
            used = raw.info("memory")["used_memory"]
            raw.config_set("maxmemory", int(used / 0.9))
            await store._measure_pressure()
            await begin(store, lease, seq=2)
            assert store.journal_dropped == 1
            raw.config_set("maxmemory", 1_000_000 if used > 2_000_000 else used // 2)
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                raw.set("x", "y")
            await begin(store, lease, seq=3)
            assert await store.fill("b", fill(intent(store, 3).id), venue="paper") == "ok"
            closed = await store.close(lease, "b", intent(store, 3).id, filled=1, state="done")
            assert closed.result == "ok"
            await store.renew(lease, lease_ms=LEASE_MS)
            raw.config_set("maxmemory", 0)
            await store._measure_pressure()
            await begin(store, lease, seq=4)
            ids = [entry.id for entry in await store.journal(book="b", count=9)]
            assert ids == ["b.4.1", "b.1.1"]
            assert store.journal_dropped == 2

    before = raw.config_get("maxmemory")["maxmemory"]
    try:
        run(main())
    finally:
        raw.config_set("maxmemory", before)


def test_a_spoilt_journal_does_not_stop_the_hedging(params, raw):
    async def main():
        async with opened(params) as store:
            lease = await ready(store)
            raw.set(keys.Keys(params.deployment).journal(lease.shard), "not a stream")
            await begin(store, lease)
            assert (await store.load("b")).seq == 1

    run(main())


def test_trades_of_an_open_order_never_expire_those_of_a_closed_one_do(params, raw):
    async def main():
        async with opened(params) as store:
            lease = await ready(store)
            await begin(store, lease)
            order = intent(store).id
            trades = keys.Keys(params.deployment).trades(lease.shard)
            await store.fill("b", fill(order), venue="paper")
            assert raw.pttl(trades + order) == -1
            await store.close(lease, "b", order, filled=1, state="done")
            assert 0.99 < raw.pttl(trades + order) / keys.TRADES_KEPT_MS <= 1
            await store.fill("b", fill("account"), venue="paper")
            assert 0.99 < raw.pttl(trades + "b.0") / keys.TRADES_KEPT_MS <= 1

    run(main())


def test_log_and_journal_are_bounded(params, raw):
    async def main():
        small = msgspec.structs.replace(params, journal_max=50, log_max=50)
        async with opened(small) as store:
            lease = await ready(store)
            names = keys.Keys(params.deployment)
            for seq in range(1, 601):
                await begin(store, lease, seq=seq)
                await store.close(lease, "b", intent(store, seq).id, filled=0, state="dead")
            # Approximate trimming works in nodes of 100 entries.
            assert 50 <= raw.xlen(names.journal(lease.shard)) <= 250
            assert 50 <= raw.xlen(names.log(lease.shard)) <= 250
            assert (await store.entry("b.600.1")) is not None
            assert (await store.entry("b.1.1")) is None

    run(main())


def test_every_script_touches_one_cluster_slot_and_no_unknown_key(params, raw):
    async def main():
        async with opened(params) as store:
            sent = []
            real = store._link.call

            async def call(name, names, *arguments):
                sent.append((name, names))
                return await real(name, names, *arguments)

            store._link.call = call
            lease = await ready(store)
            await store.beat("w1", ttl_ms=1_000)
            await begin(store, lease)
            order = intent(store).id
            await store.unknown(lease, "b", order)
            await store.fill("b", fill(order), venue="paper")
            await store.close(lease, "b", order, filled=1, state="done")
            await store.note(lease, "b", seq=1, memory=Memory(), entry=None)
            await store.fast_forward(lease, "b", seq=5)
            await store.hold("b", "why")
            await store.resume("b", who="me")
            await store.apply(BookSeed("b", "x", {"A": 1}), positions=True)
            await store.reconciled(lease)
            await store.release(lease)
            await store.load("b")
            for name, names in sent:
                tags = {re.search(r"\{(.+?)\}", key)[1] for key in names}
                assert len(tags) == 1, (name, names)
            return lease.shard, order

    shard, order = run(main())
    root, tag = params.deployment, f"{{s{shard:03d}}}"
    names = {"lease", "b:b", "log", "journal", f"t:{order}"}
    expected = {f"{root}:{tag}:{name}" for name in names}
    expected |= {f"{root}:{{m}}:{name}" for name in ("meta", "w", "books")}
    assert {key.decode() for key in raw.keys(f"{root}:*")} == expected


def test_the_shard_count_is_fixed_at_creation(params):
    async def main():
        few = msgspec.structs.replace(params, shards=32)
        many = msgspec.structs.replace(params, shards=1_024)
        async with opened(few) as first, opened(many) as second:
            assert (first.shards, second.shards) == (32, 32)
            assert first.namespace == second.namespace

    run(main())


def test_opening_twice_is_harmless_and_a_closed_store_says_so(params):
    async def main():
        store = RedisStore(params)
        await store.open()
        await store.open()
        await store.shutdown()
        await store.shutdown()
        with pytest.raises(StoreUnavailable, match="closed"):
            await store.books()

    run(main())


def test_sockets_are_only_opened_as_needed(params):
    async def main():
        async with opened(params) as store:
            for _ in range(20):
                await store.books()
            assert len(store._link._idle) == 1

    run(main())


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({"aof_enabled": "1", "aof_last_write_status": "ok"}, "ok"),
        ({"aof_enabled": "1", "aof_last_write_status": "err"}, "fail"),
        ({"aof_enabled": "0"}, "warn"),
    ],
)
def test_health_of_persistence(info, state):
    assert persistence(info).state == state


@pytest.mark.parametrize(
    ("info", "wanted", "state"),
    [
        ({"connected_slaves": "0"}, 0, "ok"),
        ({"connected_slaves": "0"}, 1, "fail"),
        ({"connected_slaves": "1", "slave0": "ip=h,port=1,state=online,offset=1,lag=0"}, 1, "ok"),
        ({"connected_slaves": "1", "slave0": "ip=h,port=1,state=online,offset=1,lag=9"}, 1, "warn"),
    ],
)
def test_health_of_replication(info, wanted, state):
    assert replication(info, wanted).state == state


def test_when_the_server_syncs_is_known_unless_the_user_may_not_ask(params, raw):
    async def main():
        async with opened(params) as store:
            assert await syncs(store) == {"everysec"}
            raw.config_set("appendfsync", "always")
            assert await syncs(store) == {"always"}

    try:
        run(main())
    finally:
        raw.config_set("appendfsync", "everysec")


def test_health_says_what_is_wrong_and_what_to_do(params, raw):
    async def states():
        async with opened(params) as store:
            found = await health(store, wall_ms=wall_ms, monotonic_s=time.monotonic)
            return {finding.what: finding for finding in found}

    async def main():
        assert {finding.state for finding in (await states()).values()} == {"ok"}
        async with opened(params) as store:
            raw.config_set("maxmemory-policy", "allkeys-lru")
            found = await health(store, wall_ms=lambda: 0, monotonic_s=time.monotonic)
        found = {finding.what: finding for finding in found}
        assert (found["memory"].state, found["memory"].advice) == (
            "fail",
            "set maxmemory-policy noeviction",
        )
        assert found["clock of server"].state == "warn"

    try:
        run(main())
    finally:
        raw.config_set("maxmemory-policy", "noeviction")
