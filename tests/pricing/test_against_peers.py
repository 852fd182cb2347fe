"""Against vollib and QuantLib on 10,000 random options, and against 60 digits where they tie."""

import numpy as np
import pytest

import pricing

# The peers subtract two legs, so that their own absolute error is some 1e-14 of the forward: below
# ten of those ("floor") only an absolute comparison is honest.  See the 60-digit tests for
# what ours are worth there.
RELATIVE = 1e-10
FLOOR = 1e-13


def worst_excess(ours, theirs, scale):
    """Largest error in units of its tolerance; at most 1 passes."""
    tolerance = RELATIVE * np.abs(theirs) + FLOOR * scale
    return float(np.max(np.abs(ours - theirs) / tolerance))


def scales(options, greeks):
    """What an absolute error is measured in, per field."""
    forward, time = options["forward"], options["time_to_expiry"]
    return pricing.Greeks(
        price=forward,
        delta=np.ones_like(forward),
        gamma=np.abs(greeks.gamma),
        vega=np.abs(greeks.vega),
        theta=np.abs(greeks.theta) + forward,
        rho=forward * np.maximum(time, 1.0),
    )


def assert_close(options, ours, theirs, title):
    worst = {
        name: worst_excess(mine, other, scale)
        for name, mine, other, scale in zip(
            pricing.Greeks._fields, ours, theirs, scales(options, ours), strict=True
        )
    }
    print(title, {name: f"{value:.1e}" for name, value in worst.items()}, "of the tolerance")
    assert max(worst.values()) <= 1.0, worst


def columns(options):
    names = ("forward", "strike", "time_to_expiry", "rate", "vol")
    flags = np.where(options["is_call"], "c", "p")
    return zip(flags.tolist(), *(options[name].tolist() for name in names), strict=True)


def test_black_against_vollib(random_options):
    vollib_black = pytest.importorskip("vollib.black")
    analytical = pytest.importorskip("vollib.black.greeks.analytical")
    options = random_options(10_000, seed=1)
    rows = [
        (
            vollib_black.black(*row),
            analytical.delta(*row),
            analytical.gamma(*row),
            analytical.vega(*row) * 100.0,
            analytical.theta(*row) * 365.0,
            analytical.rho(*row) * 100.0,
        )
        for row in columns(options)
    ]
    theirs = pricing.Greeks(*np.array(rows).T)
    assert_close(options, pricing.black(**options), theirs, "black - vollib")


def test_black_scholes_against_vollib(random_options):
    scholes = pytest.importorskip("vollib.black_scholes")
    analytical = pytest.importorskip("vollib.black_scholes.greeks.analytical")
    options = random_options(10_000, seed=2)
    rows = [
        (
            scholes.black_scholes(*row),
            analytical.delta(*row),
            analytical.gamma(*row),
            analytical.vega(*row) * 100.0,
            analytical.theta(*row) * 365.0,
            analytical.rho(*row) * 100.0,
        )
        for flag, spot, strike, time, rate, vol in columns(options)
        for row in [(flag, spot, strike, time, rate, vol)]
    ]
    theirs = pricing.Greeks(*np.array(rows).T)
    arguments = {name: value for name, value in options.items() if name != "forward"}
    ours = pricing.black_scholes(spot=options["forward"], **arguments)
    assert_close(options, ours, theirs, "black_scholes - vollib")


def test_black_scholes_with_dividends_against_quantlib(random_options):
    quantlib = pytest.importorskip("QuantLib")
    options = random_options(10_000, seed=3)
    carry = np.random.default_rng(4).uniform(-0.05, 0.1, 10_000)
    spot = options["forward"]
    rows = []
    for (flag, s, k, t, r, vol), q in zip(columns(options), carry.tolist(), strict=True):
        kind = quantlib.Option.Call if flag == "c" else quantlib.Option.Put
        forward, discount = s * np.exp((r - q) * t), np.exp(-r * t)
        payoff = quantlib.PlainVanillaPayoff(kind, k)
        calculator = quantlib.BlackCalculator(payoff, forward, vol * np.sqrt(t), discount)
        rows.append(
            (
                calculator.value(),
                calculator.delta(s),
                calculator.gamma(s),
                calculator.vega(t),
                calculator.theta(s, t),
                calculator.rho(t),
            )
        )
    theirs = pricing.Greeks(*np.array(rows).T)
    arguments = {name: value for name, value in options.items() if name != "forward"}
    ours = pricing.black_scholes(spot=spot, dividend_yield=carry, **arguments)
    assert_close(options, ours, theirs, "black_scholes - QuantLib")


def against_exact(exact_black, options, floor=0.0):
    """Worst relative error of each field over the rows whose exact value is a normal number."""
    ours = pricing.black(**options)
    coin = pricing.inverse(**{name: value for name, value in options.items() if name != "rate"})
    names = ("forward", "strike", "time_to_expiry", "vol", "is_call", "rate")
    rows = zip(*(options[name].tolist() for name in names), strict=True)
    exact = np.array([exact_black(*row) for row in rows]).T
    errors = {}
    for name, mine, truth in zip(
        (*ours._fields, "coin_delta"), (*ours, coin.delta), exact, strict=True
    ):
        kept = np.abs(truth) > 1e-290
        errors[name] = float(np.max(np.abs(mine[kept] / truth[kept] - 1.0)))
    return errors


def spread_options(count, deviations, seed):
    """Total vol from 1e-4 to 6, strikes evenly within so many standard deviations, at rate 0."""
    generator = np.random.default_rng(seed)
    forward = generator.uniform(10.0, 100_000.0, count)
    total_vol = np.exp(generator.uniform(np.log(1e-4), np.log(6.0), count))
    time = np.exp(generator.uniform(np.log(1e-5), np.log(10.0), count))
    away = generator.uniform(-deviations, deviations, count)
    return {
        "forward": forward,
        "strike": forward * np.exp(away * total_vol),
        "time_to_expiry": time,
        "vol": total_vol / np.sqrt(time),
        "is_call": generator.random(count) < 0.5,
        "rate": np.zeros(count),
    }


def test_near_the_money_to_the_last_digits(exact_black):
    errors = against_exact(exact_black, spread_options(1_500, 3.0, seed=5))
    print("within 3 standard deviations, relative:", errors)
    assert max(errors.values()) < 3e-14


def test_wings_keep_relative_accuracy(exact_black):
    # one rounding of d1 is worth d1^2 / 2 roundings of the price: 1e-13 is attainable at 35
    errors = against_exact(exact_black, spread_options(1_500, 35.0, seed=6))
    print("within 35 standard deviations, relative:", errors)
    assert max(errors.values()) < 1e-12


def test_discounting_to_the_last_digits(exact_black, random_options):
    errors = against_exact(exact_black, random_options(1_500, seed=7))
    print("random options with rates, relative:", errors)
    del errors["theta"]  # a difference of two terms: see below
    assert max(errors.values()) < 2e-13


def test_theta_error_is_relative_to_its_terms(exact_black, random_options):
    options = random_options(1_000, seed=8)
    ours = pricing.black(**options)
    names = ("forward", "strike", "time_to_expiry", "vol", "is_call", "rate")
    rows = zip(*(options[name].tolist() for name in names), strict=True)
    exact = np.array([exact_black(*row).theta for row in rows])
    size = np.abs(options["rate"] * ours.price) + np.abs(exact)
    assert np.max(np.abs(ours.theta - exact) / size) < 1e-13
