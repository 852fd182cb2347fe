"""What others do on a book's account: a manual trade, a lost fill, a second hedger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import AccountEvent, Happening
from hedger.store.keys import intent_id
from tests.service.room import (
    BAND,
    CALL,
    HEDGE,
    Room,
    adrift,
    alarms,
    book_params,
    in_room,
    reasons,
)


def test_a_manual_trade_of_the_hedge_is_adopted_with_an_alarm_and_hedged_again(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        hedged = room.venue.held[HEDGE]
        room.venue.trade("by-hand-1", HEDGE, 12_000)
        waited_s = await room.until(lambda: "foreign_trade" in alarms(logs))
        assert waited_s < 1.0  # the event itself is enough, the round is a minute away
        await room.until(lambda: len(room.venue.log) == 3 and room.agrees())
        assert adrift(room, hedged) < BAND
        assert not room.row().hold
        assert "foreign_trade" in reasons(room)
        (told,) = [entry.text for entry in room.journal() if entry.reason == "foreign_trade"]
        assert "by-hand-1" in told

    in_room(body)


def test_nothing_is_hedged_between_a_manual_trade_and_the_next_look_at_the_venue() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        sent = len(room.venue.received)
        room.venue.read_s = 1.5
        room.venue.trade("by-hand", HEDGE, 4_000)
        room.venue.index *= 1.015  # asks for a trade, which the person has just made
        room.venue.tick()
        await asyncio.sleep(1.4)
        assert len(room.venue.received) == sent
        paused = [entry for entry in room.journal() if entry.reason == "paused"]
        assert paused
        assert paused[0].refusals[-1].wanted != 0.0
        room.venue.read_s = 0.0
        await room.until(room.agrees)
        await asyncio.sleep(3)
        assert len(room.venue.received) == sent

    in_room(body)


def test_a_manual_trade_stops_a_book_that_is_told_so(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(books=(book_params(unexplained="stop"),), reconcile_ms=60_000)
        await room.hedged()
        sent = len(room.venue.received)
        room.venue.trade("by-hand", HEDGE, 12_000)
        await room.until(lambda: room.row().stopped, longest_s=1.5)
        assert "by-hand" in room.row().hold
        await asyncio.sleep(5)
        assert len(room.venue.received) == sent
        assert "positions_differ" in alarms(logs)

    in_room(body)


def test_a_manual_trade_that_nobody_told_of_is_found_by_the_next_round(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=2_000)
        await room.hedged()
        await asyncio.sleep(5)
        room.venue.stream_fills = False
        room.venue.trade("by-hand", HEDGE, 12_000)
        room.venue.stream_fills = True
        await room.until(lambda: "foreign_trade" in alarms(logs), longest_s=2.6)
        await room.until(room.agrees)

    in_room(body)


def test_a_lost_fill_of_our_own_is_found_within_one_round() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=2_000)
        await room.hedged()
        await asyncio.sleep(5)
        room.venue.stream_fills = False
        # The venue fills more of an order whose end it has already told.
        room.venue.trade(room.venue.log[0].client_id, HEDGE, 300)
        room.venue.stream_fills = True
        assert not room.agrees()
        await room.until(room.agrees, longest_s=2.6)
        assert not room.row().hold

    in_room(body)


def test_a_trade_in_what_is_hedged_is_for_a_person(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        room.venue.trade("by-hand", CALL.name, 10)
        await room.until(lambda: room.row().stopped, longest_s=1.5)
        assert "by-hand" in room.row().hold
        assert room.row().positions[CALL.name] == -100

    in_room(body)


def test_a_resumed_book_reads_its_positions_before_it_hedges() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        await room.store.hold("main", "lunch", stop=True)
        await asyncio.sleep(2)
        room.venue.trade("by-hand", HEDGE, 12_000)
        await asyncio.sleep(2)
        room.venue.index *= 1.015
        await asyncio.sleep(1)
        await room.store.resume("main", who="test")
        sent = len(room.venue.received)
        await room.until(lambda: len(room.venue.received) > sent)
        said = [e.reason for e in room.journal()]
        assert said[-2:] == ["foreign_trade", "above_band"]  # adopted before anything is sent
        await room.until(lambda: len(room.venue.log) == 3 and room.agrees())

    in_room(body)


# --- a second hedger --------------------------------------------------------------------------


def test_an_order_of_another_deployment_on_the_account_stops_the_book(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await asyncio.sleep(5)
        sent = len(room.venue.received)
        room.venue.trade(intent_id("deadbeef", "main", HEDGE, 4), HEDGE, 300)
        await room.until(lambda: room.row().stopped, longest_s=1)
        assert "second hedger" in room.row().hold
        assert "deadbeef" in room.row().hold
        assert "second_hedger" in alarms(logs)
        room.venue.index *= 1.03
        await asyncio.sleep(3)
        assert len(room.venue.received) == sent

    in_room(body)


def test_its_order_alone_is_enough(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await asyncio.sleep(5)
        event = AccountEvent(
            account="acc",
            event_id="o1",
            kind=Happening.ORDER,
            time_ms=room.clock.market_ms(),
            instrument=HEDGE,
            client_id=intent_id("deadbeef", "other", HEDGE, 1),
            lots=100,
        )
        room.venue.tell(event)
        await room.until(lambda: room.row().stopped, longest_s=1)
        assert "deadbeef" in room.row().hold

    in_room(body)


def test_a_resting_order_by_hand_pauses_and_no_more() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        await asyncio.sleep(5)
        event = AccountEvent(
            account="acc",
            event_id="o1",
            kind=Happening.ORDER,
            time_ms=room.clock.market_ms(),
            instrument=HEDGE,
            client_id="by-hand",
            lots=100,
        )
        room.venue.read_s = 1.0
        room.venue.tell(event)
        room.venue.index *= 1.015
        await asyncio.sleep(0.9)
        assert "paused" in reasons(room)
        assert len(room.venue.received) == 1
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees())
        assert not room.row().hold

    in_room(body)


def test_a_hedger_at_the_venue_is_known_by_answering_our_orders(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start()

        def answer(client_id: str, lots: int) -> None:
            room.venue.trade("auto", HEDGE, -lots)

        room.venue.answer = answer
        await room.until(lambda: room.row().stopped, longest_s=60)
        assert "second hedger" in room.row().hold
        assert "second_hedger" in alarms(logs)
        ours = [line for line in room.venue.log if line.client_id != "auto"]
        assert len(ours) == 3
        await asyncio.sleep(20)
        assert [line for line in room.venue.log if line.client_id != "auto"] == ours

    in_room(body)


def test_of_two_deployments_on_one_account_one_at_most_goes_on(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start("w1")
        await room.hedged()
        await asyncio.sleep(5)
        other = room.another_store("deadbeef")
        await room.start("w2", store=other)
        await asyncio.sleep(5)  # the newcomer adopts the hedge that it finds
        assert len(room.venue.received) == 1
        room.venue.index *= 1.03
        room.venue.tick()
        await asyncio.sleep(5)
        stopped = [server.books["main"].stopped for server in (room.server, other._server)]
        assert any(stopped)
        sent = len(room.venue.received)
        assert sent <= 3
        assert "second_hedger" in alarms(logs)
        for _ in range(3):
            room.venue.index *= 1.03
            room.venue.tick()
            await asyncio.sleep(5)
        after = {order.client_id[:8] for _, order in room.venue.received[sent:]}
        assert len(after) == stopped.count(False)

    in_room(body)


@pytest.mark.parametrize("client_id", ["by-hand", "0123456789abcdef0123456789abcdef"])
def test_an_id_that_only_looks_like_ours_is_a_persons(client_id: str) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        await asyncio.sleep(5)
        room.venue.trade(client_id, HEDGE, 300)
        await asyncio.sleep(2)
        assert room.agrees()
        assert not room.row().hold

    in_room(body)
