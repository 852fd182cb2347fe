"""Forecasts against their definitions, least squares, `arch`, and recorded bars."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

import pricing

RECORDED = (
    Path(__file__).parents[3] / "shared" / "data" / "btcusdt_spot_1m_20260531_20260709.csv.gz"
)


def variances(size=400, seed=3):
    rng = np.random.default_rng(seed)
    level = np.exp(np.convolve(rng.standard_normal(size + 49), np.full(50, 0.2), "valid"))
    return 1e-4 * level * rng.chisquare(20, size) / 20


def test_ewma_is_its_recursion():
    known = variances()
    made = pricing.ewma_forecast(variance=known, decay=0.94, seed=30)
    value = known[:30].mean()
    assert np.isnan(made[:29]).all()
    for place in range(29, known.size):
        if place > 29:
            value = 0.94 * value + 0.06 * known[place]
        assert made[place] == pytest.approx(value, rel=1e-12)
    gap = known.copy()
    gap[50] = np.nan
    assert pricing.ewma_forecast(variance=gap)[50] == pricing.ewma_forecast(variance=gap)[49]


def test_har_is_ordinary_least_squares():
    known = variances()
    fitted = pricing.fit_har(variance=known)
    rows = [
        [1.0, known[t], known[t - 4 : t + 1].mean(), known[t - 21 : t + 1].mean()]
        for t in range(21, known.size - 1)
    ]
    assert (fitted.lowest, fitted.highest) == (known[22:].min(), known[22:].max())
    wanted = np.linalg.solve(np.array(rows).T @ rows, np.array(rows).T @ known[22:])
    assert [fitted.intercept, *fitted.weights] == pytest.approx(wanted, rel=1e-6)
    assert fitted.periods == len(rows)
    made = pricing.har_forecast(variance=known, fitted=fitted)
    inside = np.array(rows) @ wanted
    inside[(inside < fitted.lowest) | (inside > fitted.highest)] = fitted.mean
    assert made[21:-1] == pytest.approx(inside, rel=1e-6)
    assert np.isnan(made[:21]).all()


def test_har_finds_what_made_the_series():
    rng = np.random.default_rng(1)
    known = np.full(20_000, 1.0)
    for t in range(22, known.size):
        mean = 0.1 + 0.3 * known[t - 1] + 0.3 * known[t - 5 : t].mean()
        known[t] = (mean + 0.3 * known[t - 22 : t].mean()) * rng.chisquare(50) / 50
    fitted = pricing.fit_har(variance=known)
    assert fitted.weights == pytest.approx((0.3, 0.3, 0.3), abs=0.06)


def test_rolling_forecasts_know_nothing_later():
    known = variances(120)
    made = pricing.rolling_har(variance=known, window=60, refit=7, lags=(1, 5))
    for end in (60, 75, 100):
        part = pricing.rolling_har(variance=known[:end], window=60, refit=7, lags=(1, 5))
        np.testing.assert_array_equal(part, made[:end])
    first = pricing.fit_har(variance=known[:60], lags=(1, 5))
    wanted = pricing.har_forecast(variance=known, fitted=first)
    assert made[59:66] == pytest.approx(wanted[59:66], rel=1e-12)
    assert np.isfinite(made[59:]).all()


@pytest.mark.parametrize("size", [0, 1, 5, 9])
def test_too_short_a_series_gives_nothing(size):
    known = variances(size) if size else np.array([])
    assert np.isnan(pricing.fit_har(variance=known).intercept)
    assert np.isnan(pricing.ewma_forecast(variance=known)).all()
    assert np.isnan(pricing.rolling_har(variance=known, window=20)).all()
    assert np.isnan(pricing.fit_har(variance=np.ones(200)).intercept), "all means are the same"


def garch_returns(size=2_000):
    rng = np.random.default_rng(8)
    variance, returns = 4e-4, np.empty(size)
    for t in range(size):
        returns[t] = np.sqrt(variance) * rng.standard_normal()
        variance = 2e-5 + 0.1 * returns[t] ** 2 + 0.85 * variance
    return returns


def test_garch_is_what_arch_says():
    arch = pytest.importorskip("arch")
    returns = garch_returns()
    fitted = pricing.fit_garch(returns=returns)
    assert (fitted.alpha, fitted.beta) == pytest.approx((0.1, 0.85), abs=0.05)
    made = pricing.garch_forecast(returns=returns, fitted=fitted)
    unit = 1.0 / np.std(returns)
    model = arch.arch_model(returns * unit, mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    theirs = model.fit(disp="off")
    assert made[:-1] == pytest.approx((theirs.conditional_volatility[1:] / unit) ** 2, rel=1e-9)
    last = theirs.forecast(horizon=1).variance.to_numpy()[-1, 0] / unit**2
    assert made[-1] == pytest.approx(last, rel=1e-9)


def test_garch_rolls_without_looking_ahead():
    pytest.importorskip("arch")
    returns = garch_returns(400)
    made = pricing.rolling_garch(returns=returns, window=300, refit=40)
    part = pricing.rolling_garch(returns=returns[:350], window=300, refit=40)
    np.testing.assert_array_equal(part, made[:350])
    assert np.isnan(made[:299]).all()
    assert np.isfinite(made[299:]).all()
    assert np.isnan(pricing.fit_garch(returns=np.zeros(100)).omega)


def test_qlike_is_least_at_the_truth():
    grid = np.linspace(0.2, 3.0, 141)
    rng = np.random.default_rng(2)
    noisy = rng.chisquare(10, 50_000) / 10  # a measure of a variance of 1, right in the mean
    losses = [np.mean(pricing.qlike(variance=noisy, forecast=f)) for f in grid]
    assert grid[np.argmin(losses)] == pytest.approx(1.0, abs=0.02)
    assert np.isnan(pricing.qlike(variance=[0.0, 1.0, np.nan], forecast=[1.0, 0.0, 1.0])).all()


def test_forecasts_beside_each_other_on_recorded_bars():
    """Hourly variances of forty days of recorded minutes: what adapts beats what does not."""
    if not RECORDED.exists():
        pytest.skip("no recorded data")
    with gzip.open(RECORDED, "rt") as lines:
        close = np.array([float(row["close"]) for row in csv.DictReader(lines)])
    returns = np.diff(np.log(close))
    hours = returns.size // 60
    realised = (returns[: hours * 60].reshape(hours, 60) ** 2).sum(axis=1)
    flat = np.full(hours, np.nan)
    flat[335:] = [realised[: t + 1].mean() for t in range(335, hours)]
    last = np.where(np.arange(hours) >= 335, realised, np.nan)
    forecasts = {
        "mean so far": flat,
        "last hour": last,
        "ewma": pricing.ewma_forecast(variance=realised),
        "har": pricing.rolling_har(variance=realised, window=336, refit=24, lags=(1, 6, 24)),
    }
    scores = {s.name: s for s in pricing.score_forecasts(variance=realised, forecasts=forecasts)}
    print({name: f"{s.qlike:.3f} ({s.difference:+.3f} ± {s.standard_error:.3f})"
           for name, s in scores.items()})  # fmt: skip
    assert scores["har"].periods > 550
    for adaptive in ("ewma", "har"):
        assert scores[adaptive].difference < -2.0 * scores[adaptive].standard_error
    assert scores["har"].qlike < scores["last hour"].qlike
