"""Many books' bends are each book's own: `pricing.bends` against the sums of `pricing.quoted`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.bends import bends, strike_order
from pricing.prepared import PreparedBook
from pricing.quoted import Columns, QuotedBook

MOVES = np.array([0.94, 0.97, 0.99, 1.0, 1.01, 1.03, 1.06])
RULE = np.array([[-2.0, 0.0, 2.0], [0.1, 0.8, 0.1]])
NOW, DAY = 10**12, 86_400_000
WINDOW, INDEX, SPREAD = DAY // 48, 60.0, 0.04


def _world(seed: int, *, wings: float = 1.0) -> tuple[dict[str, np.ndarray], np.ndarray, int]:
    """Legs of a few books, each leg with a row and a group of its own expiry; and their starts."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 9, size=4)
    count = int(sizes.sum())
    days = rng.choice([-1.0, 0.01, 3.0, 40.0], size=count)
    legs = {
        "strike": rng.choice([45.0, 60.0, 61.0, 90.0], size=count) ** wings,
        "quantity": rng.normal(size=count),
        "is_call": rng.random(count) < 0.5,
        "expiry_ms": (NOW + days * DAY).astype(np.int64),
        "inverse": rng.random(count) < 0.5,
        "vol": rng.choice([0.0, 0.3, 0.9], size=count),
        "ratio": rng.uniform(0.98, 1.05, size=count),
    }
    return legs, np.concatenate([[0], np.cumsum(sizes)]), count


def _alone(legs: dict[str, np.ndarray], part: slice) -> list[float]:
    mine = {name: column[part] for name, column in legs.items()}
    count = mine["strike"].size
    book = QuotedBook(
        strike=mine["strike"], quantity=mine["quantity"], is_call=mine["is_call"],
        expiry_ms=mine["expiry_ms"], group=np.arange(count), group_ms=mine["expiry_ms"],
        is_inverse=mine["inverse"], moves=MOVES, rule=RULE, window_ms=WINDOW,
    )  # fmt: skip
    market = Columns(mine["ratio"], mine["vol"], np.full(count, NOW), np.ones(count, np.bool_))
    found = book.sums(
        np.arange(count), market, index=INDEX, now_ms=NOW, age_max=1, spread=SPREAD, bends=True
    )
    return [*found.totals[3:7], found.totals[8]]


def _together(legs: dict[str, np.ndarray], starts: np.ndarray, count: int) -> np.ndarray:
    left = legs["expiry_ms"] - NOW
    every = np.arange(count)
    prepared = PreparedBook(
        strike=legs["strike"], time_to_expiry=left / (365.0 * DAY), vol=legs["vol"],
        is_call=legs["is_call"], quantity=legs["quantity"], group=every, groups=count,
        expiry=every, expiries=count,
    )  # fmt: skip
    forward = legs["ratio"] * INDEX
    slot = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    found = bends(
        prepared,
        forward,
        starts=starts,
        by_strike=strike_order(every, legs["strike"], legs["expiry_ms"], slot),
        shares=np.clip(left / WINDOW, 0.0, 1.0),
        units=1.0 / np.where(legs["inverse"], forward, INDEX),
        rule=RULE,
        spreads=np.full(starts.size - 1, SPREAD),
    )
    return np.array(found)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 1.5]))
def test_bends_of_many_books_are_those_of_each(seed: int, wings: float) -> None:
    """Far wings alone, too, where every plain weight is zero."""
    legs, starts, count = _world(seed, wings=wings)
    found = _together(legs, starts, count)
    for b in range(starts.size - 1):
        wanted = _alone(legs, slice(starts[b], starts[b + 1]))
        size = 1e-11 * np.abs(legs["quantity"]).sum()
        sure = ~np.isnan(found[:, b])
        assert sure[[0, 2, 3, 4]].all()
        np.testing.assert_allclose(found[sure, b], np.array(wanted)[sure], rtol=1e-9, atol=size)


def test_a_sign_that_rounding_decides_is_not_told() -> None:
    """Long and short the same option but for a rounding: gamma may have either sign."""
    legs, _, _ = _world(1)
    one = {name: np.repeat(column[:1], 2) for name, column in legs.items()}
    one |= {
        "quantity": np.array([1.0, -1.0 + 1e-13]),
        "expiry_ms": np.full(2, NOW + 3 * DAY),
        "vol": np.full(2, 0.9),
    }
    assert np.isnan(_together(one, np.array([0, 2]), 2)[1, 0])


@pytest.mark.parametrize("wrong", ["starts", "by_strike", "shares", "spreads"])
def test_shapes_that_do_not_fit_are_refused(wrong: str) -> None:
    prepared = PreparedBook(
        strike=np.ones(2), time_to_expiry=1.0, vol=0.5, is_call=True, quantity=1.0,
        group=[0, 0], groups=1,
    )  # fmt: skip
    good = {
        "starts": np.array([0, 2]),
        "by_strike": np.array([[0, 1], [1, 1]]),
        "shares": np.ones(1),
        "units": np.ones(1),
        "rule": RULE,
        "spreads": np.ones(1),
    }
    with pytest.raises(ValueError, match="wanted"):
        bends(prepared, np.ones(1), **(good | {wrong: np.zeros(5, good[wrong].dtype)}))


def test_rows_that_do_not_fit_are_refused_and_rows_outside_are_nowhere() -> None:
    one = np.ones(1)
    book = QuotedBook(
        strike=one, quantity=one, is_call=one > 0.0, expiry_ms=np.array([NOW + DAY]),
        group=np.array([0]), group_ms=np.array([NOW + DAY]), is_inverse=one > 0.0,
        moves=MOVES, rule=RULE, window_ms=WINDOW,
    )  # fmt: skip
    market = Columns(one, one, np.array([NOW]), one > 0.0)
    for row in (-1, 1, 10**9):
        found = book.sums(np.array([row]), market, index=1.0, now_ms=NOW, age_max=1)
        assert (found.totals[0], found.delta) == (1.0, [0.0] * MOVES.size)
    with pytest.raises(ValueError, match="rows"):
        book.sums(np.array([0, 0]), market, index=1.0, now_ms=NOW, age_max=1)
    with pytest.raises(ValueError, match="rows"):
        book.black_shift(np.array([], dtype=np.int64), market, index=1.0, now_ms=NOW, factor=1.0)


@pytest.mark.parametrize("quantity", [[-2.0, 0.5], [0.5, -2.0], [-1.0, -0.5]])
def test_what_two_legs_of_one_strike_and_expiry_come_to_between_them_is_not_needed(
    quantity: list[float],
) -> None:
    """A call against a put of one strike is a forward, whose delta never moves."""
    legs, _, _ = _world(1)
    one = {name: np.repeat(column[:1], 2) for name, column in legs.items()}
    one |= {"expiry_ms": np.full(2, NOW + 3 * DAY), "vol": np.full(2, 0.9)}
    calls = one | {"quantity": np.array(quantity), "is_call": np.ones(2, np.bool_)}
    assert _together(calls, np.array([0, 2]), 2)[3, 0] == abs(sum(quantity))
    forward = one | {"quantity": np.array([-1.0, 1.0]), "is_call": np.array([True, False])}
    assert _together(forward, np.array([0, 2]), 2)[3, 0] == 1.0
    assert _alone(forward, slice(0, 2))[3] == 1.0
    later = calls | {"expiry_ms": NOW + np.array([3, 5]) * DAY}
    assert _together(later, np.array([0, 2]), 2)[3, 0] == max(abs(quantity[0]), abs(sum(quantity)))
