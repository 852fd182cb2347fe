"""What a hedge costs: fee, half-spread, depth at the size, recent slippage; usable venues alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.costs import beyond_best
from hedger.core.decide import decide
from hedger.core.model import BandInputs, Cost, Fees, Memory
from tests.core.desk import rules
from tests.core.test_bands import rule, straddle
from tests.core.test_two_venues import HOME, WEST, Two

BAND = rule(cost_bps=0.0)


def made_of(slippage: float = 0.0, hedge_lots: int = 0, **quote: object) -> BandInputs:
    desk = straddle()
    desk.hedge_lots = hedge_lots
    desk.quote_hedge(**quote)
    book = desk.book(memory=Memory(fills=1, slippage=slippage))
    made = decide(book, desk.board.market(), rules(band=BAND), desk.now).target
    assert made is not None
    assert made.inputs is not None
    return made.inputs


def paid(slippage: float = 0.0, hedge_lots: int = 0, **quote: object) -> Cost:
    found = made_of(slippage, hedge_lots, **quote)
    assert found.paid is not None
    assert found.cost == found.paid.rate
    return found.paid


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e3), st.floats(1e-6, 1e-3))
def test_beyond_the_best_is_the_walk_level_by_level(
    amount: float, shown: float, step: float
) -> None:
    left, level, total = amount, 0, 0.0
    while left > 1e-9:
        taken = min(left, shown)
        total += taken * level * step
        left, level = left - taken, level + 1
    assert beyond_best(amount, shown, step) == pytest.approx(total / amount, rel=1e-6, abs=1e-15)


def test_a_thin_market_is_dearer_for_what_is_to_be_traded() -> None:
    deep = paid(hedge_lots=20_000)
    assert (deep.instrument, deep.depth) == ("BTC-PERPETUAL", 0.0)
    assert deep.rate == pytest.approx(deep.half_spread)
    thin = paid(hedge_lots=20_000, ask_size=20_000.0, bid_size=50_000.0)
    assert thin.depth is not None
    assert 1e-5 < thin.depth < 1e-3
    assert thin.rate == pytest.approx(thin.half_spread + thin.depth)
    none = paid(hedge_lots=20_000, ask_size=0.0)
    assert none.rate == pytest.approx(1e-3)  # the price cap: no order goes further


def test_an_unknown_depth_is_said_to_be_unknown() -> None:
    assert paid(ask_size=None).depth is None
    assert paid(bid_size=None).rate == pytest.approx(paid().half_spread)


def test_recent_slippage_counts_where_it_is_more_than_the_depth_shows() -> None:
    assert paid(2e-4).rate == pytest.approx(paid().half_spread + 2e-4)
    assert paid(-2e-4).rate == pytest.approx(paid().half_spread)
    assert paid(9e-3).rate == pytest.approx(1e-3)


def test_a_dearer_hedge_has_a_wider_band_and_the_risk_aversion_of_the_best_price() -> None:
    desk = straddle()
    band = rule(cost_bps=0.0, risk_aversion=0.0)
    found = []
    for size in (1e6, 1_000.0):
        desk.quote_hedge(ask_size=size, bid_size=size)
        target = decide(desk.book(), desk.board.market(), rules(band=band), desk.now).target
        assert target is not None
        assert target.inputs is not None
        found.append((target.upper, target.inputs.risk_aversion))
    assert found[1][0] > found[0][0]
    assert found[1][1] == found[0][1]


def test_only_venues_that_can_be_used_count_and_the_cheapest_of_them() -> None:
    two = Two(band=BAND)
    two.fees = Fees(taker=0.002)  # the other one's
    assert cost_of(two).instrument == HOME
    two.home.quote_hedge(bid=59_000.0, ask=61_000.0)
    two.fees = Fees(taker=0.0005)
    assert cost_of(two).instrument == WEST
    two.later(10_000, hears=(two.home,))
    assert cost_of(two).instrument == HOME


def cost_of(two: Two) -> Cost:
    target = two.decide().target
    assert target is not None
    assert target.inputs is not None
    assert target.inputs.paid is not None
    return target.inputs.paid
