"""American prices and Greeks against QuantLib's QdFp and against finite differences.

Errors are relative to max(price, 1e-6 spot), as the tolerance of `pricing.american` is; each file
carries an estimate of its own error beside each value (see tests/reference/make_american.py), and
that much is allowed besides.
"""

import numpy as np
import pytest

import pricing
from tests.reference import load
from tests.reference.awaited import needs

pytestmark = needs("american")

TOLERANCE = 1e-7
GREEK = 1e-5  # of a Greek's natural size, below
EXERCISED = 1e-7  # of the strike: less time value than this is taken as exercised


def inputs(rows, keep=slice(None)):
    names = ("spot", "strike", "time_to_expiry", "vol", "is_call", "rate", "dividend_yield")
    return {name: rows[name][keep] for name in names}


def intrinsic(rows):
    return np.maximum(np.where(rows["is_call"], 1.0, -1.0) * (rows["spot"] - rows["strike"]), 0.0)


def natural_size(price, rows):
    return np.maximum(price, 1e-6 * rows["spot"])


def test_price_against_quantlib():
    rows = load("american")
    ours = pricing.american(**inputs(rows)).price
    size = natural_size(rows["price"], rows)
    error = np.abs(ours - rows["price"])
    allowed = TOLERANCE * size + 2.0 * rows["error_price"]
    k = int(np.argmax(error / allowed))
    quantlib = np.abs(rows["high_precision"] - rows["price"]) / size
    print(
        f"american price of {error.size}: worst {np.max(error / size):.1e}, median "
        f"{np.median(error / size):.1e}; QuantLib's high-precision scheme {np.max(quantlib):.1e}"
    )
    at = {name: value[k] for name, value in inputs(rows).items()}
    assert error[k] <= allowed[k], f"{ours[k]!r} for {rows['price'][k]!r} at {at}"


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
def test_tolerance_is_kept(tolerance):
    rows = load("american")
    ours = pricing.american(**inputs(rows), tolerance=tolerance).price
    error = np.abs(ours - rows["price"]) / natural_size(rows["price"], rows)
    print(f"american price at {tolerance}: worst {error.max():.1e}")
    assert error.max() <= tolerance + 1e-8


def test_price_against_finite_differences():
    rows = load("american_differences")
    assert np.sum((rows["rate"] < 0.0) & (rows["dividend_yield"] < 0.0)) >= 30  # two boundaries
    ours = pricing.american(**inputs(rows)).price
    size = natural_size(rows["price"], rows)
    error = np.abs(ours - rows["price"])
    print(f"american price, differences: worst {np.max(error / size):.1e} of {error.size}, of them "
          f"{np.max(rows['error'] / size):.1e} the differences' own")  # fmt: skip
    allowed = TOLERANCE * size + 2.0 * rows["error"]
    k = int(np.argmax(error / allowed))
    at = {name: value[k] for name, value in inputs(rows).items()}
    assert error[k] <= allowed[k], f"{ours[k]!r} for {rows['price'][k]!r} at {at}"


@pytest.mark.parametrize("field", ["delta", "gamma", "vega", "theta", "rho"])
def test_greeks_against_differences_of_quantlib(field):
    rows = load("american")
    kept = np.isfinite(rows[field])
    greeks = pricing.american(**inputs(rows, kept))
    spot, strike, time = (rows[name][kept] for name in ("spot", "strike", "time_to_expiry"))
    size = {
        "delta": 1.0,
        "gamma": 1.0 / (spot * rows["vol"][kept] * np.sqrt(time)),
        "vega": strike * np.sqrt(time),
        "theta": strike * rows["vol"][kept] / np.sqrt(time),
        "rho": strike * time,
    }[field]
    error = np.abs(getattr(greeks, field) - rows[field][kept])
    allowed = GREEK * size + 2.0 * rows[f"error_{field}"][kept]
    share = error / allowed
    k = int(np.argmax(share))
    sharp = rows[f"error_{field}"][kept] < 0.1 * GREEK * size
    print(f"american {field} of {error.size}: worst {np.max((error / size)[sharp]):.1e}")
    assert np.sum(sharp) > 100
    at = {name: value[k] for name, value in inputs(rows, kept).items()}
    assert share[k] <= 1.0, f"{getattr(greeks, field)[k]!r} for {rows[field][kept][k]!r} at {at}"


def test_exercised_options_are_intrinsic_value():
    rows = load("american")
    done = rows["price"] - intrinsic(rows) < EXERCISED * rows["strike"]
    done &= intrinsic(rows) > 0.01 * rows["strike"]
    assert done.sum() > 10
    greeks = pricing.american(**inputs(rows, done))
    assert np.all(np.abs(greeks.price - intrinsic(rows)[done]) <= 2.0 * EXERCISED * 100.0)
    assert np.all(np.abs(np.abs(greeks.delta) - 1.0) < 1e-2)


@needs("american_implied_vol")
def test_vol_from_the_price_of_quantlib():
    rows = load("american")
    told = rows["price"] - intrinsic(rows) > 1e-2
    asked = {name: value for name, value in inputs(rows, told).items() if name != "vol"}
    found = pricing.american_implied_vol(price=rows["price"][told], **asked)
    assert np.all(found.status == 0)
    vol = rows["vol"][told]
    vega = pricing.american(**inputs(rows, told)).vega
    allowed = 4.0 * (TOLERANCE * rows["price"][told] + rows["error_price"][told]) / vega + 1e-9
    error = np.abs(found.vol - vol)
    print(f"american implied vol of {error.size}: worst {error.max():.1e}")
    assert np.all(error <= allowed)
