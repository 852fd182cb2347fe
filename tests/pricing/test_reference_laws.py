"""Laws that tie the functions together: equations, symmetries, changes of numeraire, limits.

None needs a reference value; each would break if one function or one Greek were wrong.  Differences
of large terms are judged in the sum of their magnitudes.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

prices = st.floats(1e-2, 1e6)
moneyness = st.floats(-3.0, 3.0)  # standard deviations
times = st.floats(1e-5, 5.0)
vols = st.floats(1e-2, 3.0)
rates = st.floats(-0.2, 0.3)
carries = st.floats(-0.2, 0.3)
EPSILON = 2e-13
fast = settings(max_examples=60, deadline=None, derandomize=True)


def balanced(*terms):
    """The terms sum to zero within rounding of the largest of them."""
    size = np.sum(np.abs(terms), axis=0)
    assert np.all(np.abs(np.sum(terms, axis=0)) <= EPSILON * size), (terms, size)


def close(a, b, scale=0.0):
    assert np.all(np.abs(a - b) <= EPSILON * (np.maximum(np.abs(a), np.abs(b)) + scale)), (a, b)


def strike_of(forward, away, time, vol):
    return forward * float(np.exp(away * vol * np.sqrt(time)))


# --- equations ------------------------------------------------------------------------------------


@fast
@given(prices, moneyness, times, vols, rates, st.booleans())
def test_black_equation(forward, away, time, vol, rate, is_call):
    strike = strike_of(forward, away, time, vol)
    g = pricing.black(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate
    )
    balanced(g.theta, 0.5 * vol**2 * forward**2 * g.gamma, -rate * g.price)
    balanced(g.vega, -vol * time * forward**2 * g.gamma)
    balanced(g.rho, time * g.price)


@fast
@given(prices, moneyness, times, vols, rates, carries, st.booleans())
def test_black_scholes_equation(spot, away, time, vol, rate, carry, is_call):
    strike = strike_of(spot, away, time, vol)
    g = pricing.black_scholes(
        spot=spot, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate,
        dividend_yield=carry,
    )  # fmt: skip
    balanced(
        g.theta,
        0.5 * vol**2 * spot**2 * g.gamma,
        rate * spot * g.delta,
        -carry * spot * g.delta,
        -rate * g.price,
    )
    balanced(g.vega, -vol * time * spot**2 * g.gamma)
    balanced(g.price, -spot * g.delta, g.rho / time)  # Euler: the strike's share is the debt


@fast
@given(prices, moneyness, times, vols, st.booleans())
def test_inverse_equation(forward, away, time, vol, is_call):
    strike = strike_of(forward, away, time, vol)
    g = pricing.inverse(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call
    )
    # Black's equation for F c, divided by F; the terms of gamma are larger than it
    owed = np.abs(g.delta) * vol**2
    total = g.theta + vol**2 * g.delta + 0.5 * vol**2 * forward**2 * g.gamma
    assert abs(total) <= EPSILON * (abs(g.theta) + 3.0 * owed)
    balanced(g.theta, g.vega * vol / (2.0 * time))


@fast
@given(prices, moneyness, times, vols, rates, st.booleans())
def test_second_order_black_equations(forward, away, time, vol, rate, is_call):
    inputs = {
        "forward": forward,
        "strike": strike_of(forward, away, time, vol),
        "time_to_expiry": time,
        "vol": vol,
        "is_call": is_call,
        "rate": rate,
    }
    g, h = pricing.black(**inputs), pricing.black_second(**inputs)
    # the equation and "vega is vol t F^2 gamma", each differentiated by the forward
    d1 = abs(np.log(forward / inputs["strike"])) / (vol * np.sqrt(time)) + vol * np.sqrt(time)
    steep = forward * g.gamma * (1.0 + d1) / (vol * np.sqrt(time))  # terms of F^2 speed
    slope = h.charm + vol**2 * (forward * g.gamma + 0.5 * forward**2 * h.speed) - rate * g.delta
    assert abs(slope) <= EPSILON * (vol**2 * (forward * g.gamma + steep) + abs(rate * g.delta))
    cross = h.vanna - vol * time * (2.0 * forward * g.gamma + forward**2 * h.speed)
    assert abs(cross) <= EPSILON * vol * time * (2.0 * forward * g.gamma + steep)
    # at rate 0 only vol^2 t counts
    free = {**inputs, "rate": 0.0}
    g, h = pricing.black(**free), pricing.black_second(**free)
    per = vol / (2.0 * time)
    close(g.theta, -per * g.vega)
    close(h.charm, -per * h.vanna, scale=per * abs(g.vega / forward / vol) * (1.0 + d1))
    close(h.color, -per * h.zomma, scale=per * g.gamma / vol * (1.0 + d1) ** 2)


@fast
@given(prices, moneyness, times, vols, rates)
def test_second_order_of_calls_and_puts(forward, away, time, vol, rate):
    inputs = {
        "strike": strike_of(forward, away, time, vol),
        "time_to_expiry": time,
        "vol": vol,
    }
    for function, extra in [
        (pricing.black_second, {"forward": forward, "rate": rate}),
        (pricing.black_scholes_second, {"spot": forward, "rate": 0.01, "dividend_yield": rate}),
    ]:
        call = function(is_call=True, **inputs, **extra)
        put = function(is_call=False, **inputs, **extra)
        for name in ("vanna", "volga", "speed", "zomma", "color"):
            close(getattr(call, name), getattr(put, name))
        held = rate * np.exp(-rate * time)  # both deltas differ by the discount factor
        balanced(call.charm, -put.charm, -held)
    call = pricing.inverse_second(is_call=True, forward=forward, **inputs)
    put = pricing.inverse_second(is_call=False, forward=forward, **inputs)
    for name in ("vanna", "volga", "charm", "zomma", "color"):
        close(getattr(call, name), getattr(put, name))
    # coin parity 1 - K/F has the third derivative 6 K / F^4
    balanced(call.speed, -put.speed, -6.0 * inputs["strike"] / forward**4)


# --- parity, symmetry, numeraire ------------------------------------------------------------------


@fast
@given(prices, moneyness, times, vols, rates, carries)
def test_parity_with_carry_and_in_coin(spot, away, time, vol, rate, carry):
    strike = strike_of(spot, away, time, vol)
    inputs = {"strike": strike, "time_to_expiry": time, "vol": vol}
    call, put = (
        pricing.black_scholes(spot=spot, rate=rate, dividend_yield=carry, is_call=is_call, **inputs)
        for is_call in (True, False)
    )
    asset, money = spot * np.exp(-carry * time), strike * np.exp(-rate * time)
    balanced(call.price, -put.price, -asset, money)
    balanced(call.delta, -put.delta, -asset / spot)
    balanced(call.rho, -put.rho, -time * money)
    balanced(call.theta, -put.theta, -carry * asset, rate * money)
    call, put = (pricing.inverse(forward=spot, is_call=c, **inputs) for c in (True, False))
    balanced(call.price, -put.price, -1.0, strike / spot)
    balanced(call.delta, -put.delta, -strike / spot)
    balanced(call.gamma, -put.gamma, 2.0 * strike / spot**3)
    assert call.vega == put.vega


@fast
@given(prices, moneyness, times, vols, rates, carries, st.booleans())
def test_put_call_symmetry(asset, away, time, vol, rate, carry, is_call):
    """An option to exchange K for S is one to exchange S for K, seen by the other side."""
    strike = strike_of(asset, away, time, vol)
    common = {"time_to_expiry": time, "vol": vol}
    one = pricing.black(forward=asset, strike=strike, is_call=is_call, rate=rate, **common).price
    other = pricing.black(
        forward=strike, strike=asset, is_call=not is_call, rate=rate, **common
    ).price
    close(one, other)
    reflected = pricing.black(
        forward=strike * (strike / asset), strike=strike, is_call=not is_call, rate=rate, **common
    ).price
    wings = (abs(away) + vol) ** 2 + abs(away) / (vol * np.sqrt(time))  # K^2/F is rounded
    assert abs(reflected * (asset / strike) - one) <= EPSILON * one * (1.0 + wings)
    mine = pricing.black_scholes(
        spot=asset, strike=strike, is_call=is_call, rate=rate, dividend_yield=carry, **common
    )
    yours = pricing.black_scholes(
        spot=strike, strike=asset, is_call=not is_call, rate=carry, dividend_yield=rate, **common
    )
    close(mine.price, yours.price)
    close(mine.vega, yours.vega)
    close(mine.theta, yours.theta, scale=abs(mine.price) + abs(mine.vega) * vol / time)


@fast
@given(prices, moneyness, times, vols, st.booleans())
def test_coin_option_is_the_opposite_option_on_the_inverse_price(forward, away, time, vol, is_call):
    """max(1 - K/F, 0) coin is K puts on 1/F struck at 1/K: a change of numeraire."""
    strike = strike_of(forward, away, time, vol)
    common = {"time_to_expiry": time, "vol": vol}
    coin = pricing.inverse(forward=forward, strike=strike, is_call=is_call, **common)
    swapped = pricing.black(
        forward=1.0 / forward, strike=1.0 / strike, is_call=not is_call, **common
    )
    # rounding of the two reciprocals counts per standard deviation
    rounding = 1.0 + (1.0 + abs(away)) / (vol * np.sqrt(time))
    assert abs(coin.price - strike * swapped.price) <= 1e-15 * rounding * 4.0 * max(
        1.0, strike / forward
    )
    # F d/dF is -X d/dX with X = 1/F
    assert abs(coin.delta + strike / forward * swapped.delta) <= 1e-15 * rounding * 4.0 * max(
        1.0, strike / forward
    )


# --- scaling and limits ---------------------------------------------------------------------------


@fast
@given(prices, moneyness, times, vols, rates, st.booleans(), st.integers(-20, 20))
def test_homogeneous_in_money_and_in_time(spot, away, time, vol, rate, is_call, power):
    strike, scale = strike_of(spot, away, time, vol), 2.0**power
    common = {"is_call": is_call, "dividend_yield": 0.03}
    one = pricing.black_scholes(
        spot=spot, strike=strike, time_to_expiry=time, vol=vol, rate=rate, **common
    )
    many = pricing.black_scholes(
        spot=spot * scale, strike=strike * scale, time_to_expiry=time, vol=vol, rate=rate, **common
    )
    assert many.price == one.price * scale
    assert many.delta == one.delta
    assert many.theta == one.theta * scale
    assert many.rho == one.rho * scale
    # a clock that runs four times as fast
    slow = pricing.black_scholes(
        spot=spot, strike=strike, time_to_expiry=4.0 * time, vol=0.5 * vol, rate=0.25 * rate,
        is_call=is_call, dividend_yield=0.25 * 0.03,
    )  # fmt: skip
    assert slow.price == one.price
    assert slow.delta == one.delta
    assert slow.vega == 2.0 * one.vega
    assert slow.theta == 0.25 * one.theta


@fast
@given(prices, st.floats(-0.5, 0.5), rates, st.booleans())
def test_limits(forward, log_strike, rate, is_call):
    strike, time = forward * float(np.exp(log_strike)), 0.7
    sign = 1.0 if is_call else -1.0
    discount = float(np.exp(-rate * time))
    intrinsic = max(sign * (forward - strike), 0.0)
    common = {"forward": forward, "strike": strike, "is_call": is_call, "rate": rate}
    still = pricing.black(time_to_expiry=time, vol=1e-12, **common)
    frozen = pricing.black(time_to_expiry=time, vol=0.0, **common)
    assert still.price == pytest.approx(discount * intrinsic, rel=1e-11, abs=1e-11 * forward)
    assert frozen.price == pytest.approx(discount * intrinsic, rel=1e-15)
    wild = pricing.black(time_to_expiry=time, vol=200.0, **common)
    assert wild.price == pytest.approx(discount * (forward if is_call else strike), rel=1e-15)
    assert wild.delta == pytest.approx(discount if is_call else 0.0, rel=1e-15, abs=1e-300)
    coin = pricing.inverse(
        time_to_expiry=time, vol=200.0, **{k: v for k, v in common.items() if k != "rate"}
    )
    assert coin.price == pytest.approx(1.0 if is_call else strike / forward, rel=1e-15)
    brief = pricing.black(time_to_expiry=1e-24, vol=0.5, **common)
    over = pricing.black(time_to_expiry=0.0, vol=0.5, **common)
    assert brief.price == pytest.approx(intrinsic, rel=1e-11, abs=1e-11 * forward)
    assert over.price == intrinsic
    for function, name in ((pricing.black, "rate"), (pricing.inverse, None)):
        extra = {name: rate} if name else {}
        far = function(forward=forward, strike=1e-100, time_to_expiry=time, vol=0.5,
                       is_call=is_call, **extra)  # fmt: skip
        whole = (forward * discount if name else 1.0) if is_call else 0.0
        assert far.price == pytest.approx(whole, rel=1e-15, abs=1e-90)


@fast
@given(prices, moneyness, vols, st.booleans())
def test_monotone_in_time_at_rate_zero(forward, away, vol, is_call):
    time = np.geomspace(1e-6, 10.0, 80)
    strike = strike_of(forward, away, 0.1, vol)
    inputs = {"forward": forward, "strike": strike, "vol": vol, "is_call": is_call}
    slack = EPSILON * max(forward, strike)
    assert np.all(np.diff(pricing.black(time_to_expiry=time, **inputs).price) >= -slack)
    coin = pricing.inverse(time_to_expiry=time, **inputs).price
    assert np.all(np.diff(coin) >= -slack / forward)


@fast
@given(prices, times, vols, rates, carries, st.booleans())
def test_no_butterfly_in_any_model(spot, time, vol, rate, carry, is_call):
    strike = spot * np.exp(np.linspace(-5.0, 5.0, 61) * vol * np.sqrt(time))
    inputs = {"strike": strike, "time_to_expiry": time, "vol": vol, "is_call": is_call}
    for price, unit in (
        (pricing.black_scholes(spot=spot, rate=rate, dividend_yield=carry, **inputs).price, spot),
        (pricing.inverse(forward=spot, **inputs).price, 1.0),
    ):
        steps = np.diff(strike)
        slopes = np.diff(price) / steps
        rounding = 4.0 * 2.3e-16 * (unit + np.max(price)) / np.minimum(steps[1:], steps[:-1])
        assert np.all(np.diff(slopes) >= -rounding)
        assert np.all(slopes * (-1.0 if is_call else 1.0) >= -rounding.max())


# --- implied vol and American options -------------------------------------------------------------


@fast
@given(prices, moneyness, times, vols, st.booleans(), st.integers(-20, 20))
def test_implied_vol_scales_and_rises(forward, away, time, vol, is_call, power):
    strike = strike_of(forward, away, time, vol)
    inputs = {"strike": strike, "time_to_expiry": time, "is_call": is_call}
    price = pricing.black(forward=forward, vol=vol * np.linspace(0.8, 1.2, 9), **inputs).price
    kept = np.diff(price, prepend=-1.0) > 1e-9 * price  # deep in the money prices stand still
    found = pricing.implied_vol(price=price[kept], forward=forward, **inputs)
    assert np.all(found.status == 0)
    assert np.all(np.diff(found.vol) > 0.0)
    scale = 2.0**power
    scaled = pricing.implied_vol(
        price=price * scale, forward=forward * scale, strike=strike * scale, time_to_expiry=time,
        is_call=is_call,
    )  # fmt: skip
    assert np.array_equal(scaled.vol[kept], found.vol)
    later = pricing.implied_vol(
        price=price, forward=forward, **{**inputs, "time_to_expiry": 4.0 * time}
    )
    assert np.array_equal(2.0 * later.vol[kept], found.vol)


def test_american_laws():
    generator = np.random.default_rng(77)
    count = 200
    spot, time = generator.uniform(50.0, 200.0, count), generator.uniform(0.05, 2.0, count)
    vol, is_call = generator.uniform(0.1, 0.8, count), generator.random(count) < 0.5
    rate, carry = generator.uniform(-0.08, 0.15, (2, count))
    strike = spot * np.exp(generator.normal(0.0, 1.0, count) * vol * np.sqrt(time))
    common = {"time_to_expiry": time, "vol": vol}
    ours = pricing.american(
        spot=spot, strike=strike, is_call=is_call, rate=rate, dividend_yield=carry, **common
    )
    european = pricing.black_scholes(
        spot=spot, strike=strike, is_call=is_call, rate=rate, dividend_yield=carry, **common
    ).price
    intrinsic = np.maximum(np.where(is_call, 1.0, -1.0) * (spot - strike), 0.0)
    slack = 2e-7 * np.maximum(ours.price, 1e-6 * spot)
    assert np.all(ours.price >= np.maximum(european, intrinsic) - slack)
    # nothing is gained by early exercise of a put where r <= 0 and r <= q, nor of its mirror call
    first, second = np.where(is_call, carry, rate), np.where(is_call, rate, carry)
    never = (first <= 0.0) & (first <= second)
    assert never.sum() > 10
    assert np.all(np.abs(ours.price - european)[never] <= 1e-13 * (spot + strike)[never])
    mirror = pricing.american(
        spot=strike, strike=spot, is_call=~is_call, rate=carry, dividend_yield=rate, **common
    )
    assert np.all(np.abs(mirror.price - ours.price) <= slack)
    double = pricing.american(
        spot=2.0 * spot, strike=2.0 * strike, is_call=is_call, rate=rate, dividend_yield=carry,
        **common,
    )  # fmt: skip
    assert np.all(np.abs(double.price - 2.0 * ours.price) <= 1e-12 * double.price)
    assert np.all(np.abs(double.delta - ours.delta) <= 1e-12)
    longer = pricing.american(
        spot=spot, strike=strike, is_call=is_call, rate=rate, dividend_yield=carry,
        time_to_expiry=1.5 * time, vol=vol,
    )  # fmt: skip
    assert np.all(longer.price >= ours.price - slack)
    # the equation holds where the option is kept, and is an inequality where it is not
    kept = ours.price - intrinsic > 1e-3 * spot
    terms = np.array([
        ours.theta, 0.5 * vol**2 * spot**2 * ours.gamma, (rate - carry) * spot * ours.delta,
        -rate * ours.price,
    ])  # fmt: skip
    residual = np.abs(np.sum(terms, axis=0)) / np.sum(np.abs(terms), axis=0)
    assert np.all(residual[kept] <= 1e-5)
