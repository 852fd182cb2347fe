"""Venue classes with their evidence, who may run alone, and what a hold still lets through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import Action, Kind, VenueClass
from hedger.errors import ConfigError
from hedger.venues.conduct import DECLARED, UNPROVEN, conduct
from tests.service.room import HEDGE, Room, alarms, in_room
from tests.service.venue import LOST_AFTER, LOST_BEFORE


@pytest.mark.parametrize("exchange", DECLARED)
def test_every_declared_class_says_why_and_where_it_is_written(exchange: str) -> None:
    for declared in DECLARED[exchange]:
        assert len(declared.evidence) > 20
        assert declared.source not in ("", UNPROVEN.source)


def test_what_nobody_has_documented_or_measured_is_class_c() -> None:
    assert conduct("deribit", Kind.PERPETUAL).venue_class is VenueClass.A
    for exchange in ("whitebit", "tastytrade", "binance", ""):
        assert conduct(exchange, Kind.FUTURE).venue_class is VenueClass.C


def test_class_c_is_not_hedged_without_a_person() -> None:
    async def body(room: Room) -> None:
        with pytest.raises(ConfigError) as refused:
            await room.start()
        line = str(refused.value)
        assert line.startswith(f"book main: {HEDGE} at paper is of class C (its script), expected")
        assert "worker.mode = 'attended'" in line
        assert "\n" not in line
        assert room.server.leases == {}
        assert room.venue.received == []
        await room.start("w2", mode="attended")
        await room.hedged()

    in_room(body, venue_class="C")


def test_one_reading_is_not_enough_and_every_reading_is_on_hold_and_off() -> None:
    """An order is lost; what both readings need still goes out, and no more than that."""

    async def body(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        room.venue.stream_fills = False
        await room.start(order_timeout_ms_min=900, lease_ms=4_000)
        await room.until(lambda: room.venue.log)
        (open_,) = room.row().intents.values()
        await room.store.hold("main", "a drill")
        room.venue.index *= 1.10  # so far that the first order is too small on both readings
        await room.until(lambda: len(room.venue.log) == 2, longest_s=0.8)
        assert open_.id in room.row().intents, "the first is still unknown"
        second = next(e for e in room.journal() if e.action is Action.HEDGE and e.open_intents)
        assert second.hold == "on hold: a drill"
        assert second.exposure is not None
        assert second.plan is not None
        assert second.plan.reduces
        before, after = (second.exposure.low, second.exposure.high), second.plan.expected
        assert before[0] < before[1]
        for old, new in zip(before, after, strict=True):
            assert abs(new) < abs(old)
        await room.until(room.agrees)
        assert room.row().hold == "a drill"

    in_room(body)


def test_a_hold_is_told_at_once_whatever_the_decision_and_only_a_person_lifts_it(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        await asyncio.sleep(2)
        quiet = len(room.journal())
        await room.store.hold("main", "lunch")
        await asyncio.sleep(1.5)
        assert [(e.reason, e.hold) for e in room.journal()[quiet:]] == [
            ("inside_band", "on hold: lunch")
        ]
        said = [line for line in logs if line["event"] == "decision"][-1]
        assert said["hold"] == "on hold: lunch"
        await asyncio.sleep(120)
        assert room.row().hold == "lunch"
        await room.store.hold("main", "and stop", stop=True)
        room.venue.index *= 1.015
        await asyncio.sleep(1.5)
        stopped = room.journal()[-1]
        assert (stopped.action, stopped.reason) == (Action.BLOCKED, "stopped")
        assert stopped.hold == "stopped: and stop"
        sent = len(room.venue.received)
        await room.store.resume("main", who="test")
        await room.until(lambda: len(room.venue.received) == sent + 1 and room.agrees())
        assert room.journal()[-1].hold == ""

    in_room(body)


def test_class_c_holds_until_a_person_knows_and_hedges_what_both_readings_need(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_BEFORE)
        await room.start(mode="attended")
        await room.until(lambda: room.row().hold)
        assert "its script" in room.row().hold
        assert "order_unresolved" in alarms(logs)
        await asyncio.sleep(30)
        assert len(room.venue.received) == 1, "filled, it would be enough: nothing more is certain"
        room.venue.index *= 1.10
        await room.until(lambda: len(room.venue.log) == 1)
        sure = next(e for e in room.journal() if e.action is Action.HEDGE and e.open_intents)
        assert sure.plan is not None
        assert sure.target is not None
        assert sure.plan.expected[1] <= sure.target.upper, "filled after all, it is not too much"
        room.venue.execute(room.venue.received[0][1], 1.0)
        await room.until(room.agrees)
        assert room.row().hold

    in_room(body, venue_class="C")
