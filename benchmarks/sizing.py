"""Risk measures and scalers: a large book's value at risk, one decision's scalers, large orders.

``python -m benchmarks.sizing [--json] [--quick]``; the last table needs the recorded depth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from benchmarks.depth import outcomes, recorded
from benchmarks.measure import Finding, Table, best_times, main, optional
from hedger.core.model import (
    CongestionRule,
    GridRule,
    KellyRule,
    LiquidityRule,
    MarginRule,
    SignalRule,
    StaticRule,
    TailRule,
    Traffic,
    VolRegimeRule,
    VolTargetRule,
)
from hedger.core.risk.holdings import Holdings
from hedger.core.risk.margins import Collateral, GridMargin, StandardMargin, margin_measure
from hedger.core.risk.measures import Factors, factor_shocks, tail_measure
from hedger.core.sizing.combine import combine
from hedger.core.sizing.congestion import clip, congestion
from hedger.core.sizing.grid import grid
from hedger.core.sizing.kelly import growth, kelly
from hedger.core.sizing.liquidity import Depth, liquidity
from hedger.core.sizing.margin import margin
from hedger.core.sizing.signal import signal
from hedger.core.sizing.static import static
from hedger.core.sizing.value_at_risk import value_at_risk
from hedger.core.sizing.vol_regime import vol_regime
from hedger.core.sizing.vol_target import vol_target

SPOT = 60_000.0
SCENARIOS = 1_000
MOVES = Factors(vol=0.6)
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


def scalers(quick: bool) -> Table:
    """Every model once, with finished measures, and their combination."""
    best = growth(np.random.default_rng(1).normal(1e-3, 0.02, 1_000), observations=100_000)
    rising = tuple((SPOT + i, 0.5) for i in range(1, 21))
    depth = Depth(
        bids=tuple((SPOT - i, 0.5) for i in range(1, 21)),
        asks=rising,
        age_ms=100,
        daily_volume=1e5,
        daily_vol=0.03,
    )
    target, regime, bets, tail = (
        VolTargetRule(target=0.2),
        VolRegimeRule(),
        KellyRule(),
        TailRule(limit=1e5),
    )
    asked, still, view = MarginRule(), StaticRule(target=0.1), SignalRule(capital=5, vol_target=0.1)
    ladder = GridRule(step=500.0, size=0.1, total_max=1.0)
    flow, rule, traffic = LiquidityRule(), CongestionRule(), Traffic(latency_ms=50.0, credits=0.9)

    def every() -> object:
        return combine(
            (
                vol_target(target, risk=0.25, age_ms=500, before=1.0),
                vol_regime(regime, short_vol=0.6, long_vol=0.5, signal=1.0, age_ms=5, before=1.0),
                kelly(bets, optimum=best, age_ms=500, before=1.0),
                value_at_risk(tail, loss=9e4, age_ms=500, before=1.0),
                margin(asked, ratio=0.3, distance=0.4, age_ms=500, held=1.0, before=1.0),
                static(still, spot=SPOT, before=0.1),
                signal(view, value=0.3, age_ms=500, vol=0.5, before=0.0),
                grid(ladder, spot=SPOT, anchor=58_000.0, before=3)[0],
                liquidity(flow, wanted=4.0, depth=depth),
                congestion(rule, traffic, urgent=False),
                clip(rule, traffic),
            ),
            shift_max=2.0,
        )

    seconds = best_times({"all": every}, 5 if quick else 20, 200)["all"]
    return Table(
        "all scalers of one decision, whatever the book",
        [("eleven models and their combination", seconds * 1e6, "us")],
        [Finding("a decision", seconds * 1e6, 100.0, "most", "us")],
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
