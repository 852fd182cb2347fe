"""A delta whose vols answer to the forward, as configured or as fitted; Black's without either."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hedger.core.columns import VolAnswer
from hedger.core.decide import decide
from hedger.core.model import Account, BandRule, Decision, Instrument
from pricing import black
from tests.core.desk import DAY_MS, START, Desk, option, rules

A, B, C = -0.25, 0.15, 0.4
GIVEN = {"minimum_variance_a": A, "minimum_variance_b": B, "minimum_variance_c": C}
INDEX, VOL = 60_000.0, 0.5
LEGS = {
    option(52_000.0, 20.0, False): -100,
    option(66_000.0, 20.0, True): -50,
    option(64_000.0, 45.0, True, inverse=False): 30,
}


def quoted() -> Desk:
    return fresh(Desk(LEGS, index=INDEX, vol=VOL))


def fresh(desk: Desk) -> Desk:
    desk.quote_all()
    figures = Account(account="acc", time_ms=desk.now, equity=0.0, quote_equity=0.0)
    desk.board.apply_account(figures)
    return desk


def said(desk: Desk, delta: str = "minimum_variance", **given: Any) -> Decision:
    band = BandRule(lower=-0.25, upper=0.25, delta=delta, **given)
    return decide(desk.book(), desk.board.market(), rules(band=band), desk.now)


def shift(desk: Desk, **given: Any) -> float:
    moved, plain = said(desk, **given).target, said(desk, "black").target
    assert moved is not None
    assert plain is not None
    return moved.centre - plain.centre


def unit(leg: Instrument, index: float, vol: float, **change: Any) -> Any:
    years = (leg.expiry_ms - START) / (365.0 * DAY_MS)
    usual = {"strike": leg.strike, "time_to_expiry": years, "is_call": leg.is_call}
    return black(forward=index, vol=vol, **(usual | change))


def value(index: float) -> float:
    """Of the living options in quote currency, with vols that answer to the move of the index."""
    total = 0.0
    for leg, lots in LEGS.items():
        if leg.expiry_ms > START:
            years = (leg.expiry_ms - START) / (365.0 * DAY_MS)
            d = float(unit(leg, INDEX, VOL, is_call=True).delta)
            answer = (A + B * d + C * d * d) / math.sqrt(years)
            total += lots * leg.lot * unit(leg, index, VOL + answer * math.log(index / INDEX)).price
    return total


def test_the_delta_held_is_the_slope_of_the_value_along_vols_that_answer() -> None:
    desk = quoted()
    step = 1e-4 * INDEX
    slope = (value(INDEX + step) - value(INDEX - step)) / (2 * step)
    seen = said(desk, "black").exposure
    assert seen is not None
    plain = sum(line.delta_black for line in seen.expiries)
    found = shift(desk, **GIVEN)
    assert plain - found == pytest.approx(slope, rel=1e-6)
    assert abs(found) > 0.05
    target = said(desk, **GIVEN).target
    assert target is not None
    assert target.delta_of == "minimum_variance (a -0.25, b 0.15, c 0.4, given)"


def test_call_and_put_of_a_strike_move_by_one_vol() -> None:
    call, put = option(63_000.0, 20.0, True), option(63_000.0, 20.0, False)
    assert shift(Desk({call: 40, put: -40}), **GIVEN) == pytest.approx(0.0, abs=1e-12)
    calls, puts = (shift(Desk({leg: 40}), **GIVEN) for leg in (call, put))
    assert calls == pytest.approx(puts)
    assert abs(calls) > 0.01


def test_a_fitted_answer_serves_while_it_is_of_late_and_says_where_it_is_from() -> None:
    desk = quoted()
    desk.board.take_answers({"BTC": VolAnswer(A, B, C, 1_234, desk.now)})
    assert shift(desk) == pytest.approx(shift(desk, **GIVEN), rel=1e-12)
    target = said(desk).target
    assert target is not None
    assert target.delta_of.endswith("c 0.4, fitted to 1234 changes)")
    desk.now += 7_200_001
    fresh(desk)
    assert shift(desk) == 0.0
    assert "held at Black's delta: no fresh answer of vol for BTC" in said(desk).warnings


def test_without_an_answer_or_a_vol_blacks_delta_is_held_and_that_is_said() -> None:
    desk = quoted()
    assert said(desk).target == said(desk, "black").target
    assert said(desk).warnings == ("held at Black's delta: no fresh answer of vol for BTC",)
    never = option(70_000.0, 9.0, True)
    desk.board.add({never.name: never})
    desk.instruments[never.name] = never
    desk.legs = {**LEGS, never: 5}
    assert f"no fresh answer of vol for {never.name}" in said(desk, **GIVEN).warnings[-1]
    assert shift(desk, **GIVEN) == 0.0
