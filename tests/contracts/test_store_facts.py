"""The count of facts: nothing of a book changes without it, or the revision, changing too."""

import pytest

from hedger.core.model import Act, ActKind, Climb, LadderState, Memory, Override
from hedger.errors import LeaseLost, StoreError
from hedger.ports import BookSeed
from tests.store.desk import asynchronous, conflict, fill, intent

CLOSE = Act(kind=ActKind.CLOSE, who="anna", reason="leaving", asked_ms=5, keep=(("A", -3),))
WORD = Override(rung=2, until_ms=9, who="anna", reason="wired")
NEUTRAL = Act(kind=ActKind.NEUTRAL, who="ben", reason="a drill", asked_ms=6)


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
        "ask": store.ask("b", CLOSE),
        "a lesser act again": store.ask("b", NEUTRAL),
        "another act is done again": store.acted(lease, "b", NEUTRAL, outcome="done"),
        "acted": store.acted(lease, "b", CLOSE, outcome="done"),
        "override": store.override("b", WORD),
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


@asynchronous
async def test_an_act_is_kept_whole_until_it_is_done_replaced_or_resumed(world):
    store, lease = await world.ready()
    assert (await store.load("b")).act is None
    assert await store.ask("b", NEUTRAL) == "ok"
    assert (await store.load("b")).act == NEUTRAL
    assert await store.ask("b", CLOSE) == "ok", "a close replaces anything"
    assert (await store.load("b")).act == CLOSE
    assert await store.ask("b", NEUTRAL) == "closing", "and nothing but a close replaces it"
    other = Act(kind=ActKind.CLOSE, who="ben", reason="now", asked_ms=7)
    assert await store.ask("b", other) == "ok"
    assert not await store.acted(lease, "b", CLOSE, outcome="done")
    assert await store.acted(lease, "b", other, outcome="done")
    assert (await store.load("b")).act is None
    await store.ask("b", CLOSE)
    await store.resume("b", who="anna")
    assert (await store.load("b")).act is None
    assert await store.ask("b", NEUTRAL) == "ok"
    await store.hold("b", "fire", stop=True)
    assert await store.ask("b", CLOSE) == "stopped"
    cancel = Act(kind=ActKind.CANCEL, who="anna", reason="what works", asked_ms=8)
    assert await store.ask("b", cancel) == "ok", "which trades nothing"
    with pytest.raises(ValueError, match="who asks"):
        await store.ask("b", Act(kind=ActKind.CLOSE, who="", reason="x", asked_ms=1))
    with pytest.raises(StoreError):
        await store.ask("nobody", CLOSE)


@asynchronous
async def test_what_the_service_asks_for_itself_goes_behind_every_act_and_a_hold(world):
    store, _ = await world.ready()
    own = Act(kind=ActKind.SCALE, who="the scalers", reason="x", asked_ms=1, cause="models")
    assert await store.ask("b", NEUTRAL) == "ok"
    assert await store.ask("b", own) == "acting"
    assert (await store.load("b")).act == NEUTRAL
    await store.resume("b", who="anna")
    await store.hold("b", "lunch")
    assert await store.ask("b", own) == "held"
    assert (await store.load("b")).act is None
    await store.resume("b", who="anna")
    assert await store.ask("b", own) == "ok"
    assert (await store.load("b")).act == own
    assert await store.ask("b", NEUTRAL) == "ok", "a person takes its place"


@asynchronous
async def test_only_the_owner_ends_an_act(world):
    store, lease = await world.ready()
    await store.ask("b", NEUTRAL)
    await store.release(lease)
    with pytest.raises(LeaseLost):
        await store.acted(lease, "b", NEUTRAL, outcome="done")
    assert (await store.load("b")).act == NEUTRAL


@asynchronous
async def test_an_override_is_kept_until_another_and_a_ladder_with_the_memory(world):
    store, lease = await world.ready()
    assert (await store.load("b")).override is None
    await store.override("b", WORD)
    await store.resume("b", who="ben")
    assert (await store.load("b")).override == WORD, "a resume says nothing of the ladder"
    with pytest.raises(ValueError, match="who asks"):
        await store.override("b", Override(rung=0, until_ms=1, who="", reason="x"))
    with pytest.raises(StoreError):
        await store.override("nobody", WORD)
    climbs = (Climb(trigger="drawdown", rung=3, well_ms=7),)
    ladder = LadderState(climbs=climbs, rung=3, text="reduce: drawdown is 0.2", peak=20.5)
    await store.note(lease, "b", seq=0, memory=Memory(ladder=ladder), entry=None)
    assert (await store.load("b")).memory.ladder == ladder
