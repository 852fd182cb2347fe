"""Settlement on a mean: the check number, limits, parity, edges, bad input, batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from hedger.core.model import SETTLEMENT_WINDOW_MS

WINDOW = pricing.SETTLEMENT_WINDOW
NAN, INF = float("nan"), float("inf")
OPTIONS = [pricing.settling, pricing.settling_inverse]
FUTURES = [pricing.settling_future, pricing.settling_inverse_future]
fast = settings(max_examples=80, deadline=None, derandomize=True)
prices = st.floats(1.0, 1e6)
moves = st.floats(-0.05, 0.05)
times = st.floats(0.0, 3.0).map(lambda windows: windows * WINDOW)
vols = st.floats(0.0, 5.0)
counts = st.one_of(st.just(INF), st.integers(1, 2000).map(float))

HALF = {
    "forward": 60_000.0,
    "strike": 60_000.0,
    "time_to_expiry": WINDOW / 2.0,
    "vol": 0.6,
    "is_call": True,
    "running_mean": 60_200.0,
}


def without(inputs, *names):
    return {name: value for name, value in inputs.items() if name not in names}


def test_check_number():
    """Half-way with a mean 200 above the strike: .482 to hedge, .250 on the exchange's screen."""
    deltas = pricing.settlement_deltas(**HALF)
    assert round(float(deltas.exact), 3) == 0.482
    assert round(float(deltas.displayed), 3) == 0.250
    exchange = pricing.deribit_greeks(**without(HALF, "running_mean"))
    assert deltas.displayed == exchange.delta
    assert deltas.exact == pricing.settling(**HALF).delta
    with pytest.raises(TypeError):
        sum(deltas)
    with pytest.raises(TypeError):
        deltas.exact, deltas.displayed = deltas


def test_one_window():
    assert pricing.years(0, SETTLEMENT_WINDOW_MS) == pricing.SETTLEMENT_WINDOW


def test_displayed_delta_never_needs_the_mean():
    deltas = pricing.settlement_deltas(**without(HALF, "running_mean"))
    assert np.isnan(deltas.exact)
    assert round(float(deltas.displayed), 3) == 0.250
    late = pricing.settlement_deltas(**{**HALF, "time_to_expiry": [2 * WINDOW, 0.0, -WINDOW]})
    assert late.displayed[1:] == pytest.approx([0.0, 0.0], abs=0.0)
    plain = pricing.black(**{**without(HALF, "running_mean"), "time_to_expiry": 2 * WINDOW})
    assert late.displayed[0] == plain.delta


def chain(count=50):
    forward = np.full(count, 60_000.0)
    return {
        "forward": forward,
        "strike": np.linspace(57_000.0, 63_000.0, count),
        "vol": np.linspace(0.2, 1.5, count),
        "is_call": np.arange(count) % 2 == 0,
    }


@pytest.mark.parametrize("call", OPTIONS)
def test_long_before_a_short_window_it_is_black(call):
    peer = pricing.black if call is pricing.settling else pricing.inverse
    ours = call(time_to_expiry=0.02, window=1e-12, **chain())
    theirs = peer(time_to_expiry=0.02, **chain())
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, rel=1e-8, abs=1e-18)
    # and a day ahead it is two thirds of the window short of Black
    day = 1.0 / 365.0
    ours = call(time_to_expiry=day, samples=INF, **chain())
    inputs, unit = chain(), 60_000.0
    if call is pricing.settling_inverse:  # coin sees the mean at the inverse future's price
        kept = {"forward": inputs["forward"], "vol": inputs["vol"], "samples": INF}
        inputs["forward"] = -1.0 / pricing.settling_inverse_future(time_to_expiry=day, **kept).price
        unit = 1.0
    theirs = peer(time_to_expiry=day - 2.0 / 3.0 * WINDOW, **inputs)
    assert np.max(np.abs(ours.price - theirs.price)) < 1e-7 * unit


@pytest.mark.parametrize("due", [0.5, 1.0])
def test_the_last_sample_is_black_on_what_is_left(due):
    """One sample to come is a lognormal: no approximation remains."""
    share, mean, time = 1.0 / 30.0, 60_100.0, due * WINDOW / 30.0
    left = np.linspace(59_990.0, 60_010.0, 50)
    inner = pricing.black(**{**chain(), "strike": left, "time_to_expiry": time})
    inputs = {**chain(), "strike": share * left + (1.0 - share) * mean, "time_to_expiry": time}
    ours = pricing.settling(running_mean=mean, samples=30.0, **inputs)
    for one, other in zip(ours, inner, strict=True):
        assert one == pytest.approx(share * other, rel=1e-7)


@pytest.mark.parametrize("time", [0.0, -0.0, -1.0, WINDOW * 1e-10])
@pytest.mark.parametrize(("strike", "is_call"), [(59e3, True), (61e3, True), (61e3, False)])
def test_expired_pays_on_the_mean(time, strike, is_call):
    inputs = {**HALF, "time_to_expiry": time, "strike": strike, "is_call": is_call}
    paid = max(0.0, 60_200.0 - strike if is_call else strike - 60_200.0)
    linear = pricing.settling(**inputs)
    assert tuple(linear) == (paid, 0, 0, 0, 0, pytest.approx(0.0, abs=1e-9))
    coin = pricing.settling_inverse(**inputs)
    assert tuple(coin) == (pytest.approx(paid / 60_200.0, rel=1e-15), 0, 0, 0, 0, 0)
    future = without(inputs, "strike", "is_call", "vol")
    assert tuple(pricing.settling_future(**future)) == (60_200.0, 0, 0, 0, 0, 0)
    inverse = pricing.settling_inverse_future(**future)
    assert tuple(inverse) == (pytest.approx(-1 / 60_200.0, rel=1e-15), 0, 0, 0, 0, 0)


@pytest.mark.parametrize("samples", [450.0, INF])
@pytest.mark.parametrize("call", OPTIONS)
def test_converges_to_what_the_mean_pays(call, samples):
    near = call(**{**HALF, "time_to_expiry": WINDOW * 2e-6, "samples": samples})
    end = call(**{**HALF, "time_to_expiry": 0.0, "samples": samples})
    unit = 1.0 if call is pricing.settling else 60_000.0
    assert near.price * unit == pytest.approx(end.price * unit, abs=201.0 / 450.0)
    assert 0.0 <= near.delta <= 1.0 / 450.0


@pytest.mark.parametrize("call", OPTIONS)
@pytest.mark.parametrize("time", [0.9, 0.5, 0.001])
def test_certain_is_exact(call, time):
    """A mean that has passed the strike for good: a forward and nothing, without rounding."""
    inputs = {**HALF, "time_to_expiry": time * WINDOW, "strike": 3_000.0, "samples": 1000.0}
    share = np.ceil(time * 1000.0 - 1e-6) / 1000.0
    sure, never = call(**inputs), call(**{**inputs, "is_call": False})
    expected = (1.0 - share) * 60_200.0 + share * 60_000.0
    if call is pricing.settling:
        assert sure.price == pytest.approx(expected - 3_000.0, rel=1e-14)
        assert sure.delta == pytest.approx(share, rel=1e-15)
        assert (sure.gamma, sure.vega, sure.theta) == (0, 0, 0)
    else:
        future = pricing.settling_inverse_future(**without(inputs, "strike", "is_call"))
        assert sure.price == pytest.approx(1.0 + 3_000.0 * future.price, rel=1e-14)
        for ours, theirs in zip(sure[1:5], future[1:5], strict=True):
            assert ours == pytest.approx(3_000.0 * theirs, rel=1e-9)
    assert tuple(never) == (0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("samples", [450.0, 1800.0, INF])
def test_continuous_at_the_start_of_the_window(samples):
    """Before its first sample the mean is empty: whatever is passed as running mean is ignored."""
    inputs = {**chain(), "samples": samples}
    step = WINDOW * 1e-9
    for call in OPTIONS:
        before = call(time_to_expiry=WINDOW + step, running_mean=NAN, **inputs)
        at = call(time_to_expiry=WINDOW, running_mean=NAN, **inputs)
        odd = call(time_to_expiry=WINDOW, running_mean=-5.0, **inputs)
        assert all(np.array_equal(a, b) for a, b in zip(at, odd, strict=True))
        inside = call(time_to_expiry=WINDOW - step, running_mean=60_000.0, **inputs)
        for a, b in ((before, at), (inside, at)):
            for one, other in zip(a[:5], b[:5], strict=True):
                assert one == pytest.approx(other, rel=1e-5, abs=1e-9 * np.max(np.abs(other)))


@fast
@given(prices, moves, moves, times, vols, counts)
def test_parity_with_the_future(forward, strike_move, mean_move, time, vol, samples):
    strike, mean = forward * np.exp(strike_move), forward * np.exp(mean_move)
    inputs = {"forward": forward, "strike": strike, "time_to_expiry": time, "vol": vol,
              "running_mean": mean, "samples": samples}  # fmt: skip
    held = without(inputs, "strike", "vol")
    call, put = (pricing.settling(is_call=side, **inputs) for side in (True, False))
    future = pricing.settling_future(**held)
    assert abs(call.price - put.price - (future.price - strike)) <= 1e-12 * max(forward, strike)
    assert abs(call.delta - put.delta - future.delta) <= 1e-13
    assert 0.0 <= call.price <= future.price * (1.0 + 1e-12)
    assert 0.0 <= call.delta <= future.delta + 1e-15
    assert call.gamma >= 0.0 >= call.theta
    coin, lost = (pricing.settling_inverse(is_call=side, **inputs) for side in (True, False))
    inverse = pricing.settling_inverse_future(vol=vol, **held)
    assert abs(coin.price - lost.price - (1.0 + strike * inverse.price)) <= 1e-12
    assert abs(coin.delta - lost.delta - strike * inverse.delta) <= 1e-12


@fast
@given(prices, moves, moves, times, vols, counts, st.floats(0.01, 100.0), st.booleans())
def test_homogeneous(forward, strike_move, mean_move, time, vol, samples, scale, is_call):
    values = {"forward": forward, "strike": forward * np.exp(strike_move),
              "running_mean": forward * np.exp(mean_move)}  # fmt: skip
    same = {"time_to_expiry": time, "vol": vol, "samples": samples, "is_call": is_call}
    one = pricing.settling(**values, **same)
    other = pricing.settling(**{name: scale * value for name, value in values.items()}, **same)
    assert abs(other.price - scale * one.price) <= 1e-12 * scale * forward
    # what is left is a small difference of prices: at w from expiry its digits are eps / w
    sharp = vol * np.sqrt(max(time, WINDOW * 1e-6)) * min(1.0, time / WINDOW) + 1e-12
    assert abs(other.delta - one.delta) <= 1e-12 / sharp


# --- edges and bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("call", OPTIONS + FUTURES)
def test_unknown_mean_is_unknown(call):
    kept = HALF if call in OPTIONS else without(HALF, "strike", "is_call", "vol")
    time = np.array([2.0, 1.0, 0.9, 0.5, 1e-3, 0.0, -1.0]) * WINDOW
    inside = time < WINDOW
    for mean in (NAN, INF, -1.0):
        greeks = call(**{**kept, "time_to_expiry": time, "running_mean": mean})
        assert all(np.array_equal(np.isnan(field), inside) for field in greeks)


@pytest.mark.parametrize("call", OPTIONS)
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("forward", (NAN, INF, -1.0)),
        ("strike", (NAN, INF, -1.0)),
        ("time_to_expiry", (NAN, INF, -INF)),
        ("vol", (NAN, INF, -1.0, 200.0)),
        ("samples", (NAN, 0.0, -3.0, 1.5, -INF)),
    ],
)
@pytest.mark.parametrize("time", [2.0 * WINDOW, WINDOW / 3.0, 0.0])
def test_bad_element_is_nan_in_all_six_and_nowhere_else(call, name, values, time):
    good = {**HALF, "time_to_expiry": time, "samples": 30.0}
    for value in values:
        arrays = {key: np.full(11, item) for key, item in good.items()}
        arrays[name][5] = value
        for field in call(**arrays):
            assert np.isnan(field[5])
            assert np.all(np.isfinite(np.delete(field, 5)))


def test_zero_prices():
    free = pricing.settling(**{**HALF, "strike": 0.0})
    assert free.price == pytest.approx(60_100.0, rel=1e-15)
    worthless = pricing.settling(**{**HALF, "forward": 0.0})
    assert worthless.price == 0.0
    assert pricing.settling(**{**HALF, "forward": 0.0, "strike": 100.0}).price == 30_000.0
    assert np.isnan(pricing.settling_inverse(**{**HALF, "forward": 0.0}).price)
    gone = {**HALF, "running_mean": 0.0, "time_to_expiry": 0.0}
    assert pricing.settling(**{**gone, "is_call": False}).price == 60_000.0
    assert np.isnan(pricing.settling_inverse(**gone).price)
    still = pricing.settling(**{**HALF, "vol": 0.0})
    assert tuple(still[:5]) == (pytest.approx(100.0), 0.5, 0, 0, 0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(*[st.floats()] * 6, st.booleans())
def test_any_float_gives_numbers_or_six_nans(forward, strike, time, vol, mean, samples, is_call):
    for call in OPTIONS:
        fields = call(
            forward=forward, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call,
            running_mean=mean, samples=samples,
        )  # fmt: skip
        assert len({bool(np.isnan(field)) for field in fields}) == 1


@pytest.mark.parametrize("window", ["30", None, True, np.ones(2), [1.0]])
def test_window_is_one_number(window):
    with pytest.raises(TypeError, match="window"):
        pricing.settling(**HALF, window=window)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("forward", [1e140, [1e140]])
def test_a_theta_beyond_all_numbers_is_infinite_in_silence(forward):
    greeks = pricing.settling(
        forward=forward, strike=1e140, time_to_expiry=0.5e-200, vol=1e90, is_call=True,
        running_mean=1e140, window=1e-200,
    )  # fmt: skip
    assert np.all(greeks.theta == -INF)


@pytest.mark.parametrize("window", [0.0, -1.0, NAN, INF])
def test_window_is_positive(window):
    with pytest.raises(ValueError, match="window"):
        pricing.settling(**HALF, window=window)


@pytest.mark.parametrize("call", OPTIONS)
@pytest.mark.parametrize("name", ["forward", "strike", "time_to_expiry", "vol", "running_mean"])
@pytest.mark.parametrize("value", [None, "x", [1 + 2j], [[1.0], [1.0, 2.0]], np.ones(7)])
def test_bad_argument_is_one_clear_line(call, name, value):
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        call(**{**HALF, "samples": [30.0, 60.0], name: value})
    assert "\n" not in str(caught.value)


def test_shapes_and_out():
    assert isinstance(pricing.settling(**HALF).vega, np.float64)
    table = pricing.settling(**{**HALF, "vol": np.full((3, 1), 0.6), "strike": [59e3, 60e3]})
    assert table.theta.shape == (3, 2)
    inputs = {**HALF, "strike": np.array([59e3, 60e3])}
    for call in OPTIONS:
        fresh = call(**inputs)
        out = pricing.Greeks(*(np.full(2, NAN) for _ in range(6)))
        assert call(**inputs, out=out) is out
        assert all(np.array_equal(a, b) for a, b in zip(out, fresh, strict=True))
        single = call(**{**inputs, "strike": 60e3})
        assert all(a[1] == b for a, b in zip(fresh, single, strict=True))
    with pytest.raises(ValueError, match="out"):
        pricing.settling(**inputs, out=[np.empty(3)] * 6)
    scalar = pricing.Greeks(*(np.empty(()) for _ in range(6)))
    assert pricing.settling(**HALF, out=scalar) is scalar
    assert scalar.theta == pricing.settling(**HALF).theta


@pytest.mark.parametrize("call", OPTIONS)
def test_result_does_not_depend_on_the_batch(call):
    count = 1_111
    generator = np.random.default_rng(8)
    inputs = {
        "forward": np.full(count, 60_000.0),
        "strike": 60_000.0 * np.exp(generator.normal(0.0, 0.003, count)),
        "time_to_expiry": generator.uniform(0.0, 2.0, count) * WINDOW,
        "vol": generator.uniform(0.2, 2.0, count),
        "is_call": generator.random(count) < 0.5,
        "running_mean": generator.uniform(59_800.0, 60_200.0, count),
        "samples": generator.choice([30.0, 450.0, INF], count),
    }
    whole = call(**inputs)
    for start, stop in [(0, 1), (3, 10), (5, 21), (250, 263), (1_110, 1_111)]:
        part = call(**{name: value[start:stop] for name, value in inputs.items()})
        assert all(np.array_equal(a[start:stop], b) for a, b in zip(whole, part, strict=True))
    for position in (0, 8, 500):
        single = call(**{name: value[position] for name, value in inputs.items()})
        assert all(a[position] == b for a, b in zip(whole, single, strict=True))
