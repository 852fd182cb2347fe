"""Averaging-window settlement against convolutions of densities: no moments are matched there.

The claim under test: an error of at most 3.2e-3 (vol^2 p)^1.5 forward, p the span of the samples to
come, and 6e-3 (vol^2 p)^1.5 coin for inverse options, 2.2e-2 where one of two samples is left.
"""

import numpy as np
import pytest

import pricing
from tests.reference import load
from tests.reference.awaited import needs

pytestmark = needs("settling", "settling_inverse")

ROUNDING = 1e-13


def inputs(rows, keep):
    names = ("forward", "strike", "time_to_expiry", "vol", "is_call", "running_mean")
    return {name: rows[name][keep] for name in names} | {
        "samples": rows["samples"][keep].astype(float)
    }


def by_window(function, rows):
    """One call for each window, fields put together again."""
    fields = np.full((6, rows["forward"].size), np.nan)
    for window in np.unique(rows["window"]):
        keep = rows["window"] == window
        fields[:, keep] = function(**inputs(rows, keep), window=float(window))
    return pricing.Greeks(*fields)


def spread(rows):
    """vol sqrt(span of the samples to come), and of all the time until expiry."""
    left = np.ceil(rows["time_to_expiry"] / rows["window"] * rows["samples"] - 1e-9)
    span = np.minimum(left / rows["samples"], 1.0) * rows["window"]
    return rows["vol"] * np.sqrt(span), rows["vol"] * np.sqrt(rows["time_to_expiry"])


@pytest.fixture(name="rows", scope="module")
def _rows():
    rows = load("settlement")
    keep = rows["vol"] ** 2 * rows["window"] < 0.99
    assert keep.sum() > 200
    return {name: value[keep] for name, value in rows.items()}


def test_linear_price(rows):
    inside, _ = spread(rows)
    ours = by_window(pricing.settling, rows).price
    error = np.abs(ours - rows["price"]) / rows["forward"]
    short = rows["window"] < 1e-3
    print(f"settling of {error.size}: worst {error[short].max():.1e} of the forward in 30 minutes, "
          f"{np.max(error / inside**3):.1e} (vol^2 p)^1.5")  # fmt: skip
    assert np.all(error <= 3.2e-3 * inside**3 + ROUNDING + rows["error"] / rows["forward"])


def test_coin_price(rows):
    inside, _ = spread(rows)
    ours = by_window(pricing.settling_inverse, rows).price
    scale = np.maximum(rows["strike"] / rows["forward"], 1.0)
    error = np.abs(ours - rows["coin_price"])
    print(f"settling_inverse of {error.size}: worst {np.max(error / inside**3):.1e} (vol^2 p)^1.5")
    one_left = rows["time_to_expiry"] <= rows["window"] / rows["samples"]
    claim = np.where(one_left, 2.2e-2, 6e-3) * inside**3
    assert np.all(error <= (claim + ROUNDING) * scale + rows["coin_error"])


@pytest.mark.parametrize("field", ["delta", "gamma", "vega"])
def test_linear_greeks(rows, field):
    """The same accuracy of each Greek, in its natural size, and the differences' own error."""
    inside, whole = spread(rows)
    ours = getattr(by_window(pricing.settling, rows), field)
    spread_left = np.maximum(inside, 1e-300)
    size = {
        "delta": 1.0,
        "gamma": 1.0 / (rows["forward"] * spread_left),
        "vega": rows["forward"] * whole / rows["vol"],
    }[field]
    error = np.abs(ours - rows[field]) / size
    print(f"settling {field}: worst {error.max():.1e} of its size")
    assert np.all(error <= 0.05 * inside**2 + 2e-6)


def test_coin_delta(rows):
    inside, _ = spread(rows)
    ours = by_window(pricing.settling_inverse, rows).delta
    error = np.abs(ours - rows["coin_delta"])
    print(f"settling_inverse delta: worst {error.max():.1e}")
    scale = np.maximum(rows["strike"] / rows["forward"], 1.0)
    assert np.all(error <= (0.05 * inside**2 + 2e-6) * scale)
