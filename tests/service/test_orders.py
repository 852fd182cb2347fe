"""One order on a scripted exchange: filled, cut short, refused, lost, late, found again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import Action
from hedger.store.keys import intent_id
from tests.service.room import HEDGE, Room, alarms, in_room
from tests.service.venue import LOST_AFTER, LOST_BEFORE, REJECT, Act


def test_a_book_outside_its_band_is_hedged_once_and_then_left_alone() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await asyncio.sleep(5)
        assert len(room.venue.log) == 1
        (hedge,) = [e for e in room.journal() if e.action is Action.HEDGE]
        (intent,) = hedge.intents
        assert intent.id == intent_id("00c0ffee", "main", HEDGE, 1)
        assert (intent.id, intent.lots) == (room.venue.log[0].client_id, room.venue.log[0].lots)
        assert intent.decision == hedge.id
        assert (hedge.worker, hedge.epoch) == ("w1", intent.epoch)
        assert hedge.timings is not None
        assert hedge.timings.decide_us > 0 or hedge.timings.load_us >= 0
        assert hedge.exposure is not None
        inside = room.journal()[-1]
        assert inside.action is Action.NO_TRADE
        assert inside.reason == "inside_band"

    in_room(body)


def test_a_quiet_market_is_written_down_once_in_ten_seconds() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await asyncio.sleep(1)
        before = len(room.journal())
        await asyncio.sleep(60)
        quiet = room.journal()[before:]
        assert 5 <= len(quiet) <= 7
        assert all(entry.repeats > 90 for entry in quiet[1:])

    in_room(body)


def test_what_a_partial_fill_leaves_is_a_new_order_for_the_rest() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Act(share=0.5))
        await room.start()
        await room.until(lambda: len(room.venue.log) == 2)
        await room.hedged()
        first, second = room.venue.log
        assert first.client_id != second.client_id
        wanted = room.venue.received[0][1].lots
        assert first.lots + second.lots == pytest.approx(wanted, abs=2)

    in_room(body)


def test_a_lost_acknowledgement_never_becomes_a_second_order() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        room.venue.stream_fills = False
        await room.start()
        await room.hedged()
        await asyncio.sleep(10)
        assert len(room.venue.received) == 1
        assert len(room.venue.log) == 1

    in_room(body)


def test_a_lost_order_is_dead_only_after_its_deadline() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_BEFORE)
        await room.start()
        await room.hedged()
        (_, first), (second_ms, second) = room.venue.received
        assert second_ms > first.deadline_ms + 50
        assert second.client_id != first.client_id
        assert second.client_id[:20] == first.client_id[:20]
        assert [line.client_id for line in room.venue.log] == [second.client_id]

    in_room(body)


def test_an_order_that_arrives_after_its_deadline_is_refused_by_the_engine() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Act(arrives_s=5.0))
        await room.start()
        await room.hedged()
        await asyncio.sleep(10)
        assert len(room.venue.log) == 1
        assert room.venue.log[0].client_id == room.venue.received[1][1].client_id

    in_room(body)


def test_a_late_fill_before_the_deadline_is_found_and_counted_once() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Act(arrives_s=0.3, replies_s=None))
        await room.start()
        await room.hedged()
        await asyncio.sleep(10)
        assert len(room.venue.received) == 1
        assert room.row().positions[HEDGE] == room.venue.log[0].lots

    in_room(body)


def test_an_unknown_order_that_is_still_on_the_wire_is_not_given_up() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Act(arrives_s=0.4, breaks=True))
        await room.start()
        await room.hedged()
        await asyncio.sleep(5)
        assert len(room.venue.received) == len(room.venue.log) == 1

    in_room(body)


def test_fills_missing_from_an_answer_are_read_from_the_history() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Act(terse=True))
        room.venue.stream_fills = False
        await room.start()
        assert await room.hedged() < 1.0

    in_room(body)


def test_a_rejection_clears_the_intent_is_written_down_and_slows_the_book(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        room.venue.default = REJECT
        await room.start()
        await asyncio.sleep(20)
        assert 3 <= len(room.venue.received) <= 10
        assert not room.row().intents
        assert HEDGE not in room.row().positions
        said = [e for e in room.journal() if e.reason == "venue_rejected"]
        assert len(said) == len(room.venue.received)
        assert said[0].text == "not today"
        assert said[0].intents[0].id == room.venue.received[0][1].client_id
        await asyncio.sleep(40)
        assert "naked" in alarms(logs)
        room.venue.default = Act()
        await room.hedged()

    in_room(body)


def test_fills_told_three_times_count_once() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=500)
        await room.hedged()
        for fill in [*room.venue.history] * 3:
            room.venue.tick(fill)
        await asyncio.sleep(5)
        assert room.agrees()

    in_room(body)


def test_class_b_sends_the_same_order_again_and_nothing_else() -> None:
    async def body(room: Room) -> None:
        room.venue.script.extend([LOST_BEFORE, LOST_BEFORE])
        await room.start()
        await room.hedged()
        orders = [order for _, order in room.venue.received]
        assert len(orders) == 3
        assert len({(order.client_id, order.lots, order.limit_ticks) for order in orders}) == 1
        assert len(room.venue.log) == 1

    in_room(body, venue_class="B")


def test_class_c_holds_the_book_and_asks_a_person(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_BEFORE)
        await room.start(mode="attended")
        await room.until(lambda: room.row().hold)
        assert room.row().intents
        assert len(room.venue.received) == 1
        assert "no known outcome" in room.row().hold
        assert "order_unresolved" in alarms(logs)
        order = room.venue.received[0][1]
        room.venue.execute(order, 1.0)  # it turns up after all
        await room.hedged()
        assert room.row().hold

    in_room(body, venue_class="C")


def test_a_venue_that_is_down_is_asked_again_until_it_answers(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        await room.start()
        await room.until(lambda: room.venue.log)
        room.venue.down = True
        room.venue.stream_fills = False
        await asyncio.sleep(15)
        assert len(room.venue.received) == 1
        assert "order_unresolved" in alarms(logs)
        room.venue.down = False
        await room.hedged()
        assert len(room.venue.log) == 1

    in_room(body)
