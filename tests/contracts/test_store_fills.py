"""What every store must do with fills, closings and the journal."""

import asyncio
import itertools

import msgspec
import pytest

from hedger.core.model import IntentState, Memory
from hedger.errors import LeaseLost
from hedger.ports import BookSeed, CloseOutcome, JournalEntry
from tests.store.desk import LEASE_MS, PERP, asynchronous, conflict, fill, intent


@asynchronous
async def test_a_fill_counts_once_however_often_it_arrives(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    second = await world.store()
    same = fill(order.id, "t1", -2)
    answers = await asyncio.gather(
        *(which.fill("b", same, venue="paper") for which in [store, second] * 4)
    )
    assert sorted(answers) == ["dup"] * 7 + ["ok"]
    assert await store.fill("b", fill(order.id, "t2", -3), venue="paper") == "ok"
    book = await store.load("b")
    assert book.positions == {PERP: -5}
    assert book.intents[0].filled == -5


@asynchronous
async def test_of_a_history_the_store_names_what_it_lacks(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    own = [fill(order.id, f"t{n}", -1) for n in range(700)]
    others = [fill("account", f"s{n}", 1) for n in range(3)]
    assert await store.lacks("b", []) == []
    assert await store.lacks("b", [*own, *others]) == [*own, *others]
    for known in (own[3], own[600], others[1]):
        await store.fill("b", known, venue="paper")
    known = {"t3", "t600", "s1"}
    wanted = [one for one in (*own, *others) if one.trade_id not in known]
    assert await store.lacks("b", [*own, *others]) == wanted
    closed = await store.close(lease, "b", order.id, filled=-2, state="done")
    assert closed.result == "ok"
    assert await store.lacks("b", [*own, *others]) == wanted


@asynchronous
async def test_closing_needs_every_fill_that_the_venue_counts(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    await store.fill("b", fill(order.id, "t1", -2), venue="paper")
    gap = await store.close(lease, "b", order.id, filled=-5, state="done")
    assert gap == CloseOutcome("fill_gap", -2)
    assert len((await store.load("b")).intents) == 1
    await store.fill("b", fill(order.id, "t2", -3), venue="paper")
    assert (await store.close(lease, "b", order.id, filled=-5, state="done")).result == "ok"
    again = await store.close(lease, "b", order.id, filled=-5, state="done")
    assert again.result == "not_current"
    book = await store.load("b")
    assert (book.intents, book.positions, book.seq) == ((), {PERP: -5}, 1)


@asynchronous
async def test_a_correction_is_made_once_and_only_of_what_was_compared(world):
    store, lease = await world.ready()
    await store.fill("b", fill("account", "t1", 7), venue="paper")
    changes = {PERP: (7, 9), "FUTURE": (0, -2)}
    await store.correct(lease, "b", seq=0, changes=changes, why="anna traded")
    book = await store.load("b")
    assert (book.positions, book.seq) == ({PERP: 9, "FUTURE": -2}, 1)
    with conflict("stale"):
        await store.correct(lease, "b", seq=0, changes=changes, why="anna traded")
    with conflict("stale"):
        await store.correct(lease, "b", seq=1, changes=changes, why="anna traded")
    await store.correct(lease, "b", seq=1, changes={"FUTURE": (-2, 0)}, why="it went again")
    assert (await store.load("b")).positions == {PERP: 9}


@asynchronous
async def test_nothing_is_corrected_while_an_order_is_open_or_by_who_lost_the_lease(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    with conflict("busy"):
        await store.correct(lease, "b", seq=1, changes={PERP: (0, 3)}, why="a guess")
    await store.close(lease, "b", order.id, filled=0, state="dead")
    await store.release(lease)
    with pytest.raises(LeaseLost):
        await store.correct(lease, "b", seq=1, changes={PERP: (0, 3)}, why="a guess")
    assert (await store.load("b")).positions == {}


@asynchronous
async def test_what_follows_of_a_correction_is_made_with_it_or_not_at_all(world):
    store, lease = await world.ready(PERP=4)
    read = await store.load("b")
    follows = {"why": "liquidation", "stop": "liquidated", "memory": Memory(avoid=(("PERP", 9),))}
    with conflict("stale"):
        await store.correct(lease, "b", seq=0, changes={"PERP": (3, 2)}, **follows)
    assert await store.load("b") == read
    await store.note(lease, "b", seq=0, memory=Memory(stage=1), entry=None)
    with conflict("stale"):
        changes = {"PERP": (4, 2)}
        await store.correct(lease, "b", seq=0, facts=read.facts, changes=changes, **follows)
    state = await store.load("b")
    await store.correct(lease, "b", seq=0, facts=state.facts, changes=changes, **follows)
    book = await store.load("b")
    assert (book.positions, book.seq) == ({"PERP": 2}, 1)
    assert (book.stopped, book.hold) == (True, "liquidated")
    assert book.memory == follows["memory"]
    again = {"why": "again", "stop": "later"}
    await store.correct(lease, "b", seq=1, changes={"PERP": (2, 1)}, **again)
    book = await store.load("b")
    assert (book.hold, book.memory) == ("liquidated", follows["memory"])


@asynchronous
async def test_a_fill_that_stops_its_book_does_so_once(world):
    store, _ = await world.ready()
    sold = fill("account", "t1", -2, kind="liquidation")
    assert await store.fill("b", sold, venue="paper", stop="liquidated") == "late"
    book = await store.load("b")
    assert (book.stopped, book.hold, book.positions) == (True, "liquidated", {PERP: -2})
    await store.resume("b", who="anna")
    assert await store.fill("b", sold, venue="paper", stop="liquidated") == "dup"
    assert not (await store.load("b")).stopped


@asynchronous
async def test_an_order_that_never_lived_closes_dead_and_uses_up_its_revision(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    closed = await store.close(lease, "b", order.id, filled=0, state="dead")
    assert closed == CloseOutcome("ok", 0)
    assert (await store.load("b")).seq == 1
    await world.begin(store, lease, intent(store, seq=2))
    with pytest.raises(ValueError, match="done or dead"):
        await store.close(lease, "b", order.id, filled=0, state="lost")


@asynchronous
async def test_a_late_fill_still_moves_the_position_once(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    await store.close(lease, "b", order.id, filled=0, state="dead")
    late = fill(order.id, "t1", -2)
    assert await store.fill("b", late, venue="paper") == "late"
    assert await store.fill("b", late, venue="paper") == "dup"
    assert (await store.load("b")).positions == {PERP: -2}


@asynchronous
async def test_fills_without_an_order_of_ours_are_facts_too(world):
    store, _ = await world.ready(LEG=4, OTHER=1)
    await store.seed(BookSeed("c", "d", {"LEG": 4}))
    settled = fill("settlement", "s1", -4, instrument="LEG", kind="settlement")
    assert await store.fill("b", settled, venue="paper") == "late"
    assert await store.fill("b", settled, venue="paper") == "dup"
    # Same ids in another book, or under another client id, are other facts.
    assert await store.fill("c", settled, venue="paper") == "late"
    foreign = fill("account", "s1", 3, instrument="OTHER")
    assert await store.fill("b", foreign, venue="paper") == "late"
    assert (await store.load("b")).positions == {"OTHER": 4}
    assert (await store.load("c")).positions == {}


@asynchronous
async def test_an_unknown_outcome_is_kept_with_the_intent(world):
    store, lease = await world.ready()
    order = intent(store)
    await world.begin(store, lease, order)
    await store.unknown(lease, "b", order.id)
    await store.unknown(lease, "b", order.id)
    (found,) = (await store.load("b")).intents
    assert found == msgspec.structs.replace(order, state=IntentState.UNKNOWN, epoch=lease.epoch)
    with conflict("busy"):
        await world.begin(store, lease, intent(store, seq=2))
    await store.close(lease, "b", order.id, filled=0, state="dead")
    await store.unknown(lease, "b", order.id)
    assert (await store.load("b")).intents == ()


@asynchronous
async def test_fast_forward_only_raises_and_leaves_what_is_open_as_it_is(world):
    store, lease = await world.ready()
    await store.fast_forward(lease, "b", seq=41)
    await store.fast_forward(lease, "b", seq=7)
    assert (await store.load("b")).seq == 41
    await world.begin(store, lease, intent(store, seq=42))
    await store.fast_forward(lease, "b", seq=100)
    book = await store.load("b")
    assert (book.seq, [order.seq for order in book.intents]) == (100, [42])
    await store.close(lease, "b", book.intents[0].id, filled=0, state="dead")
    await world.begin(store, lease, intent(store, seq=101))


@asynchronous
async def test_the_journal_is_read_newest_first_by_book_and_across_books(world):
    store = await world.store()
    books = ("b", "c", "d")
    shards = {store.shard_of(book) for book in books}
    assert len(shards) == 2, "two of the books are meant to share a shard"
    held = {shard: await store.claim(shard, "w1", lease_ms=LEASE_MS) for shard in shards}
    leases = {book: held[store.shard_of(book)] for book in books}
    for book in books:
        await store.seed(BookSeed(book, "x", {}))
    written = []
    for n in range(60):
        book = books[n % 3]
        # Books may live in different market times, and clocks may step back.
        ms = {"b": 1_000_000 + n, "c": 50_000 - n, "d": 0}[book]
        entry = JournalEntry(f"{book}.{ms}.{n}", book, f'{{"n":{n}}}'.encode())
        await store.note(leases[book], book, seq=0, memory=Memory(), entry=entry)
        written.append(entry)
        await asyncio.sleep(0.001)
    newest = written[::-1]
    for book in books:
        assert await store.journal(book=book, count=100) == [
            entry for entry in newest if entry.book == book
        ]
    assert await store.journal(book="c", count=3) == [e for e in newest if e.book == "c"][:3]
    across = await store.journal(book=None, count=100)
    assert sorted(across) == sorted(newest)
    assert [await store.entry(entry.id) for entry in written] == written
    assert await store.entry("b.1000000.999") is None
    assert await store.journal(book="b", count=0) == []


@asynchronous
async def test_one_shard_serves_many_books_journal_in_pages(world):
    store = await world.store()
    names = (f"n{n}" for n in itertools.count())
    wanted = store.shard_of("b")
    neighbours = list(itertools.islice((n for n in names if store.shard_of(n) == wanted), 2))
    lease = await store.claim(wanted, "w1", lease_ms=LEASE_MS)
    for book in ("b", *neighbours):
        await store.seed(BookSeed(book, "x", {}))
    await store.note(lease, "b", seq=0, memory=Memory(), entry=world.entry("b", ms=7))
    for n in range(300):
        book = neighbours[n % 2]
        await store.note(lease, book, seq=0, memory=Memory(), entry=world.entry(book, ms=9))
    assert [entry.id for entry in await store.journal(book="b", count=2)] == ["b.7.1"]
    assert await store.entry("b.7.1") is not None


@asynchronous
async def test_journal_ids_that_name_no_entry_are_refused(world):
    store, lease = await world.ready()
    for bad in ("", "b", "b.1", "b.x.1", "b.1.-1", "B.1.1", "b.1.1.1"):
        with pytest.raises(ValueError, match=r"expected <book>\.<ms>\.<n>"):
            await store.entry(bad)
    other = JournalEntry("c.1.1", "c", b"{}")
    with pytest.raises(ValueError, match="expected book b"):
        await store.note(lease, "b", seq=0, memory=Memory(), entry=other)
