"""Very many books on one worker: screened together, stepped only where something is to be done."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import Any

import pytest

from hedger.core.model import BookState
from hedger.core.screen import REASON
from hedger.service import journal, screening, worker
from hedger.service.journal import QUIET_S
from hedger.service.params import BookParams
from hedger.service.reconcile import TURNS
from hedger.service.roster import READ_S_MAX
from hedger.service.rounds import CHECKS_A_VENUE
from hedger.store.memory import MemoryServer, MemoryStore
from tests.service.room import HEDGE, LEGS, Room, book_params, in_room

BOOKS = 12
NAMES = [f"book-{i}" for i in range(BOOKS)]


def many(**change: Any) -> tuple[BookParams, ...]:
    return tuple(book_params(name, account=f"acc-{name}", **change) for name in NAMES)


class Counting(MemoryStore):
    """A store that counts how often each book is read."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__(server)
        self.loads: Counter[str] = Counter()

    async def load(self, book: str) -> BookState | None:
        self.loads[book] += 1
        return await super().load(book)


async def settled(room: Room, **more: Any) -> Counting:
    """A worker whose books are all hedged, and its store."""
    store = Counting(room.server)
    for name in NAMES:
        room.venue.account(f"acc-{name}")
    await room.start(store=store, books=many(), reconcile_ms=600_000, **more)
    await room.until(lambda: all(hedged(room, name) for name in NAMES))
    return store


def hedged(room: Room, name: str) -> bool:
    row = room.row(name)
    held = {n: lots for n, lots in room.venue.account(f"acc-{name}").items() if lots}
    return row.positions.get(HEDGE, 0) != 0 and row.positions == held and not row.intents


async def wait(room: Room, seconds: float) -> None:
    began_s = room.clock.monotonic_s()
    await room.until(lambda: room.clock.monotonic_s() - began_s >= seconds, seconds + 5)


def test_quiet_books_are_read_seldom_and_written_down_every_ten_seconds() -> None:
    async def body(room: Room) -> None:
        store = await settled(room)
        await wait(room, 12.0)
        store.loads.clear()
        orders = len(room.venue.received)
        await wait(room, 40.0)  # 400 quotes of each book's hedge
        assert len(room.venue.received) == orders
        assert max(store.loads.values()) <= 12
        for name in NAMES:
            quiet = [e for e in room.journal(name) if e.reason == REASON]
            times = [e.time_ms for e in quiet]
            gaps = [b - a for a, b in itertools.pairwise(times)]
            assert len(gaps) >= 3
            assert all(1_000 * QUIET_S <= gap <= 2_000 * QUIET_S for gap in gaps)
            assert all(e.repeats > 50 for e in quiet[1:])

    in_room(body)


def test_a_step_on_the_state_as_last_read_makes_that_no_younger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal, "QUIET_S", 0.7 * READ_S_MAX)  # written down between two reads
    reads: list[float] = []

    async def body(room: Room) -> None:
        store = await settled(room)
        await wait(room, 12.0)
        for _ in range(400):
            before = store.loads["book-3"]
            await asyncio.sleep(0.1)
            if store.loads["book-3"] > before:
                reads.append(room.clock.monotonic_s())

    in_room(body)
    gaps = [b - a for a, b in itertools.pairwise(reads)]
    assert len(gaps) >= 2
    assert max(gaps) <= READ_S_MAX + 1.0


def _orders_of_a_move() -> dict[str, list[int]]:
    """What each account was sent while the index rose by three per cent."""
    sent: dict[str, list[int]] = {}

    async def body(room: Room) -> None:
        await settled(room)
        for step in range(1, 9):  # no jump that needs a confirmation
            room.venue.index = 60_000.0 + 250.0 * step
            await wait(room, 5.0)
        await wait(room, 10.0)
        assert all(hedged(room, name) for name in NAMES)
        for _, order in room.venue.received:
            sent.setdefault(order.account, []).append(order.lots)

    in_room(body)
    return sent


def test_a_worker_that_screens_sends_the_orders_of_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screened = _orders_of_a_move()
    monkeypatch.setattr(worker, "SCREEN_MIN", 10 * BOOKS)
    stepped = _orders_of_a_move()
    assert screened == stepped
    assert len(screened) == BOOKS
    assert all(len(orders) > 2 for orders in screened.values())


def _last(room: Room) -> list[Any]:
    return [room.journal(name)[-1] for name in NAMES]


def test_books_passed_over_notice_that_their_data_grows_old() -> None:
    async def body(room: Room) -> None:
        await settled(room)
        await wait(room, 5.0)
        room.ticking = False
        took_s = await room.until(
            lambda: all(e.reason == "stale_hedge_quote" for e in _last(room)), 10.0
        )
        assert took_s < 3.5  # two seconds that a quote may be old, and one book after the other
        room.ticking = True
        await room.until(lambda: all(e.reason == REASON for e in _last(room)), 10.0)

    in_room(body)


def test_a_position_that_another_process_changed_is_noticed_soon() -> None:
    async def body(room: Room) -> None:
        await settled(room)
        await wait(room, 12.0)
        leg = next(iter(LEGS)).name
        room.row("book-3").positions[leg] -= 100
        room.venue.account("acc-book-3")[leg] -= 100
        orders = len(room.venue.received)
        await room.until(lambda: len(room.venue.received) > orders, READ_S_MAX + 2.0)
        assert room.venue.received[-1][1].account == "acc-book-3"

    in_room(body)


def test_a_screen_that_fails_costs_speed_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(screening, "screen", broken)

    async def body(room: Room) -> None:
        await settled(room)
        await wait(room, 3.0)
        assert all(hedged(room, name) for name in NAMES)

    in_room(body)
    assert any(line["event"] == "defect" and line["during"] == "screen" for line in logs)


def test_few_books_are_stepped_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(screening.Screening, "sift", never)
    assert worker.SCREEN_MIN > 1

    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await wait(room, 3.0)
        assert room.agrees()

    in_room(body)


class Crowded(MemoryStore):
    """A store whose reads take a while, and that counts how many wait at once."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__(server)
        self.waiting = self.most = 0

    async def load(self, book: str) -> BookState | None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        try:
            await asyncio.sleep(0.05)
            return await super().load(book)
        finally:
            self.waiting -= 1


def test_very_many_books_are_adopted_a_few_at_a_time() -> None:
    books = tuple(book_params(f"book-{i}", account=f"acc-book-{i}") for i in range(5 * TURNS))

    async def body(room: Room) -> None:
        store = Crowded(room.server)
        for book in books:
            room.venue.account(book.account)
        await room.start(store=store, books=books, steps_max=4)
        await room.until(lambda: all(hedged(room, book.name) for book in books), 120.0)
        assert store.most <= TURNS + CHECKS_A_VENUE + 4

    in_room(body)


def test_a_second_worker_takes_its_share_and_every_book_stays_hedged() -> None:
    async def body(room: Room) -> None:
        await settled(room)
        await wait(room, 3.0)
        await room.start("w2", books=many(), reconcile_ms=600_000)
        await wait(room, 5.0)
        for step in range(1, 7):
            room.venue.index = 60_000.0 + 500.0 * step
            await wait(room, 0.5)
        await wait(room, 15.0)
        assert {e.worker for name in NAMES for e in room.journal(name)[-1:]} == {"w1", "w2"}
        assert len({room.row(name).positions[HEDGE] for name in NAMES}) == 1
        assert all(hedged(room, name) for name in NAMES)
        sent = Counter(order.account for _, order in room.venue.received)
        assert len(set(sent.values())) == 1

    in_room(body)
