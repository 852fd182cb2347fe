"""What every store must do with books and decisions, whatever holds the data.

Three hold them: plain Python, the Lua scripts on a real embedded server, and the same scripts on
fakeredis (which has no INFO, so its link is told the server's identity).
"""

import asyncio
import functools

import msgspec
import pytest

from hedger.core.model import IntentState, Memory
from hedger.errors import ConfigError, RevisionConflict, StoreError
from hedger.ports import BookSeed
from hedger.store import keys
from tests.store.desk import LEASE_MS, PERP, asynchronous, conflict, fill, intent


@asynchronous
async def test_a_book_is_seeded_once(world):
    store = await world.store()
    assert await store.load("b") is None
    assert await store.seed(BookSeed("b", "first", {"A": 3, "B": -2, "C": 0})) == "first"
    assert await store.seed(BookSeed("b", "second", {"A": 99})) == "first"
    book = await store.load("b")
    assert (book.seq, book.digest, book.positions) == (0, "first", {"A": 3, "B": -2})
    assert (book.intents, book.memory, book.hold, book.stopped) == ((), Memory(), "", False)
    await store.seed(BookSeed("a", "x", {}))
    assert await store.books() == ["a", "b"]


@asynchronous
async def test_apply_replaces_digest_and_named_positions_and_makes_old_decisions_stale(world):
    store, lease = await world.ready(A=3, B=-2, PERP=7)
    await store.apply(BookSeed("b", "new", {"A": 50}), positions=False)
    book = await store.load("b")
    assert (book.digest, book.positions) == ("new", {"A": 3, "B": -2, "PERP": 7})
    await store.apply(BookSeed("b", "newer", {"A": 4, "B": 0, "D": 1}), positions=True)
    book = await store.load("b")
    assert (book.digest, book.positions) == ("newer", {"A": 4, "D": 1, "PERP": 7})
    with conflict("stale"):
        await world.begin(store, lease, intent(store))


@asynchronous
async def test_book_names_that_cannot_be_keys_are_refused(world):
    store = await world.store()
    for name in ("", "Btc", "a b", "a{b}", "x" * 41, "ü"):
        with pytest.raises(ConfigError, match="expected 1 to 40"):
            await store.seed(BookSeed(name, "d", {}))


@asynchronous
async def test_two_books_whose_order_ids_would_collide_are_refused(world):
    store = await world.store()
    one, two = "book-29196", "book-62357"
    assert keys.book_hash(one) == keys.book_hash(two)
    await store.seed(BookSeed(one, "d", {}))
    with pytest.raises(ConfigError, match=f"'{two}'.*'{one}'"):
        await store.seed(BookSeed(two, "d", {}))
    assert await store.books() == [one]


@asynchronous
async def test_a_book_that_is_not_there_is_an_error_not_a_new_book(world):
    store = await world.store()
    lease = await store.claim(store.shard_of("b"), "w1", lease_ms=LEASE_MS)
    for missing in (
        store.fill("b", fill("account", "t", 1), venue="paper"),
        store.hold("b", "why"),
        store.resume("b", who="me"),
        store.note(lease, "b", seq=0, memory=Memory(), entry=None),
        world.begin(store, lease, intent(store)),
    ):
        with pytest.raises(StoreError, match="not in the store"):
            await missing
    assert await store.load("b") is None
    assert await store.books() == []


@asynchronous
async def test_begin_records_intent_memory_and_entry_at_the_next_revision(world):
    store, lease = await world.ready(**{"LEG": 10})
    wanted = intent(store)
    memory = Memory(hedges=1, hedge_ms=5, hedge_price=61_000.5, recent=((1, 0.25),))
    await world.begin(store, lease, wanted, memory=memory)
    book = await store.load("b")
    assert book.seq == 1
    assert book.memory == memory
    assert book.intents == (msgspec.structs.replace(wanted, epoch=lease.epoch),)
    assert book.positions == {"LEG": 10}
    assert [entry.id for entry in await store.journal(book="b", count=5)] == ["b.1783036800000.1"]


@asynchronous
async def test_begin_on_another_revision_is_stale_and_changes_nothing(world):
    store, lease = await world.ready()
    await world.begin(store, lease, intent(store, seq=1))
    before = await store.load("b")
    for seq in (1, 3, 4):
        with conflict("stale"):
            await world.begin(store, lease, intent(store, seq=seq))
    assert await store.load("b") == before


@asynchronous
async def test_of_begins_at_one_revision_exactly_one_wins(world):
    store, lease = await world.ready()
    second = await world.store()
    attempts = [
        world.begin(which, lease, intent(store, instrument=f"I{n}"))
        for n, which in enumerate([store, second] * 5)
    ]
    answers = await asyncio.gather(*attempts, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, RevisionConflict) for answer in answers) == 9
    book = await store.load("b")
    assert (book.seq, len(book.intents)) == (1, 1)


@asynchronous
async def test_several_intents_are_recorded_all_or_none(world):
    store, lease = await world.ready()
    good = [intent(store, instrument=name) for name in ("A", "B")]
    bad = intent(store, instrument="C", lots=-5, low=-4, high=0)
    with conflict("busy"):
        await world.begin(store, lease, *good, bad)
    book = await store.load("b")
    assert (book.seq, book.intents, book.memory) == (0, (), Memory())
    assert await store.journal(book="b", count=5) == []
    await world.begin(store, lease, *good)
    assert len((await store.load("b")).intents) == 2


# position, lots filled of an open order, (lots, low, high) of a new order, may it be recorded?
READINGS = [
    (0, 0, (-5, -5, 0), False),  # open -5 may still fill: -10
    (0, 0, (-5, -10, 0), True),
    (0, 0, (5, -5, 5), True),  # what is open may be dead: +5
    (0, 0, (5, 0, 5), False),  # ... or filled: -5 before ours
    (0, -3, (-2, -7, 0), True),  # 3 of 5 are in the position, 2 still open
    (0, -3, (-2, -6, 0), False),
    (0, -5, (-2, -7, 0), True),  # all of it filled, though not closed: only one reading is left
    (0, -7, (-2, -9, 0), True),  # over-filled by the venue: nothing is left to come
    (0, -7, (2, -7, -5), True),
    (20, 0, (-5, 10, 20), True),
    (20, 0, (-5, 11, 20), False),
]


@pytest.mark.parametrize(("held", "filled", "new", "allowed"), READINGS)
@asynchronous
async def test_an_open_intent_counts_as_filled_and_as_unfilled(world, held, filled, new, allowed):
    store, lease = await world.ready(**{PERP: held})
    first = intent(store, lots=-5, low=held - 5, high=held)
    await world.begin(store, lease, first)
    if filled:
        await store.fill("b", fill(first.id, "t1", filled), venue="paper")
    lots, low, high = new
    second = intent(store, seq=2, lots=lots, low=low, high=high)
    if allowed:
        await world.begin(store, lease, second)
        assert len((await store.load("b")).intents) == 2
    else:
        with conflict("busy"):
            await world.begin(store, lease, second)
        assert len((await store.load("b")).intents) == 1
    # Another instrument may go on whatever is open here.
    seq = (await store.load("b")).seq + 1
    await world.begin(store, lease, intent(store, seq=seq, instrument="OTHER"))


@asynchronous
async def test_a_hold_lets_only_reducing_orders_pass_and_a_stop_none(world):
    store, lease = await world.ready()
    await store.hold("b", "positions differ")
    with conflict("hold.*positions differ"):
        await world.begin(store, lease, intent(store, seq=1))
    await world.begin(store, lease, intent(store, seq=1), reduces=True)
    await store.hold("b", "kill switch", stop=True)
    await store.hold("b", "a lesser reason")
    book = await store.load("b")
    assert (book.hold, book.stopped) == ("kill switch", True)
    with conflict("hold.*kill switch"):
        await world.begin(store, lease, intent(store, seq=2, lots=5, low=-9, high=9), reduces=True)
    await store.resume("b", who="anna")
    book = await store.load("b")
    assert (book.hold, book.stopped, book.confirmed) == ("", False, 0.0)
    await world.begin(store, lease, intent(store, seq=2, lots=5, low=-9, high=9))


@asynchronous
async def test_a_confirmed_size_stays_until_another_is_given(world):
    store, _ = await world.ready()
    await store.hold("b", "first trade too large")
    await store.resume("b", who="anna", confirmed=12.5)
    await store.hold("b", "something else")
    await store.resume("b", who="anna")
    assert (await store.load("b")).confirmed == 12.5


@asynchronous
async def test_notes_keep_the_revision(world):
    store, lease = await world.ready()
    await store.note(lease, "b", seq=0, memory=Memory(stage=1), entry=world.entry())
    await store.note(lease, "b", seq=0, memory=Memory(stage=2), entry=None)
    book = await store.load("b")
    assert (book.seq, book.memory) == (0, Memory(stage=2))
    assert len(await store.journal(book="b", count=5)) == 1
    with conflict("stale"):
        await store.note(lease, "b", seq=1, memory=Memory(stage=3), entry=world.entry())
    assert (await store.load("b")).memory == Memory(stage=2)


@asynchronous
async def test_impossible_begins_are_refused_before_anything_is_sent(world):
    store, lease = await world.ready()
    good = intent(store)
    change = functools.partial(msgspec.structs.replace, good)
    wrong = {
        "at least one": (),
        "share one id": (good, good),
        "expected 1": (change(seq=2),),
        "is for other": (change(book="other"),),
        "expected pending": (change(state=IntentState.UNKNOWN),),
        "made by intent_id": (change(id="x" * 32),),
        "lots 0": (change(lots=0),),
        "within 5..-5": (change(low=5, high=-5),),
        r"integer within 2\*\*53": (change(lots=2**53),),
        "without spaces": (change(instrument="A B"),),
    }
    for message, intents in wrong.items():
        with pytest.raises(ValueError, match=message):
            await world.begin(store, lease, *intents, seq=0)
    with pytest.raises(ValueError, match="shard"):
        await world.begin(store, lease._replace(shard=lease.shard + 1), good)
    assert (await store.load("b")).seq == 0
