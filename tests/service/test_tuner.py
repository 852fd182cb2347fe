"""Self-tuning in a worker's room: a change is journalled and lasts, where it is allowed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import BandRule, Memory, Tuning
from hedger.service import tuner
from tests.service.room import Room, book_params, book_rules, in_room


def band(**change: Any) -> BandRule:
    usual: dict[str, Any] = {
        "kind": "cubic",
        "risk_aversion": 2_000.0,
        "cost_bps": 8.0,
        "cooldown_ms": 0,
        "tuning": "on",
    }
    return BandRule(**(usual | change))


async def hedged_often(room: Room, rule: BandRule) -> Memory:
    """What is remembered after more hedges than a measured cost needs."""
    await room.start(books=(book_params(rules=book_rules(band=rule)),))
    await room.hedged()
    for n in range(16):
        room.venue.index *= 1.012 if n % 2 else 1.0 / 1.012
        await room.until(room.agrees)
        await asyncio.sleep(4)
    memory = room.row().memory
    assert isinstance(memory, Memory)
    return memory


def tuned(room: Room) -> list[str]:
    return [entry.text for entry in room.journal() if entry.reason == "tuned"]


def test_a_cost_configured_too_high_comes_down_once_a_day_with_an_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tuner, "LOOK_MS", 2_000)

    async def body(room: Room) -> None:
        memory = await hedged_often(room, band())
        assert memory.fills >= 5
        (text,) = tuned(room)
        assert memory.tuning.cost < 0.5
        assert memory.tuning.vol == 1.0
        assert memory.risk_aversion == 0.0
        assert text.startswith(f"cost x 1 -> {memory.tuning.cost:.4g}, vol x 1 -> 1: measured cost")
        targets = [entry.target for entry in room.journal() if entry.target]
        terms = targets[-1].inputs
        assert terms is not None
        assert terms.tuned_cost == pytest.approx(memory.tuning.cost)
        assert terms.cost == pytest.approx(8e-4 * memory.tuning.cost)

    in_room(body)


@pytest.mark.parametrize(
    "rule",
    [
        band(tuning="off"),
        band(cost_bps=0.0),  # measured anyway
        band(cost_bps=0.05),  # would widen while nothing is known of vol
        band(kind="fixed"),
    ],
)
def test_nothing_is_tuned_where_it_may_not_be(
    rule: BandRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuner, "LOOK_MS", 2_000)

    async def body(room: Room) -> None:
        memory = await hedged_often(room, rule)
        assert memory.tuning == Tuning()
        assert tuned(room) == []

    in_room(body)
