"""Smile-adjusted deltas against moving the smile by its rule and pricing again."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

import pricing
from pricing import (
    DeltaRule,
    MinimumVariance,
    Ssvi,
    fit_minimum_variance,
    minimum_variance_delta,
    skew_stickiness_delta,
    sticky_delta_delta,
    sticky_moneyness_delta,
    sticky_strike_delta,
    svi_vol,
)

SVI = Ssvi(theta=0.06, rho=-0.45, psi=0.35).svi()
FORWARD, TIME = 60_000.0, 0.3
STRIKE = FORWARD * np.exp(np.linspace(-0.5, 0.5, 11))
IS_CALL = STRIKE >= FORWARD
STEP = 1e-5  # of log forward


def smile(k):
    return svi_vol(svi=SVI, log_moneyness=k, time_to_expiry=TIME)


HERE, ATM = smile(np.log(STRIKE / FORWARD)), smile(0.0)


def price(forward, vol, model=pricing.black):
    return model(
        forward=forward, strike=STRIKE, time_to_expiry=TIME, vol=vol, is_call=IS_CALL
    ).price


def bumped(vol_of, model=pricing.black):
    """Central difference by log forward, with the vols that `vol_of` gives for each forward."""
    up, down = FORWARD * np.exp(STEP), FORWARD * np.exp(-STEP)
    return (price(up, vol_of(up), model) - price(down, vol_of(down), model)) / (2.0 * STEP)


def greeks(model=pricing.black):
    found = model(
        forward=FORWARD, strike=STRIKE, time_to_expiry=TIME, vol=HERE.vol, is_call=IS_CALL
    )
    return {"delta": found.delta, "vega": found.vega}


def test_sticky_strike():
    ours = sticky_strike_delta(**{"delta": greeks()["delta"]})
    assert ours.rule is DeltaRule.STICKY_STRIKE
    assert ours.value == pytest.approx(bumped(lambda f: HERE.vol) / FORWARD, abs=1e-7)


def test_sticky_moneyness():
    ours = sticky_moneyness_delta(**greeks(), skew=HERE.skew, forward=FORWARD)
    expected = bumped(lambda f: smile(np.log(STRIKE / f)).vol) / FORWARD
    assert ours.value == pytest.approx(expected, abs=1e-7)
    assert np.abs(ours.value - greeks()["delta"]).max() > 0.05  # the smile matters


def test_sticky_moneyness_in_coin():
    """With forward 1 the same formula corrects the net transaction delta."""
    ours = sticky_moneyness_delta(**greeks(pricing.inverse), skew=HERE.skew, forward=1.0)
    expected = bumped(lambda f: smile(np.log(STRIKE / f)).vol, pricing.inverse)
    assert ours.value == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("ratio", [0.0, 0.7, 1.0, 1.5, 2.0])
def test_skew_stickiness(ratio):
    """The vol at the money moves by R skew d(log F), and the smile keeps its shape around it."""

    def moved(forward):
        rise = ratio * ATM.skew * np.log(forward / FORWARD)
        return smile(np.log(STRIKE / forward)).vol + rise

    ours = skew_stickiness_delta(
        **greeks(), skew=HERE.skew, atm_skew=ATM.skew, forward=FORWARD, ratio=ratio
    )
    assert ours.value == pytest.approx(bumped(moved) / FORWARD, abs=1e-7)


def test_skew_stickiness_between_the_classical_rules():
    inputs = {**greeks(), "skew": HERE.skew, "forward": FORWARD}
    own = {ratio: skew_stickiness_delta(**inputs, atm_skew=HERE.skew, ratio=ratio).value
           for ratio in (0.0, 1.0)}  # fmt: skip
    assert own[0.0] == pytest.approx(sticky_moneyness_delta(**inputs).value, abs=1e-15)
    assert own[1.0] == pytest.approx(greeks()["delta"], abs=1e-15)
    atm = skew_stickiness_delta(**inputs, atm_skew=ATM.skew, ratio=1.0).value
    assert atm[5] == pytest.approx(greeks()["delta"][5], abs=1e-12)  # the strike at the money


def call_delta(k, vol):
    return ndtr(-k / (vol * np.sqrt(TIME)) + 0.5 * vol * np.sqrt(TIME))


def vol_by_delta(k):
    """Slope of the same smile when it is drawn over the call delta."""
    step = 1e-5
    low, high = k - step, k + step
    rise = smile(high).vol - smile(low).vol
    return rise / (call_delta(high, smile(high).vol) - call_delta(low, smile(low).vol))


def test_sticky_delta_is_sticky_moneyness_drawn_otherwise():
    ours = sticky_delta_delta(
        **greeks(),
        vol_by_delta=vol_by_delta(np.log(STRIKE / FORWARD)),
        forward=FORWARD,
        strike=STRIKE,
        time_to_expiry=TIME,
        vol=HERE.vol,
    )
    assert ours.rule is DeltaRule.STICKY_DELTA
    same = sticky_moneyness_delta(**greeks(), skew=HERE.skew, forward=FORWARD)
    assert ours.value == pytest.approx(same.value, abs=1e-7)


def test_sticky_delta_by_bumping():
    """A smile that is a straight line over the call delta, solved for each forward."""

    def line(forward):
        def vol(k):
            return brentq(lambda v: 0.4 - 0.3 * (call_delta(k, v) - 0.5) - v, 0.05, 1.0, xtol=1e-15)

        return np.array([vol(k) for k in np.log(STRIKE / forward)])

    vol = line(FORWARD)
    found = pricing.black(
        forward=FORWARD, strike=STRIKE, time_to_expiry=TIME, vol=vol, is_call=IS_CALL
    )
    ours = sticky_delta_delta(
        delta=found.delta, vega=found.vega, vol_by_delta=-0.3, forward=FORWARD, strike=STRIKE,
        time_to_expiry=TIME, vol=vol,
    )  # fmt: skip
    assert ours.value == pytest.approx(bumped(line) / FORWARD, abs=1e-6)


def changes(count=4000, seed=2):
    """Options whose vols answer to the underlying by a known quadratic, with noise of their own."""
    generator = np.random.default_rng(seed)
    spot = generator.uniform(50.0, 150.0, count)
    time = generator.uniform(0.05, 1.0, count)
    vol = generator.uniform(0.2, 0.6, count)
    strike = spot * np.exp(generator.normal(0.0, 0.7, count) * vol * np.sqrt(time))
    inputs = {"strike": strike, "time_to_expiry": time, "is_call": True}
    before = pricing.black(forward=spot, vol=vol, **inputs)
    move = 0.001 * generator.standard_normal(count)
    answer = -0.3 + 0.2 * before.delta - 0.1 * before.delta**2
    noise = 0.00002 * generator.standard_normal(count)
    after = pricing.black(
        forward=spot * (1.0 + move), vol=vol + answer * move / np.sqrt(time) + noise, **inputs
    )
    return {
        "delta": before.delta,
        "vega": before.vega,
        "spot": spot,
        "time_to_expiry": time,
        "spot_change": spot * move,
        "price_change": after.price - before.price,
    }


def test_minimum_variance_is_recovered():
    data = changes()
    fitted = fit_minimum_variance(**data)
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx((-0.3, 0.2, -0.1), abs=0.02)
    assert fitted.changes == 4000
    inputs = {name: data[name] for name in ("delta", "vega", "spot", "time_to_expiry")}
    adjusted = minimum_variance_delta(**inputs, fitted=fitted)
    assert adjusted.rule is DeltaRule.MINIMUM_VARIANCE
    plain = data["price_change"] - data["delta"] * data["spot_change"]
    hedged = data["price_change"] - adjusted.value * data["spot_change"]
    assert fitted.gain == pytest.approx(1.0 - hedged @ hedged / (plain @ plain), rel=1e-9)
    assert fitted.gain > 0.9
    other = changes(seed=3)  # out of the sample
    inputs = {name: other[name] for name in ("delta", "vega", "spot", "time_to_expiry")}
    again = minimum_variance_delta(**inputs, fitted=fitted).value
    left = other["price_change"] - again * other["spot_change"]
    plain = other["price_change"] - other["delta"] * other["spot_change"]
    assert left @ left < 0.1 * (plain @ plain)


def test_minimum_variance_leaves_out_what_it_cannot_read():
    data = changes(200)
    clean = fit_minimum_variance(**{name: value[20:] for name, value in data.items()})
    data["price_change"][:5], data["delta"][5:10] = np.nan, np.inf
    data["spot"][10:15], data["time_to_expiry"][15:20] = 0.0, -1.0
    assert fit_minimum_variance(**data) == clean
    assert clean.changes == 180
    few = fit_minimum_variance(**{name: value[20:29] for name, value in data.items()})
    assert np.isnan(few.a)
    assert few.changes == 9


@pytest.mark.filterwarnings("error")
def test_minimum_variance_leaves_out_what_has_no_square():
    data = changes(200)
    clean = fit_minimum_variance(**{name: value[20:] for name, value in data.items()})
    data["vega"][:5], data["time_to_expiry"][:5] = 1e300, 1e-300
    data["delta"][5:10], data["price_change"][10:15] = 1e200, -1e200
    data["spot_change"][15:20], data["spot"][15:20] = 1e300, 1e-300
    assert fit_minimum_variance(**data) == clean


@pytest.mark.filterwarnings("error")
def test_bad_elements_give_nan():
    bad = [np.nan, np.inf, 0.0, -1.0]
    plain = {"delta": 0.5, "vega": 10.0}
    own = {"strike": 100.0, "time_to_expiry": 0.2, "vol": 0.4}
    fitted = MinimumVariance(-0.3, 0.0, 0.0, 0.1, 100)
    for ours in (
        sticky_moneyness_delta(**plain, skew=-0.1, forward=bad),
        skew_stickiness_delta(**plain, skew=-0.1, atm_skew=0.1, forward=bad, ratio=1.5),
        sticky_delta_delta(**plain, vol_by_delta=0.1, forward=bad, **own),
        minimum_variance_delta(**plain, spot=bad, time_to_expiry=0.1, fitted=fitted),
    ):
        assert np.isnan(ours.value[[0, 2, 3]]).all()
    for name in own:
        ours = sticky_delta_delta(**plain, vol_by_delta=0.1, forward=100.0, **{**own, name: bad})
        assert np.isnan(ours.value[[0, 2, 3]]).all()


def test_rules_are_never_added():
    one = sticky_strike_delta(delta=0.5)
    other = sticky_moneyness_delta(delta=0.5, vega=1.0, skew=-0.1, forward=100.0)
    for left, right in ((one, other), (one, one), (one, 0.5), (0.5, one)):
        with pytest.raises(TypeError):
            left + right


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="delta"):
        sticky_strike_delta(delta="0.5")
    with pytest.raises(TypeError, match="fitted"):
        minimum_variance_delta(delta=0.5, vega=1.0, spot=1.0, time_to_expiry=1.0, fitted=(1, 2, 3))
    with pytest.raises(ValueError, match="broadcast"):
        sticky_moneyness_delta(delta=np.ones(2), vega=np.ones(3), skew=0.0, forward=1.0)
    with pytest.raises(ValueError, match="one dimension"):
        fit_minimum_variance(**dict.fromkeys(changes(1), 0.5))
