"""The limits of self-tuning, whatever is measured: a tenth a day, never while vol rises."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hedger.core.bands.adaptive import WIDTHS, half_widths
from hedger.core.decide import decide
from hedger.core.model import BandInputs, BandRule, Decision, Memory, Tuning
from hedger.core.screen import screen
from hedger.core.shelf import Shelf
from hedger.core.tuning import (
    COST_MAX,
    DAY_MS,
    VOL_MAX,
    WIDER_MAX,
    Evidence,
    measured_cost,
    tuned,
)
from tests.core.desk import Desk, option, rules

LEGS = {option(62_000.0, 20, True): -200, option(57_000.0, 20, False): -100}
LOT = 10.0 / 60_000.0
HEDGED = Memory(hedges=1, hedge_price=60_000.0)
rates = st.floats(0.0, 0.02) | st.just(math.nan) | st.just(math.inf)
vols = st.floats(0.0, 5.0) | st.just(math.nan)
kinds = st.sampled_from(WIDTHS)
factors = st.floats(0.3, 3.0)


def rule(**change: Any) -> BandRule:
    usual: dict[str, Any] = {"kind": "cubic", "risk_aversion": 1e-3, "tuning": "on"}
    return BandRule(**(usual | change))


def decided(band: BandRule, memory: Memory | None = None, *, later_ms: int = 0) -> Decision:
    desk = Desk(LEGS)
    book = desk.book(memory=memory or Memory())
    made = decide(book, desk.board.market(), rules(band=band), desk.now)
    assert made.target is not None
    return replace(made, time_ms=made.time_ms + later_ms)


def width(band: BandRule, decision: Decision, tuning: Tuning) -> float:
    """Half-width of the band at an instant, had the tuning been this one."""
    target, seen = decision.target, decision.exposure
    assert target is not None
    assert seen is not None
    terms = target.inputs
    assert terms is not None
    found = replace(
        terms,
        cost=terms.cost / terms.tuned_cost * tuning.cost,
        vol=terms.vol / terms.tuned_vol * tuning.vol,
    )
    return half_widths(band, found, seen.curve, index=seen.index, lot_delta=LOT).edge


@settings(deadline=None)
@given(kinds, st.floats(0.0, 50.0), factors, factors, rates, vols, vols)
def test_one_change_widens_by_a_tenth_at_most_and_never_while_vol_rises(
    kind: str, bps: float, by_cost: float, by_vol: float, cost: float, vol: float, before: float
) -> None:
    band = rule(kind=kind, cost_bps=bps)
    memory = replace(HEDGED, tuning=Tuning(cost=by_cost, vol=by_vol))
    decision = decided(band, memory)
    evidence = Evidence(cost, vol, before)
    found = tuned(band, decision, evidence, lot_delta=LOT)
    if found is None:
        return
    was, now = (width(band, decision, t) for t in (memory.tuning, found))
    rises = not (0.0 < vol <= before)
    assert now <= was * (1.0 if rises else WIDER_MAX) * (1 + 1e-12)
    assert found.changed_ms == decision.time_ms
    assert math.isfinite(found.cost)
    assert math.isfinite(found.vol)


@settings(deadline=None)
@given(
    kinds,
    st.floats(0.5, 50.0),
    st.lists(st.tuples(st.integers(0, DAY_MS), rates, vols, vols), min_size=1, max_size=30),
)
def test_a_tenth_is_the_most_within_any_day(
    kind: str, bps: float, looks: list[tuple[int, float, float, float]]
) -> None:
    """However often it is looked at: of any day's changes no two stand in it."""
    band, memory, at_ms = (
        rule(kind=kind, cost_bps=bps),
        HEDGED,
        2 * DAY_MS,
    )
    changes: list[int] = []
    for wait_ms, cost, vol, before in looks:
        at_ms += wait_ms
        decision = replace(decided(band, memory), time_ms=at_ms)
        found = tuned(band, decision, Evidence(cost, vol, before), lot_delta=LOT)
        if found is None:
            continue
        assert all(at_ms - ms >= DAY_MS for ms in changes)
        changes.append(at_ms)
        assert 1.0 / COST_MAX - 1e-9 <= found.cost <= COST_MAX + 1e-9
        assert 1.0 / VOL_MAX - 1e-9 <= found.vol <= VOL_MAX + 1e-9
        memory = replace(memory, tuning=found)


@settings(deadline=None)
@given(kinds, st.sampled_from([0.0, 1e-3]), factors, factors)
def test_the_risk_aversion_is_never_touched(
    kind: str, aversion: float, by_cost: float, by_vol: float
) -> None:
    """Given, frozen or made now: it is that of the inputs as they were found."""
    band = rule(kind=kind, risk_aversion=aversion, cost_bps=5.0)
    for frozen in (0.0, 2e-3):
        plain = decided(band, replace(HEDGED, risk_aversion=frozen))
        memory = Memory(
            hedges=1,
            hedge_price=60_000.0,
            risk_aversion=frozen,
            tuning=Tuning(cost=by_cost, vol=by_vol),
        )
        moved = decided(band, memory)
        assert inputs(moved).risk_aversion == inputs(plain).risk_aversion
        assert inputs(moved).source == inputs(plain).source
        assert moved.memory.risk_aversion == plain.memory.risk_aversion
        others = {"cost", "vol", "tuned_cost", "tuned_vol"}
        assert without(inputs(moved), others) == without(inputs(plain), others)


def inputs(decision: Decision) -> BandInputs:
    assert decision.target is not None
    assert decision.target.inputs is not None
    return decision.target.inputs


def without(record: Any, names: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.structs.asdict(record)
    return {name: value for name, value in found.items() if name not in names}


def test_both_are_factors_on_what_is_found_and_lead_to_what_is_measured() -> None:
    band, memory, at_ms = rule(cost_bps=4.0), HEDGED, 0
    for _ in range(30):
        at_ms += DAY_MS
        decision = replace(decided(band, memory), time_ms=at_ms)
        evidence = Evidence(
            cost=8e-4, vol=0.5 * inputs(decision).vol / memory.tuning.vol, vol_before=9
        )
        found = tuned(band, decision, evidence, lot_delta=LOT)
        memory = replace(memory, tuning=found or memory.tuning)
    assert memory.tuning.cost > 1.9
    assert memory.tuning.vol < 0.55
    plain, moved = decided(band), decided(band, memory)
    assert inputs(moved).cost == inputs(plain).cost * memory.tuning.cost
    assert inputs(moved).vol == inputs(plain).vol * memory.tuning.vol


def test_off_nothing_is_tuned_and_what_was_tuned_does_not_count() -> None:
    off = rule(tuning="off", cost_bps=4.0)
    memory = replace(HEDGED, tuning=Tuning(cost=2.0, vol=0.5, changed_ms=1))
    decision = decided(off, memory)
    assert inputs(decision) == inputs(decided(off, HEDGED))
    assert decision.target == decided(off, HEDGED).target
    assert tuned(off, decision, Evidence(8e-4, 0.5, 0.6), lot_delta=LOT) is None
    assert tuned(rule(kind="price_move"), decision, Evidence(8e-4, 0.5, 0.6), lot_delta=LOT) is None


def test_it_outlasts_a_hedge() -> None:
    tuning = Tuning(cost=1.5, vol=0.9, changed_ms=7)
    decision = decided(rule(cost_bps=0.01, risk_aversion=50.0), Memory(tuning=tuning))
    assert decision.plan is not None
    assert decision.memory.hedges == 1
    assert decision.memory.tuning == tuning


def test_a_book_whose_band_may_be_tuned_is_not_screened() -> None:
    desk = Desk(LEGS)
    for tuning, judged in (("off", True), ("on", False)):
        shelf, market = Shelf(), desk.board.market()
        shelf.put(desk.book(), rules(band=rule(tuning=tuning)), market.row)
        assert shelf.judges(desk.book().name) is judged
        screen(shelf, market, desk.now)


def test_a_cost_is_measured_from_five_fills_on() -> None:
    desk = Desk(LEGS)
    for fills, known in ((4, False), (5, True)):
        memory = replace(HEDGED, fills=fills, slippage=2e-4)
        decision = decided(rule(), memory)
        found = measured_cost(desk.book(memory=memory), decision)
        assert (found > 2e-4) is known
        assert known or found == 0.0
