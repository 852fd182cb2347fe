"""Implied vol: statuses, edges and bad input, `out`, and the same result anywhere in a batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

NAN, INF = float("nan"), float("inf")
OK, BELOW, ABOVE, BAD = pricing.VolStatus
GOOD = {
    "price": [12.0, 7.0],
    "forward": 100.0,
    "strike": [90.0, 110.0],
    "time_to_expiry": 0.5,
    "is_call": True,
}
IN_COIN = {**GOOD, "price": [0.12, 0.07]}
FUNCTIONS = {
    "implied_vol": (pricing.implied_vol, GOOD),
    "inverse_implied_vol": (pricing.inverse_implied_vol, IN_COIN),
}


def one(price, forward=100.0, strike=110.0, time=0.5, is_call=True, rate=0.0):
    return pricing.implied_vol(
        price=price, forward=forward, strike=strike, time_to_expiry=time, is_call=is_call, rate=rate
    )


# price, forward, strike, is_call -> status; every vol that is found here is 0
EDGES = [
    (0.0, 100.0, 110.0, True, OK),
    (-0.0, 100.0, 110.0, True, OK),
    (0.0, 100.0, 100.0, True, OK),
    (0.0, 100.0, 100.0, False, OK),
    (10.0, 100.0, 90.0, True, OK),
    (10.0, 100.0, 110.0, False, OK),
    (10.0 - 1e-14, 100.0, 90.0, True, OK),  # within the slack
    (10.0 - 3e-13, 100.0, 90.0, True, BELOW),
    (10.0 - 3e-13, 100.0, 110.0, False, BELOW),
    (0.0, 100.0, 90.0, True, BELOW),
    (100.0, 100.0, 110.0, True, ABOVE),
    (100.0, 100.0, 90.0, True, ABOVE),
    (110.0, 100.0, 110.0, False, ABOVE),
    (90.0, 100.0, 90.0, False, ABOVE),
    (1e300, 100.0, 90.0, False, ABOVE),
    (-1e-300, 100.0, 110.0, True, BAD),
    (-10.0, 100.0, 90.0, True, BAD),
]


@pytest.mark.parametrize(("price", "forward", "strike", "is_call", "status"), EDGES)
@pytest.mark.parametrize("rate", [0.0, 0.05])
def test_edges(price, forward, strike, is_call, status, rate):
    discount = np.exp(-rate * 2.0)
    found = one(price * discount, forward, strike, 2.0, is_call, rate)
    assert found.status == status
    assert found.vol == 0.0 if status == OK else np.isnan(found.vol)
    if rate == 0.0:
        coin = pricing.inverse_implied_vol(
            price=price / forward, forward=forward, strike=strike, time_to_expiry=2.0,
            is_call=is_call,
        )  # fmt: skip
        assert coin.status == status


def test_the_last_price_below_the_maximum_has_a_vol():
    for is_call, maximum in ((True, 100.0), (False, 110.0)):
        found = one(np.nextafter(maximum, 0.0), is_call=is_call)
        assert found.status == OK
        assert 10.0 < found.vol * np.sqrt(0.5) < 20.0


def test_the_smallest_numbers_are_prices():
    smallest = 5e-324
    found = one(np.array([smallest, 1e-320, 1e-310, 1e-300]), strike=200.0, time=1.0)
    assert np.all(found.status == OK)
    assert np.all(np.diff(found.vol) > 0.0)
    assert np.log(2.0) / found.vol[0] == pytest.approx(38.3, abs=0.3)  # standard deviations
    back = pricing.black(
        forward=100.0, strike=200.0, time_to_expiry=1.0, vol=found.vol, is_call=True
    )
    assert back.price[2:] == pytest.approx([1e-310, 1e-300], rel=1e-12)
    assert one(1e-300, 1e149, 1e150, 1.0).status == OK
    assert one(1e-300, 100.0, 100.0).vol == 0.0  # at the money a total vol of 1e-302 counts as none


BAD_VALUES = [
    *((name, value) for name in ("price", "forward", "strike", "time_to_expiry", "rate")
      for value in (NAN, INF, -INF)),
    ("price", -1.0), ("price", 1e305), ("forward", -1.0), ("strike", -1.0), ("forward", 0.0),
    ("strike", 0.0), ("forward", 1e-151), ("strike", 1e151), ("time_to_expiry", 0.0),
    ("time_to_expiry", -1.0), ("rate", 1e4), ("rate", -1e4),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_VALUES)
@pytest.mark.parametrize("is_call", [True, False])
def test_bad_element_is_marked_and_no_other(name, value, is_call):
    good = {"price": 12.0, "forward": 100.0, "strike": 95.0, "time_to_expiry": 0.5, "rate": 0.03}
    arrays = {key: np.full(11, number) for key, number in good.items()}
    arrays[name][5] = value
    results = [pricing.implied_vol(**arrays, is_call=is_call)]
    if name != "rate":
        del arrays["rate"]
        arrays["price"] /= 100.0
        results.append(pricing.inverse_implied_vol(**arrays, is_call=is_call))
    for found in results:
        assert (found.status[5], np.isnan(found.vol[5])) == (BAD, True)
        assert np.all(np.delete(found.status, 5) == OK)
        assert np.all(np.delete(found.vol, 5) > 0.0)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(*[st.floats()] * 5, st.booleans(), st.booleans())
def test_any_float_gives_a_vol_or_a_reason(price, forward, strike, time, rate, is_call, coin):
    inputs = {"price": price, "forward": forward, "strike": strike, "time_to_expiry": time}
    if coin:
        found = pricing.inverse_implied_vol(**inputs, is_call=is_call)
    else:
        found = pricing.implied_vol(**inputs, is_call=is_call, rate=rate)
    assert found.status in (OK, BELOW, ABOVE, BAD)
    assert (found.status == OK) == (0.0 <= found.vol < INF)
    assert (found.status != OK) == np.isnan(found.vol)


positive = st.floats(1e-150, 1e150, exclude_min=True)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(positive, positive, positive, st.floats(0.0, 1.0), st.booleans())
def test_any_price_in_its_bounds_has_a_vol(forward, strike, time, part, is_call):
    intrinsic = max(forward - strike, 0.0) if is_call else max(strike - forward, 0.0)
    maximum = forward if is_call else strike
    price = intrinsic + part * (min(forward, strike) * (1.0 - 1e-9))
    found = one(price, forward, strike, time, is_call)
    assert found.status == OK or (found.status == ABOVE and price >= maximum * (1.0 - 1e-15))
    if found.status == OK:
        again = pricing.black(
            forward=forward, strike=strike, time_to_expiry=time, vol=found.vol, is_call=is_call
        )
        spread = np.abs(again.vega * found.vol) + price
        nothing = 1e-100 * min(forward, strike)  # at the money it counts as zero, there and back
        assert abs(again.price - price) <= 1e-14 * spread + nothing


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(1e-6, 1.0), st.floats(-3.0, 3.0), st.booleans())
def test_vol_grows_with_price_and_ignores_the_unit(part, log_moneyness, is_call):
    strike = 100.0 * np.exp(log_moneyness)
    intrinsic = max((100.0 - strike) * (1.0 if is_call else -1.0), 0.0)
    value = min(100.0, strike)
    prices = intrinsic + value * np.array([0.2, 0.5, 0.8]) * part
    found = one(prices, strike=strike, is_call=is_call)
    assert np.all(found.status == OK)
    assert np.all(np.diff(found.vol) > 0.0)
    doubled = one(2.0 * prices, 200.0, 2.0 * strike, is_call=is_call)
    assert np.array_equal(doubled.vol, found.vol)


def test_same_result_anywhere_in_a_batch():
    generator = np.random.default_rng(8)
    count = 1_301  # blocks of 256, and a rest that no vector fills
    forward = generator.uniform(50.0, 150.0, count)
    vol = np.exp(generator.uniform(np.log(1e-3), np.log(5.0), count))
    strike = forward * np.exp(generator.normal(0.0, 3.0, count) * np.minimum(vol, 1.0))
    inputs = {"forward": forward, "strike": strike, "time_to_expiry": np.full(count, 0.7),
              "is_call": generator.random(count) < 0.5, "rate": np.full(count, 0.03)}  # fmt: skip
    inputs["price"] = pricing.black(vol=vol, **inputs).price
    whole = pricing.implied_vol(**inputs)
    for start, stop in ((0, 1), (1, 8), (3, 259), (255, 257), (256, 1_300), (1_300, 1_301)):
        part = pricing.implied_vol(**{name: value[start:stop] for name, value in inputs.items()})
        assert np.array_equal(part.vol, whole.vol[start:stop], equal_nan=True)
        assert np.array_equal(part.status, whole.status[start:stop])
    scalar = {**inputs, "time_to_expiry": 0.7, "rate": 0.03}
    assert np.array_equal(pricing.implied_vol(**scalar).vol, whole.vol, equal_nan=True)
    reverse = pricing.implied_vol(**{name: value[::-1] for name, value in inputs.items()})
    assert np.array_equal(reverse.vol[::-1], whole.vol, equal_nan=True)


# --- types, shapes and `out` --------------------------------------------------------------------


def test_shapes():
    scalar = one(7.0)
    assert isinstance(scalar.vol, np.float64)
    assert isinstance(scalar.status, np.uint8)
    found = pricing.implied_vol(**{**GOOD, "time_to_expiry": np.full((3, 1), 0.5)})
    assert found.vol.shape == found.status.shape == (3, 2)
    assert (found.vol.dtype, found.status.dtype) == (np.float64, np.uint8)
    assert pricing.implied_vol(**{**GOOD, "price": np.ones((0, 1))}).vol.shape == (0, 2)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "value", [None, "c", {}, object(), 1j, ["a"], [[1.0], [1.0, 2.0]], 10**400, np.ones(7)]
)
@pytest.mark.parametrize("name", sorted(GOOD))
def test_bad_argument_is_one_clear_line(function, name, value):
    call, good = FUNCTIONS[function]
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        call(**{**good, name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(2,), (3, 2)])
def test_out(function, shape):
    call, good = FUNCTIONS[function]
    inputs = {**good, "time_to_expiry": np.full(shape, 0.5)}
    out = pricing.ImpliedVol(np.full(shape, NAN), np.full(shape, 9, np.uint8))
    assert call(**inputs, out=out) is out
    assert np.array_equal(out.vol, call(**inputs).vol)
    assert np.all(out.status == OK)
    plain = (np.empty(shape), np.empty(shape, np.uint8))
    found = call(**inputs, out=plain)
    assert found.vol is plain[0]
    assert found.status is plain[1]


def test_bad_out_is_refused():
    vol, status = np.empty(2), np.empty(2, np.uint8)
    frozen = np.empty(2)
    frozen.flags.writeable = False
    for out, kind in [
        (vol, TypeError),
        ((vol,), TypeError),
        ((vol, np.empty(2)), TypeError),
        ((np.empty(2, np.float32), status), TypeError),
        ((vol, [0, 0]), TypeError),
        ((np.empty(3), status), ValueError),
        ((vol, np.empty((2, 1), np.uint8)), ValueError),
        ((np.empty(4)[::2], status), ValueError),
        ((frozen, status), ValueError),
        ((vol, vol.view(np.uint8)[:2]), ValueError),
    ]:
        with pytest.raises(kind, match=r"^out") as caught:
            pricing.implied_vol(**GOOD, out=out)
        assert "\n" not in str(caught.value)
    memory = np.array([7.0, 7.0, 7.0])
    with pytest.raises(ValueError, match="overlap"):
        pricing.implied_vol(**{**GOOD, "price": memory[:2]}, out=(memory[1:], status))
