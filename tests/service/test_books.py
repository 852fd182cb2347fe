"""What happens to a book beside its own orders: config, holds, other people's fills, settlement."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hedger.core.model import Action
from hedger.ports import BookSeed
from tests.core.desk import PERPETUAL
from tests.service.room import CALL, HEDGE, Room, alarms, book_params, book_rules, in_room
from tests.service.venue import LOST_AFTER


def test_a_book_of_another_configuration_is_neither_claimed_nor_touched(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.store.seed(BookSeed("main", "v0", {CALL.name: -100}))
        await room.start()
        await asyncio.sleep(5)
        assert not room.venue.received
        assert room.lease() is None
        differs = [line for line in logs if line["event"] == "config_differs"]
        assert len(differs) == 1
        assert (differs[0]["stored"], differs[0]["mine"]) == ("v0", "v1")
        await room.store.apply(BookSeed("main", "v1", {}), positions=False)
        await room.hedged()

    in_room(body)


def test_config_apply_makes_a_running_worker_let_go() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await room.store.apply(BookSeed("main", "v2", {}), positions=False)
        await room.until(lambda: not room.lease().owner, longest_s=3)
        sent = len(room.venue.received)
        room.venue.held[CALL.name] -= 50
        await asyncio.sleep(5)
        assert len(room.venue.received) == sent

    in_room(body)


def test_a_stopped_book_sends_nothing_and_says_why() -> None:
    async def body(room: Room) -> None:
        await room.store.seed(BookSeed("main", "v1", {CALL.name: -100}))
        await room.store.hold("main", "lunch", stop=True)
        await room.start()
        await asyncio.sleep(5)
        assert not room.venue.received
        last = room.journal()[-1]
        assert (last.action, last.reason) == (Action.BLOCKED, "stopped")
        await room.store.resume("main", who="test")
        await room.hedged()

    in_room(body)


def test_a_book_that_follows_its_account_hedges_what_others_traded() -> None:
    async def body(room: Room) -> None:
        room.venue.trade("somebody", HEDGE, 700)  # before the book was ever seeded
        follows = (book_params(positions=None),)
        await room.start(books=follows)
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees())
        hedged = room.venue.held[HEDGE]
        room.venue.trade("somebody", HEDGE, 30_000)
        await asyncio.sleep(10)
        assert not room.row().hold
        assert room.agrees()
        assert len(room.venue.log) == 4
        assert abs(room.venue.held[HEDGE] - hedged) * 10 / 60_000 < 0.6  # the band is 0.5 wide

    in_room(body)


@pytest.mark.parametrize("positions", [None, book_params().positions])
def test_fills_of_another_underlying_concern_no_book(positions: dict[str, int] | None) -> None:
    async def body(room: Room) -> None:
        ether = msgspec.structs.replace(PERPETUAL, name="ETH-PERPETUAL", underlying="ETH")
        room.venue.known[ether.name] = ether
        await room.start(books=(book_params(positions=positions),), reconcile_ms=1_000)
        await room.hedged()
        room.venue.trade("somebody", ether.name, 500)
        room.venue.index *= 1.015
        await asyncio.sleep(15)
        assert not room.row().hold
        assert ether.name not in room.row().positions
        assert len(room.venue.received) == 2

    in_room(body)


def test_a_follower_that_was_away_applies_what_it_missed_once() -> None:
    async def body(room: Room) -> None:
        follows = (book_params(positions=None),)
        await room.start(books=follows)
        await room.hedged()
        await room.stop()
        room.venue.stream_fills = False
        room.venue.trade("somebody", HEDGE, 30_000)
        await room.start("w2", books=follows)
        await room.until(room.agrees)
        await asyncio.sleep(5)
        assert room.agrees()

    in_room(body)


def test_what_was_missed_is_applied_before_the_first_decision() -> None:
    async def body(room: Room) -> None:
        follows = (book_params(positions=None),)
        await room.start(books=follows)
        await room.hedged()
        await room.stop()
        room.venue.stream_fills = False
        room.venue.index *= 1.015
        room.venue.trade("somebody", HEDGE, 4_200)  # what the move asks for, already done
        room.venue.read_s = 0.5
        await room.start("w2", books=follows)
        await asyncio.sleep(5)
        assert len(room.venue.received) == 1
        assert room.journal()[-1].reason == "inside_band"

    in_room(body)


def test_a_settled_leg_leaves_the_book_and_its_hedge_follows() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        room.venue.trade("", CALL.name, 100, kind="settlement")
        await room.until(lambda: CALL.name not in room.row().positions)
        await room.until(lambda: len(room.venue.log) == 3 and room.agrees())
        assert abs(room.venue.held[HEDGE]) * 10 / 60_000 < 0.3

    in_room(body)


def test_an_old_settlement_of_a_leg_the_book_never_had_changes_nothing() -> None:
    async def body(room: Room) -> None:
        room.venue.trade("", CALL.name, 0, kind="settlement")
        room.venue.trade("x", HEDGE, -300)
        room.venue.trade("", HEDGE, 300, kind="settlement")
        await room.start()
        await room.hedged()
        await asyncio.sleep(15)
        assert not room.row().hold

    in_room(body)


def test_positions_of_what_is_hedged_that_differ_twice_stop_the_book(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=1_000)
        await room.hedged()
        room.venue.held[CALL.name] += 40
        waited_s = await room.until(lambda: room.row().hold)
        assert waited_s >= 0.5
        assert room.row().stopped
        assert "positions_differ" in alarms(logs)
        assert f"{CALL.name}: " in room.row().hold
        sent = len(room.venue.received)
        room.venue.index *= 1.015
        await asyncio.sleep(3)
        assert len(room.venue.received) == sent

    in_room(body)


def test_a_store_that_lost_the_hedge_does_not_hedge_again(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        room.venue.held[HEDGE] = 13_000  # from orders of another life, under another namespace
        await room.start()
        assert room.row().positions[HEDGE] == 13_000
        await asyncio.sleep(5)
        assert not room.venue.received
        assert not room.row().hold
        assert "unexplained" in alarms(logs)
        assert "unexplained" in [entry.reason for entry in room.journal()]

    in_room(body)


def test_a_difference_that_was_a_fill_on_its_way_holds_nothing() -> None:
    async def body(room: Room) -> None:
        await room.start(reconcile_ms=1_000)
        await room.hedged()
        room.venue.held[HEDGE] += 40
        await asyncio.sleep(1.2)
        room.venue.held[HEDGE] -= 40
        await asyncio.sleep(5)
        assert not room.row().hold

    in_room(body)


def test_a_broken_feed_ages_the_data_until_the_book_blocks_and_then_alarms(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        room.ticking = False
        room.feeds["w1"].break_()
        await asyncio.sleep(4)
        assert room.journal()[-1].action is Action.BLOCKED
        assert room.feeds["w1"].breaks == 1
        first = next(e for e in room.journal() if e.reason == room.journal()[-1].reason)
        age_ms = first.quotes[0].age_ms
        assert age_ms is not None
        assert 2_000 < age_ms < 2_400
        await asyncio.sleep(40)
        assert "naked" in alarms(logs)
        blocked = [e for e in room.journal() if e.action is Action.BLOCKED]
        assert len(blocked) < 60
        room.ticking = True
        await asyncio.sleep(1)
        assert room.journal()[-1].reason == "inside_band"

    in_room(body)


def test_a_replay_is_told_when_a_batch_is_worked_off_and_not_before() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        room.ticking = False
        await asyncio.sleep(1)
        feed = room.feeds["w1"]
        room.venue.script.append(LOST_AFTER)
        room.venue.index *= 1.015
        room.venue.tick()
        now = room.clock.market_ms()
        await asyncio.sleep(0.3)
        assert len(room.venue.received) == 2
        assert max(feed.caught) < now
        await asyncio.sleep(5)
        assert max(feed.caught) >= now

    in_room(body)


def test_the_numeraire_of_the_account_needs_the_account() -> None:
    async def body(room: Room) -> None:
        await room.start(books=(book_params(rules=book_rules(numeraire="usd")),))
        await asyncio.sleep(3)
        assert not room.venue.received
        assert room.journal()[-1].action is Action.BLOCKED

    in_room(body)
