"""What every store must do about who may act: leases, epochs, expiry, take-over, the living."""

import asyncio
import re

import msgspec
import pytest

from hedger.core.model import Memory
from hedger.errors import LeaseLost
from hedger.ports import BookSeed, CloseOutcome
from tests.store.desk import LEASE_MS, asynchronous, fill, intent


@asynchronous
async def test_everybody_sees_the_same_deployment(world):
    first, second = await world.store(), await world.store()
    assert re.fullmatch("[0-9a-f]{8}", first.namespace)
    assert second.namespace == first.namespace
    assert second.shards == first.shards == 16
    assert first.shard_of("btc-main") == second.shard_of("btc-main") < 16


@asynchronous
async def test_a_live_lease_keeps_others_out_until_it_is_released(world):
    store, other = await world.store(), await world.store()
    lease = await store.claim(3, "w1", lease_ms=LEASE_MS)
    assert await other.claim(3, "w2", lease_ms=LEASE_MS) is None
    assert (await other.claim(4, "w2", lease_ms=LEASE_MS)).owner == "w2"
    await store.release(lease)
    taken = await other.claim(3, "w2", lease_ms=LEASE_MS)
    assert taken.epoch > lease.epoch
    with pytest.raises(LeaseLost, match="fenced"):
        await store.renew(lease, lease_ms=LEASE_MS)
    with pytest.raises(LeaseLost, match="w2"):
        await store.release(lease)


@asynchronous
async def test_claiming_again_under_the_same_name_fences_the_older_self(world):
    store = await world.store()
    first = await store.claim(3, "w1", lease_ms=LEASE_MS)
    second = await store.claim(3, "w1", lease_ms=LEASE_MS)
    assert second.epoch > first.epoch
    with pytest.raises(LeaseLost):
        await store.renew(first, lease_ms=LEASE_MS)
    assert (await store.renew(second, lease_ms=LEASE_MS)).epoch == second.epoch


@asynchronous
async def test_an_expired_lease_is_lost_even_if_nobody_took_it(world):
    store, lease = await world.ready()
    lease = await store.claim(lease.shard, "w1", lease_ms=40)
    await asyncio.sleep(0.06)
    for late in (
        store.renew(lease, lease_ms=LEASE_MS),
        world.begin(store, lease, intent(store)),
        store.note(lease, "b", seq=0, memory=Memory(), entry=None),
        store.close(lease, "b", "0" * 32, filled=0, state="dead"),
        store.unknown(lease, "b", "0" * 32),
        store.fast_forward(lease, "b", seq=9),
        store.reconciled(lease),
        store.release(lease),
    ):
        with pytest.raises(LeaseLost, match="expired"):
            await late
    assert (await store.load("b")).seq == 0


@asynchronous
async def test_take_over_after_expiry_fences_the_old_owner_and_keeps_what_is_open(world):
    store, other = await world.store(), await world.store()
    await store.seed(BookSeed("b", "digest", {}))
    shard = store.shard_of("b")
    old = await store.claim(shard, "w1", lease_ms=200)
    pending = intent(store)
    await world.begin(store, old, pending)
    assert await other.claim(shard, "w2", lease_ms=LEASE_MS) is None
    await asyncio.sleep(0.22)
    new = await other.claim(shard, "w2", lease_ms=LEASE_MS)
    assert new.epoch > old.epoch
    with pytest.raises(LeaseLost, match="fenced"):
        await world.begin(store, old, intent(store, seq=2))
    (found,) = (await other.load("b")).intents
    assert found == msgspec.structs.replace(pending, epoch=old.epoch)
    await other.fill("b", fill(pending.id, "t1", -5), venue="paper")
    closed = await other.close(new, "b", pending.id, filled=-5, state="done")
    assert closed == CloseOutcome("ok", -5)


@asynchronous
async def test_of_many_claimants_exactly_one_wins(world):
    stores = [await world.store() for _ in range(4)]
    claims = (store.claim(7, f"w{n}", lease_ms=LEASE_MS) for n, store in enumerate(stores * 4))
    won = [lease for lease in await asyncio.gather(*claims) if lease]
    assert len(won) == 1


@asynchronous
async def test_lease_deadline_is_local_time_before_the_call(world):
    store = await world.store()
    lease = await store.claim(1, "w1", lease_ms=5_000)
    renewed = await store.renew(lease, lease_ms=10_000)
    assert 4.5 < renewed.until_s - lease.until_s < 6.0


@asynchronous
async def test_shard_info_shows_who_holds_what(world):
    store = await world.store()
    assert await store.shard_info() == []
    lease = await store.claim(9, "w1", lease_ms=LEASE_MS)
    (info,) = await store.shard_info()
    assert (info.shard, info.owner, info.epoch) == (9, "w1", lease.epoch)
    assert LEASE_MS - 5_000 < info.lease_ms_left <= LEASE_MS
    await store.release(lease)
    assert await store.shard_info() == []


@asynchronous
async def test_reconciled_is_stored_with_the_shard(world):
    store = await world.store()
    first = await store.claim(2, "w1", lease_ms=LEASE_MS)
    assert not await store.is_reconciled(first)
    await store.reconciled(first)
    await store.release(first)
    second = await store.claim(2, "w2", lease_ms=LEASE_MS)
    assert await store.is_reconciled(second)
    with pytest.raises(LeaseLost):
        await store.reconciled(first)


@asynchronous
async def test_the_living_are_those_that_beat(world):
    store = await world.store()
    await store.beat("w1", ttl_ms=1_000)
    living = await store.beat("w2", ttl_ms=1_000)
    assert sorted(worker.worker for worker in living) == ["w1", "w2"]
    assert all(0 <= worker.beat_age_ms < 1_000 for worker in living)
    await store.leave("w1")
    assert [worker.worker for worker in await store.beat("w2", ttl_ms=1_000)] == ["w2"]
    await asyncio.sleep(0.03)
    assert [worker.worker for worker in await store.beat("w3", ttl_ms=10)] == ["w3"]


@asynchronous
async def test_a_deployment_knows_under_which_server_it_was_born(world):
    store = await world.store()
    leases = [await store.claim(shard, "w1", lease_ms=LEASE_MS) for shard in range(store.shards)]
    assert store.born in {lease.run_id for lease in leases}  # a cluster has several servers
    assert (await world.store()).born == store.born
