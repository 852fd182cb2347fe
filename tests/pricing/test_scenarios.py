"""P&L of scenarios is the sum of revalued legs; no scenario and no leg touches another one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

GROUPS, EXPIRIES, SCENARIOS = 5, 3, 300
FORWARD = np.array([60_000.0, 61_500.0, 66_000.0])
INVERSE = np.array([True, False, False, True, False])


def columns(legs=150, seed=5):
    generator = np.random.default_rng(seed)
    return {
        "strike": 62_000.0 * np.exp(generator.normal(0.0, 0.2, legs)),
        "time_to_expiry": generator.uniform(-0.01, 0.5, legs),
        "vol": generator.uniform(0.05, 1.0, legs),
        "is_call": generator.random(legs) < 0.5,
        "quantity": generator.normal(0.0, 5.0, legs),
        "group": generator.integers(0, GROUPS, legs),
        "expiry": generator.integers(0, EXPIRIES, legs),
    }


def prepared(legs, is_inverse=INVERSE, groups=GROUPS):
    return pricing.PreparedBook(**legs, groups=groups, expiries=EXPIRIES, is_inverse=is_inverse)


def scenarios(count=SCENARIOS, seed=6):
    """A move for each expiry, a vol shift for each group, a step of time."""
    generator = np.random.default_rng(seed)
    return {
        "move": np.exp(generator.normal(0.0, 0.1, (EXPIRIES, count))),
        "vol_shift": generator.normal(0.0, 0.1, (GROUPS, count)),
        "time_step": generator.uniform(0.0, 0.05, count),
    }


def values(legs, is_inverse, *, move, vol_shift, time_step):
    """Quantity times price of each leg in one scenario, from the functions for one option."""
    arguments = {
        "forward": (FORWARD * move)[legs["expiry"]],
        "strike": legs["strike"],
        "time_to_expiry": legs["time_to_expiry"] - time_step,
        "vol": np.maximum(legs["vol"] + np.broadcast_to(vol_shift, GROUPS)[legs["group"]], 0.0),
        "is_call": legs["is_call"],
    }
    linear, coin = pricing.black(**arguments).price, pricing.inverse(**arguments).price
    return legs["quantity"] * np.where(is_inverse[legs["group"]], coin, linear)


def test_pnl_is_the_sum_of_revalued_legs():
    legs, given_moves = columns(), scenarios()
    pnl = pricing.scenario_pnl(prepared(legs), FORWARD, **given_moves, by_group=True)
    before = values(legs, INVERSE, move=1.0, vol_shift=0.0, time_step=0.0)
    assert pnl.shape == (GROUPS, SCENARIOS)
    for s in range(0, SCENARIOS, 7):
        after = values(legs, INVERSE, **{name: v[..., s] for name, v in given_moves.items()})
        wanted = np.bincount(legs["group"], after - before, GROUPS)
        size = np.bincount(legs["group"], np.abs(after) + np.abs(before), GROUPS)
        assert np.all(np.abs(pnl[:, s] - wanted) <= 1e-13 * size)


def test_each_leg_against_sixty_digits(exact_black, random_options):
    options = random_options(60, seed=8)
    del options["rate"]
    forward = options.pop("forward")
    legs = {**options, "quantity": 1.0, "group": np.arange(60), "groups": 60}
    book = pricing.PreparedBook(**legs)
    move, shift, step = 1.07, 0.03, 0.001
    pnl = pricing.scenario_pnl(
        book, forward, move=move, vol_shift=shift, time_step=step, by_group=True
    )[:, 0]
    for i in range(60):
        strike, time, vol, is_call = (options[name][i] for name in options)
        after = exact_black(forward[i] * move, strike, time - step, vol + shift, is_call).price
        before = exact_black(forward[i], strike, time, vol, is_call).price
        assert abs(pnl[i] - (after - before)) <= 4e-14 * (after + before)


@pytest.mark.parametrize("vol", [1e-3, 0.1, 1.0, 5.0])
def test_wings_keep_their_digits(exact_black, vol):
    """Without vol an option out of the money is worth 0: its P&L is the whole new price."""
    away = np.array([-30.0, -20.0, -10.0, -3.0, -0.5, 0.5, 3.0, 10.0, 20.0, 30.0])
    strike = np.append(100.0 * np.exp(away * vol), 100.0 * np.exp(1e-9 * vol))
    book = pricing.PreparedBook(
        strike=strike, time_to_expiry=1.0, vol=0.0, is_call=strike > 100.0, quantity=1.0,
        group=np.arange(strike.size), groups=strike.size,
    )  # fmt: skip
    pnl = pricing.scenario_pnl(
        book, np.full(strike.size, 100.0), move=1.0, vol_shift=vol, by_group=True
    )
    for k, each in enumerate(strike):
        wanted = exact_black(100.0, each, 1.0, vol, each > 100.0).price
        assert pnl[k, 0] == pytest.approx(wanted, rel=1e-12)


def test_no_change_is_exactly_nothing():
    book = prepared(columns())
    pnl = pricing.scenario_pnl(
        book, FORWARD, move=1.0, vol_shift=np.zeros(37), time_step=0.0, by_group=True
    )
    assert pnl.shape == (GROUPS, 37)
    assert np.all(pnl == 0.0)


@pytest.mark.parametrize("part", [slice(0, 1), slice(3, 20), slice(255, 258), slice(11, 300, 13)])
def test_a_scenario_does_not_depend_on_its_company(part):
    book, given_moves = prepared(columns()), scenarios()
    whole = pricing.scenario_pnl(book, FORWARD, **given_moves, by_group=True)
    some = {name: value[..., part] for name, value in given_moves.items()}
    assert np.array_equal(
        pricing.scenario_pnl(book, FORWARD, **some, by_group=True), whole[:, part]
    )


def test_whole_book_and_shared_rows():
    legs = columns()
    book, move = prepared(legs, is_inverse=False), scenarios()["move"][0]
    whole = pricing.scenario_pnl(book, FORWARD, move=move)
    rows = pricing.scenario_pnl(
        book, FORWARD, move=np.tile(move, (EXPIRIES, 1)), vol_shift=np.zeros((GROUPS, 1)),
        by_group=True,
    )  # fmt: skip
    before = values(legs, INVERSE & False, move=1.0, vol_shift=0.0, time_step=0.0)
    assert np.all(np.abs(whole - rows.sum(axis=0)) <= 1e-13 * np.abs(before).sum())
    out = np.full(SCENARIOS, np.nan)
    assert pricing.scenario_pnl(book, FORWARD, move=move, out=out) is out
    assert np.array_equal(out, whole)
    coin = pricing.scenario_pnl(prepared(legs, is_inverse=True), FORWARD, move=move)
    assert np.all(np.isfinite(coin))


def test_coin_and_quote_currency_are_never_added():
    with pytest.raises(ValueError, match="by_group"):
        pricing.scenario_pnl(prepared(columns()), FORWARD, move=[1.0])


def test_legs_that_expire_and_vols_that_end_are_worth_their_intrinsic_value():
    book = pricing.PreparedBook(
        strike=[90.0, 110.0], time_to_expiry=[0.1, 0.2], vol=[0.5, 0.01], is_call=[True, False],
        quantity=[2.0, 3.0], group=[0, 1], groups=2,
    )  # fmt: skip
    before = book.greeks([100.0, 100.0]).price
    pnl = pricing.scenario_pnl(
        book, [100.0, 100.0], move=0.95, vol_shift=-0.02, time_step=0.1, by_group=True
    )
    assert pnl[:, 0] == pytest.approx(np.array([10.0, 45.0]) - before, rel=1e-14)


@pytest.mark.parametrize("name", ["move", "vol_shift", "time_step"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_scenario_spoils_itself_only(name, value):
    given_moves = scenarios()
    given_moves[name][..., 17] = value
    pnl = pricing.scenario_pnl(prepared(columns()), FORWARD, **given_moves, by_group=True)
    assert np.array_equal(np.isnan(pnl), np.tile(np.arange(SCENARIOS) == 17, (GROUPS, 1)))


def test_spot_may_fall_to_nothing_but_not_below():
    legs = {**columns(), "strike": np.where(np.arange(150) % 9 == 0, 0.0, columns()["strike"])}
    linear = pricing.scenario_pnl(prepared(legs, False), FORWARD, move=[0.0, -1.0, 1.0])
    worth = np.where(legs["is_call"], 0.0, legs["strike"])
    before = values(legs, INVERSE & False, move=1.0, vol_shift=0.0, time_step=0.0)
    assert linear[0] == pytest.approx(np.sum(legs["quantity"] * worth - before), rel=1e-12)
    assert np.isnan(linear[1])
    assert linear[2] == 0.0
    coin = pricing.scenario_pnl(prepared(legs, True), FORWARD, move=[0.0, -1.0, 1.0])
    assert np.array_equal(np.isnan(coin), [True, True, False])


BAD_LEGS = [
    *itertools.product(["strike", "time_to_expiry", "vol", "quantity"], [np.nan, np.inf, -np.inf]),
    ("strike", -1e-9),
    ("vol", -1e-9),
]


@pytest.mark.parametrize(("name", "value"), BAD_LEGS)
def test_bad_leg_spoils_its_own_group_only(name, value):
    legs = columns()
    legs[name][17] = value
    pnl = pricing.scenario_pnl(prepared(legs), FORWARD, **scenarios(20), by_group=True)
    assert np.array_equal(
        np.isnan(pnl), np.tile((np.arange(GROUPS) == legs["group"][17])[:, None], 20)
    )


def test_grid_and_ladder_of_the_grid():
    book = prepared(columns(), is_inverse=False)
    moves, shifts, step = np.array([0.8, 1.0, 1.1]), np.array([-0.3, 0.0, 0.2, 0.4]), 0.01
    grid = pricing.spot_vol_grid(book, FORWARD, moves=moves, vol_shifts=shifts, time_step=step)
    assert grid.shape == (3, 4)
    one = pricing.scenario_pnl(book, FORWARD, move=1.1, vol_shift=0.2, time_step=step)
    assert grid[2, 2] == one[0]
    rungs = pricing.spot_vol_ladder(book, FORWARD, moves=moves, vol_shifts=shifts, time_step=step)
    assert rungs.value.shape == (4, 3, GROUPS)
    before = book.greeks(FORWARD).price.sum()
    assert rungs.value.sum(axis=2).T - before == pytest.approx(grid, rel=1e-10)


def test_nothing_at_all():
    nothing = {name: value[:0] for name, value in columns().items()}
    assert np.all(pricing.scenario_pnl(prepared(nothing), FORWARD, move=[0.9, 1.1]) == 0.0)
    assert pricing.scenario_pnl(prepared(columns(), False), FORWARD, move=[]).shape == (0,)


anything = st.one_of(
    st.none(), st.text(max_size=3), st.just(np.ones((2, 300))), st.just(np.ones((1, 1, 300))),
    st.just(np.ones(7)), st.just({}), st.just(np.full(300, 1j)), st.just([[1.0], [1.0, 2.0]]),
)  # fmt: skip


@settings(max_examples=80, deadline=None, derandomize=True)
@given(name=st.sampled_from(["forward", "move", "vol_shift", "time_step"]), value=anything)
def test_bad_argument_is_one_clear_line(name, value):
    arguments = {"forward": FORWARD, **scenarios(), name: value}
    with pytest.raises((TypeError, ValueError), match=name) as caught:
        pricing.scenario_pnl(prepared(columns()), **arguments, by_group=True)
    assert "\n" not in str(caught.value)


def test_bad_out():
    book, move = prepared(columns(), False), np.ones(20)
    for out in (np.empty(19), np.empty((1, 20)), np.empty(20, np.float32), [0.0] * 20, move):
        with pytest.raises((TypeError, ValueError), match="out"):
            pricing.scenario_pnl(book, FORWARD, move=move, out=out)
    for wrong in ({"moves": [[1.0]], "vol_shifts": [0.0]}, {"moves": 1.0, "vol_shifts": [0.0]}):
        with pytest.raises(ValueError, match="moves"):
            pricing.spot_vol_grid(book, FORWARD, **wrong)
        with pytest.raises(ValueError, match="moves"):
            pricing.spot_vol_ladder(book, FORWARD, **wrong)
