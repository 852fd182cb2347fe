"""A book that scales itself, through a worker: calm, storm, calm; a death; a person in between."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hedger.core.acts.portions import share
from hedger.core.model import (
    Act,
    ActKind,
    BandRule,
    Decision,
    ScaleRule,
    Sizing,
    TailRule,
    VolTargetRule,
)
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.service.params import ReadingParams
from tests.core.desk import option
from tests.service.room import HEDGE, Room, book_params, book_rules, in_room
from tests.service.venue import LOST_AFTER, REJECT
from tests.service.venue import Act as Fate

BASE = {
    option(64_000.0, 30, True): -40,
    option(120_000.0, 30, True): 40,
    option(56_000.0, 30, False): -40,
    option(25_000.0, 30, False): 40,
}
STEP = 0.25
CALM, STORM = 0.5, 1.2
TARGET, LIMIT = 0.042, 0.068
"""The base book's own: 0.035 a year and 0.055 in the calm, 0.083 and 0.135 in the storm."""
HOLD_MS = 15_000
MEASURES = ReadingParams(
    every_ms=1_000, measure=MeasureRule(risk=RiskRule(capital=10.0, scenarios=64))
)
FAULTS = (Fate(share=0.4), REJECT, Fate(), LOST_AFTER)


def books(*, cap: bool = False, **change: Any) -> Any:
    base = tuple((leg.name, lots) for leg, lots in BASE.items())
    worth = {"sharpe": 10.0, "hold_days": 365.0}  # the market of these legs is a coin wide
    rule = {"shrink": "on", "grow": "on", "hold_ms": HOLD_MS, "cap_hold_ms": 3_000} | worth | change
    sizing = Sizing(
        vol_target=None if cap else VolTargetRule(target=TARGET, age_ms_max=5_000),
        tail=TailRule(limit=LIMIT, age_ms_max=5_000) if cap else None,
    )
    rules = msgspec.structs.replace(
        book_rules(band=BandRule(lower=-0.05, upper=0.05, clip_min=0.01, tuning="on")),
        scale=ScaleRule(base=base, step=STEP, **rule),
        sizing=sizing,
    )
    positions = {leg.name: lots for leg, lots in BASE.items()}
    return (book_params(rules=rules, positions=positions, readings=MEASURES),)


def weather(room: Room, vol: float) -> None:
    """All legs are marked at this vol from now on."""
    plain = type(room.venue).quotes
    room.venue.quotes = lambda: [  # type: ignore[method-assign]
        q if q.vol is None else msgspec.structs.replace(q, vol=vol) for q in plain(room.venue)
    ]


def acts(room: Room) -> list[str]:
    """Each act that the journal tells of, in order."""
    found: list[str] = []
    for entry in room.journal():
        if entry.act and found[-1:] != [entry.act]:
            found.append(entry.act)
    return found


def held(room: Room) -> set[float]:
    lots = room.venue.held
    return {lots[leg.name] / base for leg, base in BASE.items()}


def judge(room: Room) -> None:
    """By the exchange's log alone: cover and proportion after each execution, ids sent once."""
    lots = {leg.name: base for leg, base in BASE.items()}
    for line in room.venue.log:
        if line.instrument == HEDGE:
            continue
        lots[line.instrument] += line.lots
        for is_call in (True, False):
            net = sum(lots[leg.name] for leg in BASE if leg.is_call == is_call)
            assert net >= 0, (line, "more is short of a side than its long legs cover")
        scales = [lots[leg.name] / base for leg, base in BASE.items()]
        assert max(scales) - min(scales) <= STEP + 2 / 40, "a leg ran ahead of the others"
        assert max(scales) <= 1.0
    sent = [order.client_id for _, order in room.venue.received]
    assert len(sent) == len(set(sent)), "an id was sent twice"


async def for_s(room: Room, seconds: float) -> None:
    end_s = room.clock.monotonic_s() + seconds
    await room.until(lambda: room.clock.monotonic_s() >= end_s, seconds + 5)


async def storm(room: Room) -> None:
    """From the calm into a storm, and until the book is smaller."""
    await room.start(books=books())
    await for_s(room, 30)
    assert acts(room) == []
    weather(room, STORM)
    await room.until(lambda: max(held(room)) < 0.7 and room.row().act is None, 300)
    await room.until(room.agrees)


@pytest.mark.parametrize("faults", [(), FAULTS], ids=["filled", "faults"])
def test_a_storm_is_one_scale_out_and_its_end_one_scale_in(faults: tuple[Fate, ...]) -> None:
    async def body(room: Room) -> None:
        weather(room, CALM)
        room.venue.script.extend(faults)
        await storm(room)
        await for_s(room, 60)
        weather(room, CALM)
        room.venue.script.extend(faults)
        await room.until(lambda: min(held(room)) > 0.95 and room.row().act is None, 300)
        await room.until(room.agrees)
        await for_s(room, 60)
        judge(room)
        told = acts(room)
        assert len(told) == 2, told
        assert all("asked by the scalers: " in text and "worth" in text for text in told)
        states = {entry.resize.state for entry in room.journal() if entry.resize is not None}
        assert {"inside", "waits", "asks", "under_way"} <= states
        assert room.row().memory.resized.grown == pytest.approx(1.0 - 0.5, abs=0.2)

    in_room(body, legs=BASE)


def test_with_the_switches_off_nothing_is_traded_but_the_hedge() -> None:
    async def body(room: Room) -> None:
        weather(room, CALM)
        await room.start(books=books(shrink="off", grow="off"))
        await for_s(room, 20)
        weather(room, STORM)
        await for_s(room, 90)
        assert (acts(room), held(room)) == ([], {1.0})
        newest: Decision = room.journal()[-1]
        assert newest.scale is not None
        assert newest.scale < 0.7, "it is proposed"
        assert newest.resize is None

    in_room(body, legs=BASE)


def test_whoever_takes_over_goes_on_and_knows_what_was_taken() -> None:
    async def body(room: Room) -> None:
        weather(room, CALM)
        await room.start(books=books())
        await for_s(room, 10)
        weather(room, STORM)
        await room.until(lambda: max(held(room)) < 1.0, 300)
        await room.kill()
        await room.start("w2", books=books())
        await room.until(lambda: max(held(room)) < 0.7 and room.row().act is None, 300)
        assert room.row().memory.resized.top == 1.0
        await room.kill("w2")
        weather(room, CALM)
        await room.start("w3", books=books())
        await room.until(lambda: min(held(room)) > 0.95 and room.row().act is None, 300)
        assert len(acts(room)) == 2
        judge(room)

    in_room(body, legs=BASE)


def test_a_cap_of_risk_acts_within_seconds_and_a_hold_takes_its_act_back() -> None:
    async def body(room: Room) -> None:
        weather(room, CALM)
        await room.start(books=books(cap=True))
        await for_s(room, 10)
        weather(room, STORM)
        await room.until(lambda: max(held(room)) < 1.0, 12)
        await room.store.hold("main", "lunch")
        await room.until(lambda: room.row().act is None, 10)
        before = held(room)
        await for_s(room, 30)
        assert held(room) == before
        assert {entry.resize.state for entry in room.journal()[-1:] if entry.resize} == {
            "held_back"
        }
        await room.store.resume("main", who="anna")
        await room.until(lambda: max(held(room)) < 0.8 and room.row().act is None, 60)
        judge(room)

    in_room(body, legs=BASE)


def test_a_persons_act_is_never_replaced_and_stands() -> None:
    async def body(room: Room) -> None:
        weather(room, CALM)
        await storm(room)
        mine = Act(
            kind=ActKind.SCALE, who="anna", reason="mine", asked_ms=1, scale=1.0, grows=True
        )
        assert await room.store.ask("main", mine) == "ok"
        theirs = msgspec.structs.replace(mine, who="the scalers", scale=0.5, cause="models")
        assert await room.store.ask("main", theirs) == "acting"
        assert room.row().act == mine
        await room.until(lambda: min(held(room)) > 0.95 and room.row().act is None, 300)
        await for_s(room, 90)
        assert held(room) == {1.0}, "the storm was known to her"

    in_room(body, legs=BASE)


def test_a_leg_that_was_scaled_to_nothing_is_quoted_after_a_restart() -> None:
    none = {leg: share(lots, 0.0) for leg, lots in BASE.items()}

    async def body(room: Room) -> None:
        await room.start(books=books(shrink="off", grow="off"))
        await room.until(lambda: bool(room.journal()))
        await room.store.ask(
            "main", Act(kind=ActKind.SCALE, who="anna", reason="out", asked_ms=1, scale=0.0)
        )
        await room.until(lambda: held(room) == {0.0} and room.row().act is None, 300)
        await room.until(room.agrees)
        await room.stop()
        await room.start("w2", books=books(shrink="off", grow="off"))
        await room.store.ask(
            "main",
            Act(kind=ActKind.SCALE, who="anna", reason="in", asked_ms=2, scale=0.5, grows=True),
        )
        await room.until(lambda: held(room) == {0.5} and room.row().act is None, 300)

    assert set(none.values()) == {0}
    in_room(body, legs=BASE)
