"""Edge values, and bad input: wrong elements give NaN, wrong types and shapes one clear line."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

NAN, INF = float("nan"), float("inf")


def black(forward, strike, time, vol, is_call, rate=0.0):
    return pricing.black(
        forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate
    )


# forward, strike, time, vol, is_call -> price, delta
STEPS = [
    (100.0, 90.0, True, 10.0, 1.0),
    (100.0, 110.0, True, 0.0, 0.0),
    (100.0, 100.0, True, 0.0, 0.5),
    (100.0, 90.0, False, 0.0, 0.0),
    (100.0, 110.0, False, 10.0, -1.0),
    (100.0, 100.0, False, 0.0, -0.5),
    (0.0, 100.0, True, 0.0, 0.0),
    (0.0, 100.0, False, 100.0, -1.0),
    (100.0, 0.0, True, 100.0, 1.0),
    (100.0, 0.0, False, 0.0, 0.0),
]


@pytest.mark.parametrize(("forward", "strike", "is_call", "price", "delta"), STEPS)
@pytest.mark.parametrize("time", [0.0, -0.0, -1.0])
@pytest.mark.parametrize("vol", [0.0, 0.6])
@pytest.mark.parametrize("rate", [0.0, 0.05])
def test_expired(forward, strike, is_call, price, delta, time, vol, rate):
    assert tuple(black(forward, strike, time, vol, is_call, rate)) == (price, delta, 0, 0, 0, 0)
    spot = pricing.black_scholes(
        spot=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate
    )
    assert tuple(spot) == (price, delta, 0, 0, 0, 0)


@pytest.mark.parametrize(("forward", "strike", "is_call", "price", "delta"), STEPS)
def test_zero_vol(forward, strike, is_call, price, delta):
    rate, time = 0.05, 2.0
    discount = np.exp(-rate * time)
    greeks = black(forward, strike, time, 0.0, is_call, rate)
    expected = (price * discount, delta * discount, 0, 0, rate * price * discount,
                -time * price * discount)  # fmt: skip
    assert greeks == pytest.approx(expected, rel=1e-15)
    inverse = pricing.inverse(forward=100.0, strike=80.0, time_to_expiry=1.0, vol=0.0, is_call=True)
    assert inverse == pytest.approx((0.2, 0.8, -2 * 80.0 / 100.0**3, 0, 0, 0), rel=1e-14)


def test_inverse_without_a_forward_is_nan():
    for is_call in (True, False):
        coin = pricing.inverse(
            forward=0.0, strike=80.0, time_to_expiry=1.0, vol=0.5, is_call=is_call
        )
        assert all(np.isnan(field) for field in coin)


def test_zero_vol_black_scholes_keeps_its_carry():
    spot, strike, time, rate, carry = 100.0, 80.0, 2.0, 0.05, 0.02
    greeks = pricing.black_scholes(
        spot=spot, strike=strike, time_to_expiry=time, vol=0.0, is_call=True, rate=rate,
        dividend_yield=carry,
    )  # fmt: skip
    asset, money = spot * np.exp(-carry * time), strike * np.exp(-rate * time)
    assert greeks == pytest.approx(
        (asset - money, asset / spot, 0, 0, carry * asset - rate * money, time * money), rel=1e-14
    )


INPUTS = ("forward", "strike", "time", "vol", "rate")
BAD = [
    *itertools.product(INPUTS, [NAN, INF, -INF]),
    ("forward", -1.0),
    ("strike", -1.0),
    ("vol", -1.0),
    ("vol", -1e-300),
]


@pytest.mark.parametrize(("name", "value"), BAD)
@pytest.mark.parametrize("vol", [0.0, 0.5])
@pytest.mark.parametrize("time", [0.0, 0.5])
@pytest.mark.parametrize("is_call", [True, False])
def test_bad_element_is_nan_in_all_six_and_nowhere_else(name, value, vol, time, is_call):
    good = {"forward": 100.0, "strike": 95.0, "time": time, "vol": vol, "rate": 0.03}
    arrays = {key: np.full(11, number) for key, number in good.items()}
    arrays[name][5] = value
    forward, strike, times, vols, rates = (arrays[key] for key in INPUTS)
    results = [
        black(forward, strike, times, vols, is_call, rates),
        pricing.black_scholes(
            spot=forward, strike=strike, time_to_expiry=times, vol=vols, is_call=is_call,
            rate=rates,
        ),
    ]  # fmt: skip
    if name != "rate":
        results += [
            black(forward, strike, times, vols, is_call),
            pricing.inverse(
                forward=forward, strike=strike, time_to_expiry=times, vol=vols, is_call=is_call
            ),
        ]
    for result in results:
        for field in result:
            assert np.isnan(field[5])
            assert np.all(np.isfinite(np.delete(field, 5)))


def test_bad_dividend_yield_is_nan():
    for value in (NAN, INF, -INF):
        greeks = pricing.black_scholes(
            spot=100.0, strike=95.0, time_to_expiry=0.5, vol=0.5, is_call=True, rate=0.0,
            dividend_yield=value,
        )  # fmt: skip
        assert all(np.isnan(field) for field in greeks)


@pytest.mark.parametrize("is_call", [True, False])
def test_wings_to_40_deviations(is_call):
    vol = np.array([1e-4, 1e-2, 0.3, 1.0, 6.0])[:, None]
    away = np.linspace(-40.0, 40.0, 161)
    greeks = black(100.0, 100.0 * np.exp(away * vol), 1.0, vol, is_call)
    assert all(np.all(np.isfinite(field)) for field in greeks)
    inside = np.abs(away) < 35.0
    assert np.all(greeks.price[:, inside] > 0.0)
    assert np.all(np.abs(greeks.delta[:, inside]) > 0.0)


@settings(max_examples=150, deadline=None)
@given(*[st.floats(0.0, 1e150)] * 2, st.floats(-1e150, 1e150), st.floats(0.0, 1e150), st.booleans())
def test_any_valid_input_is_finite(forward, strike, time, vol, is_call):
    greeks = black(forward, strike, time, vol, is_call)
    assert not any(np.isnan(field) for field in greeks)
    assert 0.0 <= greeks.price <= max(forward, strike) * (1 + 1e-15)
    assert -1.0 <= greeks.delta <= 1.0


@settings(max_examples=150, deadline=None)
@given(*[st.floats()] * 5, st.booleans())
def test_any_float_gives_numbers_or_six_nans(forward, strike, time, vol, rate, is_call):
    fields = black(forward, strike, time, vol, is_call, rate)
    bad = not (
        0.0 <= forward <= 1e150
        and 0.0 <= strike <= 1e150
        and 0.0 <= vol <= 1e150
        and abs(time) <= 1e150
        and abs(rate) < INF
    )
    if bad:
        assert all(np.isnan(field) for field in fields)


@pytest.mark.parametrize(("power", "rates"), [(140.0, 140.0), (20.0, 20.0), (6.0, 0.5)])
def test_good_elements_are_never_nan(power, rates):
    """Random powers of ten, rates included: NaN only where a leg is carried beyond 1e150."""
    generator = np.random.default_rng(5)
    count = 50_000

    def wide(power):
        return 10.0 ** generator.uniform(-power, power, count)

    asset, time, vol = wide(power), wide(power), wide(power)
    strike = np.where(generator.random(count) < 0.5, asset, wide(power))
    rate, carry = (wide(rates) * generator.choice([-1, 0, 1], count) for _ in range(2))
    common = {"strike": strike, "time_to_expiry": time, "vol": vol}
    common["is_call"] = generator.random(count) < 0.5
    spot = {"spot": asset, "rate": rate, "dividend_yield": carry, **common}
    with np.errstate(over="ignore"):
        legs = np.maximum(asset * np.exp(-carry * time), strike * np.exp(-rate * time))
    results = [
        pricing.black(forward=asset, rate=rate, **common),
        pricing.inverse(forward=asset, **common),
        [field[legs < 0.99e150] for field in pricing.black_scholes(**spot)],
    ]
    if power <= 20.0:  # beyond, third derivatives leave the range of float64
        results += [
            pricing.black_second(forward=asset, rate=rate, **common),
            pricing.inverse_second(forward=asset, **common),
            [field[legs < 0.99e150] for field in pricing.black_scholes_second(**spot)],
        ]
    for result in results:
        assert not any(np.isnan(field).any() for field in result)
    beyond = [field[legs > 1.01e150] for field in pricing.black_scholes(**spot)]
    assert beyond[0].size
    assert all(np.isnan(field).all() for field in beyond)


# --- types and shapes ---------------------------------------------------------------------------

GOOD = {
    "forward": 100.0,
    "strike": [90.0, 110.0],
    "time_to_expiry": 0.5,
    "vol": 0.4,
    "is_call": True,
}
FUNCTIONS = {
    "black": (pricing.black, {}),
    "inverse": (pricing.inverse, {}),
    "black_second": (pricing.black_second, {}),
    "inverse_second": (pricing.inverse_second, {}),
    "deribit_greeks": (pricing.deribit_greeks, {}),
    "black_scholes": (
        lambda forward, **rest: pricing.black_scholes(spot=forward, **rest),
        {"rate": 0.01},
    ),
}
junk = st.one_of(
    st.none(),
    st.text(),
    st.binary(),
    st.complex_numbers(),
    st.dictionaries(st.text(), st.integers()),
    st.just(object()),
    st.lists(st.text(), min_size=1),
    st.just([[1.0], [1.0, 2.0]]),
    st.just(np.array(["2026-01-01"], "datetime64[D]")),
    st.just(10**400),
    st.just(np.ones(7)),  # a wrong shape
)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(GOOD)), value=junk)
def test_bad_argument_is_one_clear_line(function, name, value):
    call, extra = FUNCTIONS[function]
    extra = {**extra, "vol": [0.4, 0.4]} if name == "strike" else extra
    with pytest.raises((TypeError, ValueError)) as caught:
        call(**{**GOOD, **extra, name: value})
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert name in message or (function == "black_scholes" and "spot" in message)


@pytest.mark.parametrize("value", [1, 1.0, "c", ["c"], None, np.ones(2)])
def test_is_call_must_be_bool(value):
    with pytest.raises(TypeError, match="is_call"):
        pricing.black(**{**GOOD, "is_call": value})


def test_accepts_what_numpy_reads_as_numbers():
    reference = pricing.black(**GOOD)
    read_only = np.array([90.0, 110.0])
    read_only.flags.writeable = False
    wide = np.zeros((2, 3))
    misaligned = np.frombuffer(b"x" + np.array([90.0, 110.0]).tobytes(), np.float64, 2, 1)
    assert not misaligned.flags.aligned
    wide[:, 1] = [90.0, 110.0]
    for strike in (
        [90, 110], (90.0, 110.0), np.array([90, 110]), read_only, wide[:, 1],
        np.array([90.0, 110.0], ">f8"), np.array([90.0, 110.0], np.float32),
        np.array([90.0, 0.0, 110.0])[::2], misaligned,
    ):  # fmt: skip
        ours = pricing.black(**{**GOOD, "strike": strike})
        assert all(np.array_equal(a, b) for a, b in zip(ours, reference, strict=True))


def test_shapes():
    assert isinstance(pricing.black(**{**GOOD, "strike": 90.0}).price, np.float64)
    assert isinstance(pricing.black(**{**GOOD, "strike": np.array(90)}).price, np.float64)
    assert pricing.black(**{**GOOD, "strike": np.ones((1,))}).price.shape == (1,)
    assert pricing.black(**{**GOOD, "strike": np.ones(0)}).price.shape == (0,)
    assert pricing.black(**{**GOOD, "vol": np.ones((3, 1))}).price.shape == (3, 2)
    assert pricing.black(**{**GOOD, "vol": np.ones((0, 1))}).price.shape == (0, 2)
    full = np.ones((4, 3)) * np.linspace(0.2, 0.6, 3)
    table = pricing.black(**{**GOOD, "strike": 105.0, "vol": full})
    row = pricing.black(**{**GOOD, "strike": 105.0, "vol": full[0]})
    assert np.array_equal(table.vega, np.tile(row.vega, (4, 1)))
    assert np.array_equal(
        pricing.black(**{**GOOD, "strike": 105.0, "vol": np.asfortranarray(full)}).vega, table.vega
    )


@pytest.mark.parametrize("shape", [(2,), (3, 2)])
def test_out(shape):
    inputs = {**GOOD, "vol": np.full(shape, 0.4)}
    out = pricing.Greeks(*(np.full(shape, np.nan) for _ in range(6)))
    assert pricing.black(**inputs, out=out) is out
    fresh = pricing.black(**inputs)
    assert all(np.array_equal(a, b) for a, b in zip(out, fresh, strict=True))
    plain = tuple(np.empty(shape) for _ in range(6))
    result = pricing.inverse(**inputs, out=plain)
    assert all(a is b for a, b in zip(result, plain, strict=True))


def test_bad_out_is_refused():
    good = [np.empty(2) for _ in range(6)]
    frozen = np.empty(2)
    frozen.flags.writeable = False
    for out, kind in [
        (np.empty((6, 2)), TypeError),
        (good[:5], TypeError),
        (7, TypeError),
        ([*good[:5], [1.0, 2.0]], TypeError),
        ([*good[:5], np.empty(2, np.float32)], TypeError),
        ([*good[:5], np.empty(3)], ValueError),
        ([*good[:5], np.empty((2, 1))], ValueError),
        ([*good[:5], np.empty(4)[::2]], ValueError),
        ([*good[:5], frozen], ValueError),
        ([*good[:5], good[0]], ValueError),
    ]:
        with pytest.raises(kind, match=r"^out") as caught:
            pricing.black(**GOOD, out=out)
        assert "\n" not in str(caught.value)
    memory = np.empty(3)
    with pytest.raises(ValueError, match="overlap"):
        pricing.black(**{**GOOD, "strike": memory[:2]}, out=[*good[:5], memory[1:]])


def test_years():
    assert pricing.years(0, 365 * 86_400_000) == 1.0
    assert pricing.years(86_400_000, 0) == -1 / 365
