"""One refresh of a live book's risk, up to the scalers that read it."""

from __future__ import annotations

import math

import pytest

from hedger.core.columns import Forecast
from hedger.core.model import MarginRule, TailRule, VolTargetRule
from hedger.core.risk.margins import GridMargin
from hedger.core.risk.refresh import RiskRule, measures
from hedger.core.sizing.combine import combine
from hedger.core.sizing.margin import margin
from hedger.core.sizing.value_at_risk import value_at_risk
from hedger.core.sizing.vol_target import vol_target
from tests.core.desk import rules
from tests.risk.test_scenarios import desk

RULE = RiskRule(capital=600_000.0, margin=GridMargin(), crossed=True)
USD = rules(numeraire="usd", base_coin=12.0)


def test_measures_of_a_live_book_scale_it() -> None:
    of = desk()
    found = measures(of.book(), of.board.market(), USD, of.now, RULE)
    assert found.tail is not None
    assert found.margin is not None
    assert found.vol_of == "implied: no forecast of late"
    assert found.vol == pytest.approx(0.5)
    assert found.risk == pytest.approx(found.tail.std * math.sqrt(365.0) / 600_000.0)
    loss = found.tail.expected_shortfall
    parts = (
        vol_target(VolTargetRule(target=found.risk / 2), risk=found.risk, age_ms=0, before=1.0),
        value_at_risk(TailRule(limit=loss / 4), loss=loss, age_ms=0, before=1.0),
        margin(
            MarginRule(), ratio=found.margin.ratio, distance=found.distance, age_ms=0, held=1.0,
            before=1.0,
        ),
    )  # fmt: skip
    done = combine(parts)
    assert done.book == pytest.approx(min(0.25, parts[2].factor))
    assert (done.trade, done.shift, done.may_add) == (1.0, 0.0, True)


def test_a_scaled_book_has_the_risk_that_was_asked_for() -> None:
    of = desk()
    before = measures(of.book(), of.board.market(), rules(), of.now, RULE)
    of.legs = {leg: lots // 2 for leg, lots in of.legs.items() if leg.inverse}
    whole = desk(legs={leg: 2 * lots for leg, lots in of.legs.items()})
    half = desk(legs=of.legs, lots=-1_500)
    a, b = (measures(x.book(), x.board.market(), rules(), x.now, RULE) for x in (whole, half))
    assert before.tail is not None
    assert a.risk == pytest.approx(2.0 * b.risk)


def test_the_forecast_is_preferred() -> None:
    of = desk()
    market = of.board.market()
    market.forecasts["BTC"] = Forecast(0.8, of.now)  # type: ignore[index]
    found = measures(of.book(), market, USD, of.now, RULE)
    assert (found.vol, found.vol_of) == (0.8, "forecast")


def test_what_is_not_known_has_a_reason_and_no_number() -> None:
    of = desk()
    of.now += 400_000
    found = measures(of.book(), of.board.market(), USD, of.now, RULE)
    assert found.risk is found.tail is found.margin is None
    assert "old" in found.reason
    held = vol_target(VolTargetRule(target=0.1), risk=found.risk, age_ms=0, before=0.8)
    assert (held.factor, held.is_known) == (0.8, False)
    assert not combine([held]).may_add
    futures = measures(desk(legs={}).book(), desk(legs={}).board.market(), USD, desk().now, RULE)
    assert "vol is nan" in futures.reason
    broke = measures(desk().book(), desk().board.market(), USD, desk().now, RiskRule(capital=0.0))
    assert "capital is 0" in broke.reason
