"""The simulator of a study and `decide` are the same hedger: same steps, same quantities."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.backtest.paths import Simulated, rows
from hedger.backtest.simulation import hedges
from hedger.backtest.study import Study
from hedger.core.decide import decide
from hedger.core.model import Action, BandRule, Instrument, LimitRule, Memory
from tests.backtest.desk import made
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, START, Desk, option, rules

PATHS, FEWER = 100, 20
STEPS, DAYS = 40, 30.0
STEP_MS = int(DAYS * DAY_MS) // STEPS
LOT = 1e-6
BEGIN = START - START % (6 * STEP_MS)
"""A beginning of intervals of two and of three steps, which `decide` counts from the epoch."""
NO_LIMIT = LimitRule(first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, hard_band=1e9)
"""A study has no hard band, beyond which no interval is waited for."""
FINE = msgspec.structs.replace(LINEAR_PERPETUAL, lot=LOT, contract=LOT, tick=1e-6)
BOOKS = {
    "short call": [(-1.0, 100.0, 30.0, True)],
    "long put that outlives the study": [(2.0, 95.0, 45.0, False)],
    "short strangle of two expiries": [(-1.0, 110.0, 30.0, True), (-1.0, 90.0, 40.0, False)],
    "calendar": [(-1.0, 100.0, 12.0, True), (1.0, 100.0, 60.0, True)],
    "risk reversal": [(1.0, 115.0, 30.0, True), (-1.0, 88.0, 30.0, False)],
    "butterfly": [(1.0, 85.0, 30.0, True), (-2.0, 100.0, 30.0, True), (1.0, 118.0, 30.0, True)],
    "strangle within a strangle": [
        (-1.0, 108.0, 30.0, True),
        (-1.0, 93.0, 30.0, False),
        (1.5, 135.0, 45.0, True),
        (0.5, 70.0, 21.0, False),
    ],
}
MIXED = ["calendar", "risk reversal", "butterfly", "strangle within a strangle"]

EDGE, CLIPPED = {"kind": "cubic", "clip": 0.0}, {"kind": "cubic"}
POLICIES: list[dict[str, Any]] = [
    EDGE,
    CLIPPED,
    {"kind": "whalley_wilmott"},
    {"kind": "zakamouline"},
    {"kind": "zakamouline", "clip": 0.1},
    {"kind": "fixed", "half_width": 0.08},
    {"kind": "fixed", "half_width": 0.08, "clip": 0.2},
    {"kind": "interval", "every_steps": 3},
    {"kind": "leland", "every_steps": 2},
]


def study(
    legs: list[tuple[float, float, float, bool]],
    policy: dict[str, Any],
    fixed: float = 0.0,
    **market: Any,
) -> Study:
    tables = [
        {"quantity": q, "strike": k, "days_to_expiry": d, "is_call": c} for q, k, d, c in legs
    ]
    spread = {"paths": PATHS, "steps": STEPS, "horizon_days": DAYS} | market
    it = made([{"name": "the one", **policy}], book=tables, **spread)
    return it._replace(cost=it.cost._replace(fixed=fixed))


def band(it: Study, step: int) -> BandRule:
    """What the simulator's policy is as a rule: the hedging horizon is what is left of the study.

    Nothing else than that changes from step to step.
    """
    policy, width = it.policies[0], it.policies[0].half_width
    if width is not None:
        return BandRule(
            lower=-width,
            upper=width,
            rehedge_to="centre" if policy.clip is None else "edge",
            clip_min=policy.clip or 0.0,
            cooldown_ms=0,
        )
    return BandRule(
        kind=policy.kind,
        clip_min=policy.clip or 0.0,
        risk_aversion=it.risk_aversion,
        cost_bps=1e4 * it.cost.proportional,
        order_cost=it.cost.fixed,
        horizon_days=DAYS * (STEPS - step) / STEPS,
        delay_ms=STEP_MS,
        interval_ms=policy.every_steps * STEP_MS if policy.kind in ("interval", "leland") else 0,
        cooldown_ms=0,
    )


def decided_along(it: Study, path: np.ndarray) -> list[float]:
    """The hedge after each check, as `decide` has it along one path."""
    legs: dict[Instrument, int] = {}
    for g in it.legs:
        made_of = option(g.strike, g.expiry * 365.0, g.is_call, inverse=False)
        leg = msgspec.structs.replace(made_of, expiry_ms=made_of.expiry_ms + BEGIN - START)
        legs[leg] = legs.get(leg, 0) + round(10 * g.quantity)
    desk = Desk(legs, index=float(path[0]), vol=it.market.vol, hedge=FINE, now=BEGIN)
    memory, taken = Memory(), []
    for step in range(STEPS):
        desk.index = float(path[step])
        desk.quote_all()
        rule = rules(numeraire="usd", hedge=FINE.name, band=band(it, step), limits=NO_LIMIT)
        found = decide(desk.book(memory=memory), desk.board.market(), rule, desk.now)
        if found.action is Action.HEDGE:
            assert found.plan is not None
            desk.hedge_lots += found.plan.lines[0].lots
            memory = found.memory
        else:
            assert found.action is Action.NO_TRADE, found.text
        taken.append(desk.hedge_lots * LOT)
        desk.now += STEP_MS
    return taken


def same(it: Study, paths: int, lots: float = 1.0) -> int:
    """Hold the simulator and `decide` to one another on so many paths; how many trades there were.

    Exactly to the edge, and only there, a trade may be smaller than the lot that would do it; to
    the centre, one lot of the hedge may be left open by one of them.
    """
    when = rows(it.market, tuple(leg.expiry for leg in it.legs))
    block = Simulated(it.market, when.times).block(0)
    policy = it.policies[0]
    simulated = hedges(it, block, when, policy)[:, :paths]
    decided = np.array([decided_along(it, block[:, path]) for path in range(paths)]).T
    assert np.max(np.abs(decided - simulated)) <= lots * LOT * (1.0 + 1e-9)
    ours, theirs = (np.diff(hedge, axis=0, prepend=0.0) for hedge in (simulated, decided))
    size = np.maximum(np.abs(ours), np.abs(theirs))
    both = (ours != 0.0) == (theirs != 0.0)
    assert np.all(both | (size <= lots * LOT * (1.0 + 1e-9)))
    is_wide = bool(policy.clip) or policy.kind == "fixed"
    assert np.all(both) or not is_wide
    return int(np.count_nonzero(ours))


@pytest.mark.parametrize(
    ("book", "policy", "fixed", "paths"),
    [
        ("short call", EDGE, 0.0, PATHS),
        ("short call", CLIPPED, 0.0, PATHS),
        ("short call", CLIPPED, 0.02, FEWER),
        ("long put that outlives the study", CLIPPED, 0.0, FEWER),
        ("long put that outlives the study", CLIPPED, 0.02, FEWER),
        ("short strangle of two expiries", EDGE, 0.0, FEWER),
    ],
)
def test_simulator_and_decide_make_the_same_trades(
    book: str, policy: dict[str, Any], fixed: float, paths: int
) -> None:
    assert same(study(BOOKS[book], policy, fixed), paths) > 3 * paths


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: "-".join(map(str, p.values())))
@pytest.mark.parametrize("book", MIXED)
def test_so_they_do_where_legs_bend_both_ways(book: str, policy: dict[str, Any]) -> None:
    assert same(study(BOOKS[book], policy), FEWER) > FEWER


@pytest.mark.parametrize("book", MIXED)
def test_so_they_do_with_a_fixed_cost_too(book: str) -> None:
    assert same(study(BOOKS[book], CLIPPED, 0.02), FEWER) > FEWER


LEG = st.tuples(
    st.sampled_from([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]),
    st.integers(70, 140).map(float),
    st.sampled_from([9.0, 30.0, 47.5]),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(
    legs=st.lists(LEG, min_size=1, max_size=6),
    policy=st.sampled_from(POLICIES),
    fixed=st.sampled_from([0.0, 0.02]),
    seed=st.integers(0, 2**31),
)
def test_so_they_do_for_any_book(
    legs: list[tuple[float, float, float, bool]], policy: dict[str, Any], fixed: float, seed: int
) -> None:
    """Within two lots: a band of next to nothing ends a whole lot inside, and then is rounded."""
    is_dear = policy["kind"] == "cubic"
    same(study(legs, policy, fixed if is_dear else 0.0, paths=3, seed=seed), 3, lots=2.0)
