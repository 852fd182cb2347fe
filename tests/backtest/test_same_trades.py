"""The simulator of a study and `decide` are the same hedger: same steps, same quantities."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from hedger.backtest.paths import Simulated, rows
from hedger.backtest.simulation import hedges
from hedger.backtest.study import Study
from hedger.core.decide import decide
from hedger.core.model import Action, BandRule, Memory
from tests.backtest.desk import made
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, Desk, option, rules

PATHS, FEWER = 100, 20
STEPS, DAYS = 40, 30.0
STEP_MS = int(DAYS * DAY_MS) // STEPS
LOT = 1e-6
FINE = msgspec.structs.replace(LINEAR_PERPETUAL, lot=LOT, contract=LOT, tick=1e-6)
BOOKS = {
    "short call": [(-1.0, 100.0, 30.0, True)],
    "long put that outlives the study": [(2.0, 95.0, 45.0, False)],
    "short strangle of two expiries": [(-1.0, 110.0, 30.0, True), (-1.0, 90.0, 40.0, False)],
}


EDGE, CLIPPED = {"kind": "cubic", "clip": 0.0}, {"kind": "cubic"}


def study(book: str, policy: dict[str, Any], fixed: float = 0.0) -> Study:
    tables = [
        {"quantity": q, "strike": k, "days_to_expiry": d, "is_call": c}
        for q, k, d, c in BOOKS[book]
    ]
    it = made([policy], paths=PATHS, steps=STEPS, horizon_days=DAYS, book=tables)
    return it._replace(cost=it.cost._replace(fixed=fixed))


def band(it: Study, step: int) -> BandRule:
    """What the simulator's policy is as a rule: the hedging horizon is what is left of the study.

    Nothing else than that changes from step to step.
    """
    policy = it.policies[0]
    return BandRule(
        kind=policy.kind,
        clip_min=policy.clip or 0.0,
        risk_aversion=it.risk_aversion,
        cost_bps=1e4 * it.cost.proportional,
        order_cost=it.cost.fixed,
        horizon_days=DAYS * (STEPS - step) / STEPS,
        delay_ms=STEP_MS,
        cooldown_ms=0,
    )


def decided_along(it: Study, path: np.ndarray) -> list[float]:
    """The hedge after each check, as `decide` has it along one path."""
    legs = {
        option(g.strike, g.expiry * 365.0, g.is_call, inverse=False): round(10 * g.quantity)
        for g in it.legs
    }
    desk = Desk(legs, index=float(path[0]), vol=it.market.vol, hedge=FINE)
    memory, taken = Memory(), []
    for step in range(STEPS):
        desk.index = float(path[step])
        desk.quote_all()
        rule = rules(numeraire="usd", hedge=FINE.name, band=band(it, step))
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


@pytest.mark.parametrize(
    ("book", "policy", "fixed", "paths"),
    [
        ("short call", EDGE, 0.0, PATHS),
        ("short call", CLIPPED, 0.0, PATHS),
        ("short call", CLIPPED, 0.02, FEWER),
        ("long put that outlives the study", CLIPPED, 0.0, FEWER),
        ("short strangle of two expiries", EDGE, 0.0, FEWER),
    ],
)
def test_simulator_and_decide_make_the_same_trades(
    book: str, policy: dict[str, Any], fixed: float, paths: int
) -> None:
    it = study(book, policy, fixed)
    when = rows(it.market, tuple(leg.expiry for leg in it.legs))
    block = Simulated(it.market, when.times).block(0)
    simulated = hedges(it, block, when, it.policies[0])[:, :paths]
    decided = np.array([decided_along(it, block[:, path]) for path in range(paths)]).T
    assert np.max(np.abs(decided - simulated)) <= LOT * (1.0 + 1e-9)
    ours, theirs = (np.diff(hedge, axis=0, prepend=0.0) for hedge in (simulated, decided))
    size = np.maximum(np.abs(ours), np.abs(theirs))
    same = (ours != 0.0) == (theirs != 0.0)
    # exactly to the edge, and only there, a trade may be smaller than the lot that would do it
    assert np.all(same | (size <= LOT * (1.0 + 1e-9)))
    assert np.all(same) or policy is EDGE
    assert np.count_nonzero(ours) > 3 * paths
