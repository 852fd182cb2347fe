"""Every band beside the optimum on the same paths, and what a simulated path-step costs.

    python -m benchmarks.bands [--json] [--quick]

Ratios are of certainty equivalents, paired; beside each stands its standard error. 200,000 paths
need a few minutes; --quick looks at 20,000, where a ratio is known to one per cent only.
"""

import math
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.measure import Finding, Table, best_times, in_unit, main
from hedger.backtest.compare import Comparison, compared
from hedger.backtest.numerical import Leg
from hedger.backtest.paths import Simulated, rows
from hedger.backtest.simulation import simulated
from hedger.backtest.study import DAYS, Cost, Market, Policy, Study

PATHS, QUICK = 200_000, 20_000
STEPS = 720
EXACT = {21: 0.42792, 84: 0.21821}  # std of hedging a call discretely, by quadrature


class Case(NamedTuple):
    """One short book at spot 100."""

    vol: float
    days: float
    proportional: float
    aversion: float
    floor: float | None = None  # the optimum as computed elsewhere
    fixed: float = 0.0
    strikes: tuple[tuple[float, float, float, bool], ...] = ()


CASES = {
    "C1": Case(0.6, 30, 0.0005, 0.2, 0.1422),
    "C3": Case(0.6, 30, 0.002, 0.2, 0.3923),
    "C4": Case(0.6, 7, 0.0005, 0.2, 0.0949),
    "C5": Case(0.2, 91.25, 0.001, 0.2, 0.1752),
    "C6": Case(0.25, 365, 0.01, 0.1, 1.353),
    "C1, aversion x 5": Case(0.6, 30, 0.0005, 1.0),
    "C3, aversion / 2": Case(0.6, 30, 0.002, 0.1),
    "wings": Case(
        0.6, 30, 0.0005, 0.2,
        strikes=((-1, 100, 30, True), (-1, 100, 30, False), (1, 130, 30, True), (1, 75, 30, False)),
    ),
    "long call": Case(0.6, 30, 0.0005, 0.2, strikes=((1, 100, 30, True),)),
    "two expiries": Case(0.6, 30, 0.0005, 0.2, strikes=((-1, 105, 14, True), (-1, 95, 60, False))),
}  # fmt: skip
TWO_COSTS = {
    "fixed .02": Case(0.6, 30, 0.0005, 0.2, fixed=0.02),
    "fixed .005": Case(0.6, 30, 0.0005, 0.2, fixed=0.005),
    "fixed only": Case(0.6, 30, 0.0, 0.2, fixed=0.02),
}
POLICIES = (
    Policy("optimum", "numerical"),
    Policy("cubic, to the edge", "cubic", 0.0),
    Policy("cubic, default clip", "cubic", 0.1),
    Policy("Whalley-Wilmott", "whalley_wilmott", 0.0),
    Policy("Zakamouline", "zakamouline", 0.0),
)
USUAL = (
    *(Policy(f"threshold {w:g}", "fixed", half_width=w) for w in (0.07, 0.08, 0.09, 0.1, 0.12)),
    *(Policy(f"every {n} h", "interval", every_steps=n) for n in (8, 10, 12, 16)),
)
"""What is used instead, around its best setting on C1."""


def study(case: Case, paths: int, policies: tuple[Policy, ...], steps: int = STEPS) -> Study:
    """The study of a case; by default its book is a call at the money for the whole horizon."""
    legs = case.strikes or ((-1.0, 100.0, case.days, True),)
    return Study(
        Market("gbm", 100.0, case.vol, case.days, steps, paths),
        Cost(case.proportional, case.fixed),
        case.aversion,
        tuple(Leg(q, k, d / DAYS, call) for q, k, d, call in legs),
        policies,
    )


def ran(name: str, made: Study) -> Comparison:
    sys.stderr.write(f"{name}: {made.market.paths:,} paths\n")
    return compared(made)


def optimum(quick: bool) -> Table:
    """The cubic band over the optimum, and the published ones beside it."""
    times: list[tuple[str, float, str]] = []
    found: list[Finding] = []
    for name, case in CASES.items():
        done = ran(name, study(case, QUICK if quick else PATHS, POLICIES))
        first, edge, clipped, *_ = done.findings
        times.append((f"{name}: optimum", first.certainty_equivalent, "CE"))
        if case.floor is not None and done.optimum is not None:
            label = f"{name}: optimum solved / {case.floor}"
            found.append(Finding(label, done.optimum / case.floor, 1.01, "most"))
        for policy in done.findings[1:]:
            times.append((f"{name}: {policy.name}", policy.ratio, f"± {policy.ratio_error:.4f}"))
            times.append((f"{name}: {policy.name}", policy.trades, "orders"))
        most = 1.025 if case.aversion >= 1.0 else 1.02  # at spot 100
        found.append(Finding(f"{name}: to the edge / optimum", edge.ratio, most, "most"))
        found.append(Finding(f"{name}: default clip / optimum", clipped.ratio, 1.035, "most"))
    return Table("certainty equivalents beside the optimum", times, found)


def usual(quick: bool) -> Table:
    """Thresholds that flatten and timers on C1, tuned on the very paths that judge them."""
    policies = (POLICIES[0], POLICIES[2], *USUAL)
    done = ran("C1, usual", study(CASES["C1"], QUICK if quick else PATHS, policies))
    times = [(f.name, f.ratio, f"± {f.ratio_error:.4f}") for f in done.findings]
    best = {k: min(f.ratio for f in done.findings if f.kind == k) for k in ("fixed", "interval")}
    found = [
        Finding("best threshold / optimum", best["fixed"], 1.32, "least"),
        Finding("best timer / optimum", best["interval"], 1.32, "least"),
    ]
    return Table("C1: what is used instead, over the optimum", times, found)


def two_costs(quick: bool) -> Table:
    """A fixed cost an order beside the proportional one."""
    policies = (*POLICIES[:2], POLICIES[3])
    times: list[tuple[str, float, str]] = []
    found: list[Finding] = []
    for name, case in TWO_COSTS.items():
        done = ran(name, study(case, QUICK if quick else PATHS, policies))
        times.extend(
            (f"{name}: {each.name}", each.ratio, f"± {each.ratio_error:.4f}")
            for each in done.findings
        )
        found.append(Finding(f"{name}: cubic / optimum", done.findings[1].ratio, 1.02, "most"))
    return Table("fixed and proportional cost", times, found)


def orders(quick: bool) -> Table:
    """Orders at checks every five seconds: what the clip is for."""
    steps = 30 * 24 * 720
    made = study(CASES["C1"], 100 if quick else 400, POLICIES[1:3], steps)
    edge, clipped = ran("five seconds", made).findings
    times = [(p.name, p.trades, "orders in 30 days") for p in (edge, clipped)]
    ratio = edge.trades / clipped.trades
    return Table("checks every 5 s", times, [Finding("fewer orders", ratio, 4.0, "least")])


def discrete(quick: bool) -> Table:
    """Hedging at fixed times without cost, against the exact standard deviation."""
    times: list[tuple[str, float, str]] = []
    found: list[Finding] = []
    paths = 50_000 if quick else PATHS
    for count, exact in EXACT.items():
        case = Case(0.2, DAYS / 12, 0.0, 0.01)
        made = study(case, paths, (Policy("each check", "interval", every_steps=1),), count)
        source = Simulated(made.market, (when := rows(made.market, (made.legs[0].expiry,))).times)
        pnl = simulated(made, source, when).pnl[0]
        std = float(pnl.std(ddof=1))
        fourth = float(((pnl - pnl.mean()) ** 4).mean())
        error = math.sqrt((fourth - std**4) / paths) / (2.0 * std)
        times.append((f"{count} rebalances", std, f"± {error:.5f}, exact {exact}"))
        found.append(Finding(f"{count}: errors away", abs(std - exact) / error, 4.0, "most"))
    return Table("discrete hedging", times, found)


def speed(quick: bool) -> Table:
    """Everything that a path costs: random numbers, spot, Greeks, band and trade."""
    paths = 5_120 if quick else 20_480
    runs: dict[str, Callable[[], object]] = {}
    for policy in (*POLICIES[1:], Policy("each check", "interval", every_steps=1)):
        made = study(CASES["C1"], paths, (policy,))
        when = rows(made.market, (made.legs[0].expiry,))
        runs[policy.name] = lambda m=made, w=when: simulated(m, Simulated(m.market, w.times), w)
    normals, numbers = np.random.Generator(np.random.SFC64(7)), np.empty((STEPS, 512))
    baseline = "random numbers alone"
    runs[baseline] = lambda: [normals.standard_normal(out=numbers) for _ in range(paths // 512)]
    best = best_times(runs, 2 if quick else 5)
    each = {name: in_unit(value, "ns", paths * STEPS) for name, value in best.items()}
    times = [
        (name, value, f"ns a path-step, {value / each[baseline]:.1f} x the {baseline}")
        for name, value in each.items()
    ]
    found = [Finding("cubic, default clip", each["cubic, default clip"], 60.0, "most", "ns")]
    return Table("simulation of a one-leg book, one core", times, found)


if __name__ == "__main__":
    main("Bands beside the optimum", speed, discrete, optimum, usual, two_costs, orders)
