"""Exposure is the slope of the account's value in log spot: checked against that value itself."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.decide import decide
from hedger.core.model import BandRule, Instrument, Kind, Quote
from pricing import black
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, START, Desk, option, rules

NEAR, FAR = option(62_000.0, 8, True), option(55_000.0, 190, False)
LINEAR_CALL = option(62_000.0, 8, True, inverse=False)
FUTURE = Instrument(
    name="BTC-FAR",
    kind=Kind.FUTURE,
    underlying="BTC",
    quote="USD",
    settlement="BTC",
    inverse=True,
    lot=10.0,
    contract=10.0,
    tick=0.5,
    expiry_ms=START + 190 * DAY_MS,
)
BASIS = {NEAR.expiry_ms: 1.001, FAR.expiry_ms: 1.12}


def coin_value(leg: Instrument, index: float, ratio: float, vol: float = 0.5) -> float:
    """Price of one option in coin at an index, its forward at a fixed ratio to it."""
    forward = index * ratio
    price = black(
        forward=forward,
        strike=leg.strike,
        time_to_expiry=(leg.expiry_ms - START) / (365.0 * DAY_MS),
        vol=vol,
        is_call=leg.is_call,
    ).price
    return float(price) / (forward if leg.inverse else index)


def account_coin(index: float, start: float, near: int, far: int, perp: int, future: int) -> float:
    """Equity in coin with 5 coin of cash; futures entered at the starting prices."""
    value = 5.0
    for leg, lots in ((NEAR, near), (FAR, far)):
        ratio = BASIS[leg.expiry_ms]
        value += 0.1 * lots * coin_value(leg, index, ratio)
    value += 10.0 * perp * (1.0 / start - 1.0 / index)
    ratio = BASIS[FAR.expiry_ms]
    return value + 10.0 * future * (1.0 / (start * ratio) - 1.0 / (index * ratio))


def seen(desk: Desk, numeraire: str, base: float) -> float:
    rule = rules(numeraire=numeraire, base_coin=base, band=BandRule(lower=-99.0, upper=99.0))
    decision = decide(desk.book(), desk.board.market(), rule, START)
    assert decision.exposure is not None, decision.text
    return decision.exposure.book_delta


@settings(max_examples=60, deadline=None)
@given(
    near=st.integers(-200, 200),
    far=st.integers(-200, 200),
    perp=st.integers(-30_000, 30_000),
    future=st.integers(-30_000, 30_000),
    base=st.floats(0.0, 10.0),
)
def test_slope_of_value_with_twelve_percent_basis(
    near: int, far: int, perp: int, future: int, base: float
) -> None:
    index, holdings = 60_000.0, (near, far, perp, future)
    equity = account_coin(index, index, *holdings)
    desk = Desk({NEAR: near, FAR: far}, hedge_lots=perp, equity=equity)
    desk.legs[FUTURE] = future
    desk.instruments[FUTURE.name] = FUTURE
    desk.board.add({FUTURE.name: FUTURE})
    for leg in (NEAR, FAR):
        desk.quote_option(leg, forward=index * BASIS[leg.expiry_ms])
    price = index * BASIS[FAR.expiry_ms]
    desk.board.apply(
        Quote(
            instrument=FUTURE.name,
            time_ms=START,
            bid=price - 1,
            ask=price + 1,
            mark=price,
            index=index,
        )
    )
    step = 1e-4
    up, down = index * math.exp(step), index * math.exp(-step)
    high, low = account_coin(up, index, *holdings), account_coin(down, index, *holdings)
    coin = (high - low) / (2 * step)
    usd = ((high - base) * up - (low - base) * down) / (2 * step) / index
    assert seen(desk, "coin", 0.0) == pytest.approx(coin, abs=2e-6)
    assert seen(desk, "usd", base) == pytest.approx(usd, abs=2e-6)


@settings(max_examples=40, deadline=None)
@given(
    lots=st.integers(-200, 200).filter(bool),
    hedge=st.integers(-50_000, 50_000),
    balance=st.sampled_from([0.0, 7.0]),
)
def test_linear_book_in_usd(lots: int, hedge: int, balance: float) -> None:
    """Quote collateral has no delta, coin on the same account has its own."""
    desk = Desk({LINEAR_CALL: lots}, hedge=LINEAR_PERPETUAL, hedge_lots=hedge, equity=balance)
    desk.basis = 1.01
    desk.quote_all()
    rule = rules(numeraire="usd", hedge=LINEAR_PERPETUAL.name)
    decision = decide(desk.book(), desk.board.market(), rule, START)

    def usd(index: float) -> float:
        option_value = coin_value(LINEAR_CALL, index, 1.01) * index
        coin = balance * index
        return coin + 0.1 * lots * option_value + 0.0001 * hedge * (index - 60_000.0)

    step = 1e-4
    up, down = 60_000.0 * math.exp(step), 60_000.0 * math.exp(-step)
    slope = (usd(up) - usd(down)) / (2 * step) / 60_000.0
    assert decision.exposure is not None
    assert decision.exposure.book_delta == pytest.approx(slope, abs=2e-6)
    assert decision.exposure.equity == balance


def test_ladder_interpolates_the_book() -> None:
    desk = Desk({NEAR: -100})
    shown = decide(desk.book(), desk.board.market(), rules(), START).exposure
    assert shown is not None
    for spot, delta, gamma in shown.ladder:
        moved = Desk({NEAR: -100}, index=spot)
        other = decide(moved.book(), moved.board.market(), rules(), START).exposure
        assert other is not None
        assert delta == pytest.approx(other.book_delta, abs=1e-9)
        assert gamma == pytest.approx(other.gamma, abs=1e-9)


def test_gross_delta_band_scales_with_the_legs() -> None:
    desk = Desk({NEAR: -100, option(58_000.0, 8, False): -50})
    band = BandRule(unit="gross_delta", lower=-0.1, upper=0.1)
    decision = decide(desk.book(), desk.board.market(), rules(band=band), START)
    seen_now, target = decision.exposure, decision.target
    assert seen_now is not None
    assert target is not None
    assert target.upper == pytest.approx(0.1 * seen_now.gross_delta)
    assert seen_now.gross_delta > 4.5


@settings(max_examples=80, deadline=None)
@given(vol=st.floats(0.05, 2.0), strike=st.floats(20_000.0, 150_000.0), call=st.booleans())
def test_doubt_interval_holds_every_vol_within_its_width(
    vol: float, strike: float, call: bool
) -> None:
    leg = option(strike, 20, call, name="leg")
    desk = Desk({leg: -10}, vol=vol)
    desk.quote_option(leg, bid=None)
    shown = decide(desk.book(), desk.board.market(), rules(), START).exposure
    assert shown is not None
    (doubt,) = shown.doubts
    for shift in (-0.1, -0.06, -0.01, 0.0, 0.03, 0.07, 0.1):
        other = Desk({leg: -10}, vol=max(vol + shift, 1e-3))
        point = decide(other.book(), other.board.market(), rules(), START).exposure
        assert point is not None
        assert doubt.low - 2e-2 <= point.book_delta <= doubt.high + 2e-2
    assert shown.low == pytest.approx(doubt.low, abs=1e-12)


def test_a_changed_copy_of_the_legs_remembers_nothing_of_the_old_ones():
    legs = Desk({option(64_000.0, 8, True): -100}).book().legs
    legs.memo["anything"] = 1
    assert dataclasses.replace(legs, quantity=2.0 * legs.quantity).memo == {}
