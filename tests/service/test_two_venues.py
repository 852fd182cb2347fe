"""One book, two venues, one of them silent while its order is unknown: whole, and never over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import Action, IntentState
from hedger.errors import ConfigError
from hedger.service.params import WorkerParams
from hedger.store.keys import intent_id
from tests.service.room import HEDGE, alarms, book_params
from tests.service.two import WEST, TwoVenues, in_two, narrow, two_params
from tests.service.venue import LOST_AFTER, LOST_BEFORE, REJECT, Act, ScriptedVenue


def test_the_cheaper_venue_is_hedged_at_and_everything_is_kept_by_venue() -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin()
        await room.until(room.whole)
        await asyncio.sleep(5)
        (line,) = room.west.log
        assert not room.venue.log
        assert room.row().positions[WEST] == line.lots
        assert HEDGE not in room.row().positions
        assert line.client_id == intent_id("00c0ffee", "main", WEST, 1)
        (hedge,) = [entry for entry in room.journal() if entry.action is Action.HEDGE]
        (intent,) = hedge.intents
        assert (intent.venue, intent.account, intent.instrument) == ("west", "there", WEST)
        order = room.west.received[0][1]
        assert (order.account, order.instrument) == ("there", HEDGE)
        assert not alarms_of(room)

    in_two(body)


def alarms_of(room: TwoVenues) -> list[str]:
    return [e.reason for e in room.journal() if e.reason in ("positions_differ", "unexplained")]


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE], ids=["accepted", "lost before"])
def test_one_venue_silent_with_its_order_unknown(fault: Act, logs: list[Any]) -> None:
    """Both readings at once, never more than either allows, then whole."""

    async def body(room: TwoVenues) -> None:
        room.west.script.append(fault)
        room.west.stream_fills = False
        await room.begin()
        await room.until(lambda: room.west.received)
        room.silence(room.west)
        await asyncio.sleep(8)
        # Filled and unfilled at once: nothing more may be sold or bought on this delta.
        (intent,) = room.row().intents.values()
        assert intent.state is IntentState.UNKNOWN
        assert not room.venue.log
        assert not room.crossings()
        assert "order_unresolved" in alarms(logs), "a person is told"
        # What is outside under both readings is hedged at the other venue, as far as both allow.
        room.venue.index *= 1.06
        await room.until(lambda: room.venue.log)
        await asyncio.sleep(3)
        assert len(room.venue.log) >= 1
        assert not room.crossings()
        before_s = room.clock.monotonic_s()
        room.silence(room.west, silent=False)
        await room.until(lambda: not room.row().intents and room.whole(), longest_s=10)
        assert room.clock.monotonic_s() - before_s < 5.0
        await asyncio.sleep(10)
        assert room.whole()
        assert not room.crossings()
        assert len(room.west.received) == 1, "never sent again"
        held = {WEST: room.west.held.get(HEDGE, 0), HEDGE: room.venue.held.get(HEDGE, 0)}
        stored = room.row().positions
        assert {name: stored.get(name, 0) for name in held} == held

    in_two(body)


@pytest.mark.parametrize("fault", [LOST_AFTER, LOST_BEFORE], ids=["accepted", "lost before"])
def test_the_other_venue_takes_over_once_the_outcome_is_known(fault: Act) -> None:
    """Its orders hang, its quotes and its answers to questions do not."""

    async def body(room: TwoVenues) -> None:
        room.west.default = fault
        room.west.stream_fills = False
        await room.begin()
        took_s = await room.until(lambda: room.whole() and not room.row().intents)
        assert took_s < 3.0
        assert len(room.west.received) == 1, "it is not asked again while there is another"
        assert bool(room.west.log) == (fault is LOST_AFTER)
        assert bool(room.venue.log) == (fault is LOST_BEFORE)
        await asyncio.sleep(5)
        assert not room.crossings()
        assert room.whole()

    in_two(body)


def test_a_venue_that_falls_silent_takes_itself_out_and_comes_back() -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin(book=narrow(two_params()))
        await room.until(room.whole)
        assert len(room.west.log) == 1
        room.silence(room.west)
        await asyncio.sleep(3)
        room.venue.index *= 1.012
        took_s = await room.until(lambda: room.venue.log and room.whole())
        assert took_s < 1.0
        room.silence(room.west, silent=False)
        await asyncio.sleep(3)
        room.venue.index *= 1.012
        await room.until(lambda: len(room.west.log) == 2 and room.whole())
        assert not room.crossings()

    in_two(body)


def test_its_own_venue_may_be_the_silent_one() -> None:
    async def body(room: TwoVenues) -> None:
        room.venue.known[HEDGE], room.west.known[HEDGE] = (
            room.west.known[HEDGE],
            room.venue.known[HEDGE],
        )
        room.venue.script.append(LOST_BEFORE)
        await room.begin(book=narrow(two_params()))
        await room.until(lambda: room.venue.received)
        room.silence(room.venue)
        await asyncio.sleep(4)
        assert not room.west.log
        room.silence(room.venue, silent=False)
        await room.until(lambda: room.whole() and not room.row().intents)
        assert len(room.west.log) == 1
        assert not room.crossings()

    in_two(body)


def test_a_take_over_while_one_venue_is_silent() -> None:
    """The next owner hedges at the other, and compares the silent one when it is back."""

    async def body(room: TwoVenues) -> None:
        params = narrow(two_params())
        await room.begin("w1", book=params)
        await room.begin("w2", book=params)
        await room.until(lambda: room.whole() and not room.row().intents)
        room.silence(room.west)
        owner = room.lease().owner
        await room.kill(owner)
        before = len(room.venue.log)
        room.venue.index *= 1.012
        took_s = await room.until(lambda: len(room.venue.log) > before and room.whole(), 30.0)
        assert took_s < 10.0
        room.west.trade("somebody", HEDGE, 3, account="there")
        room.silence(room.west, silent=False)
        await room.until(
            lambda: room.row().positions.get(WEST) == room.west.account("there")[HEDGE]
        )

    in_two(body)


def test_a_venue_that_refuses_goes_last_for_a_while() -> None:
    async def body(room: TwoVenues) -> None:
        room.west.script.append(REJECT)
        await room.begin()
        await room.until(room.whole)
        assert len(room.west.received) == 1
        assert len(room.venue.log) == 1
        assert any(entry.reason == "venue_avoided" for entry in room.journal())

    in_two(body)


def test_a_manual_trade_at_the_other_venue_is_adopted() -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin()
        await room.until(room.whole)
        room.west.trade("somebody", HEDGE, 500, account="there")
        await room.until(
            lambda: room.row().positions.get(WEST) == room.west.account("there")[HEDGE]
        )
        assert "foreign_trade" in {entry.reason for entry in room.journal()}

    in_two(body)


@pytest.mark.parametrize("seconds", [0.0, 0.7])
def test_two_trades_with_one_id_at_two_venues_are_two(seconds: float) -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin(book=narrow(two_params(positions=None)))
        await room.until(room.whole)
        await asyncio.sleep(seconds)
        for venue, account in ((room.venue, "acc"), (room.west, "there")):
            venue._trades = 500
            venue.trade("somebody", HEDGE, 7, account=account)
        await asyncio.sleep(5)
        stored = room.row().positions
        assert stored.get(HEDGE, 0) == room.venue.held.get(HEDGE, 0)
        assert stored.get(WEST, 0) == room.west.account("there").get(HEDGE, 0)

    in_two(body)


def test_an_account_is_one_book_s_alone_at_whichever_venue() -> None:
    other = book_params("other", venue="west", account="there")
    with pytest.raises(ConfigError, match="two books, expected one"):
        WorkerParams(worker="w", deployment="d", books=(two_params(), other))
    with pytest.raises(ConfigError, match="expected one account at each"):
        book_params("main", also={"west": "there"})


def test_the_judge_can_fail() -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin()
        await room.until(room.whole)
        venue: ScriptedVenue = room.venue
        venue.trade("x", HEDGE, 30_000)
        assert room.crossings()

    in_two(body)


def test_a_venue_whose_clock_is_in_doubt_leaves_the_hedging_to_the_other() -> None:
    async def body(room: TwoVenues) -> None:
        await room.begin()
        await room.until(room.whole)
        orders = len(room.west.received)
        await asyncio.sleep(5)  # the cooldown
        room.west.ahead_ms = 250
        await asyncio.sleep(1.1)
        room.venue.index *= 0.97
        await room.until(lambda: room.venue.log and room.whole(), longest_s=1.5)
        assert len(room.west.received) == orders
        turned = [entry for entry in room.journal() if entry.reason == "venue_avoided"]
        assert len(turned) == 1
        assert "the clock of west" in turned[0].text

    in_two(body)
