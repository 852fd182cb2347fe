"""Several books and venues in one worker: none waits for another, and junk drives nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
import pytest

from hedger.core.model import Fill, Instrument, Quote
from hedger.service.params import WorkerParams
from hedger.service.supervisor import run_worker
from tests.service.room import CALL, HEDGE, LEGS, Room, book_params, in_room
from tests.service.venue import LOST_AFTER, ScriptedFeed, ScriptedVenue


class _Hung(ScriptedVenue):
    """A venue that accepts connections and then never answers anything."""

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[list[Fill]]:
        await asyncio.sleep(3_600)
        yield []

    async def positions(self, account: str) -> dict[str, int]:
        await asyncio.sleep(3_600)
        return {}

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        await asyncio.sleep(3_600)
        return {}


def test_a_venue_that_never_answers_delays_no_book_of_another() -> None:
    async def body(room: Room) -> None:
        hung = _Hung(room.clock, LEGS)
        hung.name = "hung"
        ready, stop = asyncio.Event(), asyncio.Event()
        books = (
            book_params("main"),
            book_params("stuck", venue="hung"),
            book_params("follower", venue="hung", account="b", positions=None),
        )
        worker = asyncio.create_task(
            run_worker(
                WorkerParams(worker="w", deployment="d", books=books, lease_ms=1_000, margin_ms=50),
                store=room.store,
                venues={"paper": room.venue, "hung": hung},
                feeds={"paper": ScriptedFeed(room.venue), "hung": ScriptedFeed(hung)},
                clock=room.clock,
                warm=lambda: None,
                ready=ready.set,
                stop=stop,
            )
        )
        assert await room.hedged() < 2.0
        room.venue.index *= 1.015
        await asyncio.sleep(8)
        assert len(room.venue.log) == 2
        began_s = room.clock.monotonic_s()
        stop.set()
        await worker
        assert room.clock.monotonic_s() - began_s < 8

    in_room(body)


def test_an_order_without_an_answer_delays_no_other_book() -> None:
    async def body(room: Room) -> None:
        room.venue.script.extend([LOST_AFTER])
        books = (book_params("a-main"), book_params("b-main", account="other"))
        await room.start(books=books)
        took_s = await room.until(lambda: len(room.venue.received) == 2)
        assert took_s < 0.3

    in_room(body)


def test_thirty_books_are_each_hedged_once() -> None:
    async def body(room: Room) -> None:
        books = tuple(book_params(f"book-{n}", account=f"acc-{n}") for n in range(30))
        await room.start("w1", books=books, reconcile_ms=3_600_000)
        await room.start("w2", books=books, reconcile_ms=3_600_000)
        await room.until(lambda: len(room.venue.log) == 30)
        await asyncio.sleep(3)
        assert len(room.venue.log) == 30
        assert len({line.client_id[8:16] for line in room.venue.log}) == 30
        assert {row.owner for row in room.server.leases.values()} == {"w1", "w2"}

    in_room(body)


def test_a_refused_quote_is_counted_told_seldom_and_moves_nothing(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        bad = Quote(instrument=HEDGE, time_ms=room.clock.market_ms(), bid=math.nan, ask=1.0)
        crossed = msgspec.structs.replace(bad, bid=70_000.0, ask=60_000.0)
        room.ticking = False
        for _ in range(30):
            for quote in (bad, crossed):
                room.venue.broadcast(quote)
            await asyncio.sleep(0.05)
        assert len(room.venue.log) == 1
        told = [line for line in logs if line["event"] == "quote_refused"]
        assert 1 <= len(told) <= 3
        assert sum(line["times"] for line in told) > 30

    in_room(body)


@pytest.mark.parametrize(
    "change",
    [
        {"bid": math.inf},
        {"bid": 0.0},
        {"ask": -1.0},
        {"bid": 70_000.0, "ask": 60_000.0},
        {"index": math.nan},
        {"time_ms": 1},
        {"time_ms": 4_000_000_000_000},
    ],
    ids=str,
)
def test_a_bad_quote_is_named_in_the_decision_and_forgotten(change: dict[str, Any]) -> None:
    """No order follows it, every decision names it until a good one comes, and none is lost."""

    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        room.ticking = False
        good = next(q for q in room.venue.quotes() if q.instrument == HEDGE)
        orders = len(room.venue.log)
        for _ in range(30):
            room.venue.broadcast(msgspec.structs.replace(good, **change))
            await asyncio.sleep(0.05)
        entry = room.journal()[-1]
        assert any(HEDGE in text and "quote refused" in text for text in entry.warnings)
        room.ticking = True
        await asyncio.sleep(12.0)
        entry = room.journal()[-1]
        assert (entry.action, entry.reason, entry.warnings) == ("no_trade", "inside_band", ())
        assert len(room.venue.log) == orders

    in_room(body)


def test_more_fills_than_the_queue_holds_are_found_in_the_history() -> None:
    async def body(room: Room) -> None:
        follows = (book_params(positions=None),)
        await room.start(books=follows)
        await room.hedged()
        room.venue.burst(HEDGE, 12_000)
        await asyncio.sleep(5)
        assert room.row().positions.get(CALL.name) == -100
        await room.until(room.agrees)

    in_room(body)
