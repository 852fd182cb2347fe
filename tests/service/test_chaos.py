"""Random misfortune on all sides at once; the judges are the exchange's log and its positions."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hedger.core.model import Action, BandRule, Intent
from tests.service.faults import FaultyStore
from tests.service.room import HEDGE, Room, book_params, book_rules, in_room
from tests.service.venue import Act

STEPS_MAX = 12


class Step(NamedTuple):
    """One misfortune, and how long it is until the next."""

    what: str
    size: float
    pause_s: float


steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            ["move", "move", "move", "kill", "start", "stop", "venue", "feed", "store", "stutter"]
        ),
        size=st.sampled_from([-0.015, 0.015, 0.005, -0.01]),
        pause_s=st.sampled_from([0.003, 0.05, 0.3, 1.2, 3.0]),
    ),
    max_size=STEPS_MAX,
)
acts = st.lists(
    st.builds(
        Act,
        arrives_s=st.sampled_from([0.002, 0.002, 0.2, 0.7, 2.0, None]),
        share=st.sampled_from([1.0, 1.0, 0.5, 0.1, 0.0]),
        replies_s=st.sampled_from([0.002, 0.002, 0.3, 2.0, None]),
        refuse=st.sampled_from(["", "", "", "no"]),
        breaks=st.sampled_from([False, False, True]),
        terse=st.sampled_from([False, False, True]),
    ),
    max_size=STEPS_MAX,
)


async def misfortune(room: Room, store: FaultyStore, step: Step, number: int) -> None:
    living = [name for name, task in room.tasks.items() if not task.done()]
    match step.what:
        case "move":
            room.venue.index *= 1 + step.size
        case "kill" if living:
            await room.kill(living[0])
        case "stop" if living:
            room.stops[living[0]].set()
        case "start" if len(living) < 3:
            room.launch(f"w{number}", store=store, books=BOOKS)
        case "venue":
            room.venue.down = not room.venue.down
        case "feed":
            for feed in room.venue.feeds:
                feed.break_()
        case "store":
            store.down = not store.down
        case "stutter":
            store.plan.extend(["lost", "", "deaf", "", "", "deaf"])
    await asyncio.sleep(step.pause_s)


BOOKS = (book_params(rules=book_rules(band=BandRule(cooldown_ms=0))),)


async def calm(room: Room, store: FaultyStore) -> None:
    """End all misfortune and wait until the last worker has put everything in order."""
    room.venue.down = store.down = False
    room.venue.script.clear()
    store.plan.clear()
    room.launch("last", store=store, books=BOOKS)
    await asyncio.sleep(4)
    await room.until(lambda: room.agrees() and room.journal()[-1].reason == "inside_band")


def begun(room: Room) -> Intent:
    """The intent recorded last, whose bound every reading of what was open then lay within."""
    return next(e.intents[0] for e in reversed(room.journal()) if e.action is Action.HEDGE)


def judge(room: Room) -> None:
    """Compare what was done with what was recorded before it was done."""
    sent = [order.client_id for _, order in room.venue.received]
    assert len(sent) == len(set(sent)), "an order was sent twice"
    intents = {intent.id: intent for entry in room.journal() for intent in entry.intents}
    for line in room.venue.log:
        intent, latest = intents[line.client_id], line.witness
        assert latest.low <= line.position <= latest.high, line
        assert 0 <= line.lots * intent.lots <= intent.lots**2
    filled = Counter({line.client_id: 0 for line in room.venue.log})
    for line in room.venue.log:
        filled[line.client_id] += line.lots
    assert all(abs(lots) <= abs(intents[one].lots) for one, lots in filled.items())
    shown = dict(room.journal()[-1].positions)
    assert shown.get(HEDGE, 0) == room.venue.held.get(HEDGE, 0)


def lived_through(script: list[Act], story: list[Step]) -> None:
    async def body(room: Room) -> None:
        store = FaultyStore(room.store)
        room.venue.witness = lambda: begun(room)
        room.venue.script.extend(script)
        room.launch("w", store=store, books=BOOKS)
        await asyncio.sleep(0.2)
        for number, step in enumerate(story):
            await misfortune(room, store, step, number)
        await calm(room, store)
        judge(room)

    in_room(body)


SLOW = [HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(script=acts, story=steps)
def test_nothing_is_hedged_twice_and_nothing_is_lost(script: list[Act], story: list[Step]) -> None:
    lived_through(script, story)


@pytest.mark.long
@settings(max_examples=2_000, deadline=None, suppress_health_check=SLOW)
@given(script=acts, story=steps)
def test_nothing_in_two_thousand_stories(script: list[Act], story: list[Step]) -> None:
    lived_through(script, story)
