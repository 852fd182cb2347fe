"""Crash markets: they end where their kind says, repeat by seed, and react to their own moves."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.bates import Bates
from hedger.venues.paper.crash import CrashMarket
from hedger.venues.paper.crash_paths import KINDS, crash_path, steps_of
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.nerves import Nerves
from hedger.venues.paper.synthetic import DEFAULT_START_MS, SyntheticMarket

PERP, CALL = "BTC-PERPETUAL", "BTC-3JUL26-62000-C"
DEPTH = Depth(0.5, 5, 1_000_000.0)
ENDS = {"ramp-down": 0.7, "ramp-up": 1.3, "v": 0.7 * 1.25, "gap": 0.85}
SECOND = 1_000


def market(kind: str, seed: int = 1, **changes: float) -> CrashMarket:
    made = CrashMarket(kind, seed, DEPTH, start_ms=DEFAULT_START_MS, **changes)  # type: ignore[arg-type]
    made.want({name: instrument(name) for name in (PERP, CALL)})
    return made


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2**31),
    st.sampled_from([500, 1_000, 2_000, 7_000]),
)
def test_every_seed_ends_where_its_kind_says(kind: str, seed: int, step_ms: int) -> None:
    prices, parts = crash_path(kind, seed=seed, spot=50_000.0, step_ms=step_ms)
    assert prices[0] == pytest.approx(50_000.0)
    assert prices[-1] == pytest.approx(50_000.0 * ENDS[kind], rel=1e-9)
    assert np.all(prices > 0.0)
    assert np.all(np.isfinite(prices))
    steps = [steps_of(part, step_ms) for part in parts]
    assert len(prices) == 1 + sum(steps)
    for part, end in zip(parts, itertools.accumulate(steps), strict=True):
        begun = prices[end - steps_of(part, step_ms)]
        assert prices[end] == pytest.approx(begun * part.ratio, rel=1e-9)
    moves = np.abs(np.diff(np.log(prices)))
    if kind == "gap":
        assert np.sum(moves > 0.1) == 1
    else:
        assert moves.max() < 0.03  # no jump in a ramp


def test_the_same_seed_is_the_same_market_and_another_is_not() -> None:
    one, same, other = (list(market("v", seed).instants()) for seed in (1, 1, 2))
    assert one == same
    assert [i.index for i in one[:20]] != [i.index for i in other[:20]]
    again = market("v", 1)
    middle = one[300]
    assert again.at(middle.time_ms + 1) == middle
    assert next(again.instants(middle.time_ms)) == one[301]
    assert one[-1].time_ms == again.end_ms


def test_spreads_widen_and_depth_thins_with_the_crash() -> None:
    made = market("ramp-down")
    seen = list(made.instants())

    def width(instant: object, name: str) -> float:
        shown = instant.shown[name]  # type: ignore[attr-defined]
        return shown.asks[0].price - shown.bids[0].price

    calm = seen[10]
    height = made.at(made.height_ms - 60 * SECOND)
    assert made.factor(calm.time_ms) < 2.0
    assert 5.0 < made.factor(height.time_ms) <= 10.0
    assert width(height, PERP) > 3 * width(calm, PERP)
    assert height.shown[PERP].bids[0].amount < 0.25 * calm.shown[PERP].bids[0].amount
    assert height.shown[CALL].vol > 1.5 * calm.shown[CALL].vol
    still = market("ramp-down", spread_most=1.0)
    assert {still.factor(i.time_ms) for i in seen} == {1.0}
    assert width(height, CALL) > 3 * width(still.at(height.time_ms), CALL)


@pytest.mark.parametrize(("kind", "sign"), [("ramp-down", -1), ("ramp-up", 1), ("gap", -1)])
def test_one_funding_print_at_the_height_is_paid_by_who_wins(kind: str, sign: int) -> None:
    made = market(kind)
    times = [i.time_ms for i in made.instants()]
    paid = [r for a, b in itertools.pairwise(times) for r in made.funding(a, b)]
    assert paid == [sign * 0.00375]
    assert made.funding(made.start_ms, made.end_ms) == paid
    assert market(kind, funding=0.0).funding(made.start_ms, made.end_ms) == []


def test_what_cannot_be_played_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of ramp-down"):
        market("boom")
    for spot in (0.0, math.nan, -1.0):
        with pytest.raises(ConfigError, match="spot"):
            market("gap", spot=spot)
    with pytest.raises(ConfigError, match="starts"):
        market("gap").at(0)


def test_nerves_follow_realised_vol_and_forget() -> None:
    nerves = Nerves(10.0, calm_vol=0.8)
    rng = np.random.default_rng(1)
    price, now = 100.0, 0
    year = 365 * 86_400 * SECOND

    def live(vol: float, seconds: int) -> None:
        nonlocal price, now
        for _ in range(seconds):
            now += SECOND
            price *= math.exp(vol * math.sqrt(SECOND / year) * float(rng.standard_normal()))
            nerves.see(now, price)

    live(0.5, 600)
    assert nerves.factor == 1.0
    live(4.0, 600)
    assert nerves.factor == pytest.approx(5.0, rel=0.25)
    live(40.0, 600)
    assert nerves.factor == 10.0
    live(0.5, 1_200)
    assert nerves.factor == 1.0


def test_the_simulated_market_reacts_only_where_it_is_told_to() -> None:
    def shown(spread_most: float) -> list[float]:
        wild = Bates(level=4.0)
        made = SyntheticMarket(3, DEPTH, step_ms=10_000, spread_most=spread_most, model=wild)
        made.want({PERP: instrument(PERP)})
        rows = itertools.islice(made.instants(), 500)
        return [row.shown[PERP].asks[0].price - row.shown[PERP].bids[0].price for row in rows]

    plain, nervous = shown(1.0), shown(10.0)
    assert all(b >= a for a, b in zip(plain, nervous, strict=True))
    assert max(nervous) > 2 * max(plain)
