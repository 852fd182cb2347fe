"""Realised vol: laws of each estimator, their bias by sampling, windows, bars that cannot be."""

import numpy as np
import pytest

import pricing

A_YEAR = 365.0
BARS = ("open", "high", "low", "close")
ESTIMATORS = {
    "close_to_close": (pricing.close_to_close_vol, ("close",)),
    "parkinson": (pricing.parkinson_vol, ("high", "low")),
    "garman_klass": (pricing.garman_klass_vol, BARS),
    "rogers_satchell": (pricing.rogers_satchell_vol, BARS),
    "yang_zhang": (pricing.yang_zhang_vol, BARS),
}


def simulated(days=4_000, steps=720, *, vol=0.6, drift=0.0, gap=0.0, seed=5):
    """Bars of a lognormal price: `gap` is the share of a day's variance that falls between bars."""
    rng = np.random.default_rng(seed)
    day = vol / np.sqrt(A_YEAR)
    moves = rng.standard_normal((days, steps)) * day * np.sqrt((1.0 - gap) / steps)
    moves += drift / A_YEAR / steps
    paths = np.cumsum(np.column_stack([np.zeros(days), moves]), axis=1)
    jumps = rng.standard_normal(days) * day * np.sqrt(gap)
    opens = np.cumsum(jumps) + np.concatenate([[0.0], np.cumsum(paths[:-1, -1])])
    paths = opens[:, None] + paths
    columns = (paths[:, 0], paths.max(axis=1), paths.min(axis=1), paths[:, -1])
    return {n: 100.0 * np.exp(c) for n, c in zip(BARS, columns, strict=True)}


def vol_of(name, bars, **more):
    function, names = ESTIMATORS[name]
    return function(**{n: bars[n] for n in names}, periods_per_year=A_YEAR, **more)


@pytest.mark.parametrize(
    ("name", "share"),
    [("close_to_close", 1.0), ("parkinson", 0.951), ("garman_klass", 0.930),
     ("rogers_satchell", 0.929)],
)  # fmt: skip
def test_what_sampling_leaves_of_the_variance(name, share):
    """Ratios to the true variance at 720 samples a bar; within 4 standard errors of each."""
    found = float(vol_of(name, simulated())) ** 2 / 0.36
    error = {"close_to_close": np.sqrt(2.0 / 4_000)}.get(name, 0.7 / np.sqrt(4_000))
    assert abs(found - share) < 4.0 * error


def test_estimators_that_allow_for_drift_do():
    steep = simulated(days=1_500, drift=30.0)
    still = simulated(days=1_500)
    for name in ("rogers_satchell", "yang_zhang"):
        assert float(vol_of(name, steep)) == pytest.approx(float(vol_of(name, still)), rel=0.04)
    assert vol_of("parkinson", steep) > 1.3 * vol_of("parkinson", still)


def test_gaps_are_seen_by_the_estimators_that_see_them():
    bars = simulated(gap=0.5)
    whole = float(vol_of("yang_zhang", bars)) ** 2 / 0.36
    assert whole == pytest.approx(0.5 + 0.5 * 0.93, rel=0.06)
    for name in ("parkinson", "garman_klass", "rogers_satchell"):
        assert float(vol_of(name, bars)) ** 2 / 0.36 == pytest.approx(0.47, rel=0.05)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_trailing_window_is_the_estimator_of_its_bars(name):
    bars = simulated(days=40, steps=20)
    window = 7
    rolled = vol_of(name, bars, window=window)
    more = 1 if name in ("close_to_close", "yang_zhang") else 0  # a return needs the bar before
    assert rolled.shape == (40,)
    first = window + more
    assert np.isnan(rolled[: first - 1]).all()
    for end in (first, 25, 40):
        part = {n: c[end - first : end] for n, c in bars.items()}
        assert rolled[end - 1] == pytest.approx(float(vol_of(name, part)), rel=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_scale_of_prices_and_of_time(name):
    bars = simulated(days=30, steps=20)
    scaled = {n: 1e-7 * c for n, c in bars.items()}
    assert vol_of(name, scaled) == pytest.approx(vol_of(name, bars), rel=1e-9)
    function, names = ESTIMATORS[name]
    hourly = function(**{n: bars[n] for n in names}, periods_per_year=24 * A_YEAR)
    assert hourly == pytest.approx(np.sqrt(24.0) * vol_of(name, bars), rel=1e-12)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_a_bar_that_cannot_be_spoils_only_the_windows_that_hold_it(name, bad):
    bars = simulated(days=40, steps=20)
    fine = vol_of(name, bars, window=5)
    spoilt = {n: c.copy() for n, c in bars.items()}
    spoilt[ESTIMATORS[name][1][-1]][20] = bad
    found = vol_of(name, spoilt, window=5)
    assert np.isnan(found[20:25]).all()
    assert np.isnan(vol_of(name, spoilt))
    far = np.r_[0:20, 26:40]
    np.testing.assert_array_equal(found[far], fine[far])


def test_a_high_below_the_close_is_no_bar():
    bars = simulated(days=10, steps=20)
    bars["high"][4] = bars["close"][4] * 0.99
    for name in ("garman_klass", "rogers_satchell", "yang_zhang"):
        assert np.isnan(vol_of(name, bars))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_too_few_bars_have_no_vol(name):
    bars = {n: c[:1] for n, c in simulated(days=2, steps=20).items()}
    more = name not in ("close_to_close", "yang_zhang")
    assert np.isfinite(vol_of(name, bars)) == more
    assert np.isnan(vol_of(name, {n: c[:0] for n, c in bars.items()}))
    assert np.isnan(vol_of(name, bars, window=3)).all()
