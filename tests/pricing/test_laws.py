"""Laws that hold for every option: parity, bounds, monotony, homogeneity, differences, batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing import _kernel_cache, _parallel

prices = st.floats(1e-3, 1e6)
times = st.floats(1e-6, 5.0)
vols = st.floats(1e-3, 3.0)
rates = st.floats(-0.2, 0.3)
EPSILON = 1e-13
fast = settings(max_examples=100, deadline=None)


def both(**inputs):
    call = pricing.black(is_call=True, **inputs)
    put = pricing.black(is_call=False, **inputs)
    return call, put


@fast
@given(prices, prices, times, vols, rates)
def test_parity(forward, strike, time, vol, rate):
    call, put = both(forward=forward, strike=strike, time_to_expiry=time, vol=vol, rate=rate)
    discount = np.exp(-rate * time)
    larger = max(forward, strike) * discount
    assert abs(call.price - put.price - discount * (forward - strike)) <= EPSILON * larger
    assert abs(call.delta - put.delta - discount) <= EPSILON * discount
    assert call.gamma == put.gamma
    assert call.vega == put.vega


@fast
@given(prices, prices, times, vols, rates, st.booleans())
def test_bounds(forward, strike, time, vol, rate, is_call):
    greeks = pricing.black(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, rate=rate, is_call=is_call
    )
    discount = float(np.exp(-rate * time))
    sign = 1.0 if is_call else -1.0
    lower = discount * max(sign * (forward - strike), 0.0)
    upper = discount * (forward if is_call else strike)
    assert lower * (1.0 - EPSILON) <= greeks.price <= upper * (1.0 + EPSILON)
    assert 0.0 <= sign * greeks.delta <= discount * (1.0 + EPSILON)
    assert greeks.gamma >= 0.0
    assert greeks.vega >= 0.0


@fast
@given(prices, times, vols, st.booleans())
def test_monotone_and_convex_in_strike(forward, time, vol, is_call):
    strikes = forward * np.exp(np.linspace(-6.0, 6.0, 97) * vol * np.sqrt(time))
    price = pricing.black(
        forward=forward, strike=strikes, time_to_expiry=time, vol=vol, is_call=is_call
    ).price
    slack = EPSILON * max(forward, float(strikes[-1]))
    steps = np.diff(price) * (-1.0 if is_call else 1.0)
    assert np.all(steps >= -slack)
    slopes = np.diff(price) / np.diff(strikes)
    rounding = 4.0 * 2.3e-16 * np.maximum(price[1:-1], forward) / np.diff(strikes)[:-1]
    assert np.all(np.diff(slopes) >= -4.0 * rounding)


@fast
@given(prices, prices, times, st.booleans())
def test_monotone_in_vol(forward, strike, time, is_call):
    vol = np.geomspace(1e-3, 4.0, 64)
    price = pricing.black(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call
    ).price
    assert np.all(np.diff(price) >= -EPSILON * max(forward, strike))


@fast
@given(prices, prices, times, vols, st.booleans(), st.integers(-30, 30))
def test_homogeneous(forward, strike, time, vol, is_call, power):
    scale = 2.0**power  # exact, so the results are too
    one = pricing.black(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call
    )
    many = pricing.black(
        forward=forward * scale,
        strike=strike * scale,
        time_to_expiry=time,
        vol=vol,
        is_call=is_call,
    )
    assert many.price == one.price * scale
    assert many.delta == one.delta
    assert many.gamma == pytest.approx(one.gamma / scale, rel=1e-14, abs=0.0)
    assert many.vega == one.vega * scale


@fast
@given(prices, prices, times, vols, st.booleans())
def test_coin_delta_is_black_delta_less_premium(forward, strike, time, vol, is_call):
    inputs = {
        "forward": forward,
        "strike": strike,
        "time_to_expiry": time,
        "vol": vol,
        "is_call": is_call,
    }
    coin, black = pricing.inverse(**inputs), pricing.black(**inputs)
    size = max(1.0, strike / forward)
    assert abs(coin.price * forward - black.price) <= EPSILON * max(forward, strike)
    assert abs(coin.delta + coin.price - black.delta) <= EPSILON * size
    adjusted = pricing.premium_adjusted_delta(delta=black.delta, price=black.price, spot=forward)
    assert abs(adjusted - coin.delta) <= EPSILON * size
    assert coin.rho == 0.0


def options(count=2_000, seed=11):
    generator = np.random.default_rng(seed)
    forward = generator.uniform(50.0, 150.0, count)
    return {
        "strike": forward * np.exp(generator.normal(0.0, 0.3, count)),
        "time_to_expiry": generator.uniform(0.05, 2.0, count),
        "vol": generator.uniform(0.2, 1.0, count),
        "is_call": generator.random(count) < 0.5,
    }, forward


def check_derivative(price_of, at, derivative, step, scale):
    """Five-point central difference; error h^4 beside rounding eps / h."""
    h = step * at
    difference = (
        8.0 * (price_of(at + h) - price_of(at - h)) - (price_of(at + 2 * h) - price_of(at - 2 * h))
    ) / (12.0 * h)
    assert np.max(np.abs(difference - derivative) / scale) < 2e-8


def test_black_against_differences():
    common, forward = options()
    rate = np.full_like(forward, 0.07)
    greeks = pricing.black(forward=forward, rate=rate, **common)

    def price(**changed):
        return pricing.black(**{"forward": forward, "rate": rate, **common, **changed})

    time, vol = common["time_to_expiry"], common["vol"]
    check_derivative(lambda x: price(forward=x).price, forward, greeks.delta, 1e-3, 1.0)
    check_derivative(lambda x: price(forward=x).delta, forward, greeks.gamma, 1e-3, 1.0)
    check_derivative(lambda x: price(vol=x).price, vol, greeks.vega, 1e-3, forward)
    check_derivative(lambda x: -price(time_to_expiry=x).price, time, greeks.theta, 1e-3, forward)
    check_derivative(lambda x: price(rate=x).price, rate, greeks.rho, 1e-2, forward)


def test_black_scholes_against_differences():
    common, spot = options(seed=12)
    rate, carry = np.full_like(spot, 0.06), np.full_like(spot, 0.02)
    greeks = pricing.black_scholes(spot=spot, rate=rate, dividend_yield=carry, **common)

    def price(**changed):
        inputs = {"spot": spot, "rate": rate, "dividend_yield": carry, **common, **changed}
        return pricing.black_scholes(**inputs)

    time, vol = common["time_to_expiry"], common["vol"]
    check_derivative(lambda x: price(spot=x).price, spot, greeks.delta, 1e-3, 1.0)
    check_derivative(lambda x: price(spot=x).delta, spot, greeks.gamma, 1e-3, 1.0)
    check_derivative(lambda x: price(vol=x).price, vol, greeks.vega, 1e-3, spot)
    check_derivative(lambda x: -price(time_to_expiry=x).price, time, greeks.theta, 1e-3, spot)
    check_derivative(lambda x: price(rate=x).price, rate, greeks.rho, 1e-2, spot)


def test_inverse_against_differences():
    common, forward = options(seed=13)
    greeks = pricing.inverse(forward=forward, **common)

    def price(**changed):
        return pricing.inverse(**{"forward": forward, **common, **changed})

    time, vol = common["time_to_expiry"], common["vol"]
    slope = greeks.delta / forward  # delta is F dprice/dF
    check_derivative(lambda x: price(forward=x).price, forward, slope, 1e-3, 1.0)
    check_derivative(lambda x: price(forward=x).delta / x, forward, greeks.gamma, 1e-3, 1.0)
    black = pricing.black(forward=forward, **common)
    cash = forward * forward * greeks.gamma + greeks.delta  # d(delta) / d log F
    check_derivative(lambda x: price(forward=x).delta, forward, cash / forward, 1e-3, 1.0)
    assert np.all(np.isfinite(black.price))
    check_derivative(lambda x: price(vol=x).price, vol, greeks.vega, 1e-3, 1.0)
    check_derivative(lambda x: -price(time_to_expiry=x).price, time, greeks.theta, 1e-3, 1.0)


def test_linear_option_and_basis():
    """A linear option hedged in spot: delta times forward over index, also at a 12 % basis."""
    common, _ = options(seed=14)
    spot = np.full(common["strike"].size, 100.0)
    for basis in (1.0, 1.03, 1.12):

        def value(index, basis=basis):
            return pricing.black(forward=index * basis, **common)

        delta = pricing.spot_delta(delta=value(spot).delta, forward=spot * basis, spot=spot)
        check_derivative(lambda x, value=value: value(x).price, spot, delta, 1e-3, 1.0)


BATCHED = {
    "black at rate 0": (pricing.black, "forward", ()),
    "black": (pricing.black, "forward", ("rate",)),
    "black_scholes": (pricing.black_scholes, "spot", ("rate", "dividend_yield")),
    "inverse": (pricing.inverse, "forward", ()),
    "black_second": (pricing.black_second, "forward", ("rate",)),
    "black_scholes_second": (pricing.black_scholes_second, "spot", ("rate", "dividend_yield")),
    "inverse_second": (pricing.inverse_second, "forward", ()),
}


def batch_inputs(kind, count):
    """Ordinary options, and every 13th of them with something odd about it."""
    function, asset, rates = BATCHED[kind]
    common, forward = options(count=count, seed=15)
    generator = np.random.default_rng(1)
    inputs = common | {asset: forward}
    inputs |= {name: generator.uniform(-0.05, 0.1, count) for name in rates}
    inputs["vol"][::13] = 0.0
    inputs["time_to_expiry"][5::26] = 0.0
    inputs["strike"][7::39] *= 50.0
    inputs["strike"][8::39] = np.nan
    return function, inputs


def same_bits(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", BATCHED)
def test_result_does_not_depend_on_the_batch(kind):
    function, inputs = batch_inputs(kind, 1_111)

    def price(part):
        return function(**{name: value[part] for name, value in inputs.items()})

    whole = price(slice(None))
    for length in (1, 2, 7, 8, 9, 31, 255, 256, 257, 1_000):
        for start in {*range(0, 20), 249, 250, 500, 1_111 - length}:
            part = slice(start, start + length)
            if start + length <= 1_111:
                assert same_bits([field[part] for field in whole], price(part))
    assert same_bits([field[::-1] for field in whole], price(slice(None, None, -1)))
    for position in range(0, 1_111, 37):
        single = price(position)
        assert isinstance(single[0], np.float64)
        assert same_bits([field[position] for field in whole], single)


@fast
@given(st.sampled_from(sorted(BATCHED)), st.integers(0, 300), st.integers(1, 300), st.booleans())
def test_any_slice_of_a_batch_gives_the_same_bits(kind, start, length, one_vol):
    function, inputs = batch_inputs(kind, 640)
    if one_vol:  # one value that serves all, and the same value written out
        inputs["vol"] = np.full(640, 0.37)
    whole = function(**inputs)
    part = slice(start, start + length)
    pieces = {name: value[part].copy() for name, value in inputs.items()}
    if one_vol:
        pieces["vol"] = 0.37
    assert same_bits([field[part] for field in whole], function(**pieces))


@pytest.mark.parametrize("threads", [2, 3])
def test_chunks_over_cores_give_the_same_bits(threads, monkeypatch):
    monkeypatch.setattr(_kernel_cache.Kernel, "chunk_min", 100)
    for kind in BATCHED:
        function, inputs = batch_inputs(kind, 1_111)
        monkeypatch.setattr(_parallel._config, "NUMBA_NUM_THREADS", 1)
        serial = function(**inputs)
        monkeypatch.setattr(_parallel._config, "NUMBA_NUM_THREADS", threads)
        assert same_bits(serial, function(**inputs))
        out = [np.empty(1_111) for _ in range(6)]
        assert same_bits(serial, function(**inputs, out=out))
        with pytest.raises(ValueError, match="overlap"):
            function(**inputs, out=[*out[:5], inputs["strike"]])


def test_without_threads_the_results_are_the_same(monkeypatch):
    function, inputs = batch_inputs("black", 1_111)
    serial = function(**inputs)

    def no_threads(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_kernel_cache.Kernel, "chunk_min", 100)
    monkeypatch.setattr(_parallel._config, "NUMBA_NUM_THREADS", 4)
    monkeypatch.setattr(_parallel, "ThreadPoolExecutor", no_threads)
    assert same_bits(serial, function(**inputs))


def test_zero_rate_array_equals_no_rate():
    common, forward = options(seed=16)
    a = pricing.black(forward=forward, **common)
    b = pricing.black(forward=forward, rate=np.zeros_like(forward), **common)
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
