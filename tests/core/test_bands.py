"""Bands that follow gamma: the formulas of the theory page, and what `decide` makes of them."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.bands import adaptive, formulas, widths
from hedger.core.bands.roots import cube_root
from hedger.core.decide import decide
from hedger.core.model import Action, BandRule, Decision, Memory, Target
from tests.core.desk import LINEAR_PERPETUAL, PERPETUAL, START, Desk, option, rules

C1 = {"cost": 0.0005, "spot": 100.0, "vol": 0.6, "horizon": 30 / 365, "risk_aversion": 0.2}
GAMMA = -0.0231
HOUR_MS = 3_600_000
WIDTHS = sorted(adaptive.WIDTHS)
positive = st.floats(1e-6, 1e3)


def cubic(gamma: float = GAMMA, delay: float = 0.0, **changes: float) -> float:
    terms = C1 | {"gamma": gamma, "square_gamma": gamma * gamma, "delay": delay} | changes
    return formulas.cubic(**terms)  # type: ignore[arg-type]


# --- formulas -----------------------------------------------------------------------------------


def test_whalley_wilmott_is_the_cube_root_of_the_page() -> None:
    width = formulas.whalley_wilmott(0.0005, 100.0, GAMMA**2, 0.2)
    assert width**3 == pytest.approx(1.5 * 0.0005 * 100.0 * GAMMA**2 / 0.2)


def test_identical_options_scale_by_two_thirds() -> None:
    one, eight = (formulas.whalley_wilmott(0.0005, 100.0, (q * GAMMA) ** 2, 0.2) for q in (1, 8))
    assert eight / one == pytest.approx(8 ** (2 / 3))


def test_cubic_adds_the_floor_in_cubes_and_narrows_by_the_overshoot() -> None:
    outer = formulas.whalley_wilmott(0.0005, 100.0, GAMMA**2, 0.2)
    floor = 0.0005 / (0.2 * 100.0 * 0.6**2 * 30 / 365)
    past = 0.5826 * abs(GAMMA) * 100.0 * 0.6 * math.sqrt(1 / 8760)
    assert cubic() == pytest.approx((outer**3 + floor**3) ** (1 / 3))
    assert cubic(delay=1 / 8760) == pytest.approx((outer**3 + floor**3) ** (1 / 3) - past)
    assert cubic(delay=10.0) == pytest.approx(outer / 4)
    assert cubic(0.0) == pytest.approx(floor)


@given(st.floats(1e-5, 0.01), st.floats(1e-6, 1.0), st.floats(1e-4, 0.1), st.floats(1e-7, 1.0))
def test_fixed_and_proportional_cost_solve_their_equations(
    cost: float, fixed: float, gamma: float, aversion: float
) -> None:
    outer, inner = formulas.fixed_and_proportional(cost, fixed, 100.0, gamma**2, aversion)
    assert outer >= inner >= 0.0
    product = 3.0 * cost * 100.0 * gamma**2 / aversion
    assert outer * inner * (outer + inner) == pytest.approx(product, rel=1e-6)
    gap = 12.0 * fixed * gamma**2 / aversion
    assert (outer - inner) ** 3 * (outer + inner) == pytest.approx(gap, rel=1e-6)


def test_either_cost_alone_is_its_own_formula() -> None:
    both = formulas.fixed_and_proportional(0.0005, 0.0, 100.0, GAMMA**2, 0.2)
    assert both == pytest.approx([formulas.whalley_wilmott(0.0005, 100.0, GAMMA**2, 0.2)] * 2)
    outer, inner = formulas.fixed_and_proportional(0.0, 0.01, 100.0, GAMMA**2, 0.2)
    assert outer == pytest.approx((12.0 * 0.01 * GAMMA**2 / 0.2) ** 0.25)
    assert inner == pytest.approx(0.0, abs=1e-12)
    assert formulas.fixed_and_proportional(0.0, 0.0, 100.0, GAMMA**2, 0.2) == (0.0, 0.0)


def test_without_a_fixed_cost_the_two_cost_band_is_the_cubic_one_to_the_edge() -> None:
    args = (100.0, GAMMA, GAMMA**2, 0.6, 30 / 365, 0.2, 1 / 8760)
    assert formulas.two_cost(0.0005, 0.0, *args) == pytest.approx([cubic(delay=1 / 8760)] * 2)


@given(st.floats(0.01, 1e5), st.floats(1e-4, 0.1))
def test_every_width_is_free_of_the_scale_of_spot(scale: float, gamma: float) -> None:
    """Prices in another unit, units of the underlying the other way: the same amount of money."""
    terms = (0.6, 30 / 365, 0.2)
    one = formulas.zakamouline(0.0005, 100.0, gamma, *terms)
    other = formulas.zakamouline(0.0005, 100.0 * scale, gamma / scale**2, *terms)
    assert other * scale == pytest.approx(one)
    one = formulas.zakamouline_vol(0.0005, 100.0, gamma, *terms)
    other = formulas.zakamouline_vol(0.0005, 100.0 * scale, gamma / scale**2, *terms)
    assert other == pytest.approx(one)
    moved = gamma / scale**2
    assert cubic(moved, spot=100.0 * scale) * scale == pytest.approx(cubic(gamma))


def test_modified_vols_lean_the_right_way() -> None:
    terms = (0.6, 30 / 365, 0.2)
    short, long = (formulas.zakamouline_vol(0.0005, 100.0, g, *terms) for g in (GAMMA, -GAMMA))
    size = 4.76 * 0.0005**0.78 / (30 / 365) ** 0.02 * 0.6**-0.25 * (0.2 * 1e4 * 0.0231) ** 0.15
    assert short == pytest.approx(0.6 * math.sqrt(1 + size))
    assert long == pytest.approx(0.6 * math.sqrt(1 - size))
    assert formulas.leland_vol(0.005, 0.10, 1 / 365, -1.0) == pytest.approx(0.1589, abs=5e-5)
    assert formulas.leland_vol(0.001, 0.10, 1 / 365, 1.0) < 0.10
    assert math.isnan(formulas.leland_vol(0.005, 0.10, 1 / 365, 1.0))


def test_a_kernel_calls_the_very_same_functions() -> None:
    @numba.njit  # type: ignore[misc]
    def kernel(gamma: float) -> Any:
        return (
            formulas.cubic(5e-4, 100.0, gamma, gamma * gamma, 0.6, 0.08, 0.2, 1e-4),
            formulas.zakamouline(5e-4, 100.0, gamma, 0.6, 0.08, 0.2),
            formulas.leland_vol(5e-4, 0.6, 1e-4, gamma),
            formulas.two_cost(5e-4, 0.01, 100.0, gamma, gamma * gamma, 0.6, 0.08, 0.2, 1e-4)[0],
            formulas.clipped(1.0, 0.1, 0.0)[1],
        )

    assert kernel(GAMMA) == pytest.approx(kernel.py_func(GAMMA), rel=1e-14)


def test_the_root_of_a_kernel_is_the_library_s() -> None:
    @numba.njit  # type: ignore[misc]
    def kernel(values: Any, roots: Any) -> None:
        for i in range(values.size):
            roots[i] = cube_root(values[i])

    values = np.concatenate((np.geomspace(1e-299, 1e300, 99_991), np.linspace(0.9, 8.1, 99_991)))
    roots = np.empty_like(values)
    kernel(values, roots)
    exact = np.cbrt(values)
    assert np.max(np.abs(roots - exact) / np.spacing(exact)) <= 2.0
    odd, found = np.array([0.0, math.inf, math.nan, 1e-301]), np.empty(4)
    kernel(odd, found)
    assert found[:2].tolist() == [0.0, math.inf]
    assert math.isnan(found[2])
    assert found[3] == 0.0


# --- decide -------------------------------------------------------------------------------------


def rule(kind: str = "cubic", **keys: Any) -> BandRule:
    keys = {"risk_aversion": 6.0, "cost_bps": 5.0, "cooldown_ms": 0} | keys
    if kind in ("interval", "leland"):
        keys = {"interval_ms": HOUR_MS} | keys
    if kind == "price_move":
        keys = {"move_pct": 1.0} | keys
    return BandRule(kind=kind, **keys)


def said(desk: Desk, band: BandRule, *, memory: Memory | None = None, **keys: Any) -> Decision:
    book = desk.book(memory=memory)
    return decide(book, desk.board.market(), rules(band=band, **keys), desk.now)


def band_of(desk: Desk, band: BandRule, **keys: Any) -> Target:
    found = said(desk, band, **keys).target
    assert found is not None
    return found


def straddle(lots: int = -100, days: float = 30.0, inverse: bool = True) -> Desk:
    legs = {option(60_000.0, days, c, inverse=inverse): lots for c in (True, False)}
    return Desk(legs, hedge=PERPETUAL if inverse else LINEAR_PERPETUAL)


def test_the_band_is_the_formula_of_the_books_own_gamma() -> None:
    desk = straddle()
    found = band_of(desk, rule())
    years, vol = 30 / 365, 0.5
    d1 = 0.5 * vol * math.sqrt(years)
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2.0 * math.pi)
    gamma = -20.0 * density / (60_000.0 * vol * math.sqrt(years))
    # the coin numeraire of the desk: 6 a coin is 1e-4 a dollar
    wanted = formulas.cubic(5e-4, 60_000.0, gamma, gamma**2, vol, years, 1e-4, 0.0)
    assert found.inputs is not None
    assert found.inputs.gamma == pytest.approx(gamma, rel=1e-9)
    assert found.upper - found.centre == pytest.approx(wanted, rel=1e-9)
    assert 0.01 < wanted < 1.0


def test_coin_and_usd_are_one_band_when_risk_aversion_is_converted() -> None:
    usd = band_of(straddle(), rule(risk_aversion=1e-4), numeraire="usd")
    coin = band_of(straddle(), rule(risk_aversion=6.0), numeraire="coin")
    assert usd.upper - usd.lower == pytest.approx(coin.upper - coin.lower, rel=1e-9)


def test_half_of_the_largest_hedge_is_the_ceiling_and_a_lot_the_floor() -> None:
    careless, anxious = rule(risk_aversion=1e-12), rule(risk_aversion=1e9, cost_bps=0.01)
    assert band_of(straddle(), careless).upper == pytest.approx(5.0)
    wing = Desk({option(50_000.0, 30.0, True): -30, option(70_000.0, 30.0, True): 30})
    assert band_of(wing, careless).upper == pytest.approx(1.5)
    lot = 10.0 / 60_000.0
    assert band_of(straddle(), anxious).upper == pytest.approx(lot, rel=1e-6)
    assert band_of(straddle(), rule(half_width_min=0.75, risk_aversion=1e9)).upper == 0.75
    assert band_of(straddle(), rule(half_width_max=0.25, risk_aversion=1e-9)).upper == 0.25


@pytest.mark.parametrize("days", [1 / 4, 1 / 24, 1 / 48, 1 / 1440])
def test_the_band_does_not_explode_before_expiry(days: float) -> None:
    """With the time to expiry in its floor it would be several coin, and the book naked."""
    desk = Desk({option(50_000.0, days, True): -100})
    found = band_of(desk, rule())
    assert found.upper < 0.1


def test_in_a_settlement_window_the_hedge_follows_and_is_gone_at_the_end() -> None:
    careless = rule(risk_aversion=1e-12)
    before = band_of(Desk({option(50_000.0, 31 / 1440, True): -100}), careless).upper
    widths = [
        band_of(Desk({option(50_000.0, m / 1440, True): -100}), careless).upper for m in (15, 3, 1)
    ]
    assert before == pytest.approx(5.0)
    assert widths == pytest.approx([2.5, 0.5, 5.0 / 30.0], rel=1e-2)


def test_a_long_dated_band_follows_what_settles_beside_it() -> None:
    far = {option(60_000.0, 30.0, c): -200 for c in (True, False)}
    careless = rule(half_width_max=4.0, risk_aversion=1e-12)
    assert band_of(Desk(far), careless).upper == 4.0
    desk = Desk({option(40_000.0, 15 / 1440, True): -100, **far})
    assert band_of(desk, careless).upper == pytest.approx(2.5)  # a quarter of the ten that decay
    assert [widths.following(4.0, d) for d in (0.0, 3.9, 6.4, 40.0)] == [4.0, 4.0, 1.6, 4.0]


def test_a_gamma_that_changes_sign_keeps_the_band_open() -> None:
    spread = {option(57_000.0, 30.0, True): -100, option(63_500.0, 30.0, True): 100}
    found = band_of(Desk(spread), rule())
    terms = found.inputs
    assert terms is not None
    assert terms.square_gamma > 4.0 * terms.gamma**2
    blind = formulas.cubic(
        terms.cost,
        60_000.0,
        terms.gamma,
        terms.gamma**2,
        terms.vol,
        terms.horizon,
        terms.aversion_usd,
        terms.delay,
    )
    assert found.upper > blind
    one_sign = band_of(straddle(), rule()).inputs
    assert one_sign is not None
    assert one_sign.square_gamma == one_sign.gamma**2


def test_risk_aversion_is_given_or_accepted_or_frozen_at_the_first_hedge() -> None:
    accepted = rule(risk_aversion=0.0, daily_cost=50.0, daily_std=1_000.0)
    terms = band_of(straddle(), accepted).inputs
    assert terms is not None
    assert (terms.risk_aversion, terms.source) == (pytest.approx(5e-5), "given")
    desk = Desk({option(50_000.0, 30.0, True): -100})
    first = said(desk, rule(risk_aversion=0.0))
    assert first.action is Action.HEDGE
    assert first.target is not None
    assert first.target.inputs is not None
    made = first.target.inputs
    assert (first.memory.risk_aversion, made.source) == (made.risk_aversion, "now")
    later = band_of(straddle(), rule(risk_aversion=0.0), memory=first.memory).inputs
    assert later is not None
    assert (later.risk_aversion, later.source) == (made.risk_aversion, "frozen")


def test_the_default_is_met_by_half_a_daily_standard_deviation() -> None:
    terms = band_of(straddle(), rule(risk_aversion=0.0)).inputs
    assert terms is not None
    width = formulas.whalley_wilmott(5e-4, 60_000.0, terms.square_gamma, terms.aversion_usd)
    assert width == pytest.approx(abs(terms.gamma) * 0.5 * 0.5 * 60_000.0 / math.sqrt(365.0))


def test_the_shift_for_funding_is_bounded_and_off_by_default() -> None:
    plain = band_of(straddle(), rule())
    assert plain.centre == 0.0
    little = band_of(straddle(), rule(funding_excess=0.3))
    assert little.centre == pytest.approx(-0.3 / (1e-4 * 0.5**2 * 60_000.0))
    shifted = band_of(straddle(), rule(funding_excess=3.0))
    assert shifted.centre == pytest.approx(-0.5 * (shifted.upper - shifted.centre))


def test_leland_is_an_error_where_costs_eat_the_variance_of_a_long_book() -> None:
    desk = straddle(lots=100)
    found = said(desk, rule("leland", cost_bps=200.0))
    assert (found.action, found.reason) == (Action.BLOCKED, "no_band")
    assert said(straddle(), rule("leland", cost_bps=200.0)).target is not None


def test_leland_and_zakamouline_hedge_another_delta() -> None:
    desk = Desk({option(66_000.0, 30.0, True): -100})
    assert band_of(desk, rule("leland", cost_bps=20.0)).centre > 0.0  # short: a higher vol
    assert band_of(desk, rule("zakamouline", risk_aversion=1.0)).centre > 0.0
    assert band_of(desk, rule("cubic")).centre == 0.0


@pytest.mark.parametrize("kind", ["interval", "leland"])
def test_a_timer_hedges_once_in_each_interval(kind: str) -> None:
    desk = Desk({option(55_000.0, 30.0, True): -10})
    hedged = Memory(hedges=1, hedge_ms=START - 1, hedge_price=60_000.0)
    assert said(desk, rule(kind), memory=hedged).action is Action.HEDGE
    again = msgspec.structs.replace(hedged, hedge_ms=START)
    calm = msgspec.structs.replace(rules().limits, hard_band=1_000.0)
    daily = rule(kind, interval_ms=24 * HOUR_MS)
    assert said(desk, daily, memory=again, limits=calm).reason == "interval"


def test_a_price_move_is_waited_for() -> None:
    desk = Desk({option(60_000.0, 30.0, True): -1})
    near = Memory(hedges=1, hedge_ms=START - HOUR_MS, hedge_price=60_300.0)
    far = msgspec.structs.replace(near, hedge_price=60_700.0)
    wide = rule("price_move", move_pct=1.0)
    patient = rules(band=wide).limits
    patient = msgspec.structs.replace(patient, hard_band=1_000.0)
    assert said(desk, wide, memory=near, limits=patient).reason == "min_move"
    assert said(desk, wide, memory=far, limits=patient).action is Action.HEDGE
    deviations = rule("price_move", move_pct=0.0, move_std=0.5)  # 0.5 x 50 % / sqrt(365): 1.31 %
    assert said(desk, deviations, memory=far, limits=patient).reason == "min_move"


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([*WIDTHS, "interval", "price_move"]),
    strike=st.sampled_from([50_000.0, 60_000.0, 72_000.0]),
    days=st.sampled_from([0.01, 0.5, 30.0]),
    lots=st.integers(-300, 300).filter(bool),
    aversion=st.floats(-9, 2),
    order_cost=st.sampled_from([0.0, 5.0]),
    clip=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_no_delta_is_traded_twice_over_one_level(
    kind: str,
    strike: float,
    days: float,
    lots: int,
    aversion: float,
    order_cost: float,
    clip: float,
) -> None:
    """Filled as wanted, at an unmoved market nothing further is to be done."""
    desk = Desk({option(strike, days, True): lots})
    keys = {"order_cost": order_cost, "clip_min": clip} if kind == "cubic" else {}
    band = rule(kind, risk_aversion=10.0**aversion, **keys)
    first = said(desk, band)
    if first.plan is None or not first.plan.lines:
        assert first.reason in ("inside_band", "below_minimum")
        return
    desk.hedge_lots += sum(line.lots for line in first.plan.lines)
    after = said(desk, band, memory=msgspec.structs.replace(first.memory, hedge_ms=0))
    assert after.action is Action.NO_TRADE
    assert after.reason == "inside_band"


def test_a_default_is_not_frozen_on_gamma_that_is_about_to_expire() -> None:
    """Frozen on the sharp gamma of the last hours, it would be far too mild from then on."""
    far = {option(60_000.0, 30.0, True): -100}
    near = {option(60_000.0, 0.05, True): -100}
    band = rule(risk_aversion=0.0)
    found = [band_of(Desk(legs), band).inputs for legs in (far, far | near, near)]
    alone, both, last = (terms for terms in found if terms is not None)
    assert abs(both.gamma) > 10.0 * abs(alone.gamma)
    assert both.risk_aversion == pytest.approx(alone.risk_aversion, rel=0.05)
    assert (alone.source, both.source, last.source) == ("now", "now", "passing")
    assert last.risk_aversion < 0.1 * alone.risk_aversion
    deep = Desk({option(60_000.0, 0.05, True): -100}, hedge_lots=-20_000)
    hedged = said(deep, band)
    assert hedged.action is Action.HEDGE
    assert hedged.memory.risk_aversion == 0.0


def test_the_mean_of_gamma_reaches_beyond_the_ladder_where_vol_is_high() -> None:
    """Against five single books, each priced at one of the five spots of the mean."""
    strikes = ((60_000.0, -100), (68_500.0, 60), (53_000.0, 60))
    vol, days = 1.2, 2.0
    legs = {option(k, days, True): lots for k, lots in strikes}
    found = band_of(Desk(legs, vol=vol), rule()).inputs
    assert found is not None
    width = formulas.spread(vol, 30 / 365)
    assert width * formulas.SPREAD_NODES[-1] > math.log(1.06)
    gammas = []
    for node in formulas.SPREAD_NODES:
        moved = Desk(legs, vol=vol, index=60_000.0 * math.exp(width * node))
        terms = band_of(moved, rule()).inputs
        assert terms is not None
        gammas.append(terms.gamma)  # per unit of that spot
    assert min(gammas) < 0.0 < max(gammas)
    wanted = sum(w * g * g for w, g in zip(formulas.SPREAD_WEIGHTS, gammas, strict=True))
    assert found.square_gamma == pytest.approx(wanted, rel=1e-9)
