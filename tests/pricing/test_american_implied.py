"""Implied vols of American prices, and American options with discrete dividends."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import pricing

STATUS = pricing.VolStatus


def test_round_trips():
    generator = np.random.default_rng(4)
    count = 400
    inputs = {
        "spot": 100.0,
        "strike": 100.0 * np.exp(generator.normal(0.0, 0.2, count)),
        "time_to_expiry": generator.uniform(0.02, 2.0, count),
        "is_call": generator.random(count) < 0.5,
        "rate": generator.uniform(-0.02, 0.1, count),
        "dividend_yield": generator.uniform(0.0, 0.08, count),
    }
    vol = generator.uniform(0.05, 1.2, count)
    greeks = pricing.american(**inputs, vol=vol, tolerance=1e-9)
    low = pricing.american(**inputs, vol=0.0).price
    implied = pricing.american_implied_vol(price=greeks.price, **inputs, tolerance=1e-9)
    certain = greeks.price <= low * (1.0 + 1e-14) + 1e-13
    assert np.all(implied.status[certain] == STATUS.BELOW_INTRINSIC)
    clear = greeks.vega > 1e-3
    assert np.count_nonzero(clear) > 300
    assert np.all(implied.status[clear] == STATUS.OK)
    attainable = 4e-9 * np.maximum(greeks.price, 1e-4) / np.maximum(greeks.vega, 1e-3)
    assert np.all(np.abs(implied.vol - vol)[clear] <= (1e-9 + attainable)[clear])
    assert np.array_equal(np.isnan(implied.vol), implied.status != STATUS.OK)
    one = pricing.american_implied_vol(
        price=float(greeks.price[7]),
        **{n: (v if n == "spot" else v[7].item()) for n, v in inputs.items()},
        tolerance=1e-9,
    )
    assert one.vol == implied.vol[7]  # whatever the company


def test_status():
    put = {"spot": 100.0, "strike": 110.0, "time_to_expiry": 1.0, "is_call": False, "rate": 0.05}
    prices = [9.0, 10.0, 10.5, 104.0, 110.0, 120.0, -1.0, np.nan, np.inf]
    implied = pricing.american_implied_vol(price=prices, **put)
    assert implied.status.tolist() == [1, 1, 0, 0, 2, 2, 3, 3, 3]
    assert implied.status.dtype == np.uint8
    again = pricing.american(**put, vol=implied.vol[2:4]).price
    assert again == pytest.approx(prices[2:4], rel=2e-7)
    dead = pricing.american_implied_vol(price=5.0, **{**put, "time_to_expiry": 0.0})
    assert dead.status == STATUS.BAD_INPUT
    assert isinstance(dead.vol, np.float64)
    with pytest.raises(TypeError, match="price"):
        pricing.american_implied_vol(price="x", **put)
    with pytest.raises(ValueError, match="broadcast"):
        pricing.american_implied_vol(price=[1.0, 2.0], **{**put, "strike": [1.0, 2.0, 3.0]})


# --- discrete dividends ------------------------------------------------------------------------

ONE = {"spot": 100.0, "strike": 100.0, "time_to_expiry": 0.5, "vol": 0.3, "is_call": True,
       "rate": 0.05, "dividend_times": [0.4], "dividend_amounts": [4.0]}  # fmt: skip


def roll_geske_whaley(spot, strike, time, vol, rate, when, amount):
    """The closed form of a call with one dividend, escrowed model."""

    def black_scholes(s):
        return pricing.black_scholes(
            spot=s, strike=strike, time_to_expiry=time - when, vol=vol, is_call=True, rate=rate
        ).price  # fmt: skip

    low, high = 0.0, 10.0 * strike
    for _ in range(200):
        middle = 0.5 * (low + high)
        early = middle + amount - strike > black_scholes(middle)
        low, high = (low, middle) if early else (middle, high)
    net = spot - amount * math.exp(-rate * when)
    a1 = (math.log(net / strike) + (rate + vol**2 / 2) * time) / (vol * math.sqrt(time))
    b1 = (math.log(net / high) + (rate + vol**2 / 2) * when) / (vol * math.sqrt(when))
    a2, b2 = a1 - vol * math.sqrt(time), b1 - vol * math.sqrt(when)
    both = multivariate_normal(cov=[[1.0, -math.sqrt(when / time)], [-math.sqrt(when / time), 1.0]])
    return (
        net * norm.cdf(b1) + net * both.cdf([a1, -b1])
        - strike * math.exp(-rate * time) * both.cdf([a2, -b2])
        - (strike - amount) * math.exp(-rate * when) * norm.cdf(b2)
    )  # fmt: skip


def test_discrete_dividend_against_the_closed_form():
    pytest.importorskip("QuantLib")
    ours = pricing.american_discrete(**ONE, escrowed=True, time_steps=800, price_steps=800)
    exact = roll_geske_whaley(100.0, 100.0, 0.5, 0.3, 0.05, 0.4, 4.0)
    assert ours.price == pytest.approx(exact, rel=5e-4)
    spot_model = pricing.american_discrete(**ONE)
    assert spot_model.price > ours.price  # the same vol on a larger amount
    assert all(isinstance(field, np.float64) for field in ours)


@pytest.mark.parametrize("is_call", [True, False])
def test_without_dividends_it_is_the_continuous_one(is_call):
    pytest.importorskip("QuantLib")
    option = {**ONE, "is_call": is_call, "dividend_times": [0.9], "dividend_amounts": [5.0]}
    ours = pricing.american_discrete(**option)  # the dividend comes after expiry
    names = ("spot", "strike", "time_to_expiry", "vol", "rate", "is_call")
    exact = pricing.american(**{name: option[name] for name in names})
    for a, b in zip(ours, exact, strict=True):
        assert a == pytest.approx(b, rel=2e-3)


def test_discrete_bad_arguments():
    for name, value, kind in [
        ("spot", 0.0, ValueError), ("spot", "x", TypeError), ("vol", -0.1, ValueError),
        ("rate", math.nan, ValueError), ("is_call", 1, TypeError), ("time_steps", 5, ValueError),
        ("dividend_times", [0.1, 0.2], ValueError), ("dividend_times", 0.1, TypeError),
        ("dividend_times", [0.0], ValueError), ("dividend_amounts", [-1.0], ValueError),
        ("dividend_amounts", ["x"], TypeError), ("strike", [1.0], TypeError),
    ]:  # fmt: skip
        with pytest.raises(kind, match=name) as caught:
            pricing.american_discrete(**{**ONE, name: value})
        assert "\n" not in str(caught.value)
