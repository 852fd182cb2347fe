"""The simulated market: the same for the same seed, plausible, listed like the exchange lists."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime

import numpy as np
import pytest

from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.bates import Bates, path
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.synthetic import SyntheticMarket, expiries, step_ms_at
from tests.venues.paper_desk import MINUTE, PERP

DEPTH = Depth(0.5, 3, 10_000.0)
NAMES = (PERP, "BTC_USDC-PERPETUAL", "BTC-3JUL26", "BTC-26JUN26-60000-C", "BTC-25SEP26-70000-P")
WANTED = {name: instrument(name) for name in NAMES}


def market(seed: int = 1, **options: int) -> SyntheticMarket:
    made = SyntheticMarket(seed, DEPTH, **options)  # type: ignore[arg-type]
    made.want(WANTED)
    return made


def test_the_same_seed_is_the_same_market_from_wherever_it_is_taken_up() -> None:
    whole = list(itertools.islice(market().instants(), 300))
    resumed = list(itertools.islice(market().instants(whole[199].time_ms), 100))
    looked_at = market()
    looked_at.chain(whole[250].time_ms)  # looking ahead and back again changes nothing
    assert resumed == whole[200:]
    assert looked_at.at(whole[20].time_ms) == whole[20]
    assert next(market(seed=2).instants(whole[9].time_ms)).index != whole[10].index


def test_other_underlyings_have_paths_of_their_own() -> None:
    both = SyntheticMarket(1, DEPTH, underlyings=("ETH", "BTC"))
    both.want({name: instrument(name) for name in (PERP, "ETH-PERPETUAL")})
    alone, pair = market(), both
    for a, b in itertools.islice(zip(alone.instants(), pair.instants(), strict=False), 50):
        assert a.index["BTC"] == b.index["BTC"]
        assert b.shown["ETH-PERPETUAL"].mark == b.index["ETH"]
    assert b.index["ETH"] / 3_000 != pytest.approx(b.index["BTC"] / 60_000)


def test_spot_is_a_martingale_with_the_vol_that_the_model_says() -> None:
    """Two days on each of 2,000 paths; the bounds are five standard errors."""
    model, step = Bates(), 1 / (365 * 24)
    ends = np.array(
        [
            next(itertools.islice(path(model, seed=(n,), spot=1.0, step=step), 48, None))[0]
            for n in range(2_000)
        ]
    )
    vol = math.sqrt((model.level + model.jump_variance) * 48 * step)
    assert ends.mean() == pytest.approx(1.0, abs=5 * vol / math.sqrt(len(ends)))
    assert np.log(ends).std() == pytest.approx(vol, rel=0.12)
    steps = itertools.islice(path(model, seed=(1,), spot=1.0, step=step), 20_000)
    returns = np.diff(np.log([spot for spot, _ in steps]))
    assert np.mean((returns / returns.std()) ** 4) > 4, "jumps and stochastic vol make fat tails"


def test_expiries_are_daily_weekly_and_monthly_at_eight() -> None:
    now = int(datetime(2026, 6, 24, 9, tzinfo=UTC).timestamp() * 1000)
    days = [datetime.fromtimestamp(ms / 1000, UTC) for ms in expiries(now)]
    assert [f"{day:%d%b}" for day in days[:6]] == [
        "25Jun",
        "26Jun",
        "27Jun",
        "28Jun",
        "03Jul",
        "10Jul",
    ]
    assert all((day.hour, day.minute) == (8, 0) for day in days)
    assert all(day.weekday() == 4 for day in days[4:])
    assert datetime(2026, 9, 25, 8, tzinfo=UTC) in days
    assert expiries(now + 23 * 3_600_000)[0] == int(days[1].timestamp() * 1000)


def test_the_chain_has_legs_at_25_delta_with_quotes_around_the_mark() -> None:
    made = market()
    rows = made.chain(made.start_ms)
    for expiry_ms in expiries(made.start_ms)[4:8]:
        own = [row for row in rows if row.expiry_ms == expiry_ms]
        for side in (True, False):
            assert min(abs(abs(r.delta) - 0.25) for r in own if r.is_call is side) < 0.06
    for row in rows:
        assert instrument(row.instrument).strike == row.strike
        assert 0.2 < row.vol < 1.5
        assert row.ask is not None
        assert row.bid is None or row.bid < row.ask
        assert row.bid is None or row.bid - 1e-9 <= row.mark <= row.ask + 1e-9


def test_call_and_put_of_a_strike_keep_parity() -> None:
    made = market()
    rows = made.chain(made.start_ms)
    for call, put in zip(rows[::2], rows[1::2], strict=True):
        assert call.is_call
        assert put.strike == call.strike
        assert call.mark - put.mark == pytest.approx(1 - call.strike / call.forward, abs=1e-12)


def test_expired_instruments_vanish_and_linear_ones_are_priced_in_dollars() -> None:
    made = market()
    expiry_ms = WANTED["BTC-26JUN26-60000-C"].expiry_ms
    before, after = made.at(expiry_ms - MINUTE), made.at(expiry_ms)
    assert set(before.shown) == set(NAMES)
    assert set(after.shown) == set(NAMES) - {"BTC-26JUN26-60000-C"}
    assert after.shown["BTC_USDC-PERPETUAL"].mark == after.index["BTC"]
    assert after.shown["BTC-3JUL26"].mark > after.index["BTC"]


def test_steps_are_bars_when_fast_and_seconds_when_slow() -> None:
    assert [step_ms_at(speed) for speed in (0.5, 1, 7, 59, 60, 600)] == [
        1_000, 1_000, 6_000, 30_000, 60_000, 60_000,
    ]  # fmt: skip
    made = market(step_ms=1_000)
    first, second = itertools.islice(made.instants(), 2)
    assert second.time_ms - first.time_ms == 1_000
    assert abs(second.index["BTC"] / first.index["BTC"] - 1) < 0.005


def test_an_end_ends_it_and_before_the_start_there_is_nothing() -> None:
    made = market()
    ended = market(end_ms=made.start_ms + 5 * MINUTE)
    assert len(list(ended.instants())) == 6
    with pytest.raises(ConfigError, match="nothing at 5"):
        made.at(5)
