"""The ladder of a running book: it stops, reduces and closes, on fresh numbers only."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hedger.clock import wall_ms
from hedger.core.model import (
    Act,
    ActKind,
    BandRule,
    LadderRule,
    LadderState,
    Level,
    Override,
    ScaleRule,
    Trigger,
)
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.service.params import ReadingParams
from tests.service.room import CALL, HEDGE, LEGS, Room, alarms, book_params, book_rules, in_room
from tests.service.room import reasons as reasons_of
from tests.service.venue import FILL, REJECT

DRAWDOWN = Trigger(
    name="drawdown",
    steps=(
        Level(enter=0.05, leave=0.04),
        Level(enter=0.10, leave=0.08),
        Level(enter=0.15, leave=0.12),
        Level(enter=0.30, leave=0.25),
    ),
)
LADDER = LadderRule(triggers=(DRAWDOWN,), hold_ms=20_000, age_ms_max=3_000)
BAND = BandRule(lower=-0.25, upper=0.25)


def books(ladder: LadderRule = LADDER) -> Any:
    rules = msgspec.structs.replace(book_rules(band=BAND), ladder=ladder)
    return (book_params(rules=rules),)


async def begun(room: Room) -> None:
    room.venue.equity = 20.0
    await room.start(books=books())
    await room.hedged()
    await room.until(lambda: room.row().memory.ladder and room.row().memory.ladder.peak == 20.0)


def rung(room: Room) -> int:
    state: LadderState | None = room.row().memory.ladder
    return -1 if state is None else state.rung


def test_a_drawdown_halves_the_book_hedged_and_recovery_frees_it(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await begun(room)
        assert rung(room) == 0
        room.venue.equity = 18.9
        await room.until(lambda: rung(room) == 1)
        assert "ladder" in alarms(logs)
        room.venue.equity = 16.9
        await room.until(lambda: rung(room) == 3)
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 2)
        await room.until(lambda: room.row().act is None and room.agrees())
        assert "reduced" in reasons_of(room)
        assert any(e.rung.startswith("ladder at reduce (") for e in room.journal())
        assert room.venue.held[HEDGE] > 0
        room.venue.equity = 19.9
        await room.until(lambda: rung(room) == 0, longest_s=60)
        assert room.venue.held[CALL.name] == LEGS[CALL] // 2

    in_room(body)


def test_a_reduction_that_does_not_help_is_followed_by_another() -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.venue.equity = 16.9
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 2)
        since_s = room.clock.monotonic_s()
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 4, longest_s=60)
        assert room.clock.monotonic_s() - since_s > 10.0, "it was given time to work"

    in_room(body)


def test_the_last_rung_closes_and_only_a_person_ends_it() -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.venue.equity = 13.0
        await room.until(lambda: not any(room.venue.held.values()) and room.agrees(), 120)
        assert room.row().act.kind is ActKind.CLOSE
        assert room.row().act.who == "the ladder"
        room.venue.equity = 20.0
        await asyncio.sleep(60)
        assert rung(room) == 4, "well for long, and closed still"
        await room.store.resume("main", who="anna")
        await room.until(lambda: rung(room) == 0)
        assert room.row().act is None

    in_room(body)


def test_what_nobody_knows_stops_adding_and_no_more(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.venue.equity = None  # the account's figures come no more
        await asyncio.sleep(30)
        assert rung(room) == 2
        assert room.venue.held[CALL.name] == LEGS[CALL]
        assert room.row().act is None
        assert room.journal()[-1].hold == ("on hold: ladder: stop_adding: drawdown is not known")
        assert "ladder" in alarms(logs)
        sent = len(room.venue.received)
        room.venue.index *= 1.1  # what reduces |delta| is sent all the same
        await room.until(lambda: len(room.venue.received) > sent)
        room.venue.equity = 20.0
        await room.until(lambda: rung(room) == 0)

    in_room(body)


def test_a_reduction_stops_while_its_measure_is_stale() -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.venue.equity = 16.9
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 2)
        room.venue.equity = None
        await asyncio.sleep(60)
        assert room.venue.held[CALL.name] == LEGS[CALL] // 2, "no second one on a stale number"
        assert rung(room) == 2

    in_room(body)


def test_a_persons_override_caps_it_until_it_expires() -> None:
    async def body(room: Room) -> None:
        await begun(room)
        word = Override(rung=1, until_ms=wall_ms() + 3_600_000, who="anna", reason="wired")
        await room.store.override("main", word)
        room.venue.equity = 10.0
        await room.until(lambda: rung(room) == 1)
        await asyncio.sleep(30)
        assert room.venue.held[CALL.name] == LEGS[CALL]
        past = Override(rung=1, until_ms=wall_ms() - 1, who="anna", reason="wired")
        await room.store.override("main", past)
        await room.until(lambda: rung(room) == 4)

    in_room(body)


@pytest.mark.parametrize("kind", ["neutral", "cancel"])
def test_a_persons_act_goes_before_a_reduction_but_not_before_a_close(kind: str) -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.ticking = False  # nothing is decided any more, so the act stays
        await room.store.ask("main", Act(kind=ActKind(kind), who="anna", reason="x", asked_ms=1))
        room.ticking = True
        room.venue.equity = 10.0
        await room.until(lambda: not any(room.venue.held.values()), 120)
        assert room.row().act.kind is ActKind.CLOSE

    in_room(body)


def test_a_scale_that_does_not_come_to_its_end_keeps_no_reduction_waiting() -> None:
    async def body(room: Room) -> None:
        rule = ScaleRule(base=((CALL.name, LEGS[CALL]),))
        rules = msgspec.structs.replace(books()[0].rules, scale=rule)
        room.venue.equity = 20.0
        await room.start(books=(book_params(rules=rules),))
        await room.hedged()
        await room.until(lambda: room.row().memory.ladder)
        room.venue.default = REJECT
        grow = Act(kind=ActKind.SCALE, who="anna", reason="x", asked_ms=1, scale=2.0, grows=True)
        await room.store.ask("main", grow)
        room.venue.equity = 16.9
        await room.until(lambda: room.row().act and room.row().act.kind is ActKind.REDUCE)
        room.venue.default = FILL
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 2)

    in_room(body)


def test_a_ladder_outlives_its_worker() -> None:
    async def body(room: Room) -> None:
        await begun(room)
        room.venue.equity = 16.9
        await room.until(lambda: rung(room) == 3 and len(room.venue.received) > 3)
        await room.kill()
        room.venue.equity = 17.5  # between the levels: nothing would enter, and nothing is left
        await room.start("w2", books=books())
        await room.until(lambda: room.venue.held[CALL.name] == LEGS[CALL] // 2)
        assert rung(room) == 3

    in_room(body)


def test_a_loss_that_a_loop_measures_is_climbed_by_and_a_missing_one_stops_adding() -> None:
    none = Level(enter=None, leave=None)
    losses = Trigger(name="scenario_loss", steps=(Level(enter=1e-6, leave=1e-7), none, none, none))
    ladder = LadderRule(triggers=(losses,), hold_ms=20_000, age_ms_max=3_000)
    rules = msgspec.structs.replace(book_rules(band=BAND), ladder=ladder)
    risk = MeasureRule(risk=RiskRule(capital=10.0, scenarios=64))

    async def body(room: Room) -> None:
        readings = ReadingParams(every_ms=1_000, measure=risk, loss_max=10.0)
        await room.start(books=(book_params(rules=rules, readings=readings),))
        await room.until(lambda: rung(room) == 1, longest_s=60)

    async def blind(room: Room) -> None:
        await room.start(books=(book_params(rules=rules),))
        await room.until(lambda: rung(room) == 2, longest_s=60)

    in_room(body)
    in_room(blind)
