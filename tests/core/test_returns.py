"""Vol forecast from the index's own returns: bounded, gaps are gaps, unknown is not zero."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from hedger.core.decide import decide
from hedger.core.market import FORECAST_PERIODS_MIN, HAR_HOURS_MIN, HAR_LAGS, Board, har_vol
from hedger.core.model import BandInputs, Quote
from hedger.core.returns import PERIOD_MS, PERIODS_MAX, Returns
from pricing import fit_har, har_forecast
from pricing.forecast import har_ahead
from tests.core.desk import PERPETUAL, START, Desk, rules
from tests.core.test_bands import rule, straddle

FIRST = START - START % PERIOD_MS


def fed(prices: list[float], *, step_ms: int = PERIOD_MS // 10) -> Returns:
    returns = Returns()
    for n, price in enumerate(prices):
        returns.see(price, FIRST + n * step_ms)
    return returns


def walk(count: int, vol: float) -> list[float]:
    steps = np.random.default_rng(7).standard_normal(count)
    deviation = vol * math.sqrt(PERIOD_MS / 10 / (365 * 86_400_000))
    return [float(p) for p in 60_000.0 * np.exp(np.cumsum(steps) * deviation)]


def test_a_return_runs_from_the_end_of_one_period_to_the_end_of_the_next() -> None:
    prices = walk(41, 0.6)
    squares = list(fed(prices).squares)
    assert math.isnan(squares[0])  # of the first one the beginning is not known
    wanted = [math.log(prices[9 + 10 * n] / prices[10 * n - 1]) ** 2 for n in (1, 2, 3)]
    assert squares[1:] == pytest.approx(wanted)


def test_a_gap_is_a_gap_and_the_series_is_bounded() -> None:
    returns = fed(walk(40, 0.6))
    returns.see(61_000.0, FIRST + 10 * PERIOD_MS)  # six periods without a word
    assert np.isnan(list(returns.squares)[-6:]).all()
    assert returns.end_ms == FIRST + 10 * PERIOD_MS
    returns.see(61_500.0, FIRST + 10**9 * PERIOD_MS)
    assert len(returns.squares) == PERIODS_MAX
    late = Returns()
    for n in range(4):  # seen at the beginning of each period alone
        late.see(60_000.0 + n, FIRST + n * PERIOD_MS)
    assert np.isnan(late.squares).all()


def board(periods: int, vol: float = 0.8) -> Board:
    made = Board({PERPETUAL.name: PERPETUAL})
    begin = START - periods * PERIOD_MS
    for n, price in enumerate(walk(periods * 10, vol)):
        at = begin + n * PERIOD_MS // 10
        quote = Quote(instrument=PERPETUAL.name, time_ms=at, bid=price - 1, ask=price + 1)
        made.apply(msgspec.structs.replace(quote, index=price))
    return made


def test_the_forecast_is_near_the_vol_of_the_walk_and_unknown_before() -> None:
    assert board(FORECAST_PERIODS_MIN).market().forecasts == {}
    found = board(1_000).market().forecasts["BTC"]
    assert found.vol == pytest.approx(0.8, rel=0.2)
    assert START - 2 * PERIOD_MS <= found.time_ms <= START


def made_of(desk: Desk, vol: str) -> BandInputs:
    target = decide(desk.book(), desk.board.market(), rules(band=rule(vol=vol)), desk.now).target
    assert target is not None
    assert target.inputs is not None
    return target.inputs


def test_a_band_takes_the_vol_it_is_told_to_and_says_when_it_cannot() -> None:
    desk = straddle()
    implied = made_of(desk, "implied")
    unknown = made_of(desk, "forecast")
    assert (unknown.vol, unknown.vol_of) == (implied.vol, "implied, as no forecast is known")
    known = board(200)
    known.add(desk.instruments)
    desk.board = known
    desk.index = walk(2_000, 0.8)[-1]
    desk.quote_all()
    forecast = known.market().forecasts["BTC"].vol
    implied, other, both = (made_of(desk, v) for v in ("implied", "forecast", "blend"))
    assert (other.vol, other.vol_of) == (forecast, "forecast")
    assert both.vol == pytest.approx(math.sqrt(0.5 * (implied.vol**2 + forecast**2)))
    assert both.vol_of.startswith("blend of implied 50.00 % and forecast")
    desk.now += 5 * PERIOD_MS
    desk.quote_all()
    # a long silence: what was forecast before it is not known to hold
    assert made_of(desk, "forecast").vol_of == "implied, as no forecast is known"


def hourly(hours: int, lost: frozenset[int] = frozenset()) -> Returns:
    """Squares of hours whose vol goes up and down with what it was, the periods of some lost."""
    made, rng = Returns(), np.random.default_rng(5)
    level = 1e-5
    for hour in range(hours):
        level = max(2e-6 + 0.8 * level * math.exp(0.3 * rng.standard_normal()), 1e-7)
        squares = level / 12 * rng.standard_normal(12) ** 2
        made.squares.extend(math.nan if hour in lost else float(s) for s in squares)
    made.end_ms = FIRST
    return made


def test_the_autoregression_needs_three_known_days_and_a_whole_last_one() -> None:
    assert har_vol(hourly(71)) == 0.0
    assert har_vol(hourly(120, frozenset(range(60)))) == 0.0
    assert har_vol(hourly(120, frozenset({110}))) == 0.0, "in the last day"
    vol = har_vol(hourly(120, frozenset({50})))
    assert vol == pytest.approx(har_vol(hourly(120)), rel=0.2)
    hours = np.array(hourly(120).squares).reshape(-1, 12).sum(axis=1)
    fitted = fit_har(variance=hours, lags=HAR_LAGS)
    first = har_forecast(variance=hours, fitted=fitted)[-1]
    assert har_ahead(variance=hours, fitted=fitted, periods=1) == pytest.approx(first)
    path = list(hours)
    for _ in range(24):
        path.append(har_forecast(variance=path, fitted=fitted)[-1])
    assert har_vol(hourly(120)) == pytest.approx(math.sqrt(np.mean(path[-24:]) * 8_760))
    few = hourly(120)
    few.squares[-1] = math.nan
    assert 0.0 < har_vol(few) < 20.0, "an hour counts by what is known of it"


def test_a_band_takes_the_autoregression_when_it_is_known() -> None:
    desk = straddle()
    assert made_of(desk, "har").vol_of == "implied, as no forecast is known"
    known = board(12 * (HAR_HOURS_MIN - 4))
    assert known.market().forecasts["BTC"].har == 0.0
    for periods, vol_of in ((200, "forecast, as HAR knows too few hours"), (900, "HAR forecast")):
        known = board(periods)
        known.add(desk.instruments)
        desk.board = known
        desk.index = walk(10 * periods, 0.8)[-1]
        desk.quote_all()
        found = made_of(desk, "har")
        forecast = known.market().forecasts["BTC"]
        assert found.vol_of == vol_of
        assert found.vol == (forecast.har or forecast.vol)
    assert forecast.har == pytest.approx(0.8, rel=0.3)
