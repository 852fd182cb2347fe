"""What shadows remember is kept beside a book: under the fence, and without touching the book."""

import pytest

from hedger.errors import ConfigError, LeaseLost
from tests.store.desk import LEASE_MS, asynchronous, intent


@asynchronous
async def test_it_is_kept_by_name_and_changes_nothing_of_the_book(world):
    store, lease = await world.ready(A=3)
    before = await store.load("b")
    assert await store.shadows("b") == {}
    await store.keep(lease, "b", shadows={"wide": b"1", "tight": b"2"}, entries=[])
    await store.keep(lease, "b", shadows={"wide": b'{"n":3}'}, entries=[world.entry()])
    assert await store.shadows("b") == {"wide": b'{"n":3}', "tight": b"2"}
    assert await store.load("b") == before
    await world.begin(store, lease, intent(store), facts=before.facts)


@asynchronous
async def test_journals_are_apart_and_an_id_is_found_in_either(world):
    store, lease = await world.ready()
    own, theirs = world.entry(), [world.entry(), world.entry()]
    await store.note(lease, "b", seq=0, memory=(await store.load("b")).memory, entry=own)
    await store.keep(lease, "b", shadows={}, entries=theirs)
    assert await store.journal(book="b", count=9) == [own]
    assert await store.journal(book=None, count=9) == [own]
    assert await store.journal(book="b", count=9, of_shadows=True) == theirs[::-1]
    assert await store.journal(book=None, count=1, of_shadows=True) == theirs[1:]
    assert [await store.entry(e.id) for e in (own, *theirs)] == [own, *theirs]
    assert await store.entry("b.1.1") is None


@asynchronous
async def test_whoever_lost_the_lease_keeps_nothing(world):
    store, lease = await world.ready()
    await store.release(lease)
    other = await world.store()
    taken = await other.claim(store.shard_of("b"), "w2", lease_ms=LEASE_MS)
    await other.keep(taken, "b", shadows={"wide": b"2"}, entries=[])
    with pytest.raises(LeaseLost):
        await store.keep(lease, "b", shadows={"wide": b"1"}, entries=[world.entry()])
    assert await store.shadows("b") == {"wide": b"2"}
    assert await store.journal(book="b", count=9, of_shadows=True) == []


@asynchronous
async def test_a_name_that_is_none_is_refused(world):
    store, lease = await world.ready()
    with pytest.raises(ConfigError, match="shadow of book b"):
        await store.keep(lease, "b", shadows={"no name": b"1"}, entries=[])
