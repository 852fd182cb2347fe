"""Sums over positions equal sums of unit Greeks; a bad leg spoils its own group only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing

MOVES = np.array([0.9, 0.97, 1.0, 1.03, 1.2])


def book(legs=200, groups=9, seed=1):
    generator = np.random.default_rng(seed)
    forward = 60_000.0 * (1.0 + generator.uniform(0.0, 0.12, legs))  # 12 % basis between expiries
    return {
        "forward": forward,
        "strike": forward * np.exp(generator.normal(0.0, 0.2, legs)),
        "time_to_expiry": generator.uniform(-0.01, 0.5, legs),
        "vol": generator.uniform(0.2, 1.0, legs),
        "is_call": generator.random(legs) < 0.5,
        "quantity": generator.normal(0.0, 5.0, legs),
        "group": generator.integers(0, groups, legs),
        "groups": groups,
        "moves": MOVES,
    }


def expected_rung(legs, move):
    """The slow, obvious way."""
    moved = legs["forward"] * move
    common = {name: legs[name] for name in ("strike", "time_to_expiry", "vol", "is_call")}
    unit = pricing.black(forward=moved, **common)
    coin = pricing.inverse(forward=moved, **common)
    terms = (
        unit.price, coin.price, unit.delta, unit.delta * moved, unit.gamma * moved**2, unit.vega,
        unit.theta,
    )  # fmt: skip
    return [
        np.bincount(legs["group"], legs["quantity"] * term, minlength=legs["groups"])
        for term in terms
    ]


@pytest.mark.parametrize("legs", [0, 1, 7, 200, 1_000])
def test_ladder_is_the_sum_of_its_legs(legs):
    inputs = book(legs)
    rungs = pricing.ladder(**inputs)
    for row, move in enumerate(MOVES):
        for name, field, sums in zip(
            rungs._fields, rungs, expected_rung(inputs, move), strict=True
        ):
            scale = max(1e-300, float(np.max(np.abs(sums), initial=0.0)))
            assert np.max(np.abs(field[row] - sums), initial=0.0) <= 1e-11 * scale, name


def test_delta_cash_is_the_slope_of_value():
    inputs = book()
    h = 1e-4
    rungs = pricing.ladder(**{**inputs, "moves": np.exp([-h, 0.0, h])})
    slope = (rungs.value[2] - rungs.value[0]) / (2 * h)
    assert slope == pytest.approx(rungs.delta_cash[1], rel=1e-5, abs=10.0)
    bend = (rungs.value[2] - 2 * rungs.value[1] + rungs.value[0]) / h**2
    assert bend == pytest.approx(rungs.gamma_cash[1] + rungs.delta_cash[1], rel=1e-3, abs=500.0)
    coin = (rungs.coin_value[2] - rungs.coin_value[0]) / (2 * h)
    adjusted = rungs.delta[1] - rungs.coin_value[1]  # net transaction delta
    assert coin == pytest.approx(adjusted, rel=1e-5, abs=1e-4)


def test_book_greeks():
    inputs = book()
    unit = pricing.black(
        **{k: inputs[k] for k in ("forward", "strike", "time_to_expiry", "vol", "is_call")},
        rate=0.03,
    )
    sums = pricing.book_greeks(unit, inputs["quantity"], inputs["group"], inputs["groups"])
    for field, each in zip(sums, unit, strict=True):
        wanted = np.bincount(inputs["group"], inputs["quantity"] * each, minlength=9)
        assert field == pytest.approx(wanted, rel=1e-11, abs=1e-9)


@pytest.mark.parametrize("name", ["forward", "strike", "time_to_expiry", "vol", "quantity"])
def test_bad_leg_spoils_its_own_group_only(name):
    inputs = book()
    inputs[name] = inputs[name].copy()
    inputs[name][17] = np.nan
    rungs = pricing.ladder(**inputs)
    mine = inputs["group"][17]
    for field in rungs:
        assert np.all(np.isnan(field[:, mine]))
        assert np.all(np.isfinite(np.delete(field, mine, axis=1)))


def test_empty_group_and_scalars_and_out():
    inputs = book(legs=3, groups=9)
    inputs |= {"forward": 60_000.0, "time_to_expiry": 0.1, "group": np.array([2, 2, 8], np.int32)}
    fresh = pricing.ladder(**inputs)
    assert np.all(fresh.value[:, [0, 1, 3, 4, 5, 6, 7]] == 0.0)
    out = pricing.Ladder(*(np.full((5, 9), np.nan) for _ in range(7)))
    assert pricing.ladder(**inputs, out=out) is out
    assert all(np.array_equal(a, b) for a, b in zip(out, fresh, strict=True))


bad_values = st.one_of(
    st.none(), st.text(), st.just(np.ones(3)), st.just(np.ones((200, 2))), st.just(["x"] * 200)
)


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(sorted(set(book()) - {"moves", "groups"})), value=bad_values)
def test_bad_argument_is_one_clear_line(name, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        pricing.ladder(**{**book(), name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group", np.full(200, 9)),
        ("group", np.full(200, -1)),
        ("group", np.zeros(200)),
        ("groups", -1),
        ("groups", 2.5),
        ("groups", True),
        ("moves", np.ones((2, 2))),
        ("moves", "x"),
        ("out", np.ones(3)),
    ],
)
def test_bad_groups_and_moves(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        pricing.ladder(**{**book(), name: value})


def test_bad_book_greeks():
    unit = pricing.Greeks(*(np.ones(3) for _ in range(6)))
    group = np.zeros(3, np.int64)
    for arguments in [
        (unit, np.ones(2), group, 1),
        (unit, np.ones((3, 1)), group, 1),
        (unit, np.ones(3), np.zeros(2, np.int64), 1),
        (unit, np.ones(3), group + 1, 1),
        (unit[:5], np.ones(3), group, 1),
        (3.0, np.ones(3), group, 1),
    ]:
        with pytest.raises((TypeError, ValueError)):
            pricing.book_greeks(*arguments)
