"""One smile: evaluation against QuantLib and finite differences, arbitrage against prices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing import Ssvi, Svi, butterfly_minimum, calendar_minimum, svi_vol
from pricing.arbitrage import durrleman

SMILE = Svi(a=0.004, b=0.09, rho=-0.35, m=0.02, sigma=0.15)
VOGT = Svi(a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)


def test_variance_is_quantlibs():
    quantlib = pytest.importorskip("QuantLib")
    a, b, rho, m, sigma = SMILE
    section = quantlib.SviSmileSection(0.4, 100.0, [a, b, sigma, rho, m])
    k = np.linspace(-1.0, 1.0, 41)
    theirs = [section.volatility(100.0 * float(np.exp(x))) for x in k]
    ours = svi_vol(svi=SMILE, log_moneyness=k, time_to_expiry=0.4).vol
    assert ours == pytest.approx(theirs, rel=1e-13)


def test_derivatives_by_finite_differences():
    k, step = np.linspace(-0.8, 0.8, 17), 1e-4
    low, mid, high = (
        svi_vol(svi=SMILE, log_moneyness=k + d, time_to_expiry=0.3) for d in (-step, 0.0, step)
    )
    assert mid.skew == pytest.approx((high.vol - low.vol) / (2.0 * step), rel=1e-6, abs=1e-8)
    assert mid.curvature == pytest.approx((high.skew - low.skew) / (2.0 * step), rel=1e-6, abs=1e-7)


def test_ssvi_is_svi():
    slice_ = Ssvi(theta=0.05, rho=-0.4, psi=0.3)
    k = np.linspace(-1.0, 1.0, 21)
    z = slice_.psi * k
    root = np.sqrt(z * z + 2.0 * slice_.rho * z * slice_.theta + slice_.theta**2)
    w = 0.5 * (slice_.theta + slice_.rho * z + root)
    ours = svi_vol(svi=slice_.svi(), log_moneyness=k, time_to_expiry=2.0).vol
    assert ours == pytest.approx(np.sqrt(w / 2.0), rel=1e-14)
    at_the_money = svi_vol(svi=slice_.svi(), log_moneyness=0.0, time_to_expiry=1.0).vol
    assert at_the_money == pytest.approx(np.sqrt(0.05), rel=1e-14)


@pytest.mark.parametrize("svi", [SMILE, VOGT])
def test_g_is_the_density_of_prices(svi):
    """g > 0 exactly where call prices are convex in strike, and by the textbook factor."""
    k, g = durrleman(svi)
    inside = (np.abs(k) < 0.9) & (np.abs(k) > 1e-3)
    k, g = k[inside], g[inside]
    strike, step = np.exp(k), 1e-4

    def call(at):
        vol = svi_vol(svi=svi, log_moneyness=np.log(at), time_to_expiry=1.0).vol
        return pricing.black(
            forward=1.0, strike=at, time_to_expiry=1.0, vol=vol, is_call=True
        ).price

    convexity = (call(strike + step) - 2.0 * call(strike) + call(strike - step)) / step**2
    w = svi_vol(svi=svi, log_moneyness=k, time_to_expiry=1.0).vol ** 2
    d2 = -k / np.sqrt(w) - 0.5 * np.sqrt(w)
    density = g * np.exp(-0.5 * d2 * d2) / np.sqrt(2.0 * np.pi * w) / strike
    assert density == pytest.approx(convexity, rel=1e-4, abs=1e-6)


def test_vogts_smile_has_butterflies():
    """Gatheral and Jacquier 2014, example 3.1: within Lee's bound, but g dips below zero."""
    assert butterfly_minimum(VOGT) == pytest.approx(-0.0329, abs=1e-3)
    k, g = durrleman(VOGT)
    assert 0.6 < k[g.argmin()] < 1.2
    assert butterfly_minimum(SMILE) > 0.0


def test_steep_or_negative_smiles_have_butterflies():
    assert butterfly_minimum(SMILE._replace(b=1.6)) == -np.inf  # Lee: slope 1.6 * 1.35 > 2
    assert butterfly_minimum(SMILE._replace(a=-0.1)) == -np.inf
    assert np.isnan(butterfly_minimum(SMILE._replace(rho=np.nan)))


def test_ssvi_conditions_hold_where_g_does():
    """Inside the conditions of theorem 4.2 no butterflies, well outside there are some."""
    generator = np.random.default_rng(1)
    for _ in range(200):
        theta, rho = np.exp(generator.uniform(-8.0, 1.0)), generator.uniform(-0.95, 0.95)
        wing = 1.0 + abs(rho)
        bound = min(4.0 / wing, 2.0 * np.sqrt(theta / wing))
        assert butterfly_minimum(Ssvi(theta, rho, 0.999 * bound).svi()) > 0.0
    assert butterfly_minimum(Ssvi(0.04, -0.5, 3.0 * 2.0 * (0.04 / 1.5) ** 0.5).svi()) < 0.0


def test_calendar():
    far = SMILE._replace(a=SMILE.a + 0.001)
    assert calendar_minimum(nearer=SMILE, farther=far) > 0.0
    assert calendar_minimum(nearer=far, farther=SMILE) < 0.0
    assert calendar_minimum(nearer=None, farther=SMILE) == np.inf
    flat_wings = SMILE._replace(a=SMILE.a + 0.003, b=0.08)  # more at the money, less far out
    near, far = (
        svi_vol(svi=svi, log_moneyness=0.0, time_to_expiry=1.0) for svi in (SMILE, flat_wings)
    )
    assert far.vol > near.vol
    assert calendar_minimum(nearer=SMILE, farther=flat_wings) < 0.0
    assert np.isnan(calendar_minimum(nearer=SMILE._replace(a=np.nan), farther=flat_wings))


def test_essvi_conditions_rule_calendars_out():
    """Slices anywhere inside the conditions in the notes of `Ssvi`, their borders included."""
    generator = np.random.default_rng(2)
    for _ in range(300):
        near_rho, far_rho = generator.uniform(-0.95, 0.95, 2)
        theta = np.exp(generator.uniform(-7.0, 0.0))
        near = Ssvi(theta, near_rho, generator.uniform(0.1, 1.0) * np.sqrt(theta))
        ratio = max((1 + near_rho) / (1 + far_rho), (1 - near_rho) / (1 - far_rho))
        growth = ratio * np.exp(generator.choice([0.0, generator.uniform(0.0, 1.0)]))
        share = generator.choice([0.0, generator.random(), 1.0])
        psi = near.psi * (ratio + share * (growth - ratio))
        far = Ssvi(theta * growth, far_rho, psi)
        assert calendar_minimum(nearer=near.svi(), farther=far.svi()) > -1e-12
    steeper = Ssvi(0.05, -0.3, 0.1).svi()
    assert calendar_minimum(nearer=Ssvi(0.04, -0.3, 0.2).svi(), farther=steeper) < -0.1


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_bad_elements_give_nan(moneyness, time):
    with np.errstate(all="raise"):
        found = svi_vol(svi=SMILE, log_moneyness=np.array(moneyness), time_to_expiry=time)
    good = np.isfinite(moneyness) & (0.0 < time < np.inf)
    assert not np.isfinite(found.vol[~good]).any()
    ordinary = good & (np.abs(moneyness) < 1e100) & (1e-100 < time < 1e100)
    assert np.isfinite(found.vol[ordinary]).all()


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="svi"):
        svi_vol(svi=tuple(SMILE), log_moneyness=0.0, time_to_expiry=1.0)
    with pytest.raises(TypeError, match="log_moneyness"):
        svi_vol(svi=SMILE, log_moneyness="0", time_to_expiry=1.0)
    with pytest.raises(ValueError, match="broadcast"):
        svi_vol(svi=SMILE, log_moneyness=np.zeros(2), time_to_expiry=np.ones(3))
