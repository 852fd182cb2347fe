"""Risk measures and scalers: a large book's value at risk, one decision's scalers, large orders.

``python -m benchmarks.sizing [--json] [--quick]``; the last table needs the recorded depth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec.structs import replace
from scipy.special import ndtr

from benchmarks.decide import desk, rules
from benchmarks.depth import outcomes, recorded
from benchmarks.measure import Finding, Table, best_times, main, optional
from hedger.clock import wall_ms
from hedger.core.decide import decide
from hedger.core.model import (
    CongestionRule,
    GridRule,
    KellyRule,
    LiquidityRule,
    MarginRule,
    Measured,
    Reading,
    Readings,
    SignalRule,
    Sizing,
    StaticRule,
    TailRule,
    Traffic,
    VolRegimeRule,
    VolTargetRule,
)
from hedger.core.risk.holdings import Holdings
from hedger.core.risk.margins import Collateral, GridMargin, StandardMargin, margin_measure
from hedger.core.risk.measures import Factors, factor_shocks, tail_measure
from hedger.core.sizing.kelly import growth

SPOT = 60_000.0
SCENARIOS = 1_000
MOVES = Factors(vol=0.6)
LEGS = 200
BOTH = Factors(vol=0.6, vol_of_vol=0.8, correlation=-0.5)


def book(legs: int) -> Holdings:
    """Inverse options of twenty expiries, long and short, no futures."""
    draw = np.random.default_rng(11)
    group = draw.integers(0, 20, legs)
    return Holdings(
        book="b",
        underlying="BTC",
        numeraire="usd",
        spot=SPOT,
        time_ms=0,
        names=tuple(f"leg{i}" for i in range(legs)),
        strike=SPOT * np.exp(draw.normal(0.0, 0.25, legs)).round(2),
        years=(group + 1) * 14.0 / 365.0,
        vol=draw.uniform(0.4, 0.9, legs),
        forward=SPOT * (1.0 + 0.002 * group),
        quantity=draw.normal(0.0, 2.0, legs),
        is_call=draw.random(legs) < 0.5,
        inverse=np.ones(legs, np.bool_),
        group=group,
        share=np.ones(legs),
        futures=(),
        equity=100.0,
        base_coin=100.0,
        smiles={},
    )


def numpy_pnl(held: Holdings, factors: Factors) -> np.ndarray[Any, Any]:
    """The obvious way: all legs in one scenario at a time, in arrays."""
    asked = factor_shocks(factors, horizon_days=1.0, scenarios=SCENARIOS)
    side = np.where(held.is_call, 1.0, -1.0)

    def coin(move: float, ratio: float, days: float) -> Any:
        forward, total = held.forward * move, held.vol * (1.0 + ratio)
        total = total * np.sqrt(held.years - days / 365.0)
        d1 = np.log(forward / held.strike) / total + 0.5 * total
        money = held.strike * ndtr(side * (d1 - total))
        return held.quantity @ (side * (forward * ndtr(side * d1) - money) / forward)

    now = coin(1.0, 0.0, 0.0)
    rows = zip(asked.move, asked.vol_ratio, asked.days, strict=True)
    cash = held.values.sum() * SPOT
    return np.array([coin(m, v, d) * m * SPOT - now * SPOT - cash * (m - 1.0) for m, v, d in rows])


def quantlib_run(held: Holdings, legs: int, scenarios: int) -> Callable[[], object] | None:
    """So many legs in so many scenarios by QuantLib's formula, one call each."""
    ql = optional("QuantLib")
    if ql is None:
        return None
    asked = factor_shocks(BOTH, horizon_days=1.0, scenarios=scenarios)
    kinds = [ql.Option.Call if c else ql.Option.Put for c in held.is_call[:legs].tolist()]

    def run() -> float:
        total = 0.0
        for m, ratio in zip(asked.move.tolist(), asked.vol_ratio.tolist(), strict=True):
            for i in range(legs):
                std = held.vol[i] * (1.0 + ratio) * np.sqrt(held.years[i] - 1.0 / 365.0)
                total += held.quantity[i] * ql.blackFormula(
                    kinds[i], float(held.strike[i]), float(held.forward[i] * m), float(std)
                )
        return total

    return run


def tails(quick: bool) -> Table:
    """Value at risk of 10,000 legs over 1,000 scenarios on one core."""
    held, sample = book(2_000 if quick else 10_000), book(200)
    ours = tail_measure(sample, BOTH, level=0.99)
    plain = np.sort(-numpy_pnl(sample, BOTH))[::-1]
    assert abs(ours.value_at_risk / plain[10] - 1.0) < 1e-9, (ours, plain[10])
    runs: dict[str, Callable[[], object]] = {
        "full, spot alone": lambda: tail_measure(held, MOVES),
        "full, spot and vol": lambda: tail_measure(held, BOTH),
        "delta-normal": lambda: tail_measure(held, BOTH, method="delta_normal"),
        "numpy, spot and vol, 200 legs": lambda: numpy_pnl(sample, BOTH),
        "ours, spot and vol, 200 legs": lambda: tail_measure(sample, BOTH),
        "margin grid and liquidations, 200 legs": lambda: margin_measure(
            sample, Collateral(100.0, 0.0), GridMargin()
        ),
        "standard margin and liquidations, 200 legs": lambda: margin_measure(
            sample, Collateral(100.0, 0.0), StandardMargin()
        ),
    }
    peer = quantlib_run(sample, 50, 20)
    if peer is not None:
        runs["QuantLib, 50 legs, 20 scenarios"] = peer
    times = best_times(runs, 2 if quick else 5)
    rows = [(name, seconds * 1e3, "ms") for name, seconds in times.items()]
    own = times["ours, spot and vol, 200 legs"]
    found = [
        Finding("full, spot and vol", times["full, spot and vol"], 0.2, "most", "s"),
        Finding("numpy over ours", times["numpy, spot and vol, 200 legs"] / own, 1.5, "least"),
    ]
    if peer is not None:
        each = times["QuantLib, 50 legs, 20 scenarios"] / 1_000
        found.append(Finding("QuantLib over ours", each * 200_000 / own, 10.0, "least"))
    return Table(f"value at risk of {len(held.names):,} legs, 1,000 scenarios", rows, found)


ALL = Sizing(
    shift_max=2.0,
    static=StaticRule(target=0.1),
    signal=SignalRule(capital=5.0, vol_target=0.1),
    grid=GridRule(step=500.0, size=0.1, total_max=1.0),
    grid_anchor=58_000.0,
    liquidity=LiquidityRule(),
    daily_volume=1e5,
    congestion=CongestionRule(),
    vol_target=VolTargetRule(target=0.2),
    vol_regime=VolRegimeRule(),
    kelly=KellyRule(),
    tail=TailRule(limit=1e5),
    margin=MarginRule(),
)
"""Every model: with the clip they say eleven things of one hedge."""


def scalers(quick: bool) -> Table:
    """What all models add to a decision that hedges, with finished measures."""
    now, plain = wall_ms(), rules("cubic")
    best = growth(np.random.default_rng(1).normal(1e-3, 0.02, 1_000), observations=100_000)
    held, market = desk(LEGS, now)
    readings = Readings(
        signal=Reading(value=0.3, time_ms=now),
        measured=Measured(time_ms=now, risk=0.25, loss=9e4, ratio=0.3, distance=0.4, optimum=best),
        traffic=Traffic(latency_ms=50.0, credits=0.9),
    )
    held, scaled = dataclasses.replace(held, readings=readings), replace(plain, sizing=ALL)
    said = decide(held, market, scaled, now)
    assert said.plan is not None
    assert len(said.scalings) == 11, [one.model for one in said.scalings]
    runs: dict[str, Callable[[], object]] = {
        "without": lambda: decide(held, market, plain, now),
        "with": lambda: decide(held, market, scaled, now),
    }
    found = {name: s * 1e6 for name, s in best_times(runs, 5 if quick else 20, 200).items()}
    return Table(
        f"all scalers of one decision, a book of {LEGS} legs",
        [(f"decide() {name} them", micros, "us") for name, micros in found.items()],
        [Finding("they add", found["with"] - found["without"], 100.0, "most", "us")],
    )


def depth(quick: bool) -> Table:
    """A large order at once and in parts, on the recorded book."""
    recording = recorded()
    rows, found = [], []
    for half_life_s in () if not recording else (0.0,) if quick else (0.0, 5.0):
        said = f"what we took is back after {half_life_s:g} s (half)" if half_life_s else "refilled"
        for one in outcomes(recording, half_life_s=half_life_s):
            name = f"{one.multiple} x top ({one.coin:.1f} coin), {said}"
            rows += [
                (f"{name}: at once", one.at_once, "bp"),
                (f"{name}: in parts", one.scheduled, "bp"),
            ]
            found.append(Finding(name, one.scheduled / one.at_once, 1.02, "most", "x"))
    return Table("cost of a large order on the recorded book", rows, found)


if __name__ == "__main__":
    main("Scaling: measures, scalers, large orders", tails, scalers, depth)
