"""Second-order Greeks: QuantLib differenced, edge values, bad elements; digits: test_reference."""

import numpy as np
import pytest

import pricing

FUNCTIONS = {
    "black": (pricing.black, pricing.black_second),
    "black_scholes": (pricing.black_scholes, pricing.black_scholes_second),
    "inverse": (pricing.inverse, pricing.inverse_second),
}


def arguments(kind, asset, strike, time, vol, is_call, rate=0.0, carry=0.0):
    """Keyword arguments of the functions of this kind."""
    named = {"strike": strike, "time_to_expiry": time, "vol": vol, "is_call": is_call}
    named["spot" if kind == "black_scholes" else "forward"] = asset
    named |= {"rate": rate} if kind != "inverse" else {}
    return named | ({"dividend_yield": carry} if kind == "black_scholes" else {})


def test_against_quantlib_differences():
    """A second opinion on signs and definitions: QuantLib's first-order Greeks, differenced."""
    quantlib = pytest.importorskip("QuantLib")
    s, k, t, vol, r, q = 100.0, 108.0, 0.7, 0.35, 0.05, 0.02

    def greeks(s, t, vol):
        payoff = quantlib.PlainVanillaPayoff(quantlib.Option.Put, k)
        forward, discount = s * np.exp((r - q) * t), np.exp(-r * t)
        one = quantlib.BlackCalculator(payoff, forward, vol * np.sqrt(t), discount)
        return np.array([one.delta(s), one.gamma(s), one.vega(t)])

    h = 1e-4
    by_vol = (greeks(s, t, vol + h) - greeks(s, t, vol - h)) / (2 * h)
    by_time = -(greeks(s, t + h, vol) - greeks(s, t - h, vol)) / (2 * h)
    by_spot = (greeks(s + h, t, vol) - greeks(s - h, t, vol)) / (2 * h)
    expected = pricing.SecondGreeks(
        vanna=by_vol[0], volga=by_vol[2], charm=by_time[0], speed=by_spot[1], zomma=by_vol[1],
        color=by_time[1],
    )  # fmt: skip
    ours = pricing.black_scholes_second(
        spot=s, strike=k, time_to_expiry=t, vol=vol, is_call=False, rate=r, dividend_yield=q
    )
    assert ours == pytest.approx(expected, rel=1e-6)
    assert by_spot[2] == pytest.approx(ours.vanna, rel=1e-6)  # vega by the underlying


# --- edges --------------------------------------------------------------------------------------

GOOD = {"asset": 100.0, "strike": 90.0, "time": 0.5, "vol": 0.4, "is_call": True}


def second(kind, **changed):
    return FUNCTIONS[kind][1](**arguments(kind, **{**GOOD, **changed}))


@pytest.mark.parametrize("kind", ["black", "black_scholes"])
@pytest.mark.parametrize("strike", [90.0, 100.0, 110.0, 0.0])
def test_expired_is_zero(kind, strike):
    for time in (0.0, -0.0, -1.0):
        for vol in (0.0, 0.6):
            assert tuple(second(kind, strike=strike, time=time, vol=vol, rate=0.05)) == (0.0,) * 6


@pytest.mark.parametrize("strike", [90.0, 100.0, 110.0])
@pytest.mark.parametrize("is_call", [True, False])
def test_zero_vol_keeps_what_carry_does(strike, is_call):
    common = {"strike": strike, "vol": 0.0, "is_call": is_call}
    delta = pricing.black(**arguments("black", **{**GOOD, **common}, rate=0.05)).delta
    assert tuple(second("black", **common, rate=0.05)) == (0, 0, 0.05 * delta, 0, 0, 0)
    named = {**GOOD, **common, "rate": 0.05, "carry": 0.02}
    delta = pricing.black_scholes(**arguments("black_scholes", **named)).delta
    spot = second("black_scholes", **common, rate=0.05, carry=0.02)
    assert tuple(spot) == (0, 0, 0.02 * delta, 0, 0, 0)
    for time in (0.0, 0.5):
        coin = pricing.inverse(**arguments("inverse", **{**GOOD, **common, "time": time}))
        speed = 6.0 * coin.delta / 100.0**3
        expected = (0, 0, 0, pytest.approx(speed, rel=1e-15), 0, 0)
        assert tuple(second("inverse", **common, time=time)) == expected


INPUTS_OF = {
    "black": ("asset", "strike", "time", "vol", "rate"),
    "black_scholes": ("asset", "strike", "time", "vol", "rate", "carry"),
    "inverse": ("asset", "strike", "time", "vol"),
}
BAD = [
    (kind, name, value)
    for kind, names in INPUTS_OF.items()
    for name in names
    for value in (np.nan, np.inf, -np.inf, -1.0)
    if value != -1.0 or name in ("asset", "strike", "vol")
]


@pytest.mark.parametrize(("kind", "name", "value"), BAD)
def test_bad_element_is_nan_in_all_six_and_nowhere_else(kind, name, value):
    for vol in (0.0, 0.5):
        for time in (0.0, 0.5):
            column = np.full(11, {**GOOD, "vol": vol, "time": time}.get(name, 0.03))
            column[5] = value
            for field in second(kind, **{"vol": vol, "time": time, name: column}):
                assert np.isnan(field[5])
                assert np.all(np.isfinite(np.delete(field, 5)))


def test_an_inverse_option_without_a_forward_is_nan():
    assert all(np.isnan(field) for field in second("inverse", asset=0.0))


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_extreme_but_valid_input_is_a_number(kind):
    values = np.array([1e-140, 1e-8, 1.0, 1e8, 1e140])
    low = 1e-40 if kind == "inverse" else 0.0  # its speed grows with the fourth power of 1 / F
    asset, strike, time, vol = (x.ravel() for x in np.meshgrid(*[values] * 4))
    asset = np.maximum(asset, low)
    for is_call in (True, False):
        fields = second(kind, asset=asset, strike=strike, time=time, vol=vol, is_call=is_call)
        assert not any(np.isnan(field).any() for field in fields)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_out_and_shapes(kind):
    strike = np.array([[90.0, 100.0, 110.0], [80.0, 100.0, 120.0]])
    fresh = second(kind, strike=strike)
    out = pricing.SecondGreeks(*(np.full((2, 3), np.nan) for _ in range(6)))
    assert second(kind, strike=strike)._fields == out._fields
    named = arguments(kind, **{**GOOD, "strike": strike})
    assert FUNCTIONS[kind][1](**named, out=out) is out
    assert all(np.array_equal(a, b) for a, b in zip(out, fresh, strict=True))
    assert isinstance(second(kind).vanna, np.float64)
    with pytest.raises(TypeError, match=r"^out: a tuple of 6 arrays wanted: vanna"):
        FUNCTIONS[kind][1](**named, out=out[:5])
    with pytest.raises(TypeError, match="strike"):
        second(kind, strike="x")


def test_calls_and_puts_share_what_parity_leaves_alone():
    strike = np.geomspace(20.0, 500.0, 41)
    for kind in ("black", "black_scholes"):
        call, put = (second(kind, strike=strike, is_call=flag, rate=0.03) for flag in (True, False))
        for name in ("vanna", "volga", "speed", "zomma", "color"):
            assert np.array_equal(getattr(call, name), getattr(put, name))
