"""Cost against risk of each policy as its one free number is turned, on the same paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hedger.backtest.numerical import Optimum
from hedger.backtest.paths import Rows, Source
from hedger.backtest.simulation import simulated
from hedger.backtest.statistics import shortfall
from hedger.backtest.study import Policy, Study

Array = npt.NDArray[np.float64]

PATHS_MAX = 20_000
FACTORS = (0.0625, 0.125, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 4.0, 8.0, 16.0)
"""By how much the free number is multiplied: risk aversion, or width, or interval."""


class Curve(NamedTuple):
    """One policy at several settings, by rising risk; (settings,) arrays."""

    name: str
    std: Array
    mean_cost: Array
    es95: Array

    def at(self, std: float) -> tuple[float, float] | None:
        """Mean cost and ES95 where the policy has this risk; None outside what was run."""
        if not self.std[0] <= std <= self.std[-1]:
            return None
        cost = np.interp(std, self.std, self.mean_cost)
        return float(cost), float(np.interp(std, self.std, self.es95))


class _Few:
    """The first paths of a source."""

    def __init__(self, source: Source, count: int) -> None:
        self._source, self.width, self.notes = source, source.width, source.notes
        self.count = min(count, source.count)

    def block(self, index: int) -> Array:
        made = self._source.block(index)
        return np.ascontiguousarray(made[:, : self.count - index * self.width])


def curves(
    study: Study,
    source: Source,
    when: Rows,
    best: Optimum | None,
    progress: Callable[[str], None],
) -> tuple[Curve, ...]:
    """A curve for every policy that has a number to turn; one point for the others.

    The optimum is not solved again: it is the point that the curves are to be held against.
    """
    few = _Few(source, PATHS_MAX)
    points: dict[str, list[tuple[float, float, float]]] = {p.name: [] for p in study.policies}
    for factor in FACTORS:
        turned = [(p, _turned(p, factor, study.market.steps)) for p in study.policies]
        kept = [(p, q) for p, q in turned if q is not None]
        if not kept:
            continue
        progress(f"frontier: {len(kept)} policies at {factor:g} times their setting")
        other = study._replace(
            policies=tuple(q for _, q in kept), risk_aversion=study.risk_aversion * factor
        )
        found = simulated(other, few, when, best=best)
        for (policy, _), pnl in zip(kept, found.pnl, strict=True):
            figures = float(pnl.std(ddof=1)), -float(pnl.mean()), shortfall(pnl)
            points[policy.name].append(figures)
    return tuple(_curve(name, found) for name, found in points.items())


def _turned(policy: Policy, factor: float, steps: int) -> Policy | None:
    """The policy at another setting, or None where it has that one already."""
    match policy.kind:
        case "none" | "numerical":
            return policy if factor == 1.0 else None
        case "fixed":
            assert policy.half_width is not None
            return policy._replace(half_width=policy.half_width / factor)
        case "interval" | "leland":
            every = round(policy.every_steps / factor)
            return policy._replace(every_steps=every) if 1 <= every <= steps else None
        case _:
            return policy


def _curve(name: str, points: list[tuple[float, float, float]]) -> Curve:
    table = np.array(sorted(points)).reshape(-1, 3)
    return Curve(name, *np.ascontiguousarray(table.T))
