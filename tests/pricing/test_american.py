"""American options against QuantLib, laws, Greeks against differences, edges and bad input."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

NAN, INF = float("nan"), float("inf")
FIELDS = pricing.Greeks._fields


def options(count, seed, double=False):
    """Random options of all kinds, in whole days: those with one boundary or none, or with two."""
    generator = np.random.default_rng(seed)
    days = np.round(np.exp(generator.uniform(np.log(5.0), np.log(1200.0), count)))
    time = days / 365.0
    vol = generator.uniform(0.08, 0.8, count)
    rate = generator.uniform(-0.03, 0.12, count)
    kind = generator.random(count)
    carry = generator.uniform(-0.03, 0.12, count)
    carry = np.where(kind < 0.1, rate, np.where(kind < 0.25, 0.0, carry))
    away = np.clip(generator.normal(0.0, 1.0, count), -3.0, 3.0)
    inputs = {
        "spot": np.full(count, 100.0),
        "strike": 100.0 * np.exp(0.8 * away * vol * np.sqrt(time)),
        "time_to_expiry": time,
        "vol": vol,
        "is_call": generator.random(count) < 0.5,
        "rate": rate,
        "dividend_yield": carry,
    }
    short = np.where(inputs["is_call"], carry, rate)
    far = np.where(inputs["is_call"], rate, carry)
    keep = ((far < short) & (short < 0.0)) == double
    return {name: value[keep] for name, value in inputs.items()}


class QuantLib:
    """One process whose quotes move; engines by name."""

    def __init__(self):
        ql = self.ql = pytest.importorskip("QuantLib")
        self.today = ql.Date(1, 1, 2024)
        ql.Settings.instance().evaluationDate = self.today
        self.quotes = [ql.SimpleQuote(value) for value in (100.0, 0.0, 0.0, 0.2)]
        spot, carry, rate, vol = (ql.QuoteHandle(quote) for quote in self.quotes)
        count = ql.Actual365Fixed()
        self.process = ql.BlackScholesMertonProcess(
            spot,
            ql.YieldTermStructureHandle(ql.FlatForward(self.today, carry, count)),
            ql.YieldTermStructureHandle(ql.FlatForward(self.today, rate, count)),
            ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(self.today, ql.NullCalendar(), vol, count)
            ),
        )
        engine = ql.QdFpAmericanEngine
        self.high = engine(self.process, engine.highPrecisionScheme())
        self.higher = engine(self.process, ql.QdFpTanhSinhIterationScheme(20, 30, 1e-12))

    def price(self, engine, option):
        ql = self.ql
        names = ("spot", "dividend_yield", "rate", "vol")
        for quote, name in zip(self.quotes, names, strict=True):
            quote.setValue(float(option[name]))
        kind = ql.Option.Call if option["is_call"] else ql.Option.Put
        expiry = self.today + round(float(option["time_to_expiry"]) * 365.0)
        contract = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, float(option["strike"])),
            ql.AmericanExercise(self.today, expiry),
        )
        contract.setPricingEngine(engine)
        return contract.NPV()

    def differences(self, option, steps):
        """Finite differences with the same grid shape, extrapolated to no time step."""
        ql, prices = self.ql, []
        for count in (steps, 2 * steps):
            scheme = ql.FdmSchemeDesc.CrankNicolson()
            engine = ql.FdBlackScholesVanillaEngine(self.process, count, steps, 2, scheme)
            prices.append(self.price(engine, option))
        return 2.0 * prices[1] - prices[0]


@pytest.fixture(name="quantlib", scope="module")
def _quantlib():
    return QuantLib()


def rows(inputs):
    return [
        {name: column[i] for name, column in inputs.items()} for i in range(inputs["spot"].size)
    ]


def against_quantlib(quantlib, count, seed):
    """Worst relative error; where QuantLib's ten iterations are off, its twenty are asked."""
    inputs = options(count, seed)
    ours = pricing.american(**inputs).price
    errors = []
    for price, option in zip(ours, rows(inputs), strict=True):
        scale = max(price, 1e-4)
        error = abs(price - quantlib.price(quantlib.high, option)) / scale
        if error > 1e-7:
            error = min(error, abs(price - quantlib.price(quantlib.higher, option)) / scale)
        errors.append(error)
    return np.array(errors)


@pytest.mark.long
def test_quantlib_high_precision(quantlib):
    errors = against_quantlib(quantlib, 250, 1)
    print(f"worst of {errors.size}: {errors.max():.1e}")
    assert np.max(errors) < 1e-7


@pytest.mark.long
def test_quantlib_high_precision_10_000(quantlib):
    errors = against_quantlib(quantlib, 10_300, 2)
    print(f"worst of {errors.size}: {errors.max():.1e}, 99.9 %: {np.quantile(errors, 0.999):.1e}")
    assert np.quantile(errors, 0.999) < 1.2e-7
    assert np.max(errors) < 4e-7


def test_two_boundaries_against_finite_differences(quantlib):
    cases = [
        (100.0, 365, 0.1, False, -0.01, -0.03),  # the boundaries do not meet
        (100.0, 365, 0.2, False, -0.04, -0.05),  # they do
        (30.0, 365, 0.1, False, -0.01, -0.03),  # below the lower one
        (130.0, 900, 0.25, True, -0.05, -0.01),
        (100.0, 3650, 0.2, False, -0.01, -0.05),
    ]
    for spot, days, vol, is_call, rate, carry in cases:
        option = {
            "spot": spot, "strike": 100.0, "time_to_expiry": days / 365.0, "vol": vol,
            "is_call": is_call, "rate": rate, "dividend_yield": carry,
        }  # fmt: skip
        ours = float(pricing.american(**option).price)
        assert ours == pytest.approx(quantlib.differences(option, 400), rel=1e-4)


def test_two_boundaries_meet_their_exercise_region_smoothly():
    spot = np.linspace(30.0, 90.0, 1201)
    greeks = pricing.american(
        spot=spot, strike=100.0, time_to_expiry=5.0, vol=0.1, is_call=False, rate=-0.01,
        dividend_yield=-0.03, tolerance=1e-10,
    )  # fmt: skip
    exercised = np.flatnonzero(greeks.delta == -1.0)
    low, high = exercised[0], exercised[-1]
    assert 0 < low < high < spot.size - 1
    assert np.all(np.diff(exercised) == 1)
    assert np.all(greeks.price - (100.0 - spot) > -1e-9)
    for outside in (low - 1, high + 1):
        assert abs(greeks.delta[outside] + 1.0) < 6e-3  # a step of 0.05 from smooth pasting
    slopes = np.gradient(greeks.price, spot)
    assert np.max(np.abs(slopes - greeks.delta)[2:-2]) < 3e-3


def test_greeks_against_differences_of_quantlib(quantlib):
    inputs = options(14, 5)
    ours = pricing.american(**inputs, tolerance=1e-9)
    for i, option in enumerate(rows(inputs)):
        for field, name, step in (
            ("delta", "spot", 0.02), ("vega", "vol", 2e-4), ("rho", "rate", 2e-5),
        ):  # fmt: skip
            if name == "rate" and abs(option["rate"] - option["dividend_yield"]) < 1e-3:
                continue  # the boundary's top has a kink where both are equal
            prices = [
                quantlib.price(quantlib.higher, {**option, name: option[name] + k * step})
                for k in (-1, 1)
            ]
            slope = (prices[1] - prices[0]) / (2.0 * step)
            scale = max(abs(slope), 0.01 * 100.0 if field != "delta" else 0.01)
            assert abs(getattr(ours, field)[i] - slope) / scale < 2e-4, (field, option)


GREEK_STEPS = {"vega": ("vol", 2e-4, 1), "rho": ("rate", 1e-5, 1), "theta": (
    "time_to_expiry", 2e-4, -1), "delta": ("spot", 1e-4, 1)}  # fmt: skip


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("field", GREEK_STEPS)
def test_greeks_are_the_derivatives_of_the_price(field, double):
    name, step, sign = GREEK_STEPS[field]
    inputs = options(400 if double else 300, 6, double)
    if name == "rate":
        near = np.abs(inputs["rate"] - inputs["dividend_yield"]) < 1e-3
        inputs = {key: value[~near & (np.abs(inputs["rate"]) > 1e-4)]
                  for key, value in inputs.items()}  # fmt: skip
    step = step if name == "rate" else step * inputs[name]
    ours = getattr(pricing.american(**inputs, tolerance=1e-9), field)
    prices = [
        pricing.american(**{**inputs, name: inputs[name] + k * step}, tolerance=1e-11).price
        for k in (-1, 1)
    ]
    slope = sign * (prices[1] - prices[0]) / (2.0 * step)
    error = np.abs(ours - slope) / np.maximum(np.abs(slope), 0.01 if field == "delta" else 1.0)
    assert np.quantile(error, 0.95) < 2e-5
    assert np.max(error) < 5e-3  # a step may reach over the boundary, where Greeks have kinks


def test_gamma_is_the_slope_of_delta():
    inputs = options(300, 7)
    step = 1e-3
    deltas = [
        pricing.american(**{**inputs, "spot": inputs["spot"] + k * step}, tolerance=1e-10).delta
        for k in (-1, 1)
    ]
    slope = (deltas[1] - deltas[0]) / (2.0 * step)
    gamma = pricing.american(**inputs, tolerance=1e-9).gamma
    error = np.abs(gamma - slope) / np.maximum(np.abs(slope), 1e-3)
    assert np.quantile(error, 0.97) < 1e-4


@pytest.mark.parametrize("double", [False, True])
def test_laws(double):
    inputs = options(2000, 8, double)
    spot, strike, call = inputs["spot"], inputs["strike"], inputs["is_call"]
    ours = pricing.american(**inputs)
    scale = np.maximum(ours.price, 1e-4)
    european = pricing.black_scholes(**inputs).price
    intrinsic = np.maximum(np.where(call, spot - strike, strike - spot), 0.0)
    assert np.all(ours.price >= european - 3e-7 * scale)
    assert np.all(ours.price >= intrinsic - 3e-7 * scale)
    mirrored = {
        **inputs, "spot": strike, "strike": spot, "is_call": ~call,
        "rate": inputs["dividend_yield"], "dividend_yield": inputs["rate"],
    }  # fmt: skip
    assert np.max(np.abs(pricing.american(**mirrored).price - ours.price) / scale) < 1e-12
    doubled = pricing.american(**{**inputs, "spot": 2.0 * spot, "strike": 2.0 * strike})
    for field, factor in zip(FIELDS, (2.0, 1.0, 0.5, 2.0, 2.0, 2.0), strict=True):
        expected = factor * getattr(ours, field)
        assert np.allclose(getattr(doubled, field), expected, rtol=1e-9, atol=1e-12)
    for name, change in (("vol", 0.01), ("time_to_expiry", 0.01)):
        more = pricing.american(**{**inputs, name: inputs[name] + change}).price
        assert np.all(more >= ours.price - 3e-7 * scale)
    assert np.all(ours.gamma >= -1e-9)
    assert np.all(np.where(call, ours.delta, -ours.delta) >= 0.0)
    assert np.all(np.abs(ours.delta) <= np.maximum(1.0, np.exp(
        -inputs["dividend_yield"] * inputs["time_to_expiry"])) + 1e-9)  # fmt: skip


def test_no_early_exercise_is_european():
    inputs = options(500, 9)
    call, rate, carry = inputs["is_call"], inputs["rate"], inputs["dividend_yield"]
    short, far = np.where(call, carry, rate), np.where(call, rate, carry)
    never = (short <= 0.0) & (short <= far)
    assert np.count_nonzero(never) > 50
    ours, european = pricing.american(**inputs), pricing.black_scholes(**inputs)
    for a, b in zip(ours, european, strict=True):
        assert np.allclose(a[never], b[never], rtol=1e-11, atol=1e-12)


def test_a_result_does_not_depend_on_its_company():
    inputs = {
        name: np.concatenate([value, extra])
        for (name, value), extra in zip(
            options(60, 10).items(), options(300, 10, True).values(), strict=True
        )
    }
    together = pricing.american(**inputs)
    for i in range(inputs["spot"].size):
        alone = pricing.american(
            **{name: bool(v[i]) if name == "is_call" else float(v[i]) for name, v in inputs.items()}
        )
        assert all(a[i] == b for a, b in zip(together, alone, strict=True))
    backwards = pricing.american(**{name: value[::-1] for name, value in inputs.items()})
    assert all(np.array_equal(a, b[::-1]) for a, b in zip(together, backwards, strict=True))


GOOD = {"spot": 100.0, "strike": [90.0, 110.0], "time_to_expiry": 0.5, "vol": 0.4,
        "is_call": False, "rate": 0.05}  # fmt: skip


@pytest.mark.parametrize("is_call", [True, False])
def test_edges(is_call):
    sign = 1.0 if is_call else -1.0

    def american(**changes):
        return pricing.american(**{**GOOD, "strike": 90.0, "is_call": is_call, **changes})

    for time in (0.0, -1.0):
        for strike in (90.0, 100.0, 110.0):
            gain = sign * (100.0 - strike)
            step = sign * (1.0 if gain > 0.0 else 0.5 if gain == 0.0 else 0.0)
            expired = american(time_to_expiry=time, strike=strike)
            assert tuple(expired) == (max(gain, 0.0), step, 0, 0, 0, 0)
    deep = american(spot=20.0 if not is_call else 1e4, dividend_yield=0.08)
    assert deep == pytest.approx((abs(deep.price), sign, 0, 0, 0, 0))
    assert deep.price == (9910.0 if is_call else 70.0)
    times = np.linspace(0.0, 2.0, 200_001)
    for spot, rate, carry in (
        (100.0, 0.02, 0.1), (80.0, 0.1, 0.02), (90.0, -0.02, 0.03), (100.0, -0.05, -0.01),
        (0.0, 0.03, 0.0), (100.0, 0.05, 0.0),
    ):  # fmt: skip
        certain = american(spot=spot, vol=0.0, time_to_expiry=2.0, rate=rate, dividend_yield=carry)
        path = sign * (spot * np.exp(-carry * times) - 90.0 * np.exp(-rate * times))
        assert certain.price == pytest.approx(max(path.max(), 0.0), rel=1e-9, abs=1e-12)
        assert certain.gamma == certain.vega == 0.0


@pytest.mark.parametrize(
    "name", ["spot", "strike", "time_to_expiry", "vol", "rate", "dividend_yield"]
)
@pytest.mark.parametrize("value", [NAN, INF, -INF, -1.0])
def test_bad_element_is_nan_in_all_six_and_nowhere_else(name, value):
    if value == -1.0 and name in ("time_to_expiry", "rate", "dividend_yield"):
        return
    arrays = {key: np.full(5, value) for key, value in
              {**GOOD, "strike": 95.0, "dividend_yield": 0.01}.items()}  # fmt: skip
    arrays[name][2] = value
    for field in pricing.american(**arrays):
        assert np.isnan(field[2])
        assert np.all(np.isfinite(np.delete(field, 2)))
    del arrays["vol"]
    if name != "vol":
        implied = pricing.american_implied_vol(price=12.0, **arrays)
        assert implied.status[2] == pricing.VolStatus.BAD_INPUT
        assert np.array_equal(np.isnan(implied.vol), implied.status != 0)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(1e-3, 1e6), st.floats(1e-3, 1e6), st.floats(0.0, 6.0), st.floats(0.0, 1.5),
       st.floats(-0.3, 0.5), st.floats(-0.3, 0.5), st.booleans())  # fmt: skip
def test_any_reasonable_option_has_a_price_within_its_bounds(
    spot, strike, time, vol, rate, carry, is_call
):
    greeks = pricing.american(
        spot=spot, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate,
        dividend_yield=carry,
    )  # fmt: skip
    assert np.all(np.isfinite(greeks))
    most = spot * max(1.0, np.exp(-carry * time)) if is_call else strike * max(
        1.0, np.exp(-rate * time))  # fmt: skip
    intrinsic = max(spot - strike if is_call else strike - spot, 0.0)
    assert intrinsic * (1 - 1e-6) - 1e-6 * spot <= greeks.price <= most * (1 + 1e-6)


def test_out_and_bad_arguments():
    out = pricing.Greeks(*(np.empty(2) for _ in range(6)))
    assert pricing.american(**GOOD, out=out) is out
    assert all(np.array_equal(a, b) for a, b in zip(out, pricing.american(**GOOD), strict=True))
    with pytest.raises(ValueError, match="overlap"):
        pricing.american(**GOOD, out=(out[0], *out[:5]))
    for name, value, kind in [
        ("spot", "x", TypeError), ("vol", None, TypeError), ("strike", np.ones((2, 3)), ValueError),
        ("is_call", 1, TypeError), ("tolerance", 0.0, ValueError), ("tolerance", NAN, ValueError),
        ("tolerance", "fine", TypeError), ("tolerance", True, TypeError),
    ]:  # fmt: skip
        with pytest.raises(kind, match=name) as caught:
            pricing.american(**{**GOOD, "vol": [0.4, 0.4], name: value})
        assert "\n" not in str(caught.value)


def test_quantlib_is_not_imported_with_pricing():
    module = importlib.import_module("pricing.american_discrete")
    assert not hasattr(module, "QuantLib")
    assert not hasattr(module, "ql")
