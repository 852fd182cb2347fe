"""Tail risk by every method: the reference straddle, brute force, laws, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from hedger.core.risk import Holdings
from hedger.core.risk.holdings import Future
from hedger.core.risk.measures import (
    Factors,
    factor_shocks,
    quadratic,
    tail_measure,
    tail_parts,
)
from hedger.core.risk.revaluation import pnl
from hedger.core.risk.shocks import historical
from pricing import tail_risk
from pricing.delta_gamma import cornish_fisher

CALM = Factors(vol=0.6)


def options(
    *legs: tuple[float, float, bool, float], hedge: float = 0.0, vol: float = 0.6
) -> Holdings:
    """Linear legs (strike, days, is_call, quantity) at spot 100, and a perpetual in coin."""
    strike, days, is_call, quantity = zip(*legs, strict=True)
    n = len(legs)
    return Holdings(
        book="b",
        underlying="BTC",
        numeraire="usd",
        spot=100.0,
        time_ms=5,
        names=tuple(f"leg{i}" for i in range(n)),
        strike=np.array(strike, dtype=np.float64),
        years=np.array(days) / 365.0,
        vol=np.full(n, vol),
        forward=np.full(n, 100.0),
        quantity=np.array(quantity, dtype=np.float64),
        is_call=np.array(is_call),
        inverse=np.zeros(n, np.bool_),
        group=np.zeros(n, np.int64),
        share=np.ones(n),
        futures=(Future("P", "hedge", False, hedge, 100.0, 1.0),),
        equity=0.0,
        base_coin=0.0,
        smiles={},
    )


DELTA = 2.0 * norm.cdf(0.3 * math.sqrt(30 / 365)) - 1.0
SHORT = options((100.0, 30.0, True, -1.0), (100.0, 30.0, False, -1.0), hedge=DELTA)
LONG = options((100.0, 30.0, True, 1.0), (100.0, 30.0, False, 1.0), hedge=-DELTA)


@pytest.mark.parametrize(
    ("level", "at_risk", "shortfall"), [(0.95, 0.65058, 1.04189), (0.99, 1.27939, 1.68273)]
)
def test_reference_straddle(level: float, at_risk: float, shortfall: float) -> None:
    """The hedged short straddle of the theory page: 30 days at 60 %, over one day."""
    found = tail_measure(SHORT, CALM, level=level, scenarios=100_000)
    assert found.value_at_risk == pytest.approx(at_risk, abs=1.5e-4)
    assert found.expected_shortfall == pytest.approx(
        shortfall, abs=3e-4
    )  # a midpoint in the last cell
    few = tail_measure(SHORT, CALM, level=level)
    assert few.value_at_risk == pytest.approx(at_risk, rel=0.03)
    assert few.expected_shortfall == pytest.approx(shortfall, rel=0.03)


@pytest.mark.parametrize("book", [SHORT, LONG])
def test_where_the_expansion_fails_the_book_is_revalued(book: Holdings) -> None:
    found = tail_measure(book, CALM, method="delta_gamma", level=0.95)
    full = tail_measure(book, CALM, method="full", level=0.95)
    moments = quadratic(book, CALM, horizon_days=1.0)
    assert abs(moments.skew) > 2.5
    assert (found.method, found.asked) == ("full", "delta_gamma")
    assert "outside the domain of Cornish-Fisher" in found.reason
    assert found.value_at_risk == full.value_at_risk
    blind = cornish_fisher(moments, level=0.95)  # what it would have said
    if book is LONG:  # a tail below its own beginning
        assert blind.tail.expected_shortfall < blind.tail.value_at_risk < 0.65 * full.value_at_risk


def test_delta_gamma_is_close_where_it_is_valid() -> None:
    book = options((105.0, 60.0, True, 3.0), (90.0, 60.0, False, 1.0), hedge=1.0)
    factors = Factors(vol=0.6, vol_of_vol=0.8, correlation=-0.5)
    found = tail_measure(book, factors, method="delta_gamma", level=0.99)
    full = tail_measure(book, factors, level=0.99, scenarios=50_000)
    linear = tail_measure(book, factors, method="delta_normal", level=0.99)
    assert found.method == "delta_gamma"
    assert found.value_at_risk == pytest.approx(full.value_at_risk, rel=0.02)
    assert found.expected_shortfall == pytest.approx(full.expected_shortfall, rel=0.02)
    assert found.std == pytest.approx(full.std, rel=0.02)
    assert abs(linear.value_at_risk / full.value_at_risk - 1.0) > 0.05  # gamma matters here


def test_delta_normal_of_a_lone_future_is_the_formula() -> None:
    book = options((100.0, 30.0, True, 0.0), hedge=2.0)
    found = tail_measure(book, CALM, method="delta_normal", level=0.99)
    s = 200.0 * 0.6 / math.sqrt(365.0)
    assert found.value_at_risk == pytest.approx(norm.ppf(0.99) * s, rel=1e-4)
    assert found.expected_shortfall == pytest.approx(norm.pdf(norm.ppf(0.99)) / 0.01 * s, rel=1e-4)


def test_full_revaluation_is_brute_force() -> None:
    factors = Factors(vol=0.7, vol_of_vol=1.0, correlation=-0.6)
    book = options((110.0, 20.0, True, -2.0), (85.0, 45.0, False, 1.0))
    draws = np.random.default_rng(3).normal(size=(2, 400_000))
    s, w = 0.7 / math.sqrt(365.0), 1.0 / math.sqrt(365.0)
    spot = 100.0 * np.exp(s * draws[0] - s * s / 2)
    ratio = np.exp(w * (-0.6 * draws[0] + 0.8 * draws[1]))

    def value(f: Any, k: float, days: float, v: Any, side: float) -> Any:
        total = v * math.sqrt(days / 365)
        d1 = np.log(f / k) / total + total / 2
        return side * (f * norm.cdf(side * d1) - k * norm.cdf(side * (d1 - total)))

    found = -2.0 * (value(spot, 110, 19, 0.6 * ratio, 1.0) - value(100.0, 110, 20, 0.6, 1.0))
    found += value(spot, 85, 44, 0.6 * ratio, -1.0) - value(100.0, 85, 45, 0.6, -1.0)
    ours = tail_measure(book, factors, level=0.99, scenarios=20_000)
    losses = np.sort(-found)[::-1]
    assert ours.value_at_risk == pytest.approx(losses[4_000], rel=0.02)
    assert ours.expected_shortfall == pytest.approx(losses[:4_000].mean(), rel=0.02)


quantities = st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=3)


def book_of(quantity: list[float]) -> Holdings:
    legs = [(90.0, 10.0, False), (100.0, 30.0, True), (115.0, 60.0, True)]
    return options(*[(k, d, c, q) for (k, d, c), q in zip(legs, quantity, strict=True)])


@given(one=quantities, other=quantities, level=st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_laws_of_the_tail(one: list[float], other: list[float], level: float) -> None:
    factors = Factors(vol=0.8, vol_of_vol=0.5, correlation=0.3)
    a, b, both = (
        tail_measure(book_of(q), factors, level=level)
        for q in (one, other, [x + y for x, y in zip(one, other, strict=True)])
    )
    assert a.expected_shortfall >= a.value_at_risk - 1e-9
    assert both.expected_shortfall <= a.expected_shortfall + b.expected_shortfall + 1e-7
    twice = tail_measure(book_of([2.0 * q for q in one]), factors, level=level)
    assert twice.expected_shortfall == pytest.approx(2.0 * a.expected_shortfall, abs=1e-7)


def test_more_vol_is_more_risk_for_short_options() -> None:
    found = [
        tail_measure(SHORT, Factors(vol=v), level=0.99).expected_shortfall for v in (0.3, 0.6, 1.2)
    ]
    assert found == sorted(found)
    assert len(set(found)) == 3


def test_history_is_revalued_too() -> None:
    spot = 100.0 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.03, 300)))
    past = historical(spot=spot, days=1.0)
    found = tail_measure(SHORT, CALM, method="historical", level=0.99, history=past)
    assert found.method == "historical"
    assert found.scenarios == 299
    assert found.expected_shortfall >= found.value_at_risk > 0.0


@pytest.mark.parametrize("level", [0.9, 0.955, 0.99])
def test_parts_of_the_tail_are_its_derivatives(level: float) -> None:
    book = options((95.0, 20.0, False, -2.0), (105.0, 40.0, True, -1.0), hedge=0.7)
    factors = Factors(vol=0.6, vol_of_vol=0.5, correlation=-0.4)
    asked = factor_shocks(factors, horizon_days=1.0)
    names, parts = tail_parts(book, asked, pnl(book, asked), level=level)
    whole = tail_risk(pnl(book, asked), level=level).expected_shortfall
    assert names == ("leg0", "leg1", "P", "cash")
    assert -parts.sum() == pytest.approx(whole)
    for leg in (0, 1):
        step = np.zeros(2)
        step[leg] = 1e-6
        more = dataclasses.replace(book, quantity=book.quantity * (1.0 + step))
        grown = tail_risk(pnl(more, asked), level=level).expected_shortfall
        assert -parts[leg] == pytest.approx((grown - whole) / 1e-6, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"factors": Factors(vol=0.0)}, "vol is 0"),
        ({"factors": Factors(vol=math.nan)}, "vol is nan"),
        ({"factors": Factors(vol=0.5, vol_of_vol=-1.0)}, "vol of vol is -1"),
        ({"factors": Factors(vol=0.5, correlation=1.5)}, "correlation is 1.5"),
        ({"method": "guess"}, "expected one of delta_normal"),
        ({"level": 1.0}, "above 0 and below 1"),
        ({"horizon_days": 0.0}, "horizon_days is 0"),
        ({"method": "historical"}, "0 returns, expected 100 at least"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tail_measure(**({"held": SHORT, "factors": CALM} | change))


@pytest.mark.parametrize("correlation", [-1.0, 1.0])
def test_a_singular_correlation_is_no_fault(correlation: float) -> None:
    factors = Factors(vol=0.6, vol_of_vol=0.5, correlation=correlation)
    for method in ("delta_normal", "delta_gamma", "full"):
        found = tail_measure(SHORT, factors, method=method)
        assert math.isfinite(found.expected_shortfall)


def test_an_empty_book_has_no_tail() -> None:
    nothing = dataclasses.replace(SHORT, quantity=np.zeros(2), futures=())
    for method in ("delta_normal", "delta_gamma", "full"):
        found = tail_measure(nothing, CALM, method=method)
        assert (found.value_at_risk, found.expected_shortfall) == (0.0, 0.0)


def test_scenarios_are_martingales_of_the_right_size() -> None:
    found = factor_shocks(Factors(vol=0.8, vol_of_vol=0.9, correlation=-0.7), horizon_days=5.0)
    assert found.move.mean() == pytest.approx(1.0, abs=1e-4)
    assert np.log(found.move).std() == pytest.approx(0.8 * math.sqrt(5 / 365), rel=2e-3)
    logs = np.log(found.move), np.log1p(found.vol_ratio)
    assert np.corrcoef(*logs)[0, 1] == pytest.approx(-0.7, abs=0.01)
