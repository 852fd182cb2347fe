"""The exchange's own numbers, row by row, where the sample is at hand; and the last half-hour."""

import csv
import gzip
import pathlib

import numpy as np
import pytest

import pricing

SAMPLE = (
    pathlib.Path(__file__).resolve().parents[3]
    / "shared" / "data" / "deribit_exchange_greeks_sample.csv.gz"
)  # fmt: skip
TWO_DAYS = 2.0 / 365.0


@pytest.fixture(name="sample", scope="module")
def _sample():
    if not SAMPLE.exists():
        pytest.skip(f"the exchange's sample is not here: ../shared/data/{SAMPLE.name}")
    with gzip.open(SAMPLE, "rt") as lines:
        rows = list(csv.DictReader(lines))
    numbers = {
        name: np.array([float(row[name]) if row[name] else np.nan for row in rows])
        for name in ("strike", "forward", "mark_iv_pct", "mark_price_coin", "t_years",
                     "delta", "gamma", "vega", "theta", "rho")
    }  # fmt: skip
    times = np.array([pricing.years(int(row["ts_ms"]), int(row["expiry_ms"])) for row in rows])
    assert np.allclose(times, numbers["t_years"], rtol=1e-12)
    numbers["time_to_expiry"] = times
    numbers["is_call"] = np.array([row["cp"] == "C" for row in rows])
    return numbers


def inputs_of(sample):
    return {
        "forward": sample["forward"],
        "strike": sample["strike"],
        "time_to_expiry": sample["time_to_expiry"],
        "vol": sample["mark_iv_pct"] / 100.0,
        "is_call": sample["is_call"],
    }


def worst(title, ours, theirs, tolerance):
    """Assert every present row; print the worst error beside its tolerance."""
    present = np.isfinite(theirs)
    assert present.any()
    assert np.all(np.isfinite(ours[present]))
    error = np.abs(ours - theirs)[present]
    share = error / np.broadcast_to(tolerance, ours.shape)[present]
    print(
        f"{title:>18}: {present.sum():6} rows, median {np.median(error):.1e}, "
        f"worst {error.max():.2e}, {100 * share.max():.0f} % of the tolerance"
    )
    assert share.max() <= 1.0


def delta_tolerance(sample):
    return np.where(sample["time_to_expiry"] > TWO_DAYS, 1e-4, 5e-4)


def test_deribit_greeks(sample):
    ours = pricing.deribit_greeks(**inputs_of(sample))
    worst("delta", ours.delta, sample["delta"], delta_tolerance(sample))
    worst("gamma", ours.gamma, sample["gamma"], 6e-6)
    worst("vega", ours.vega_usd_1pt, sample["vega"], 1e-2)
    worst("rho", ours.rho_usd_1pct, sample["rho"], 1e-2)
    worst("mark price", ours.mark_price_coin, sample["mark_price_coin"], 1.1e-3)
    late = sample["time_to_expiry"] > TWO_DAYS
    theta = np.where(late, sample["theta"], np.nan)
    worst("theta", ours.theta_usd_1d, theta, 0.05 + 0.01 * np.abs(sample["theta"]))


def test_the_mapping_in_terms_of_our_functions(sample):
    inputs = inputs_of(sample)
    usd, coin = pricing.black(**inputs), pricing.inverse(**inputs)
    settling = sample["time_to_expiry"] < 0.5 / 24 / 365
    published = np.where(settling, np.nan, sample["delta"])
    worst("black.delta", usd.delta, published, delta_tolerance(sample))
    worst("coin delta + price", coin.delta + coin.price, published, delta_tolerance(sample))
    worst("black.gamma", usd.gamma, sample["gamma"], 6e-6)
    worst("black.vega / 100", usd.vega / 100.0, sample["vega"], 1e-2)
    worst("inverse.price", coin.price, sample["mark_price_coin"], 1.1e-3)
    spot = {name: value for name, value in inputs.items() if name != "forward"}
    rho = pricing.black_scholes(spot=inputs["forward"], rate=0.0, **spot).rho / 100.0
    worst("spot-model rho", rho, sample["rho"], 1e-2)


def test_delta_decays_over_the_last_half_hour():
    minutes = np.array([60.0, 30.0, 15.0, 3.0, 0.0, -5.0])
    inputs = {
        "forward": 60_000.0,
        "strike": 50_000.0,
        "time_to_expiry": minutes / (60 * 24 * 365),
        "vol": 0.5,
        "is_call": True,
    }
    ours = pricing.deribit_greeks(**inputs)
    assert ours.delta == pytest.approx([1.0, 1.0, 0.5, 0.1, 0.0, 0.0], abs=1e-12)
    assert ours.mark_price_usd == pytest.approx(ours.mark_price_coin * 60_000.0, rel=1e-15)


def test_theta_never_exceeds_what_is_left():
    inputs = {"forward": 60_000.0, "strike": 60_000.0, "vol": 0.5, "is_call": True}
    for days in (0.02, 0.2, 0.9):
        ours = pricing.deribit_greeks(time_to_expiry=days / 365, **inputs)
        theta = pricing.black(time_to_expiry=days / 365, **inputs).theta
        assert ours.theta_usd_1d == pytest.approx(max(theta / 365 * days, -ours.mark_price_usd))
        assert 0.0 > ours.theta_usd_1d >= -ours.mark_price_usd


def test_shapes_and_nan():
    scalar = pricing.deribit_greeks(
        forward=60_000, strike=60_000, time_to_expiry=0.1, vol=0.5, is_call=True
    )
    assert all(np.ndim(field) == 0 for field in scalar)
    ours = pricing.deribit_greeks(
        forward=[60_000.0, np.nan], strike=60_000.0, time_to_expiry=0.1, vol=0.5, is_call=True
    )
    assert all(np.isfinite(field[0]) and np.isnan(field[1]) for field in ours)
