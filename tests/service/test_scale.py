"""A structure of four legs scaled through a worker, with partial fills, a rejected leg, a death."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hedger.core.acts.portions import share
from hedger.core.model import Act, ActKind, BandRule, ScaleRule
from tests.core.desk import option
from tests.service.room import HEDGE, Room, book_params, book_rules, in_room, reasons
from tests.service.venue import LOST_AFTER, REJECT
from tests.service.venue import Act as Fate

BASE = {
    option(64_000.0, 8, True): -40,
    option(70_000.0, 8, True): 40,
    option(56_000.0, 8, False): -40,
    option(50_000.0, 8, False): 40,
}
STEP = 0.25
HARD = 0.75
PARTIAL = Fate(share=0.4)


def books() -> Any:
    rule = ScaleRule(base=tuple((leg.name, lots) for leg, lots in BASE.items()), step=STEP)
    rules = book_rules(band=BandRule(lower=-0.25, upper=0.25))
    rules = msgspec.structs.replace(rules, scale=rule)
    positions = {leg.name: lots for leg, lots in BASE.items()}
    return (book_params(rules=rules, positions=positions),)


def wish(scale: float) -> Act:
    return Act(
        kind=ActKind.SCALE, who="anna", reason="a drill", asked_ms=1, scale=scale, grows=True
    )


async def scaled(room: Room, scale: float) -> None:
    def there() -> bool:
        held = room.venue.held
        return room.agrees() and all(held[n.name] == share(b, scale) for n, b in BASE.items())

    await room.until(there, longest_s=240)
    await room.until(lambda: room.row().act is None)


def judge(room: Room) -> None:
    """By the exchange's log alone: cover and proportion after each execution, ids sent once."""
    held = {leg.name: lots for leg, lots in BASE.items()}
    for line in room.venue.log:
        if line.instrument == HEDGE:
            continue
        held[line.instrument] += line.lots
        for is_call in (True, False):
            net = sum(held[leg.name] for leg in BASE if leg.is_call == is_call)
            assert net >= 0, (line, "more is short of a side than its long legs cover")
        scales = [held[leg.name] / lots for leg, lots in BASE.items()]
        assert max(scales) - min(scales) <= STEP + 2 / 40, "a leg ran ahead of the others"
    sent = [order.client_id for _, order in room.venue.received]
    assert len(sent) == len(set(sent)), "an id was sent twice"
    deltas = [entry.exposure for entry in room.journal() if entry.exposure is not None]
    assert deltas
    assert all(-HARD <= seen.low <= seen.high <= HARD for seen in deltas), "hedged throughout"


@pytest.mark.parametrize("fate", [Fate(), PARTIAL, LOST_AFTER], ids=["filled", "parts", "lost"])
def test_four_legs_to_half_and_to_eight_tenths_with_a_rejected_leg(fate: Fate) -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.until(lambda: reasons(room)[-1:] == ["inside_band"])
        room.venue.script.extend([fate, REJECT, fate, fate, REJECT, REJECT, fate])
        assert await room.store.ask("main", wish(0.5)) == "ok"
        await scaled(room, 0.5)
        assert "venue_rejected" in reasons(room)
        room.venue.script.extend([fate, fate, REJECT, fate])
        assert await room.store.ask("main", wish(0.8)) == "ok"
        await scaled(room, 0.8)
        judge(room)

    in_room(body, legs=BASE)


def test_whoever_takes_over_in_the_middle_goes_on_to_the_scale() -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.until(lambda: reasons(room)[-1:] == ["inside_band"])
        room.venue.script.extend([PARTIAL, Fate(), LOST_AFTER])
        await room.store.ask("main", wish(0.5))
        await room.until(lambda: len(room.venue.received) >= 3)
        await room.kill()
        await room.start("w2", books=books())
        await scaled(room, 0.5)
        judge(room)

    in_room(body, legs=BASE)
