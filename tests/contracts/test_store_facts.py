"""The count of facts: nothing of a book changes without it, or the revision, changing too."""

from hedger.core.model import Memory
from hedger.ports import BookSeed
from tests.store.desk import asynchronous, conflict, fill, intent


@asynchronous
async def test_every_change_but_a_begin_is_counted_and_what_changes_nothing_is_not(world):
    store, lease = await world.ready()
    order = intent(store)
    changes = {
        "begin": world.begin(store, lease, order),
        "unknown": store.unknown(lease, "b", order.id),
        "unknown again": store.unknown(lease, "b", order.id),
        "fill": store.fill("b", fill(order.id, "t1", -5), venue="paper"),
        "fill again": store.fill("b", fill(order.id, "t1", -5), venue="paper"),
        "close with a gap": store.close(lease, "b", order.id, filled=-4, state="done"),
        "close": store.close(lease, "b", order.id, filled=-5, state="done"),
        "close again": store.close(lease, "b", order.id, filled=-5, state="done"),
        "hold": store.hold("b", "why"),
        "resume": store.resume("b", who="anna", confirmed=2.0),
        "apply": store.apply(BookSeed("b", "new", {"A": 1}), positions=True),
        "fast forward": store.fast_forward(lease, "b", seq=9),
        "no way forward": store.fast_forward(lease, "b", seq=3),
        "correct": store.correct(lease, "b", seq=9, changes={"A": (1, 2)}, why="compared"),
        "note": store.note(lease, "b", seq=10, memory=Memory(stage=3), entry=world.entry()),
        "same note": store.note(lease, "b", seq=10, memory=Memory(stage=3), entry=world.entry()),
    }
    nothing = {name for name in changes if "again" in name} | {
        "close with a gap",
        "no way forward",
        "same note",
    }
    before = await store.load("b")
    for name, change in changes.items():
        await change
        after = await store.load("b")
        assert (after == before) == (name in nothing), name
        grown = (after.seq, after.facts) != (before.seq, before.facts)
        assert grown == (after != before), name
        before = after


@asynchronous
async def test_what_was_decided_before_the_last_fact_is_stale_and_changes_nothing(world):
    store, lease = await world.ready()
    read = await store.load("b")
    await store.fill("b", fill("account", "t1", 3), venue="paper")
    before = await store.load("b")
    with conflict("stale"):
        await world.begin(store, lease, intent(store), facts=read.facts)
    note = {"seq": 0, "memory": Memory(stage=1), "entry": world.entry()}
    with conflict("stale"):
        await store.note(lease, "b", facts=read.facts, **note)
    assert await store.load("b") == before
    assert await store.journal(book="b", count=5) == []
    await store.note(lease, "b", facts=before.facts, **note)
    last = await store.load("b")
    await world.begin(store, lease, intent(store, high=3), facts=last.facts)


@asynchronous
async def test_a_hold_that_was_not_known_is_stale_before_it_is_a_hold(world):
    """So that the book is read again, and what reduces |delta| is sent at once."""
    store, lease = await world.ready()
    read = await store.load("b")
    await store.hold("b", "why")
    with conflict("stale"):
        await world.begin(store, lease, intent(store), facts=read.facts)
