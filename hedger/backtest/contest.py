"""Policies beside each other on recorded data: tuned on its first half, judged on the second.

Each rival has one number to turn. It is set such that on the first half the hedge's noise equals
the first policy's; what it costs then is read off the second half, which tuned nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hedger.backtest.trial import Trial
from hedger.core.model import BandRule

Found = dict[str, Any]
Sweep = Callable[[Mapping[str, Trial]], Mapping[str, Found]]
COSTS = ("fees", "spread", "slippage")
RESAMPLES = 10_000
FAR = 1e6


class Rival(NamedTuple):
    """A family of bands by one number, and the values of it to look at on the first half."""

    name: str
    band: Callable[[float], BandRule]
    values: Sequence[float] = ()


def threshold(half_width: float) -> BandRule:
    """Hedge to nought whenever |delta| is larger than this many coin."""
    return BandRule(lower=-half_width, upper=half_width, rehedge_to="centre")


def timer(minutes: float) -> BandRule:
    """Hedge to nought every so often."""
    return BandRule(kind="interval", interval_ms=max(round(minutes * 60_000), 1_000))


def never(_: float) -> BandRule:
    """No hedge at all."""
    return BandRule(lower=-FAR, upper=FAR)


RIVALS = (
    Rival("threshold", threshold, (0.15, 0.4, 1.0)),
    Rival("timer", timer, (15.0, 60.0, 240.0)),
    Rival("none", never),
)


def contest(
    trial: Trial,
    span: tuple[int, int],
    sweep: Sweep,
    *,
    rivals: Sequence[Rival] = RIVALS,
    seed: int = 1,
) -> list[Found]:
    """One line per policy on the second half of a span of time, the trial's own first.

    Parameters
    ----------
    trial
        The book with the policy that the others are measured by.
    span
        First and last instant [ms]; it is halved.
    sweep
        Runs trials by name.
    """
    start, end = span
    middle = start + (end - start) // 2
    first = _part(trial, start, middle)
    tuning = {"own": first}
    for rival in rivals:
        tuning |= {f"{rival.name} {v:g}": _with(first, rival.band(v)) for v in rival.values}
    tuned = sweep(tuning)
    aim = float(tuned["own"]["hedge_std_1h"])
    values = {
        rival.name: tuned_value(
            rival.values, [tuned[f"{rival.name} {v:g}"]["hedge_std_1h"] for v in rival.values], aim
        )
        for rival in rivals
    }
    second = _part(trial, middle, end)
    own = trial.book.rules.band.kind
    judging = {own: second} | {r.name: _with(second, r.band(values[r.name])) for r in rivals}
    judged = sweep(judging)
    return [
        {"policy": name, "value": values.get(name), **_line(judged[name], judged[own], seed)}
        for name in judging
    ]


def tuned_value(values: Sequence[float], stds: Sequence[float], aim: float) -> float:
    """The value at which std is as wanted, between those tried on a logarithmic scale.

    Beyond the tried ones the nearest stands. Stds are taken as growing with the value.

    Examples
    --------
    >>> round(tuned_value((1.0, 4.0), (10.0, 40.0), 20.0), 6)
    2.0
    >>> tuned_value((1.0, 4.0), (10.0, 40.0), 99.0)
    4.0
    """
    if not values:
        return 0.0
    grown = np.maximum.accumulate(np.asarray(stds, dtype=np.float64))
    return math.exp(float(np.interp(math.log(aim), np.log(grown), np.log(values))))


def interval(differences: Sequence[float], seed: int) -> tuple[float, float, float]:
    """Mean of paired daily differences and its 95 % interval, days drawn with replacement."""
    days = np.asarray(differences, dtype=np.float64)
    dice = np.random.Generator(np.random.PCG64(seed))
    means = days[dice.integers(days.size, size=(RESAMPLES, days.size))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(days.mean()), float(low), float(high)


def _line(found: Found, own: Found, seed: int) -> Found:
    """Figures of one policy, and its differences from our own, day by day."""
    cost, cost_own = (np.array([_cost(day) for day in it["days"]]) for it in (found, own))
    pnl, pnl_own = (np.array([day["pnl"] for day in it["days"]]) for it in (found, own))
    return {
        "hedge_std_1h": found["hedge_std_1h"],
        "std_to_own": found["hedge_std_1h"] / own["hedge_std_1h"],
        "std_1d": float(pnl.std(ddof=1)) if pnl.size > 1 else None,
        "cost": float(cost.sum()),
        "pnl": found["pnl_total"],
        "orders_per_day": found["orders_per_day"],
        "outside_band_share": found["outside_band_share"],
        "residual_share": found["residual_share"],
        "cost_a_day_more": interval((cost - cost_own).tolist(), seed),
        "pnl_a_day_more": interval((pnl - pnl_own).tolist(), seed),
        "days": int(pnl.size),
        "run": found["run"]["id"],
    }


def _cost(day: Found) -> float:
    return -math.fsum(day["parts"][part] for part in COSTS)


def _part(trial: Trial, start_ms: int, end_ms: int) -> Trial:
    params = msgspec.structs.replace(trial.params, start_ms=start_ms, end_ms=end_ms)
    return msgspec.structs.replace(trial, params=params)


def _with(trial: Trial, band: BandRule) -> Trial:
    rules = msgspec.structs.replace(trial.book.rules, band=band)
    book = msgspec.structs.replace(trial.book, rules=rules)
    return msgspec.structs.replace(trial, book=book)
