"""Smile-adjusted deltas on the recorded week: what each leaves of the hedging error."""

import itertools

import numpy as np
import pytest

import pricing
from benchmarks.surface import CHAIN, snapshots

TWO_DAYS = 2.0 / 365.0


def matched(before, after):
    """Rows of the out-of-the-money options that both snapshots list, in each of them."""
    elapsed = before.time.max() - after.time.max()  # the farthest expiry is always the same

    def keys(snapshot, shift):
        minutes = np.round((snapshot.time + shift) * 365 * 24 * 60).astype(int)
        return list(zip(minutes, snapshot.strike, snapshot.is_call, strict=True))

    later = {key: row for row, key in enumerate(keys(after, elapsed))}
    pairs = [(row, later[key]) for row, key in enumerate(keys(before, 0.0)) if key in later]
    first, second = np.array(pairs).T
    out = (before.strike[first] >= before.forward[first]) == before.is_call[first]
    return first[out], second[out]


def changes(before, after):
    """Greeks, skews, and changes without theta, of one step of the week."""
    rows, later = matched(before, after)
    option = {
        "strike": before.strike[rows], "forward": before.forward[rows],
        "time_to_expiry": before.time[rows], "is_call": before.is_call[rows],
    }  # fmt: skip
    now = pricing.black(**option, vol=before.mark_vol[rows])
    then = pricing.black(
        **{**option, "forward": after.forward[later], "time_to_expiry": after.time[later]},
        vol=after.mark_vol[later],
    )
    surface = pricing.fit_surface(**before.quotes()).surface
    k, time = np.log(option["strike"] / option["forward"]), option["time_to_expiry"]
    return {
        "delta": now.delta, "vega": now.vega, "forward": option["forward"], "time": time,
        "skew": surface.vol(log_moneyness=k, time_to_expiry=time).skew,
        "atm_skew": surface.vol(log_moneyness=0.0, time_to_expiry=time).skew,
        "moved": after.forward[later] - option["forward"],
        "gained": then.price - now.price - now.theta * (time - after.time[later]),
    }  # fmt: skip


@pytest.fixture(name="week", scope="module")
def _week():
    if not CHAIN.exists():
        pytest.skip(f"the recorded chain is not here: ../shared/data/{CHAIN.name}")
    chain = list(snapshots())
    steps = [changes(before, after) for before, after in itertools.pairwise(chain)]
    week = {name: np.concatenate([step[name] for step in steps]) for name in steps[0]}
    ordinary = (week["time"] > TWO_DAYS) & (np.abs(week["delta"]) > 0.03)
    return {name: value[ordinary] for name, value in week.items()}


def removed(week, delta):
    """Share of the squared hedging error of Black's delta that another one removes."""
    left = week["gained"] - delta * week["moved"]
    black = week["gained"] - week["delta"] * week["moved"]
    return 1.0 - left @ left / (black @ black)


def test_hedging_errors(week):
    inputs = {name: week[name] for name in ("delta", "vega", "skew", "forward")}
    gains = {
        ratio: removed(
            week,
            pricing.skew_stickiness_delta(**inputs, atm_skew=week["atm_skew"], ratio=ratio).value,
        )
        for ratio in (0.0, 0.5, 1.0, 1.5, 2.0)
    }
    moneyness = removed(week, pricing.sticky_moneyness_delta(**inputs).value)
    start = {"spot": week["forward"], "time_to_expiry": week["time"]}
    greeks = {"delta": week["delta"], "vega": week["vega"]}
    fitted = pricing.fit_minimum_variance(
        **greeks, **start, spot_change=week["moved"], price_change=week["gained"]
    )
    minimum = pricing.minimum_variance_delta(**greeks, **start, fitted=fitted).value
    table = ", ".join(f"R {ratio:g}: {gain:+.3f}" for ratio, gain in gains.items())
    print(f"{fitted.changes} changes; removed by {table}; minimum variance {fitted.gain:+.3f}")
    assert fitted.changes > 15_000
    assert np.isfinite(list(gains.values())).all()
    assert moneyness == pytest.approx(gains[0.0], abs=1e-9)
    assert removed(week, minimum) == pytest.approx(fitted.gain, abs=1e-9)
    assert fitted.gain >= 0.0  # in its own sample it cannot lose
    # On this week at-the-money vols moved a little more than along the smile.
    assert max(gains, key=gains.get) in (1.0, 1.5)
    assert gains[1.0] > 0.05
    assert gains[0.0] < 0.0
