"""Any structure of four legs scaled 1.0, 0.5, 0.8 through a worker, whatever becomes of its orders.

Structures and fates are drawn; the exchange's log is the judge: never more of a side uncovered than
in proportion, legs beside each other, ids sent once, delta inside the hard band, the scale reached.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hedger.core.acts.portions import share
from hedger.core.model import BandRule, Instrument, ScaleRule
from tests.core.desk import option
from tests.service.room import HEDGE, Room, book_params, book_rules, in_room, reasons
from tests.service.test_scale import wish
from tests.service.venue import FILL, LOST_AFTER, LOST_BEFORE, REJECT
from tests.service.venue import Act as Fate

HARD = 0.75
STRIKES = {True: (60_000.0, 66_000.0, 72_000.0), False: (60_000.0, 54_000.0, 48_000.0)}
LEGS = [
    option(strike, days, is_call)
    for is_call, strikes in STRIKES.items()
    for strike in strikes
    for days in (8, 30)
]
FATES = [FILL, Fate(share=0.4), Fate(share=0.7), REJECT, LOST_AFTER, LOST_BEFORE]

structures = st.lists(
    st.tuples(
        st.sampled_from(range(len(LEGS))),
        st.integers(-30, 30).filter(lambda lots: abs(lots) >= 4),
    ),
    min_size=4,
    max_size=4,
    unique_by=lambda row: row[0],
).map(lambda rows: {LEGS[number]: lots for number, lots in rows})
fates = st.lists(st.sampled_from(FATES), min_size=0, max_size=16)
steps = st.sampled_from([0.1, 0.25, 0.5])


def books(base: dict[Instrument, int], step: float) -> Any:
    rule = ScaleRule(base=tuple((leg.name, lots) for leg, lots in base.items()), step=step)
    rules = book_rules(band=BandRule(lower=-0.25, upper=0.25))
    positions = {leg.name: lots for leg, lots in base.items()}
    return (book_params(rules=msgspec.structs.replace(rules, scale=rule), positions=positions),)


def naked(lots: dict[str, int], base: dict[Instrument, int], is_call: bool) -> int:
    """Lots of a side that no long leg covers."""
    return max(-sum(lots[leg.name] for leg in base if leg.is_call == is_call), 0)


def judge(room: Room, base: dict[Instrument, int], step: float, begun: int) -> None:
    """By the exchange's log alone, from the structure as it was at first."""
    lots = {leg.name: count for leg, count in base.items()}
    most = {is_call: naked(lots, base, is_call) for is_call in (True, False)}
    for line in room.venue.log:
        if line.instrument == HEDGE:
            continue
        lots[line.instrument] += line.lots
        for is_call in (True, False):
            assert naked(lots, base, is_call) <= most[is_call], (line, lots)
        scales = [(lots[leg.name] / n, 1.0 / abs(n)) for leg, n in base.items()]
        rounding = 2.0 * max(one for _, one in scales)
        spread = max(s for s, _ in scales) - min(s for s, _ in scales)
        assert spread <= step + rounding + 1e-9, (line, lots, "a leg ran ahead of the others")
    sent = [order.client_id for _, order in room.venue.received]
    assert len(sent) == len(set(sent)), "an id was sent twice"
    for entry in room.journal()[begun:]:
        if (seen := entry.exposure) is not None:
            assert -HARD <= seen.low <= seen.high <= HARD, (entry.text, "hedged throughout")


async def played(room: Room, base: dict[Instrument, int], step: float, fate: list[Fate]) -> None:
    await room.start(books=books(base, step))
    await room.until(lambda: reasons(room)[-1:] == ["inside_band"])
    begun = len(room.journal())
    for number, scale in enumerate((0.5, 0.8), 1):
        room.venue.script.extend(fate)
        act = msgspec.structs.replace(wish(scale), asked_ms=number)
        assert await room.store.ask("main", act) == "ok"
        held = room.venue.held
        await room.until(lambda: room.row().act is None and room.agrees(), 600)
        there = {leg.name: share(lots, scale) for leg, lots in base.items()}
        assert {name: held[name] for name in there} == there
    judge(room, base, step, begun)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(base=structures, step=steps, fate=fates)
def test_any_four_legs_with_any_faults_end_at_scale_and_were_never_naked(
    base: dict[Instrument, int], step: float, fate: list[Fate]
) -> None:
    async def body(room: Room) -> None:
        await played(room, base, step, fate)

    in_room(body, legs=base)
