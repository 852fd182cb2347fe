"""What others do on a book's account: a manual trade, a second hedger, blocks, the venue itself."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hedger.core.model import AccountEvent, Happening, HedgeRule, Kind
from hedger.store.keys import intent_id
from tests.core.desk import PERPETUAL
from tests.service.room import CALL, HEDGE, Room, alarms, book_params, book_rules, in_room

EDGE = 1_500
"""Lots by which a hedge stops short of neutral: it goes to the edge of the band."""
BAND = 0.6
"""The band is half a coin wide; what is left of it must fit into this."""


def reasons(room: Room) -> list[str]:
    return [entry.reason for entry in room.journal()]


def adrift(room: Room, before: int) -> float:
    """By how many coins the hedge differs from what it was."""
    return abs(room.venue.held.get(HEDGE, 0) - before) * PERPETUAL.lot / room.venue.index


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
        hedged = room.row().positions[HEDGE]
        room.venue.index *= 1.015
        await asyncio.sleep(1)
        await room.store.resume("main", who="test")
        await room.until(lambda: room.row().positions[HEDGE] != hedged)
        assert room.row().positions[HEDGE] == hedged + 12_000  # adopted before anything is sent
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


def test_two_deployments_on_one_account_both_refuse(logs: list[Any]) -> None:
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
        assert len(room.venue.received) <= 3
        assert "second_hedger" in alarms(logs)

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


# --- blocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [None, book_params().positions])
def test_a_block_with_a_futures_leg_is_one_event_and_needs_no_hedge(
    positions: dict[str, int] | None, logs: list[Any]
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=(book_params(positions=positions),), reconcile_ms=60_000)
        await room.hedged()
        sent = len(room.venue.received)
        room.venue.trade("rfq", CALL.name, -100, block="B1", legs=2)
        await asyncio.sleep(0.1)  # the book is twice as short, as seen leg by leg
        room.venue.trade("rfq", HEDGE, room.venue.held[HEDGE] + EDGE, block="B1", legs=2)
        await room.until(room.agrees, longest_s=1.0)
        await asyncio.sleep(5)
        assert room.agrees()
        assert len(room.venue.received) == sent
        assert not room.row().hold
        assert reasons(room).count("block") == 1
        assert ("block" in alarms(logs)) == (positions is not None)

    in_room(body)


@pytest.mark.parametrize("positions", [None, book_params().positions])
def test_a_leg_that_is_not_told_is_asked_for_after_a_quarter_second(
    positions: dict[str, int] | None,
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=(book_params(positions=positions),), reconcile_ms=60_000)
        await room.hedged()
        sent, venue = len(room.venue.received), room.venue
        venue.trade("rfq", CALL.name, -100, block="B1", legs=2)
        venue.stream_fills = False
        venue.trade("rfq", HEDGE, venue.held[HEDGE] + EDGE, block="B1", legs=2)
        venue.stream_fills = True
        waited_s = await room.until(room.agrees, longest_s=1.5)
        assert waited_s > 0.2
        await asyncio.sleep(3)
        assert len(venue.received) == sent
        assert not room.row().hold

    in_room(body)


def test_a_block_of_options_alone_is_for_a_person() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        room.venue.trade("rfq", CALL.name, -10, block="B1", legs=1)
        await room.until(lambda: room.row().stopped, longest_s=2)
        assert "B1" in room.row().hold

    in_room(body)


# --- what the venue does ----------------------------------------------------------------------

OTHER = msgspec.structs.replace(
    PERPETUAL, name="BTC-25SEP26", kind=Kind.FUTURE, expiry_ms=2 * 10**12
)


def test_after_deleveraging_the_hedge_is_rebuilt_on_the_other_instrument(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        room.venue.known[OTHER.name] = OTHER
        # The hedge of the sold call is bought; what is sold goes elsewhere.
        two = book_rules(hedge=HedgeRule(buy=HEDGE, sell=OTHER.name))
        await room.start(books=(book_params(rules=two),), reconcile_ms=60_000)
        await room.hedged()
        held = room.venue.held[HEDGE]
        room.venue.trade("", HEDGE, -held, kind="deleveraging")
        await room.until(lambda: "deleveraging" in alarms(logs), longest_s=1.5)
        await room.until(lambda: room.venue.held.get(OTHER.name) and room.agrees())
        assert HEDGE not in room.row().positions
        assert abs(room.venue.held[OTHER.name] - held) * 10 / 60_000 < BAND
        assert [name for name, _ in room.row().memory.avoid] == [HEDGE]
        assert reasons(room).count("deleveraging") == 1
        assert not room.row().hold

    in_room(body)


def test_after_deleveraging_with_one_instrument_it_is_bought_again(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=60_000)
        await room.hedged()
        held = room.venue.held[HEDGE]
        room.venue.trade("", HEDGE, -held, kind="deleveraging")
        await room.until(lambda: room.venue.held[HEDGE] and room.agrees())
        assert adrift(room, held) < BAND

    in_room(body)


@pytest.mark.parametrize("positions", [None, book_params().positions])
def test_what_was_liquidated_is_not_bought_again(
    positions: dict[str, int] | None, logs: list[Any]
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=(book_params(positions=positions),), reconcile_ms=60_000)
        await room.hedged()
        held = room.venue.held[HEDGE]
        room.venue.trade("", HEDGE, -held // 2, kind="liquidation")
        await room.until(lambda: room.row().stopped, longest_s=1.5)
        await asyncio.sleep(5)
        assert room.agrees()
        assert len(room.venue.received) == 1
        assert "liquidated" in room.row().hold
        assert "liquidation" in alarms(logs)
        assert reasons(room).count("liquidation") == 1

    in_room(body)


def test_an_exercised_leg_leaves_and_what_it_delivers_arrives(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=2_000)
        await room.hedged()
        room.venue.trade("", CALL.name, 100, kind="exercise")
        await room.until(lambda: CALL.name not in room.row().positions, longest_s=1)
        await room.until(lambda: len(room.venue.log) == 3 and room.agrees())
        assert abs(room.venue.held.get(HEDGE, 0)) * 10 / 60_000 < BAND
        room.venue.trade("", HEDGE, -20_000, kind="exercise")
        await room.until(lambda: len(room.venue.log) == 5 and room.agrees())
        assert not room.row().hold
        assert reasons(room).count("exercise") == 2
        assert not alarms(logs)

    in_room(body)


def test_a_deleveraging_that_nobody_told_of_is_named_by_the_next_round(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=2_000)
        await room.hedged()
        await asyncio.sleep(5)
        room.venue.stream_fills = False
        room.venue.trade("", HEDGE, -room.venue.held[HEDGE], kind="deleveraging")
        room.venue.stream_fills = True
        await room.until(lambda: "deleveraging" in alarms(logs), longest_s=2.6)
        await room.until(lambda: room.venue.held[HEDGE] and room.agrees())

    in_room(body)


# --- balances ---------------------------------------------------------------------------------


def happened(room: Room, kind: Happening, amount: float, event_id: str = "X1") -> AccountEvent:
    return AccountEvent(
        account="acc",
        event_id=event_id,
        kind=kind,
        time_ms=room.clock.market_ms(),
        currency="BTC",
        amount=amount,
    )


@pytest.mark.parametrize("transfers", ["base", "hedge"])
@pytest.mark.parametrize("told", [True, False])
def test_coin_that_is_paid_in_is_hedged_only_where_the_book_says_so(
    transfers: str, told: bool, logs: list[Any]
) -> None:
    async def body(room: Room) -> None:
        usd = book_rules(numeraire="usd", base_coin=10.0)
        params = book_params(rules=usd, transfers=transfers)
        room.venue.equity = 10.0
        await room.start(books=(params,), reconcile_ms=2_000)
        await room.hedged()
        await asyncio.sleep(5)
        sent, hedge = len(room.venue.received), room.venue.held[HEDGE]
        event = happened(room, Happening.DEPOSIT, 4.0)
        room.venue.equity = 14.0
        if told:
            room.venue.tell(event)
            room.venue.tell(event)  # twice: once counts
        else:  # found in the history by the next round
            room.venue.events.append(event)
            await room.until(lambda: "deposit" in alarms(logs), longest_s=2.6)
        await asyncio.sleep(8)
        expected = 0.0 if transfers == "base" else 4.0
        assert (hedge - room.venue.held[HEDGE]) * 10 / 60_000 == pytest.approx(expected, abs=BAND)
        if transfers == "base" and told:
            assert len(room.venue.received) == sent
        assert "deposit" in alarms(logs)
        assert reasons(room).count("deposit") == 1
        before = len(room.venue.received)
        await room.stop()
        await room.start("w2", books=(params,))  # who comes next knows it too
        await asyncio.sleep(5)
        assert len(room.venue.received) == before
        assert reasons(room).count("deposit") == 1

    in_room(body)


def test_what_was_paid_in_before_a_book_began_is_in_its_configuration() -> None:
    async def body(room: Room) -> None:
        room.venue.events.append(happened(room, Happening.DEPOSIT, 4.0))
        await asyncio.sleep(1)
        usd = book_rules(numeraire="usd", base_coin=10.0)
        room.venue.equity = 10.0
        await room.start(books=(book_params(rules=usd),), reconcile_ms=1_000)
        await room.hedged()
        await asyncio.sleep(3)
        assert len(room.venue.received) == 1
        state = await room.store.load("main")
        assert state is not None
        assert state.coins == {}

    in_room(body)


def test_funding_is_journalled_by_the_hour_and_moves_nothing(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        for n in range(61):
            paid = happened(room, Happening.FUNDING, -1e-6, f"F{n}")
            room.venue.tell(msgspec.structs.replace(paid, time_ms=paid.time_ms + n * 61_000))
        await asyncio.sleep(5)
        assert reasons(room).count("funding") == 1
        assert len(room.venue.received) == 1
        assert not alarms(logs)

    in_room(body)
