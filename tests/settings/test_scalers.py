"""Every key of a book's scaling reaches the record that reads it; bad tables end in one line."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hedger.app.scalers import measure, readings, sizing
from hedger.core.risk.margins import GridMargin
from hedger.settings.book import Book
from hedger.settings.scaling import MODELS, Scaling
from tests.settings.desk import book

ODD: dict[str, dict[str, Any]] = {
    "static": {"target": 750.0, "unit": "usd"},
    "signal": {
        "source": "key:trend", "capital": 7.5, "vol_target": 0.3, "unit": 2.5, "clip": 1.5,
        "shift_max": 1.25, "inertia": 0.125, "age_s_max": 7.5, "expire_s": 77.5,
    },
    "grid": {"anchor": 61_000.0, "step": 550.0, "size": 0.15, "total_max": 0.75},
    "liquidity": {
        "budget_bps": 5.5, "participation": 0.25, "window_s": 30.5, "impact": 1.75,
        "daily_volume": 4_400.0,
    },
    "congestion": {
        "latency_ms_max": 555.0, "error_rate_max": 0.375, "stale_share_max": 0.625, "clip_max": 2.5,
        "credits_min": 0.35,
    },
    "vol_target": {"target": 0.35, "cap": 1.5, "inertia": 0.05},
    "vol_regime": {
        "power": 0.75, "lowest": 0.25, "highest": 1.75, "signal_min": 0.5, "inertia": 0.15,
        "long_days": 12.5,
    },
    "kelly": {"fraction": 0.25, "cap": 1.75, "inertia": 0.175},
    "tail": {
        "limit": 12_500.0, "measure": "value_at_risk", "method": "delta_gamma", "level": 0.95,
        "horizon_days": 2.5, "cap": 1.125, "inertia": 0.075,
    },
    "margin": {
        "model": "grid", "reduce_above": 0.75, "aim": 0.55, "release_below": 0.35,
        "distance_min": 0.125, "release_distance": 0.375,
    },
}  # fmt: skip
SHARED = {
    "shift_max": 2.5, "capital": 1e6, "measure_s": 15.5, "age_s_max": 450.5,
    "vol_of_vol": 0.6, "correlation": -0.5,
}  # fmt: skip
ELSEWHERE = {
    "use", "source", "unit", "anchor", "daily_volume", "budget_bps", "measure", "method", "level",
    "horizon_days", "model", "age_s_max", "expire_s",
}  # fmt: skip
"""Keys that stand elsewhere or under another name; each is looked at by itself."""


def odd(**change: Any) -> Scaling:
    tables = {name: {"use": "on"} | keys for name, keys in ODD.items()}
    return Scaling.model_validate(SHARED | tables | change)


def test_every_key_is_odd_and_every_model_on() -> None:
    found, plain = odd(), Scaling()
    assert found.used == MODELS == tuple(ODD)
    for name in MODELS:
        table = getattr(found, name)
        assert table.model_fields_set == set(type(table).model_fields)
        for key in set(ODD[name]):
            assert getattr(table, key) != getattr(getattr(plain, name), key), (name, key)


def test_every_key_stands_in_a_record() -> None:
    found = sizing(odd())
    assert found is not None
    for name, keys in ODD.items():
        record = getattr(found, name)
        for key in set(keys) - ELSEWHERE:
            assert getattr(record, key) == keys[key], (name, key)
    assert found.static is not None
    assert found.static.is_usd
    assert found.signal is not None
    assert (found.signal.unit, found.signal.age_ms_max, found.signal.expire_ms) == (
        2.5,
        7500,
        77500,
    )
    assert (found.grid_anchor, found.daily_volume, found.shift_max) == (61_000.0, 4_400.0, 2.5)
    assert found.liquidity is not None
    assert found.liquidity.budget == pytest.approx(5.5e-4)
    for record in (found.vol_target, found.kelly, found.tail, found.margin):
        assert record is not None
        assert record.age_ms_max == 450_500
    odd_book = Book.model_validate(book("b")).model_copy(update={"scaling": odd()})
    risk = measure(odd_book).risk
    assert (risk.capital, risk.vol_of_vol, risk.correlation) == (1e6, 0.6, -0.5)
    assert (risk.method, risk.level, risk.horizon_days) == ("delta_gamma", 0.95, 2.5)
    assert isinstance(risk.margin, GridMargin)
    assert not measure(odd_book).shortfall
    assert measure(odd_book).growth


def test_a_loop_reads_what_the_models_need_and_no_more() -> None:
    def wanted(*names: str) -> Any:
        tables = {n: {"use": "on" if n in names else "off"} | k for n, k in ODD.items()}
        return readings(Book.model_validate(book("b") | {"scaling": SHARED | tables}))

    assert wanted() is None
    assert wanted("static", "grid", "liquidity") is None
    assert (wanted("signal").signal, wanted("signal").measure) == ("key:trend", None)
    assert wanted("vol_target").every_ms == 15_500
    assert wanted("vol_target").measure.risk.margin is None
    assert wanted("congestion").traffic
    assert sizing(Scaling()) is None


def test_what_a_ladder_climbs_by_is_measured_without_any_scaler() -> None:
    ladder = {"margin_ratio": "0.5/0.4 - - 0.9/0.8", "age_s_max": 12.0}
    climbing = book("b") | {"ladder": ladder, "scaling": {"capital": 1e6}}
    found = readings(Book.model_validate(climbing))
    assert found is not None
    assert found.every_ms == 4_000
    assert found.measure is not None
    assert found.measure.risk.margin is not None
    for change, why in (
        ({"scaling": {}}, "scaling.capital is 0, expected a number above 0 with ladder.margin_"),
        ({"ladder": {"scenario_loss": "0.5/0.4 - - 0.9/0.8"}}, "scaling.tail.limit is 0, expected"),
    ):
        with pytest.raises(ValidationError, match=why):
            Book.model_validate(climbing | change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"capital": 0.0}, "capital is 0, expected a number above 0 with vol_target on"),
        ({"shift_max": 0.5}, "shift_max is 0.5, expected at least grid's 0.75"),
        ({"age_s_max": 15.0}, "age_s_max is 15, expected at least measure_s (15.5)"),
        ({"signal": {"use": "on"}}, "expected source and capital with use on"),
        ({"grid": {"use": "on"}}, "expected anchor, step and size above 0 with use on"),
        ({"tail": {"use": "on"}}, "expected a limit above 0 with use on"),
        ({"margin": {"aim": 0.9}}, "aim is 0.9, expected from release_below (0.4)"),
        ({"signal": {"source": "file:x"}}, "source"),
        ({"vol_target": {"target": float("nan")}}, "target"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as said:
        odd(**change)
    assert why in str(said.value)


def test_a_book_that_scales_itself_is_measured_whatever_its_models_read() -> None:
    scaling = {"capital": 1e6, "vol_regime": {"use": "on"}}
    shrinking = book("b") | {"scale": {"shrink": "on"}, "scaling": scaling}
    found = readings(Book.model_validate(shrinking))
    assert found is not None
    assert found.measure is not None, "what a change is worth follows from the risk"
    for change, why in (
        ({"positions": "account"}, "expected a positions file"),
        ({"scaling": {"capital": 1e6}}, "expected one of scaling's vol_regime, vol_target, kelly"),
        ({"scaling": {"vol_regime": {"use": "on"}}}, "scaling.capital is 0"),
        ({"scale": {"grow": "on"}}, "grow is on, expected shrink on too"),
    ):
        with pytest.raises(ValidationError, match=why):
            Book.model_validate(shrinking | change)
