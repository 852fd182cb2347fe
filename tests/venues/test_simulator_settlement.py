"""The 30-minute mean: its value on the way, delivery at it, and no jump between the two."""

from math import sqrt

import msgspec
import numpy as np
import pytest

from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.venues.deribit.contracts import instrument
from hedger.venues.simulator.events import Settled
from hedger.venues.simulator.settlement import IndexPath, Known, payoff, value_on_mean
from tests.venues.simulator_desk import (
    CALL,
    EXPIRY,
    FUTURE,
    LINEAR_CALL,
    LISTED,
    MINUTE_MS,
    PERP,
    PUT,
    YEAR_MS,
    Desk,
    black,
)


def run(desk, path, *, start=-40):
    """Advance minute by minute from ``start`` minutes to expiry; valued equity after each bar."""
    values = []
    for minute, index in enumerate(path, start):
        desk.go(EXPIRY + minute * MINUTE_MS, index)
        if minute == start:
            continue
        values.append(desk.exchange.valued_equity("a"))
    return values


def walk(seed, count, *, scale=20.0):
    dice = np.random.default_rng(seed)
    return 60_000.0 + np.cumsum(dice.normal(0.0, scale, count))


def test_everything_of_an_expiry_settles_at_the_mean_of_the_last_30_minutes():
    desk = Desk()
    path = walk(1, 41)
    desk.go(EXPIRY - 40 * MINUTE_MS, path[0])
    held = {CALL: -30, PUT: 20, FUTURE: 5, LINEAR_CALL: 40, PERP: 9}
    desk.open(positions=held)
    run(desk, path)
    mean = path[-30:].mean()
    settled = {e.instrument: e for e in desk.events if isinstance(e, Settled)}
    assert set(settled) == {CALL, PUT, FUTURE, LINEAR_CALL}
    assert all(e.delivery == pytest.approx(mean, rel=1e-14) for e in settled.values())
    assert desk.exchange.positions("a") == {PERP: 9}
    intrinsic = max(mean - 60_000.0, 0.0)
    assert settled[CALL].cash == pytest.approx(-3.0 * intrinsic / mean, rel=1e-12)
    assert settled[LINEAR_CALL].cash == pytest.approx(0.4 * intrinsic, rel=1e-12)
    entry = path[0] * desk.basis[EXPIRY]
    assert settled[FUTURE].cash == pytest.approx(50.0 * (1 / entry - 1 / mean), rel=1e-9)
    fills = desk.exchange.fills("a", EXPIRY)
    assert {f.kind for f in fills} == {"settlement"}
    assert {f.client_id for f in fills} == {"settlement"}
    assert len({f.trade_id for f in fills}) == 4
    assert {f.instrument: f.lots for f in fills} == {n: -held[n] for n in settled}
    assert {f.instrument: f.price for f in fills} == {n: e.value for n, e in settled.items()}
    assert desk.exchange.fills("a", EXPIRY + 1) == []


@pytest.mark.parametrize("seed", range(5))
def test_profit_runs_smoothly_into_delivery(seed):
    """The last minute of a window moves an at-the-money leg by at most a thirtieth of the index."""
    desk = Desk({n: LISTED[n] for n in (CALL, PUT, FUTURE, LINEAR_CALL)})
    path = walk(seed, 41)
    desk.go(EXPIRY - 40 * MINUTE_MS, path[0])
    desk.open(positions={CALL: -100, FUTURE: 1_000})
    values = run(desk, path)
    moves = np.abs(np.diff(path))[1:]
    steps = np.abs(np.diff(values)) * path[2:]
    left = np.concatenate([np.ones(9), np.arange(30, 0, -1) / 30])
    theta = 10.0 * 60_000 * 0.5 / np.sqrt(YEAR_MS / MINUTE_MS) * 0.4
    assert np.all(steps <= 10.5 * left * (moves + 1.0) + theta)
    assert steps[-1] <= 10.5 * moves[-1] / 30 + theta / 30


def test_a_still_market_settles_without_any_jump():
    for strike, index in ((CALL, 60_100.0), (PUT, 57_950.0)):
        desk = Desk(vol=1e-4, basis={EXPIRY: 1.0})
        desk.go(EXPIRY - 60 * MINUTE_MS, index)
        desk.open(positions={strike: -100, FUTURE: 500})
        values = run(desk, [index] * 61, start=-60)
        assert np.ptp(values) < 1e-12


def test_the_mark_does_not_jump_where_the_window_begins():
    option = LISTED[CALL]
    marks = []
    for left_ms in (WINDOW_MS + 1, WINDOW_MS):
        price, _ = black(60_012.0, 60_000.0, 0.5 * sqrt(left_ms / YEAR_MS), True)
        marks.append(
            value_on_mean(
                option,
                mark=price / 60_012.0,
                vol=0.5,
                forward=60_012.0,
                left_ms=left_ms,
                known=Known(0.0, 60_000.0),
            )
        )
    assert marks[0] == pytest.approx(marks[1], rel=1e-5)
    assert marks[0] * 60_012.0 == pytest.approx(
        black(60_012.0, 60_000.0, 0.5 * sqrt(WINDOW_MS / 3 / YEAR_MS), True)[0], rel=1e-5
    )


def test_a_day_before_expiry_the_mark_is_left_alone():
    kwargs = {"mark": 0.0123, "vol": 0.5, "forward": 60_000.0, "known": Known(0.0, 60_000.0)}
    day = 86_400_000
    assert value_on_mean(LISTED[CALL], left_ms=day, **kwargs) == 0.0123
    assert value_on_mean(LISTED[CALL], left_ms=day - 1, **kwargs) == pytest.approx(0.0123, rel=1e-6)
    assert value_on_mean(LISTED[PERP], left_ms=-1, **kwargs) == 0.0123


@pytest.mark.parametrize("name", [LINEAR_CALL, PUT])
@pytest.mark.parametrize(("minutes", "mean"), [(24, 60_050.0), (15, 60_200.0), (5, 59_960.0)])
def test_value_in_the_window_agrees_with_simulated_paths(name, minutes, mean):
    option = LISTED[name]
    strike = option.strike
    forward, vol, paths, steps = strike - 20.0, 0.6, 20_000, 120
    mean = mean - 60_000.0 + strike
    share = 1.0 - minutes / 30
    dice = np.random.default_rng(3)
    dt = minutes * MINUTE_MS / YEAR_MS / steps
    noise = dice.normal(0.0, vol * sqrt(dt), (paths // 2, steps))
    noise = np.concatenate([noise, -noise])
    spots = forward * np.exp(np.cumsum(noise - 0.5 * vol**2 * dt, axis=1))
    middle = (spots[:, :-1].sum(axis=1) + 0.5 * spots[:, -1] + 0.5 * forward) / steps
    delivery = share * mean + (1 - share) * middle
    pay = np.maximum((delivery - strike) * (1 if option.is_call else -1), 0.0)
    value = value_on_mean(
        option,
        mark=0.0,
        vol=vol,
        forward=forward,
        left_ms=minutes * MINUTE_MS,
        known=Known(share, mean),
    )
    unit = share * mean + (1 - share) * forward if option.inverse else 1.0
    error = pay.std() / sqrt(paths) + 1e-9
    assert abs(value * unit - pay.mean()) < 4 * error + 0.01


def test_value_in_the_window_keeps_put_call_parity():
    for share in (0.0, 0.3, 0.9, 1.0):
        known = Known(share, 60_400.0)
        left = round((1 - share) * WINDOW_MS)
        kwargs = {"mark": 0.0, "vol": 0.8, "forward": 58_500.0, "left_ms": left, "known": known}
        call = value_on_mean(LISTED[CALL], **kwargs)
        put = value_on_mean(msgspec.structs.replace(LISTED[CALL], is_call=False), **kwargs)
        expected = share * 60_400.0 + (1 - share) * 58_500.0
        assert (call - put) * expected == pytest.approx(expected - 60_000.0, abs=1e-9)


def test_the_delta_fades_with_the_window():
    """Deep in the money, a move of the index moves the value by the share still to come."""
    for minute in (0, 10, 20, 29):
        changes = []
        for name in (CALL.replace("60000", "30000"), FUTURE):
            values = []
            for bump in (0.0, 30.0):
                desk = Desk({name: instrument(name)}, basis={EXPIRY: 1.0})
                desk.go(EXPIRY - 31 * MINUTE_MS, 60_000.0)
                for m in range(-30, minute - 29):
                    desk.go(EXPIRY + m * MINUTE_MS, 60_000.0)
                last = desk.exchange.market_ms
                desk.go(last, 60_000.0 + bump)
                desk.open(positions={name: 1})
                bar = desk.go(last, 60_000.0 + bump)[-1]
                values.append(bar.marks[name].mark)
            changes.append(values[1] - values[0])
        share = 1.0 - minute / 30
        coin = 30_000.0 * share * 30.0 / 60_000.0**2
        assert changes[0] == pytest.approx(coin, rel=1e-2)
        assert changes[1] == pytest.approx(share * 30.0, rel=1e-9)


def test_the_path_carries_a_gap_by_the_first_value_after_it():
    path = IndexPath()
    path.step(EXPIRY - 60 * MINUTE_MS, 50_000.0)
    path.step(EXPIRY - 15 * MINUTE_MS, 60_000.0)
    assert path.known(EXPIRY) == Known(0.5, 60_000.0)
    path.step(EXPIRY + 20 * MINUTE_MS, 61_000.0)
    assert path.known(EXPIRY) == Known(1.0, 60_500.0)
    assert path.known(EXPIRY + 60 * MINUTE_MS).share == 0.0


def test_a_path_that_begins_inside_the_window_means_what_it_saw():
    path = IndexPath()
    path.step(EXPIRY - 10 * MINUTE_MS, 59_000.0)
    assert path.known(EXPIRY) == Known(pytest.approx(2 / 3), 59_000.0)
    path.step(EXPIRY - 5 * MINUTE_MS, 60_000.0)
    path.step(EXPIRY, 61_000.0)
    assert path.known(EXPIRY) == Known(1.0, 60_500.0)


def test_the_path_stays_bounded():
    path = IndexPath()
    for second in range(20_000):
        path.step(second * 1_000, 60_000.0)
    assert len(path._steps) <= WINDOW_MS / 1_000 + 2


def test_payoffs():
    assert payoff(LISTED[CALL], 66_000.0) == pytest.approx(6_000 / 66_000)
    assert payoff(LISTED[CALL], 59_000.0) == 0.0
    assert payoff(LISTED[PUT], 50_000.0) == pytest.approx(8_000 / 50_000)
    assert payoff(LISTED[LINEAR_CALL], 66_000.0) == 6_000.0
    assert payoff(LISTED[FUTURE], 59_000.0) == 59_000.0


def test_equity_at_shown_marks_uses_the_marks_as_shown():
    desk = Desk()
    desk.go(EXPIRY - 40 * MINUTE_MS, 60_000.0)
    desk.open(positions={CALL: 10})
    run(desk, [60_000.0] * 30 + [60_600.0], start=-40)
    mark = desk.instant.shown[CALL].mark
    premium = desk.events[1].marks[CALL]
    assert desk.exchange.equity("a") == pytest.approx(10.0 + mark - premium, abs=1e-14)
    assert desk.exchange.valued_equity("a") < desk.exchange.equity("a") - 1e-3
