"""Policies beside each other on recorded data: tuned on its first half, judged on the second.

Each rival has one number to turn. It is set such that on the first half the hedge's noise equals
the first policy's; what it costs then is read off the second half, which tuned nothing. Noise that
was equal on one half need not be on the other, so each rival is judged once more with its number
turned on the second half itself: equal there, and by a hindsight that the first policy has not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from hedger.backtest.attribution import cost
from hedger.backtest.trial import Trial
from hedger.core.model import BandRule

Found = dict[str, Any]
Sweep = Callable[[Mapping[str, Trial]], Mapping[str, Found]]
RESAMPLES = 10_000
FIRST, SECOND = "first half", "second half"
AROUND = (0.5, 2.0)
"""Beside a rival's number, by what factors it is tried on the second half."""
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
    first, second = _part(trial, start, middle), _part(trial, middle, end)
    own = trial.book.rules.band.kind
    spread = {r.name: r.values for r in rivals if r.values}
    early = sweep({own: first} | _tries(rivals, spread, first))
    values = dict.fromkeys((r.name for r in rivals), 0.0) | _equal(spread, early, own)
    late = dict(sweep({own: second} | _tries(rivals, {n: (v,) for n, v in values.items()}, second)))
    around = {name: [values[name] * by for by in sorted((1.0, *AROUND))] for name in spread}
    late |= sweep(_tries(rivals, around, second))
    hindsight = _equal(around, late, own)
    late |= sweep(_tries(rivals, {n: (v,) for n, v in hindsight.items()}, second))
    judged = [(name, value, FIRST) for name, value in values.items()]
    judged += [(name, value, SECOND) for name, value in hindsight.items()]
    lines = [{"policy": own, "value": None, "tuned_on": None, **_line(late[own], late[own], seed)}]
    for name, value, half in judged:
        line = _line(late[_key(name, value)], late[own], seed)
        lines.append({"policy": name, "value": value, "tuned_on": half, **line})
    return lines


def _tries(
    rivals: Sequence[Rival], values: Mapping[str, Sequence[float]], part: Trial
) -> dict[str, Trial]:
    """Trials of a part of time, by policy and value."""
    return {
        _key(rival.name, value): _with(part, rival.band(value))
        for rival in rivals
        for value in values.get(rival.name, ())
    }


def _key(name: str, value: float) -> str:
    return f"{name} {value!r}"


def _equal(
    values: Mapping[str, Sequence[float]], found: Mapping[str, Found], own: str
) -> dict[str, float]:
    """The number of each rival at which its noise is the first policy's."""
    aim = float(found[own]["hedge_std_1h"])
    stds = {
        name: [float(found[_key(name, value)]["hedge_std_1h"]) for value in tried]
        for name, tried in values.items()
    }
    return {name: tuned_value(tried, stds[name], aim) for name, tried in values.items()}


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
    paid, paid_own = (np.array([cost(day["parts"]) for day in it["days"]]) for it in (found, own))
    pnl, pnl_own = (np.array([day["pnl"] for day in it["days"]]) for it in (found, own))
    return {
        "hedge_std_1h": found["hedge_std_1h"],
        "std_to_own": found["hedge_std_1h"] / own["hedge_std_1h"],
        "std_1d": float(pnl.std(ddof=1)) if pnl.size > 1 else None,
        "cost": float(paid.sum()),
        "pnl": found["pnl_total"],
        "orders_per_day": found["orders_per_day"],
        "outside_band_share": found["outside_band_share"],
        "residual_share": found["residual_share"],
        "cost_a_day_more": interval((paid - paid_own).tolist(), seed),
        "pnl_a_day_more": interval((pnl - pnl_own).tolist(), seed),
        "days": int(pnl.size),
        "run": found["run"]["id"],
    }


def _part(trial: Trial, start_ms: int, end_ms: int) -> Trial:
    params = msgspec.structs.replace(trial.params, start_ms=start_ms, end_ms=end_ms)
    return msgspec.structs.replace(trial, params=params)


def _with(trial: Trial, band: BandRule) -> Trial:
    rules = msgspec.structs.replace(trial.book.rules, band=band)
    book = msgspec.structs.replace(trial.book, rules=rules)
    return msgspec.structs.replace(trial, book=book)
