"""The option legs of a replayed book follow the scale that its models want, by the acts of live."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hedger.app.trial import resized
from hedger.backtest.page import page
from hedger.backtest.programme import Part
from hedger.backtest.replay import Terms
from hedger.backtest.resized import based
from hedger.backtest.trial import Trial, Tried, tried
from hedger.core.acts.portions import share
from hedger.core.model import Kind, Sizing, TailRule, VolTargetRule
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.simulator.events import Traded
from tests.backtest.recording import DAY, MINUTE, START, Row, perpetual, recorded, trial
from tests.backtest.test_scaling import READINGS, scaled

STORM_MS = START + DAY + 150 * MINUTE
TARGET = Sizing(vol_target=VolTargetRule(target=0.06, age_ms_max=DAY))
TAIL = Sizing(tail=TailRule(limit=6_000.0, age_ms_max=DAY))


def stormy(minutes: int = 1_440 + 400, seed: int = 3) -> list[Row]:
    """A calm day, then moves five times as large."""
    rows = perpetual(minutes, seed)
    price = np.array([float(row[4]) for row in rows])
    moves = np.diff(np.log(price), prepend=np.log(price[0]))
    late = np.array([row[0] >= STORM_MS for row in rows])
    path = price[0] * np.exp(np.cumsum(moves * np.where(late, 5.0, 1.0)))
    for row, close in zip(rows, path.tolist(), strict=True):
        row[1:5] = [f"{close:.1f}"] * 4
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("storm"), stormy())


def follows(folder: Path, sizing: Sizing, way: str = "both", **scale: Any) -> Trial:
    made = scaled(trial(folder, terms=Terms(programme=DEALT)), sizing, READINGS)
    rule = msgspec.structs.replace(
        made.book.rules.scale,
        **(
            {"hold_ms": 5 * MINUTE, "cap_hold_ms": MINUTE, "sharpe": 10.0, "hold_days": 365.0}
            | scale
        ),
    )
    rules = msgspec.structs.replace(made.book.rules, scale=rule)
    return resized(
        msgspec.structs.replace(made, book=msgspec.structs.replace(made.book, rules=rules)), way
    )


DEALT = (Part(kind="straddle", days=4, coin=-5.0),)


@pytest.fixture(scope="module")
def done(folder: Path) -> Tried:
    return tried(follows(folder, TARGET))


def options(run: Tried) -> list[Traded]:
    return [
        event
        for event in run.run.events
        if isinstance(event, Traded)
        and not event.block
        and instrument(event.instrument).kind is Kind.OPTION
    ]


def test_the_legs_follow_the_scale_out_of_a_storm(done: Tried) -> None:
    said = done.found["scaling"]
    assert said["asked"] == len(said["acts"]) >= 1
    assert said["acts"][0]["cause"] == "models"
    assert said["held"]["lowest"] < 0.9
    assert said["held"]["last"] == pytest.approx(said["acts"][-1]["scale"], abs=0.05)
    bought = options(done)
    assert bought
    assert all(event.lots > 0 for event in bought), "short legs are bought back"
    assert min(event.ms for event in bought) >= STORM_MS


def test_risk_that_was_achieved_is_nearer_to_its_target(folder: Path, done: Tried) -> None:
    off = tried(resized(follows(folder, TARGET), "off"))
    assert options(off) == []
    assert off.found["scaling"]["asked"] == 0
    assert off.found["scaling"]["held"]["lowest"] == 1.0
    loose, held = (run.found["scaling"]["risk"] for run in (off, done))
    assert held["worst"] < loose["worst"]
    assert held["beyond_share"] < loose["beyond_share"]


def test_no_scale_is_ever_beyond_what_a_cap_allows_once_it_was_followed(folder: Path) -> None:
    run = tried(follows(folder, TAIL, "out"))
    said = run.found["scaling"]
    assert {act["cause"] for act in said["acts"]} == {"cap"}
    for act in run.run.acts:
        assert not act.grows
    held = [one.held for one in run.run.carried.samples if one.held is not None]
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(held))
    assert held[-1] <= run.run.carried.samples[-1].said * 1.2


def test_the_scale_moves_no_hedge_where_the_option_legs_are_the_same(
    folder: Path, done: Tried
) -> None:
    """Up to the first act the hedges are those of the book without any scaler."""
    plain = tried(trial(folder, terms=Terms(programme=DEALT)))
    first = done.run.acts[0].asked_ms
    for run in (done, plain):
        assert [h for h in run.run.hedges if h.ms < first]
    assert [h for h in done.run.hedges if h.ms < first] == [
        h for h in plain.run.hedges if h.ms < first
    ]


def test_the_parts_still_sum_and_the_same_run_repeats(folder: Path, done: Tried) -> None:
    assert done.found["agreement"] < 1e-9
    assert abs(done.found["residual_share"]) < 0.02
    assert msgspec.json.encode(tried(follows(folder, TARGET)).found) == msgspec.json.encode(
        done.found
    )


def test_the_page_shows_scale_and_risk_over_time(done: Tried) -> None:
    text = page(done, follows(Path(), TARGET).book.rules)
    assert text.count("<svg") == 7
    for words in ("Scale of the book", "wanted", "target"):
        assert words in text
    assert "nan" not in text.lower()


def test_what_is_dealt_is_the_base_while_it_lives_and_is_dealt_at_the_scale() -> None:
    class Book:
        def __init__(self) -> None:
            self.rules = follows(Path(), TARGET).book.rules

        def declare(self, rules: Any) -> None:
            self.rules = rules

    book: Any = Book()
    near, far = "BTC-9MAY25-95000-C", "BTC-16MAY25-95000-C"
    contracts = {name: instrument(name) for name in (near, far)}
    based(book, {near: -50}, contracts, START)
    based(book, {far: -30}, contracts, START)
    assert dict(book.rules.scale.base) == {near: -50, far: -30}
    based(book, {far: -10}, contracts, contracts[near].expiry_ms)
    assert dict(book.rules.scale.base) == {far: -40}
    assert share(-50, 0.5) == -25


def test_nothing_follows_a_scale_that_no_model_gives(folder: Path) -> None:
    with pytest.raises(ConfigError, match="resize out: expected a model that scales the book"):
        resized(trial(folder), "out")


def test_a_scale_of_nothing_deals_nothing_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than half a lot of each leg is wanted when the straddle is to be dealt."""
    none = "hedger.backtest.resized.Resized.dealt"
    monkeypatch.setattr(none, lambda _, book, whole: dict.fromkeys(whole, 0))
    made = follows(recorded(tmp_path, stormy(1_440 + 60)), TARGET)
    run = tried(made)
    assert not [event for event in run.run.events if isinstance(event, Traded) and event.block]
    assert run.found["scaling"]["held"]["lowest"] == 0.0
    assert run.run.blocked == {}
