"""The optimum against values computed elsewhere, the kernels against plain Python, the figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hedger.backtest.compare import Comparison, compared, findings
from hedger.backtest.numerical import Leg, optimum
from hedger.backtest.paths import Simulated, rows
from hedger.backtest.simulation import Outcome, hedges, simulated
from hedger.backtest.study import DAYS, Market, Study
from hedger.core.bands import formulas
from pricing import black
from tests.backtest.desk import made

REFERENCE = {
    "C1": (0.6, 30 / 365, 0.0005, 0.2, 0.1422),
    "C3": (0.6, 30 / 365, 0.002, 0.2, 0.3923),
    "C4": (0.6, 7 / 365, 0.0005, 0.2, 0.0949),
    "C5": (0.2, 0.25, 0.001, 0.2, 0.1752),
    "C6": (0.25, 1.0, 0.01, 0.1, 1.353),
}
EVERY = [
    {"kind": "cubic", "name": "edge", "clip": 0.0},
    {"kind": "cubic"},
    {"kind": "whalley_wilmott"},
    {"kind": "zakamouline"},
    {"kind": "fixed", "half_width": 0.1},
    {"kind": "interval", "every_steps": 3},
    {"kind": "leland", "every_steps": 3},
    {"kind": "numerical"},
    {"kind": "none"},
]


@pytest.mark.parametrize("name", REFERENCE)
def test_optimum_is_the_one_computed_elsewhere(name: str) -> None:
    vol, horizon, cost, aversion, known = REFERENCE[name]
    found = optimum(
        (Leg(-1.0, 100.0, horizon, True),),
        spot=100.0,
        vol=vol,
        horizon=horizon,
        steps=720,
        risk_aversion=aversion,
        proportional=cost,
    )
    assert found.cost == pytest.approx(known, rel=0.007)


def test_optimum_has_converged() -> None:
    legs = (Leg(-1.0, 105.0, 14 / 365, True), Leg(-1.0, 95.0, 60 / 365, False))
    values = [
        optimum(
            legs, spot=100.0, vol=0.6, horizon=30 / 365, steps=120, risk_aversion=0.2,
            proportional=0.0005, hedges=hedges_, nodes_min=nodes,
        ).cost
        for hedges_, nodes in ((400, 150), (1200, 150), (400, 300))
    ]  # fmt: skip
    assert values == pytest.approx([values[0]] * 3, rel=3e-4)


def test_nothing_beats_the_optimum() -> None:
    done = compared(made(EVERY[-2:] + EVERY[:7], paths=4_000, steps=120))
    first, *others = done.findings
    assert first.kind == "numerical"
    for other in others:
        assert other.ratio > 1.0 - 3.0 * other.ratio_error, other.name


def test_nothing_beats_the_optimum_of_a_fixed_cost() -> None:
    study = made([*EVERY[-2:-1], *EVERY[:3]], paths=10_000, steps=240)
    first, *others = compared(study._replace(cost=study.cost._replace(fixed=0.02))).findings
    assert first.kind == "numerical"
    for other in others:
        assert other.ratio > 1.0 - 2.5 * other.ratio_error, other


def test_a_trigger_that_is_not_there_never_trades() -> None:
    legs = (Leg(-1.0, 100.0, 30 / 365, True),)
    found = optimum(
        legs, spot=100.0, vol=0.6, horizon=30 / 365, steps=120, risk_aversion=0.2,
        proportional=0.0005, fixed=0.02,
    ).edges  # fmt: skip
    assert np.all(found[..., 0] < np.inf)
    assert np.all(found[..., 3] > -np.inf)
    assert np.all(np.diff(found, axis=2) >= 0.0)


def plain_cubic(study: Study, path: np.ndarray, clip: float) -> list[float]:
    """The cubic band along one path, written as its description reads."""
    hedge, taken, steps = 0.0, [], study.market.steps
    leg, vol = study.legs[0], study.market.vol
    for n in range(steps):
        spot, now = float(path[n]), study.horizon * n / steps
        unit = black(
            forward=spot, strike=leg.strike, time_to_expiry=leg.expiry - now, vol=vol, is_call=True
        )
        delta, gamma = leg.quantity * float(unit.delta), leg.quantity * float(unit.gamma)
        half = formulas.cubic(
            study.cost.proportional, spot, gamma, gamma * gamma, vol, study.horizon - now,
            study.risk_aversion, study.horizon / steps,
        )  # fmt: skip
        half = min(half, 0.5)
        trigger, target = half * (1.0 + 0.5 * clip), half * (1.0 - 0.5 * clip)
        if hedge + delta > trigger:
            hedge = -delta + target
        elif hedge + delta < -trigger:
            hedge = -delta - target
        taken.append(hedge)
    return taken


@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_kernel_and_plain_python_hedge_alike(clip: float) -> None:
    study = made([{"kind": "cubic", "clip": clip}], steps=120)
    when = rows(study.market, tuple(leg.expiry for leg in study.legs))
    block = Simulated(study.market, when.times).block(0)
    found = hedges(study, block, when, study.policies[0])
    for path in range(20):
        assert found[:, path] == pytest.approx(
            plain_cubic(study, block[:, path], clip), rel=0.0, abs=1e-9
        )


@pytest.mark.parametrize(("count", "exact"), [(21, 0.42792), (84, 0.21821)])
def test_discrete_hedging_has_the_exact_spread(count: int, exact: float) -> None:
    study = made(
        [{"kind": "interval", "every_steps": 1}],
        vol=0.2, horizon_days=DAYS / 12, steps=count, paths=40_000,
    )._replace(legs=(Leg(-1.0, 100.0, 1 / 12, True),))  # fmt: skip
    study = study._replace(cost=study.cost._replace(proportional=0.0))
    when = rows(study.market, (1 / 12,))
    pnl = simulated(study, Simulated(study.market, when.times), when).pnl[0]
    std = float(pnl.std(ddof=1))
    error = math.sqrt((float(((pnl - pnl.mean()) ** 4).mean()) - std**4) / pnl.size) / (2 * std)
    assert abs(std - exact) < 4.0 * error


def test_an_expiry_between_checks_pays_what_spot_was_then() -> None:
    study = made([{"kind": "none"}], steps=10, horizon_days=10.0)
    study = study._replace(legs=(Leg(-2.0, 100.0, 3.7 / DAYS, False),))
    when = rows(study.market, (3.7 / DAYS,))
    assert when.times.size == 12
    block = Simulated(study.market, when.times).block(0)
    found = simulated(study, Simulated(study.market, when.times), when)
    row = int(np.searchsorted(when.times, 3.7 / DAYS))
    unit = black(forward=100.0, strike=100.0, time_to_expiry=3.7 / DAYS, vol=0.6, is_call=False)
    start = float(unit.price)
    assert found.pnl[0] == pytest.approx(-2.0 * (np.maximum(100.0 - block[row], 0.0) - start))


def test_liquidation_is_charged() -> None:
    study = made([{"kind": "interval", "every_steps": 1}])
    when = rows(study.market, tuple(leg.expiry for leg in study.legs))
    source = Simulated(study.market, when.times)
    kept = simulated(study, source, when)
    sold = simulated(study._replace(cost=study.cost._replace(liquidate=True)), source, when)
    left = np.abs(hedges(study, source.block(0), when, study.policies[0])[-1])
    assert kept.pnl[0] - sold.pnl[0] == pytest.approx(0.0005 * left * source.block(0)[-1])
    assert (sold.orders[0] - kept.orders[0]).tolist() == (left > 0.0).astype(float).tolist()


def test_one_path_that_carries_everything_is_said() -> None:
    study = made([{"kind": "none"}, {"kind": "cubic"}])
    pnl = np.zeros((2, 100))
    pnl[1, 0] = -100.0
    calm, wild = findings(study, Outcome(pnl, np.ones((2, 100)), np.ones((2, 100))))
    assert calm.is_estimable
    assert calm.exchanged()["certainty_equivalent"] == 0.0
    assert wild.max_path_weight > 0.99
    assert wild.exchanged()["certainty_equivalent"] is None
    assert wild.certainty_equivalent == pytest.approx(100.0 - math.log(100) / 0.2)  # no overflow
    assert wild.es95 == pytest.approx(20.0)


def test_a_policy_of_lower_certainty_equivalent_is_said_first() -> None:
    study = made([{"kind": "cubic"}, {"kind": "fixed", "half_width": 0.1}, {"kind": "numerical"}])
    pnl = np.random.default_rng(1).standard_normal((1, 4_000)) - np.array([[1.5], [1.35], [1.3]])
    found = findings(study, Outcome(pnl, np.ones((3, 4_000)), np.ones((3, 4_000))))
    (said,) = Comparison(study, 4_000, found, (), ()).behind
    assert said.startswith("'fixed' has a certainty equivalent of 1.4")
    assert said.endswith("the cubic band is behind here")
    bates = study._replace(market=study.market._replace(kind="bates"))
    assert len(Comparison(bates, 4_000, found, (), ()).behind) == 2
    level = tuple(f._replace(certainty_equivalent=1.0) for f in found)
    assert Comparison(bates, 4_000, level, (), ()).behind == ()


@pytest.mark.parametrize("kind", ["gbm", "heston", "merton", "bates"])
def test_paths_are_a_martingale_and_the_same_again(kind: str) -> None:
    market = Market(kind, 100.0, 0.6, 30.0, 50, 20_000, 3)
    when = rows(market, ())
    source = Simulated(market, when.times)
    ends = np.concatenate([source.block(i)[-1] for i in range(-(-20_000 // source.width))])
    assert ends.size == 20_000
    assert abs(ends.mean() - 100.0) < 4.0 * ends.std() / math.sqrt(ends.size)
    assert np.array_equal(source.block(3), Simulated(market, when.times).block(3))


def test_every_policy_runs_on_every_market() -> None:
    names: list[dict[str, Any]] = EVERY
    for kind in ("gbm", "heston", "merton", "bates"):
        done = compared(made(names, kind=kind, paths=300), frontier=kind == "bates")
        assert [f.kind for f in done.findings] == [p["kind"] for p in names]
        for found in done.findings:
            assert math.isfinite(found.mean_cost), found
            assert found.std > 0.0
            assert (found.trades > 0.0) == (found.kind != "none")
        assert bool(done.curves) == (kind != "gbm" or not done.is_estimable)
