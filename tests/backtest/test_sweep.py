"""Sweeps: each trial once, broken off and resumed; policies tuned and judged apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hedger.backtest.contest import RIVALS, Rival, contest, interval, threshold, tuned_value
from hedger.backtest.sweep import swept
from hedger.backtest.trial import Trial, identity
from hedger.core.model import BandRule
from tests.backtest.recording import DAY, START, perpetual, recorded, trial, with_band


class Here(Executor):
    """Computes in this process, as often as it is allowed to."""

    def __init__(self, most: int = 99) -> None:
        self.jobs, self._most = 0, most

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        if self.jobs >= self._most:
            raise KeyboardInterrupt
        self.jobs += 1
        done.set_result(fn(*args, **kwargs))
        return done


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    folder = recorded(tmp_path_factory.mktemp("bars"), perpetual(1_440 + 60))
    made = trial(folder)
    wide = with_band(made, BandRule(lower=-2.0, upper=2.0))
    return {"own": made, "wide": wide, "the same": made, "none": with_band(made, BandRule())}


def test_a_sweep_broken_off_goes_on(trials: dict[str, Trial], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        swept(trials, tmp_path, executor=Here(most=1))
    assert len(list(tmp_path.glob("*.json"))) == 1
    second, third = Here(), Here()
    found = swept(trials, tmp_path, executor=second)
    assert second.jobs == 2  # three different trials, one of them done
    assert swept(trials, tmp_path, executor=third) == found
    assert third.jobs == 0
    assert found["own"] == found["the same"]
    assert found["own"]["run"]["id"] == identity(trials["own"])["id"]


def test_a_torn_or_foreign_result_is_made_again(trials: dict[str, Trial], tmp_path: Path) -> None:
    one = {"own": trials["own"]}
    found = swept(one, tmp_path, executor=Here())
    (path,) = tmp_path.glob("*.json")
    for text in (path.read_bytes()[:100], b'{"run": {"id": "other"}}'):
        path.write_bytes(text)
        again = Here()
        assert swept(one, tmp_path, executor=again) == found
        assert again.jobs == 1


def test_processes_find_what_this_one_finds(trials: dict[str, Trial], tmp_path: Path) -> None:
    one = {"own": trials["own"]}
    here = swept(one, tmp_path / "here", executor=Here())
    assert swept(one, tmp_path / "there", processes=1) == here


def test_interval_holds_the_mean_and_covers() -> None:
    dice = np.random.default_rng(5)
    hits = 0
    for n in range(100):
        mean, low, high = interval(dice.normal(3.0, 10.0, 40).tolist(), n)
        assert low < mean < high
        hits += low <= 3.0 <= high
    assert hits >= 86


def test_value_is_found_between_those_tried() -> None:
    assert tuned_value((0.1, 1.0), (5.0, 50.0), 5.0) == pytest.approx(0.1)
    assert tuned_value((0.1, 1.0), (5.0, 50.0), 1.0) == pytest.approx(0.1)
    assert tuned_value((), (), 1.0) == 0.0


def test_a_contest_tunes_on_the_first_half_only(tmp_path: Path) -> None:
    """A world where a threshold's std is ten times its half-width, and half as much more later."""
    seen: list[tuple[int | None, int | None]] = []

    def sweep(trials: Mapping[str, Trial]) -> dict[str, Any]:
        return {name: found(made) for name, made in trials.items()}

    def found(made: Trial) -> dict[str, Any]:
        late = made.params.start_ms != START
        seen.append((made.params.start_ms, made.params.end_ms))
        band = made.book.rules.band
        std = 4.0 if band.kind == "cubic" else 10.0 * band.upper
        cost = 100.0 if band.kind == "cubic" else 130.0
        parts = {"fees": -cost, "spread": 0.0, "slippage": 0.0}
        return {
            "hedge_std_1h": std * (1.5 if late and band.kind != "cubic" else 1.0),
            "days": [{"pnl": -cost + n, "parts": parts} for n in range(5)],
            "pnl_total": 0.0,
            "orders_per_day": 1.0,
            "outside_band_share": 0.0,
            "residual_share": 0.0,
            "run": {"id": "x"},
        }

    own = trial(tmp_path)
    rivals = (Rival("threshold", threshold, (0.1, 1.0)), RIVALS[-1])
    lines = contest(own, (START, START + 10 * DAY), sweep, rivals=rivals)
    halves = [(line["policy"], line["tuned_on"]) for line in lines]
    assert halves == [
        ("cubic", None),
        ("threshold", "first half"),
        ("none", "first half"),
        ("threshold", "second half"),
    ]
    assert lines[1]["value"] == pytest.approx(0.4)
    assert lines[1]["std_to_own"] == pytest.approx(1.5)
    assert lines[3]["value"] == pytest.approx(0.4 / 1.5)
    assert lines[3]["std_to_own"] == pytest.approx(1.0)
    for line in (lines[1], lines[3]):
        assert line["cost_a_day_more"] == pytest.approx((30.0, 30.0, 30.0))
    assert lines[0]["cost_a_day_more"] == (0.0, 0.0, 0.0)
    assert seen[:3] == [(START, START + 5 * DAY)] * 3
    assert set(seen[3:]) == {(START + 5 * DAY, START + 10 * DAY)}
