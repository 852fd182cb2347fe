"""A delta whose vols travel with the forward, from fitted smiles; Black's where there is none."""

from __future__ import annotations

import math

import pytest

from hedger.core.columns import Smile
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import BandRule, Decision, Instrument
from hedger.service.smiles import smiles
from pricing import Svi, inverse, svi_vol
from tests.core.desk import DAY_MS, Desk, option, rules

DAYS = 20.0
YEARS = DAYS / 365.0
SVI = Svi(a=0.004, b=0.06, rho=-0.4, m=0.0, sigma=0.15)
STRIKES = (48_000.0, 52_000.0, 56_000.0, 60_000.0, 64_000.0, 70_000.0)
PUT = option(52_000.0, DAYS, False)
LEGS = {PUT: -100, option(66_000.0, DAYS, True): -50}


def vol_at(strike: float, forward: float) -> float:
    k = math.log(strike / forward)
    return float(svi_vol(svi=SVI, log_moneyness=k, time_to_expiry=YEARS).vol)


def quoted(legs: dict[Instrument, int], index: float = 60_000.0) -> Desk:
    desk = Desk(legs, index=index)
    for leg in legs:
        desk.quote_option(leg, vol=vol_at(leg.strike, index))
    return desk


def with_smile(legs: dict[Instrument, int], index: float = 60_000.0) -> Desk:
    desk = quoted(legs, index)
    (expiry_ms,) = {leg.expiry_ms for leg in legs}
    desk.board.take_smiles({("BTC", expiry_ms): Smile(tuple(SVI), YEARS, desk.now)})
    return desk


def said(desk: Desk, delta: str) -> Decision:
    band = BandRule(lower=-0.25, upper=0.25, delta=delta)
    return decide(desk.book(), desk.board.market(), rules(band=band), desk.now)


def centre(desk: Desk, delta: str) -> float:
    target = said(desk, delta).target
    assert target is not None
    return target.centre


def value_usd(legs: dict[Instrument, int], index: float) -> float:
    """Of the options, with a smile that travels with the forward."""
    total = 0.0
    for leg, lots in legs.items():
        unit = inverse(
            forward=index,
            strike=leg.strike,
            time_to_expiry=(leg.expiry_ms - Desk(legs).now) / (365.0 * DAY_MS),
            vol=vol_at(leg.strike, index),
            is_call=leg.is_call,
        )
        total += lots * leg.lot * float(unit.price) * index
    return total


@pytest.mark.parametrize("rule", ["sticky_moneyness", "sticky_delta"])
def test_the_delta_held_is_the_slope_of_the_value_along_a_travelling_smile(rule: str) -> None:
    desk = with_smile(LEGS)
    step = 1e-4 * 60_000.0
    slope = (value_usd(LEGS, 60_000.0 + step) - value_usd(LEGS, 60_000.0 - step)) / (2 * step)
    seen = said(desk, "black").exposure
    assert seen is not None
    plain = sum(line.delta_black for line in seen.expiries)
    shift = centre(desk, rule) - centre(desk, "black")
    assert plain - shift == pytest.approx(slope, rel=1e-6)
    assert abs(shift) > 0.05


def test_without_a_smile_of_late_blacks_delta_is_held_and_that_is_said() -> None:
    desk = quoted(LEGS)
    found = said(desk, "sticky_moneyness")
    assert found.target == said(desk, "black").target
    wanted = f"held at Black's delta: no fresh smile for {PUT.name}"
    assert found.warnings == (wanted,)
    desk = with_smile(LEGS)
    desk.now += 301_000
    desk.quote_hedge()
    for leg in LEGS:
        desk.quote_option(leg, vol=0.5)
    assert wanted in said(desk, "sticky_delta").warnings


def test_smiles_are_fitted_from_what_the_board_knows_of_late() -> None:
    listed = {option(k, DAYS, k > 60_000.0): -1 for k in STRIKES}
    few = {option(k, 3.0, True): -1 for k in STRIKES[:3]}
    desk = quoted(listed)
    desk.board.add({leg.name: leg for leg in few})
    for leg in few:
        desk.quote_option(leg, vol=0.5)
    found = smiles(desk.board.market(), desk.board.instruments, desk.now)
    (key,) = found
    assert key == ("BTC", next(iter(listed)).expiry_ms)
    fitted = svi_vol(svi=Svi(*found[key].svi), log_moneyness=-0.1, time_to_expiry=YEARS)
    true = svi_vol(svi=SVI, log_moneyness=-0.1, time_to_expiry=YEARS)
    assert float(fitted.skew) == pytest.approx(float(true.skew), abs=0.05)
    assert smiles(desk.board.market(), desk.board.instruments, desk.now + 61_000) == {}
    assert smiles(Board({}).market(), {}, desk.now) == {}
