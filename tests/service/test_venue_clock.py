"""Deadlines are set in the venue's clock: what if that clock, or our idea of it, is wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import BandRule
from hedger.service import venue_clock
from tests.service.room import Room, alarms, book_params, book_rules, in_room
from tests.service.venue import Act

BOOKS = (book_params(rules=book_rules(band=BandRule(cooldown_ms=0))),)


def test_an_order_is_not_dead_before_the_venue_itself_says_that_its_deadline_has_passed() -> None:
    """Set back by 250 ms, the engine takes an order 150 ms after we hold it for impossible."""

    async def body(room: Room) -> None:
        await room.start(books=BOOKS)
        await room.hedged()
        orders, trades = len(room.venue.received), len(room.venue.log)
        room.venue.script.append(Act(arrives_s=0.70, replies_s=None))
        room.venue.stream_fills = False
        room.venue.index *= 0.985
        room.venue.tick()
        await room.until(lambda: len(room.venue.received) > orders)
        _, order = room.venue.received[orders]
        left_ms = order.deadline_ms - room.venue.now_ms()
        assert 300 < left_ms < 650, "else this test shows nothing"
        room.venue.ahead_ms = -250
        await room.until(lambda: len(room.venue.log) > trades)
        assert len(room.venue.received) == orders + 1, "given up while it could still fill"
        await room.until(room.agrees)
        assert len(room.venue.log) == trades + 1

    in_room(body)


@pytest.mark.parametrize("ahead_ms", [250, -250])
def test_a_venue_clock_beyond_the_margin_stops_new_orders_until_old_deadlines_are_over(
    ahead_ms: int, logs: list[Any]
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=BOOKS)
        await room.hedged()
        room.venue.ahead_ms = ahead_ms
        await asyncio.sleep(1.1)
        orders = len(room.venue.received)
        room.venue.index *= 0.985
        room.venue.tick()
        await asyncio.sleep(1.5)
        assert len(room.venue.received) == orders
        paused = room.journal()[-1]
        assert paused.reason == "paused"
        assert "the clock of paper" in paused.text
        await room.until(lambda: len(room.venue.received) > orders)
        await room.hedged()

    in_room(body)
    assert alarms(logs) == {"venue_clock"}


def test_a_jump_that_the_resolver_finds_first_is_told_of_all_the_same(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    """Whoever asks follows the clock, so that the next to ask would see nothing."""
    monkeypatch.setattr(venue_clock, "READ_S", 3_600.0)

    async def body(room: Room) -> None:
        await room.start(books=BOOKS)
        await room.hedged()
        room.venue.script.append(Act(arrives_s=None, replies_s=None))
        room.venue.index *= 0.985
        room.venue.tick()
        await room.until(lambda: len(room.venue.received) == 2)
        room.venue.ahead_ms = 250
        await room.until(lambda: "venue_clock" in alarms(logs))
        assert len(room.venue.received) == 2
        await room.until(room.agrees)

    in_room(body)


def test_a_venue_clock_within_the_margin_is_followed_without_a_word(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=BOOKS)
        await room.hedged()
        room.venue.ahead_ms = 40
        await asyncio.sleep(1.1)
        assert room.venue.venue_ms() == room.venue.now_ms()
        orders = len(room.venue.received)
        room.venue.index *= 0.985
        room.venue.tick()
        await asyncio.sleep(0.5)
        assert len(room.venue.received) > orders

    in_room(body)
    assert alarms(logs) == set()


def test_a_clock_whose_reading_is_a_defect_does_not_end_the_worker(
    monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    async def broken() -> Any:
        raise ZeroDivisionError

    async def body(room: Room) -> None:
        monkeypatch.setattr(room.venue, "read_clock", broken)
        await room.start(books=BOOKS)
        await room.hedged()
        await asyncio.sleep(2.0)
        assert not room.tasks["w1"].done()

    in_room(body)
    assert any(x["event"] == "defect" and x["during"] == "venue clock" for x in logs)
