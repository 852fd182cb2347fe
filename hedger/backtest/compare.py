"""What each policy of a study came to: cost, risk, certainty equivalent, and the frontier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hedger.backtest.frontier import Curve, curves
from hedger.backtest.numerical import Optimum
from hedger.backtest.paths import Rows, Simulated, Source, rows
from hedger.backtest.simulation import Outcome, simulated, solved
from hedger.backtest.statistics import shortfall
from hedger.backtest.study import Study

Array = npt.NDArray[np.float64]

WEIGHT_MAX = 0.05
"""A path that carries more of the exponential average leaves nothing that could be estimated."""
CLEARLY = 0.01
"""Part of the cost by which a policy must be cheaper to count as ahead."""


class Finding(NamedTuple):
    """One policy's figures, all of them costs: positive is bad.

    Attributes
    ----------
    ratio, ratio_error : float
        Certainty equivalent over the first policy's, on the same paths.
    trades, turnover, orders_per_day : float
        Means over paths; turnover in quote currency.
    """

    name: str
    kind: str
    certainty_equivalent: float
    standard_error: float
    ratio: float
    ratio_error: float
    mean_cost: float
    mean_cost_error: float
    std: float
    es95: float
    mean_variance: float
    max_path_weight: float
    trades: float
    turnover: float
    orders_per_day: float

    @property
    def is_estimable(self) -> bool:
        """Whether the certainty equivalent may be believed."""
        return self.max_path_weight <= WEIGHT_MAX

    def exchanged(self) -> dict[str, Any]:
        """The figures that studies are exchanged by."""
        estimable = self.is_estimable
        return {
            "name": self.name,
            "certainty_equivalent": self.certainty_equivalent if estimable else None,
            "standard_error": self.standard_error if estimable else None,
            "mean_cost": self.mean_cost,
            "std": self.std,
            "es95": self.es95,
            "mean_variance": self.mean_variance,
            "max_path_weight": self.max_path_weight,
            "trades": self.trades,
        }


class Comparison(NamedTuple):
    """A study's outcome.

    Attributes
    ----------
    curves
        The frontier, where it was asked for or needed.
    optimum
        Least certainty-equivalent cost by dynamic programming, where a policy is that optimum.
    """

    study: Study
    paths: int
    findings: tuple[Finding, ...]
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]
    optimum: float | None = None

    @property
    def is_estimable(self) -> bool:
        """Whether every policy's certainty equivalent may be believed."""
        return all(found.is_estimable for found in self.findings)

    @property
    def behind(self) -> tuple[str, ...]:
        """Which policies are clearly better than the first cubic band, in words."""
        ours = next((found for found in self.findings if found.kind == "cubic"), None)
        if ours is None:
            return ()
        return (*self._behind_in_value(ours), *self._behind_at_equal_std(ours))

    def _behind_in_value(self, ours: Finding) -> list[str]:
        """By certainty equivalent; that the optimum of a lognormal price is lower is no news."""
        own, said = ours.certainty_equivalent, []
        for found in self.findings:
            is_rival = found.kind not in ("cubic", "numerical") or self.study.market.kind != "gbm"
            value, is_sure = found.certainty_equivalent, found.is_estimable and ours.is_estimable
            if is_rival and is_sure and value < own - CLEARLY * abs(own):
                said.append(
                    f"{found.name!r} has a certainty equivalent of {value:.4g} "
                    f"±{found.standard_error:.1g}, {ours.name!r} {own:.4g} "
                    f"±{ours.standard_error:.1g}: the cubic band is behind here"
                )
        return said

    def _behind_at_equal_std(self, ours: Finding) -> list[str]:
        """By mean cost, where the frontier was made."""
        mine = next((curve for curve in self.curves if curve.name == ours.name), None)
        own = mine.at(ours.std) if mine is not None else None
        if own is None:
            return []
        said = []
        for policy, curve in zip(self.study.policies, self.curves, strict=True):
            other = curve.at(ours.std) if policy.kind != "cubic" else None
            if other is not None and other[0] < own[0] - CLEARLY * abs(own[0]):
                said.append(
                    f"at a std of {ours.std:.4g} {curve.name!r} costs {other[0]:.4g}, "
                    f"{ours.name!r} {own[0]:.4g}: the cubic band is behind here"
                )
        return said


def compared(
    study: Study,
    *,
    recorded: Callable[[Rows], Source] | None = None,
    frontier: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Run a study.

    Parameters
    ----------
    study : Study
    recorded : callable, optional
        Gives the paths of a study of kind ``recorded``.
    frontier : bool
        Whether to make each policy's curve of cost and risk too. They are always made where a
        certainty equivalent cannot be estimated and where the market is not what the bands assume.
    progress : callable
        Told in words how far it is.
    """
    when = rows(study.market, tuple(leg.expiry for leg in study.legs))
    if recorded is None:
        source: Source = Simulated(study.market, when.times)
    else:
        source = recorded(when)
    best: Optimum | None = None
    if any(policy.kind == "numerical" for policy in study.policies):
        progress("solving for the optimum")
        best = solved(study)
    outcome = simulated(
        study,
        source,
        when,
        best=best,
        progress=lambda done: progress(f"simulated {done:,} of {source.count:,} paths"),
    )
    found = findings(study, outcome)
    made: tuple[Curve, ...] = ()
    is_doubtful = study.market.kind != "gbm" or not all(policy.is_estimable for policy in found)
    if frontier or is_doubtful:
        made = curves(study, source, when, best, progress)
    notes = tuple(_notes(study, source, best))
    return Comparison(study, source.count, found, made, notes, best.cost if best else None)


def findings(study: Study, outcome: Outcome) -> tuple[Finding, ...]:
    """Figures of every policy.

    Notes
    -----
    CE = (1/γ) ln mean exp(-γ P&L). With w the weights exp(-γ P&L) over their mean, w - 1 over γ is
    each path's influence on it: their spread over sqrt(paths) is the standard error, and those of
    two policies on the same paths give that of their ratio. ES95 is the mean cost of the worst
    twentieth of the paths.
    """
    count, days = outcome.pnl.shape[1], study.market.horizon_days
    made: list[Finding] = []
    first, first_value = np.zeros(1), 0.0
    for number, policy in enumerate(study.policies):
        pnl = outcome.pnl[number]
        value, influence, heaviest = _certainty_equivalent(pnl, study.risk_aversion)
        if number == 0:
            first, first_value = influence, value
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = float(np.float64(value) / first_value)
            spread = (influence - ratio * first) / first_value
        mean, std = -float(pnl.mean()), float(pnl.std(ddof=1))
        made.append(
            Finding(
                name=policy.name,
                kind=policy.kind,
                certainty_equivalent=value,
                standard_error=float(influence.std() / np.sqrt(count)),
                ratio=ratio,
                ratio_error=float(spread.std() / np.sqrt(count)),
                mean_cost=mean,
                mean_cost_error=std / float(np.sqrt(count)),
                std=std,
                es95=shortfall(pnl),
                mean_variance=mean + 0.5 * study.risk_aversion * std * std,
                max_path_weight=heaviest,
                trades=float(outcome.orders[number].mean()),
                turnover=float(outcome.turnover[number].mean()),
                orders_per_day=float(outcome.orders[number].mean()) / days,
            )
        )
    return tuple(made)


def _certainty_equivalent(pnl: Array, aversion: float) -> tuple[float, Array, float]:
    """Certainty equivalent, every path's influence on it, and the largest weight of one path."""
    exponent = -aversion * pnl
    top = float(exponent.max())
    weights = np.exp(exponent - top)  # the largest is 1: nothing overflows
    mean = float(weights.mean())
    value = (top + float(np.log(mean))) / aversion
    return value, (weights / mean - 1.0) / aversion, 1.0 / (mean * pnl.size)


def _notes(study: Study, source: Source, best: Optimum | None) -> list[str]:
    notes = list(source.notes)
    if best is not None:
        model = "" if study.market.kind == "gbm" else ", solved for a lognormal price"
        notes.append(f"optimum by dynamic programming: {best.cost:.5g}{model}")
        if study.market.steps > best.edges.shape[0]:
            notes.append(f"optimum solved on {best.edges.shape[0]} of {study.market.steps} checks")
    if any(policy.kind == "fixed" and policy.clip is None for policy in study.policies):
        notes.append("a fixed band without clip is a threshold: it trades back to the centre")
    return notes
