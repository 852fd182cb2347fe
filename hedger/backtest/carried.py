"""How much risk a replayed book carried: what its scalers said, what was held, what it measured.

A sample stands until the next. Risk is that of scenarios, measured on the book as it was held by
the same function as live; what could not be measured is counted, and taken for no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from hedger.backtest.history import Floats, Ints
from hedger.backtest.statistics import spread
from hedger.core.acts.portions import held_scale, portions
from hedger.core.columns import Book
from hedger.core.model import DAYS_PER_YEAR, Act, Decision, Measured, Rules, Scales, Sizing
from hedger.service.params import BookParams

POINTS_MAX = 400
ACTS_MAX = 200
BEYOND = 0.10
"""Beyond its target is what is more than a tenth above it: within that, models have inertia."""


class Sample(NamedTuple):
    """One instant: the scale that the models want (None: none speaks) and that which is held.

    ``factors`` are (model, factor, whether it could judge).
    """

    ms: int
    said: float | None
    held: float | None
    measured: Measured | None
    factors: tuple[tuple[str, float, bool], ...] = ()

    def differs(self, other: Sample) -> bool:
        """Whether anything but the instant is new."""
        return self.measured is not other.measured or self[1:3] + self[4:] != other[1:3] + other[4:]


class Carried:
    """The samples of one replay, in the order of time."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    def see(self, book: Book, rules: Rules, decision: Decision) -> None:
        """Take a decision in, and the book that it was made for."""
        models = [one for one in decision.scalings if one.what == Scales.BOOK]
        measured = book.readings.measured
        if not models and measured is None:
            return
        found = Sample(
            decision.time_ms,
            decision.scale,
            held_scale(portions(book, rules.scale, decision.time_ms)),
            measured,
            tuple((one.model, one.factor, one.is_known) for one in models),
        )
        if not self.samples or found.differs(self.samples[-1]):
            self.samples.append(found)


def reported(
    carried: Carried,
    params: BookParams,
    acts: Sequence[Act],
    *,
    end_ms: int,
    days: Sequence[dict[str, Any]],
) -> dict[str, Any] | None:
    """What the report says of scaling; None where nothing was scaled and nothing measured."""
    samples = carried.samples
    if not samples:
        return None
    rule = params.readings
    capital = rule.measure.risk.capital if rule is not None and rule.measure is not None else None
    ms = np.array([one.ms for one in samples], dtype=np.int64)
    stood = np.diff(ms, append=max(end_ms, int(ms[-1]))).astype(np.float64)
    targets = _targets(params.rules.sizing)
    measured = {one.measured.time_ms: one.measured for one in samples if one.measured is not None}
    return {
        "capital": capital,
        "targets": targets,
        "measures": len(measured),
        "unmeasured": sum(_finite(one.risk) is None for one in measured.values()),
        "risk": _level(samples, stood, lambda one: one.risk, targets.get("risk")),
        "loss": _level(samples, stood, lambda one: one.loss, targets.get("loss")),
        "margin_ratio": _level(samples, stood, lambda one: one.ratio, targets.get("margin_ratio")),
        "realised_risk": _realised(days, capital),
        "scale": _walk([one.said for one in samples], stood),
        "held": _walk([one.held for one in samples], stood),
        "models": _models(samples, stood),
        "asked": len(acts),
        "acts": [
            {"ms": one.asked_ms, "scale": one.scale, "cause": one.cause, "reason": one.reason}
            for one in acts[:ACTS_MAX]
        ],
        "path": _path(samples, ms),
    }


def _targets(sizing: Sizing | None) -> dict[str, float]:
    """What the models aim at, by the name of what is measured."""
    if sizing is None:
        return {}
    found = {}
    if sizing.vol_target is not None:
        found["risk"] = sizing.vol_target.target
    if sizing.tail is not None:
        found["loss"] = sizing.tail.limit
    if sizing.margin is not None:
        found["margin_ratio"] = sizing.margin.reduce_above
    return found


def _level(
    samples: Sequence[Sample],
    stood: Floats,
    value: Callable[[Measured], float | None],
    target: float | None,
) -> dict[str, float | None] | None:
    """Mean over time, worst, and how much of the time was beyond the target; None of nothing.

    What is infinite, such as a margin ratio without equity, has no worst, and is beyond any target.
    """
    levels = _column(None if one.measured is None else value(one.measured) for one in samples)
    known, finite = ~np.isnan(levels), np.isfinite(levels)
    if not known.any():
        return None
    time, beyond = float(stood[known].sum()), None
    if target is not None and time > 0.0:
        beyond = float(stood[known & (levels > target * (1.0 + BEYOND))].sum()) / time
    return {
        "mean": _mean(levels[finite], stood[finite]),
        "worst": float(levels[finite].max()) if finite.sum() == known.sum() else None,
        "beyond_share": beyond,
    }


def _mean(values: Floats, stood: Floats) -> float | None:
    """Mean over time; the last where no time has passed, None of nothing."""
    time = float(stood.sum())
    if not values.size:
        return None
    return float(values @ stood) / time if time > 0.0 else float(values[-1])


def _walk(values: Sequence[float | None], stood: Floats) -> dict[str, float | int | None] | None:
    """Lowest, mean over time and last of a scale, and how often it changed."""
    scales = _column(values)
    known = np.isfinite(scales)
    if not known.any():
        return None
    path = scales[known]
    return {
        "lowest": float(path.min()),
        "mean": _mean(path, stood[known]),
        "last": float(path[-1]),
        "changes": int(np.count_nonzero(np.diff(path))),
    }


def _models(samples: Sequence[Sample], stood: Floats) -> dict[str, dict[str, Any]]:
    """Each model by itself; ``unknown_share`` is of the time in which it could not judge."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for one in samples for name, _, _ in one.factors):
        mine = [next((f for f in one.factors if f[0] == name), None) for one in samples]
        walk = _walk([None if one is None else one[1] for one in mine], stood)
        blind = np.array([one is not None and not one[2] for one in mine])
        there = np.array([one is not None for one in mine])
        time = float(stood[there].sum())
        share = float(stood[blind].sum()) / time if time > 0.0 else None
        found[name] = {**(walk or {}), "unknown_share": share}
    return found


def _realised(days: Sequence[dict[str, Any]], capital: float | None) -> float | None:
    """Standard deviation of whole days' P&L, annual, over capital: hedged, and so no target."""
    whole = np.array([day["pnl"] for day in days[1:-1]], dtype=np.float64)
    std = spread(whole)
    return None if std is None or not capital else std * math.sqrt(DAYS_PER_YEAR) / capital


def _path(samples: Sequence[Sample], ms: Ints) -> list[list[float | None]]:
    """(ms, said, held, risk, loss) to draw: all, or the last of each of so many equal stretches."""
    rows = np.arange(ms.size)
    if ms.size > POINTS_MAX:
        stretch = (ms - ms[0]) * POINTS_MAX // max(int(ms[-1] - ms[0]), 1)
        rows = np.flatnonzero(np.append(np.diff(stretch) > 0, True))
    found = []
    for one in (samples[row] for row in rows.tolist()):
        of = one.measured
        numbers = (one.said, one.held, of.risk if of else None, of.loss if of else None)
        found.append([one.ms, *(_finite(number) for number in numbers)])
    return found


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _column(values: Sequence[float | None] | Any) -> Floats:
    return np.array([math.nan if v is None else v for v in values], dtype=np.float64)
