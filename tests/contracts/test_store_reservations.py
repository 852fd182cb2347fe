"""Capacity that clients set aside: every store counts it alike, ends it, and never bars a hedge."""

import asyncio
import time

import pytest

from hedger.reservations import LIVE_MAX, Reserve
from tests.store.desk import LEASE_MS, asynchronous, conflict, fill, intent

ALL = 1_000


async def kept(world):
    """A store, and what asks for all that there is of its book."""
    store, lease = await world.ready()

    async def wish(name, *, by=None, **change):
        state = await (by or store).load("b")
        asked = Reserve(
            book="b",
            id=name,
            sells=True,
            amount=ALL,
            capacity=ALL,
            least=1,
            seq=state.seq,
            facts=state.facts,
            epoch=lease.epoch,
        )._replace(**change)
        return await (by or store).reserve(asked)

    return store, lease, wish


@asynchronous
async def test_fifty_at_once_never_get_more_than_there_is(world):
    store, _, wish = await kept(world)
    others = [await world.store() for _ in range(2)]
    few = asyncio.Semaphore(9)  # of connections that are made at one time

    async def ask(n):
        async with few:
            by = [store, *others][n % 3]
            return await wish(f"c{n}", by=by, amount=ALL - 20 * n, valid_ms=30_000)

    grants = await asyncio.gather(*map(ask, range(50)))
    assert sum(grant.amount for grant in grants) == ALL
    assert max(grant.others for grant in grants) == ALL
    assert (await wish("late", valid_ms=30_000)).amount == 0


@asynchronous
async def test_each_side_has_its_own_and_what_is_left_is_granted(world):
    _, _, wish = await kept(world)
    assert (await wish("a", amount=700, valid_ms=30_000)).amount == 700
    assert (await wish("b", sells=False, valid_ms=30_000)).amount == ALL
    assert (await wish("c", least=301, valid_ms=30_000)).amount == 0
    part = await wish("d", valid_ms=30_000)
    assert (part.amount, part.others) == (300, 700)


@asynchronous
async def test_a_capacity_that_has_shrunk_is_not_overdrawn(world):
    _, _, wish = await kept(world)
    assert (await wish("a", amount=700, valid_ms=30_000)).amount == 700
    assert (await wish("b", capacity=600, valid_ms=30_000)).amount == 0


@asynchronous
async def test_what_is_not_taken_up_ends_by_the_clock_of_the_server(world):
    store, _, wish = await kept(world)
    began_s = time.monotonic()
    grant = await wish("a", valid_ms=1_000)
    while not (again := await wish("b", valid_ms=1_000)).amount:
        assert time.monotonic() - began_s < 5.0
        await asyncio.sleep(0.01)
    assert again.amount == ALL
    assert again.until_ms >= grant.until_ms + 1_000
    assert await store.consume("b", "a") == "gone"


@asynchronous
async def test_asking_again_by_the_same_id_sets_nothing_more_aside(world):
    _, _, wish = await kept(world)
    first = await wish("a", amount=400, valid_ms=30_000)
    again = await wish("a", amount=400, valid_ms=30_000)
    assert (again.amount, again.until_ms) == (400, first.until_ms)
    assert (await wish("b", valid_ms=30_000)).amount == 600


@asynchronous
async def test_advice_sets_nothing_aside(world):
    store, _, wish = await kept(world)
    assert (await wish("a", keep=False)).amount == ALL
    assert (await wish("b", keep=False)).amount == ALL
    assert await store.consume("b", "a") == "gone"


@asynchronous
async def test_it_is_taken_up_once_and_counts_until_it_must_have_arrived(world):
    store, _, wish = await kept(world)
    await wish("a", amount=600, valid_ms=2_000)
    assert await store.consume("b", "a", linger_ms=30_000) == "ok"
    assert await store.consume("b", "a", linger_ms=30_000) == "again"
    await asyncio.sleep(2.1)
    assert (await wish("b", valid_ms=30_000)).amount == 400
    assert await store.consume("b", "b", linger_ms=0) == "ok"
    assert await store.consume("b", "b") == "gone"
    assert (await wish("c", valid_ms=30_000)).amount == 400


@asynchronous
async def test_a_book_that_has_changed_or_is_not_run_grants_nothing(world):
    store, lease, wish = await kept(world)
    state = await store.load("b")
    assert (await wish("a", epoch=lease.epoch - 1)).result == "unkept"
    await store.fill("b", fill("settlement", "s1", 3), venue="paper")
    with conflict("stale"):
        await wish("a", facts=state.facts)
    await store.release(lease)
    assert (await wish("a")).result == "unkept"
    await store.claim(store.shard_of("b"), "w2", lease_ms=LEASE_MS)
    assert (await wish("a")).result == "unkept"  # another now, who has decided nothing of it yet


@asynchronous
async def test_a_hedge_is_never_kept_waiting_by_what_is_set_aside(world):
    """Reservations are no facts of a book: a decision made before them is not stale."""
    store, lease, wish = await kept(world)
    state = await store.load("b")
    await wish("a", valid_ms=30_000)
    await store.consume("b", "a", linger_ms=30_000)
    assert await store.load("b") == state
    sale = intent(store, lots=-5)
    await world.begin(store, lease, sale, facts=state.facts)
    assert (await store.load("b")).intents
    if hasattr(store, "_link"):
        log = store._keys.log(store.shard_of("b"))
        (rows,) = await store._link.commands(("XREVRANGE", log, "+", "-", "COUNT", 1))
        assert rows[0][1] == [
            *(b"event", b"outranks", b"book", b"b"),
            *(b"detail", f"{sale.id} sell before {ALL}".encode()),
        ]


@asynchronous
async def test_live_reservations_are_bounded(world):
    _, _, wish = await kept(world)
    most = {"capacity": 10**9, "amount": 1, "valid_ms": 60_000}
    for start in range(0, LIVE_MAX, 8):
        await asyncio.gather(*(wish(f"c{start + n}", **most) for n in range(8)))
    assert (await wish("more", **most)).result == "full"


@asynchronous
async def test_impossible_wishes_are_refused_here(world):
    store, _, wish = await kept(world)
    for change in ({"amount": 0}, {"amount": 2**60}, {"capacity": -1}, {"valid_ms": 10**6}):
        with pytest.raises(ValueError, match="reservation a of book b"):
            await wish("a", **change)
    with pytest.raises(ValueError, match="without spaces"):
        await wish("a b")
    with pytest.raises(ValueError, match="lingers"):
        await store.consume("b", "a", linger_ms=10**6)
