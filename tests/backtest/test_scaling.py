"""Scalers in a replay: measured on their cadence, remembered as live, and no hedge made of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.backtest import carried, replay
from hedger.backtest.trial import Trial, Tried, market_of, tried
from hedger.core.model import BandRule, GridRule, Sizing, TailRule, VolRegimeRule, VolTargetRule
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.service import imagined
from hedger.service.params import ReadingParams
from tests.backtest.recording import DAY, MINUTE, START, perpetual, recorded, trial, with_band

CAPITAL = 1e6
EVERY_MS = 10 * MINUTE
SIZING = Sizing(
    vol_target=VolTargetRule(target=0.05, age_ms_max=3 * EVERY_MS),
    vol_regime=VolRegimeRule(long_days=0.5),
    tail=TailRule(limit=10_000.0, age_ms_max=3 * EVERY_MS),
)
READINGS = ReadingParams(
    every_ms=EVERY_MS, measure=MeasureRule(risk=RiskRule(capital=CAPITAL, scenarios=64))
)


def scaled(made: Trial, sizing: Sizing | None, readings: ReadingParams | None = READINGS) -> Trial:
    rules = msgspec.structs.replace(made.book.rules, sizing=sizing)
    book = msgspec.structs.replace(made.book, rules=rules, readings=readings)
    return msgspec.structs.replace(made, book=book)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("bars"), perpetual(1_440 + 400))


@pytest.fixture(scope="module")
def plain(folder: Path) -> Tried:
    return tried(trial(folder))


@pytest.fixture(scope="module")
def done(folder: Path) -> Tried:
    return tried(scaled(trial(folder), SIZING))


def test_off_says_nothing_new(plain: Tried) -> None:
    assert "scaling" not in plain.found
    assert plain.run.carried.samples == []


def test_what_is_measured_alone_changes_no_byte_of_the_rest(folder: Path, plain: Tried) -> None:
    watched = tried(scaled(trial(folder), None)).found
    said = watched.pop("scaling")
    assert said["risk"]["mean"] > 0.0
    assert said["scale"] is None
    assert said["targets"] == {}
    for found in (watched, plain.found):
        assert found["run"]["events_sha256"] == plain.found["run"]["events_sha256"]
    same = {k: v for k, v in plain.found.items() if k != "run"}
    assert msgspec.json.encode({k: v for k, v in watched.items() if k != "run"}) == (
        msgspec.json.encode(same)
    )


def test_models_of_the_book_alone_change_no_hedge(done: Tried, plain: Tried) -> None:
    assert done.run.hedges == plain.run.hedges
    assert done.found["run"]["events_sha256"] == plain.found["run"]["events_sha256"]
    assert done.found["scaling"]["scale"]["lowest"] < 0.9


def test_risk_is_measured_on_its_cadence_and_never_ahead(done: Tried) -> None:
    samples = done.run.carried.samples
    taken = sorted({one.measured.time_ms for one in samples if one.measured is not None})
    assert set(np.diff(taken)) == {EVERY_MS}
    assert done.found["scaling"]["measures"] == len(taken) > 30
    assert all(one.measured.time_ms <= one.ms for one in samples if one.measured is not None)
    assert done.found["scaling"]["unmeasured"] == 0


def test_a_scale_is_what_its_rule_makes_of_the_measure(done: Tried) -> None:
    for one in done.run.carried.samples:
        assert one.measured is not None
        factors = {model: factor for model, factor, _ in one.factors}
        wanted = min(1.0, 0.05 / one.measured.risk)
        assert factors["vol_target"] == pytest.approx(wanted, rel=0.1 + 1e-9)
        assert factors["value_at_risk"] <= 1e4 / one.measured.loss * (1 + 1e-9)
        calm = factors["vol_target"] * factors["vol_regime"]
        assert one.said == min(calm, factors["value_at_risk"]) <= 1.0
    models = done.found["scaling"]["models"]
    assert set(models) == {"vol_target", "vol_regime", "value_at_risk"}
    assert models["vol_target"]["unknown_share"] == 0.0
    assert models["vol_target"]["changes"] > 0


def test_what_a_quiet_decision_says_is_remembered_as_live(folder: Path) -> None:
    """A level of a grid is passed and a mean vol taken on, whether or not a trade came of it."""
    sizing = Sizing(
        grid=GridRule(step=100.0, size=0.001, total_max=1.0),
        grid_anchor=95_000.0,
        vol_regime=VolRegimeRule(long_days=0.5),
    )
    made = with_band(scaled(trial(folder), sizing, None), BandRule(lower=-900.0, upper=900.0))
    run = replay._Run(made.params, market_of(made), made.book, made.terms)
    levels = set()
    while run.step():
        levels.add(dict(run.book.state.memory.scales).get("grid"))
    assert run.book.state.memory.hedges == 0
    assert len(levels) > 3
    memory = dict(run.book.state.memory.scales)
    assert run.engine.market_ms - memory["long_vol_ms"] <= 3_600_000
    assert memory["long_vol"] > 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, None, 0.0])
def test_a_measure_that_is_no_number_moves_nothing(
    folder: Path, value: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = imagined.measured

    def bad(*args: Any) -> Any:
        found = real(*args)
        if found.time_ms < START + DAY + 200 * MINUTE:
            return found
        return msgspec.structs.replace(found, risk=value, loss=value, reason="made up")

    monkeypatch.setattr(imagined, "measured", bad)
    sizing = msgspec.structs.replace(SIZING, vol_regime=None)
    if value == 0.0:
        sizing = msgspec.structs.replace(sizing, tail=None)  # no loss at all leaves the cap
    done = tried(scaled(trial(folder), sizing))
    late = [one for one in done.run.carried.samples if one.ms >= START + DAY + 200 * MINUTE]
    assert len({one.said for one in late}) == 1, "it holds what it said before"
    assert not any(known for one in late for _, _, known in one.factors)
    msgspec.json.encode(done.found)
    assert done.found["scaling"]["models"]["vol_target"]["unknown_share"] > 0.3


def test_a_measure_that_breaks_off_says_so_and_stops_no_replay(
    folder: Path, plain: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("singular")

    monkeypatch.setattr(imagined, "measured", broken)
    done = tried(scaled(trial(folder), SIZING))
    said = done.found["scaling"]
    assert said["unmeasured"] == said["measures"] > 30
    assert said["risk"] is None
    assert done.run.hedges == plain.run.hedges
    first = done.run.carried.samples[0].measured
    assert first is not None
    assert first.reason == "could not be measured: singular"


# --- the report's figures -------------------------------------------------------------------------


def sample(ms: int, said: float | None, risk: float | None) -> carried.Sample:
    measured = msgspec.structs.replace(_MEASURED, time_ms=ms, risk=risk)
    factors = () if said is None else (("vol_target", said, risk is not None),)
    return carried.Sample(ms, said, None, measured, factors)


_MEASURED = carried.Measured(time_ms=0)


def test_figures_are_weighted_by_the_time_that_each_sample_stood(folder: Path) -> None:
    made = carried.Carried()
    made.samples = [sample(0, 1.0, 0.04), sample(10, 0.5, None), sample(40, 0.5, 0.08)]
    params = scaled(trial(folder), SIZING).book
    said = carried.reported(made, params, (), end_ms=100, days=[])
    assert said is not None
    assert said["risk"]["mean"] == pytest.approx((10 * 0.04 + 60 * 0.08) / 70)
    assert said["risk"]["worst"] == 0.08
    assert said["risk"]["beyond_share"] == pytest.approx(60 / 70)
    assert said["scale"] == {"lowest": 0.5, "mean": pytest.approx(0.55), "last": 0.5, "changes": 1}
    assert said["models"]["vol_target"]["unknown_share"] == pytest.approx(0.3)
    assert said["realised_risk"] is None
    assert said["path"][1] == [10, 0.5, None, None, None]


def test_a_long_path_is_drawn_by_so_many_points_to_its_end() -> None:
    ms = np.arange(5_000) * MINUTE
    found = carried._path([sample(int(m), 1.0, 0.1) for m in ms], ms)
    assert len(found) == carried.POINTS_MAX + 1
    assert (found[0][0], found[-1][0]) == (12 * MINUTE, 4_999 * MINUTE)


NUMBER = st.sampled_from([None, math.nan, math.inf, 0.0]) | st.floats(1e-6, 10.0)
STEP = st.tuples(st.integers(0, 10_000), st.none() | st.floats(0.0, 1.0), NUMBER, NUMBER)


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(STEP, min_size=1, max_size=30), target=st.floats(0.01, 1.0))
def test_whatever_was_measured_the_figures_are_numbers_or_none(
    steps: list[tuple[int, float | None, float | None, float | None]], target: float
) -> None:
    made, ms = carried.Carried(), 0
    for gap, said, risk, ratio in steps:
        ms += gap
        one = sample(ms, said, risk)
        assert one.measured is not None
        made.samples.append(
            one._replace(measured=msgspec.structs.replace(one.measured, ratio=ratio))
        )
    sizing = msgspec.structs.replace(SIZING, vol_target=VolTargetRule(target=target))
    said = carried.reported(made, scaled(trial(Path()), sizing).book, (), end_ms=ms, days=[])
    assert said is not None
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    for level in (said["risk"], said["margin_ratio"]):
        if level is not None and level["worst"] is not None:
            assert level["mean"] <= level["worst"] * (1 + 1e-9)
        if level is not None and level["beyond_share"] is not None:
            assert 0.0 <= level["beyond_share"] <= 1.0 + 1e-9
    if any(ratio == math.inf for _, _, _, ratio in steps):
        assert said["margin_ratio"]["worst"] is None, "no equity is left: no number is the worst"
    if said["scale"] is not None:
        walk = said["scale"]
        assert walk["lowest"] <= walk["mean"] * (1 + 1e-9)
        assert walk["lowest"] <= walk["last"]
        assert walk["changes"] < len(steps)
