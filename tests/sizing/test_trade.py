"""Models of the trade, and the rule that joins all: brute force and laws."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from hedger.core.model import CongestionRule, LiquidityRule, Scaling, Traffic
from hedger.core.sizing.combine import combine
from hedger.core.sizing.congestion import clip, congestion
from hedger.core.sizing.liquidity import Depth, liquidity, square_root_room, walk, within
from hedger.core.sizing.schedule import Impact, schedule

LAWS = settings(max_examples=100, deadline=None, derandomize=True)
ASKS = ((100.01, 1.0), (100.05, 2.0), (100.20, 10.0), (101.0, 50.0))
BIDS = tuple((200.0 - price, size) for price, size in ASKS)
DEPTH = Depth(bids=BIDS, asks=ASKS, age_ms=10)
NORMAL = CongestionRule()


def test_walking_a_book() -> None:
    assert walk(ASKS, 1.0) == 100.01
    assert walk(ASKS, 3.0) == pytest.approx((100.01 + 2 * 100.05) / 3)
    assert walk(ASKS, 63.0) is not None
    assert walk(ASKS, 63.1) is None


@given(budget=st.floats(2e-4, 5e-3))
@LAWS
def test_within_is_the_inverse_of_walk(budget: float) -> None:
    def cost(size: float) -> float:
        paid = walk(ASKS, size)
        assert paid is not None
        return paid - 100.0 * (1.0 + budget)

    assert within(ASKS, mid=100.0, budget=budget) == pytest.approx(brentq(cost, 1e-9, 63.0))


def test_square_root_law_has_the_number_of_the_theory_page() -> None:
    found = square_root_room(budget=0.001, impact=1.0, daily_vol=0.03, daily_volume=10_000.0)
    assert found == pytest.approx(11.11, abs=0.005)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_tightest_bound_of_liquidity_binds(sign: float) -> None:
    rule = LiquidityRule(budget=0.001, participation=0.1, window_s=60.0)
    room = within(ASKS, mid=100.0, budget=0.001)
    found = liquidity(rule, wanted=sign * 20.0, depth=DEPTH)
    assert found.factor == pytest.approx(room / 20.0)
    assert "book allows" in found.reason
    busy = msgspec.structs.replace(DEPTH, daily_volume=10_000.0, daily_vol=0.05)
    part = liquidity(rule, wanted=sign * 20.0, depth=busy)
    assert part.factor * 20.0 == pytest.approx(0.1 * 10_000.0 / 1_440.0)
    assert "participation allows" in part.reason
    impact = liquidity(LiquidityRule(participation=0.0), wanted=sign * 20.0, depth=busy)
    assert impact.factor == pytest.approx(min(10_000.0 * (0.001 / 0.05) ** 2, room) / 20.0)
    assert "impact allows" in impact.reason
    assert liquidity(rule, wanted=sign * 0.5, depth=DEPTH).factor == 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bids": ((100.5, 1.0),)}, "crossed"),
        ({"asks": ()}, "a side is empty"),
        ({"age_ms": 60_000}, "60000 ms old"),
        ({"age_ms": None}, "never measured"),
        ({"asks": ((100.1, 1.0), (100.05, 1.0))}, "out of order"),
        ({"asks": ((100.1, math.nan),)}, "no number"),
    ],
)
def test_a_book_that_is_not_believed_bounds_nothing_and_says_so(
    change: dict[str, object], said: str
) -> None:
    depth = msgspec.structs.replace(DEPTH, **change)
    found = liquidity(LiquidityRule(), wanted=20.0, depth=depth)
    assert (found.factor, found.is_known) == (1.0, False)
    assert said in found.reason
    with_volume = msgspec.structs.replace(depth, daily_volume=1_440.0)
    assert liquidity(LiquidityRule(), wanted=20.0, depth=with_volume).factor == pytest.approx(
        0.1 / 20.0
    )


@pytest.mark.parametrize("aversion", [0.0, 1e-3, 0.1, 10.0])
def test_the_schedule_is_the_optimum(aversion: float) -> None:
    impact, size, horizon, parts = Impact(sigma=2.0, temporary=0.5, permanent=0.1), 7.0, 3.0, 6
    tau = horizon / parts

    def cost(sizes: np.ndarray) -> float:
        left = size - np.cumsum(sizes)
        return float(
            0.5 * impact.permanent * size**2
            + (impact.temporary - 0.5 * impact.permanent * tau) / tau * (sizes @ sizes)
            + aversion * impact.sigma**2 * tau * (left[:-1] @ left[:-1])
        )

    found = np.array(
        schedule(size, impact=impact, risk_aversion=aversion, horizon=horizon, parts=parts)
    )
    assert found.sum() == pytest.approx(size)
    best = minimize(
        lambda free: cost(np.append(free, size - free.sum())), np.full(parts - 1, size / parts),
        tol=1e-14,
    )  # fmt: skip
    assert cost(found) <= best.fun * (1.0 + 1e-9)
    assert found[:-1] == pytest.approx(best.x, abs=2e-4)


@given(size=st.floats(-1e4, 1e4), aversion=st.floats(0.0, 1e6), parts=st.integers(1, 400))
@LAWS
def test_laws_of_a_schedule(size: float, aversion: float, parts: int) -> None:
    found = schedule(
        size, impact=Impact(sigma=50.0, temporary=1.0), risk_aversion=aversion, horizon=1.0,
        parts=parts,
    )  # fmt: skip
    assert sum(found) == pytest.approx(size, abs=1e-9)
    signed = [part * math.copysign(1.0, size) for part in found]
    assert all(a >= b - 1e-9 >= -1e-9 for a, b in itertools.pairwise(signed))


@pytest.mark.parametrize(
    "bad",
    [{"size": math.nan}, {"risk_aversion": -1.0}, {"horizon": 0.0}, {"parts": 0},
     {"impact": Impact(sigma=1.0, temporary=0.0)},
     {"impact": Impact(sigma=1.0, temporary=0.1, permanent=9.0)}],
)  # fmt: skip
def test_a_bad_schedule_is_refused(bad: dict[str, object]) -> None:
    good = {"size": 1.0, "impact": Impact(sigma=1.0, temporary=0.1), "risk_aversion": 1.0,
            "horizon": 1.0, "parts": 2}  # fmt: skip
    with pytest.raises(ValueError, match="schedule"):
        schedule(**(good | bad))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("traffic", "waits", "factor"),
    [
        (Traffic(), False, 1.0),
        (Traffic(latency_ms=400.0), False, 1.0),
        (Traffic(latency_ms=750.0), False, 2.0),
        (Traffic(latency_ms=1_000.0), True, 3.0),
        (Traffic(error_rate=0.5), True, 3.0),
        (Traffic(credits=0.1), True, 3.0),
        (Traffic(credits=1.0), False, 1.0),
        (Traffic(stale_share=0.6), True, 3.0),
        (Traffic(latency_ms=math.nan), True, 3.0),
    ],
)
def test_congestion(traffic: Traffic, waits: bool, factor: float) -> None:
    assert congestion(NORMAL, traffic, urgent=False).factor == (0.0 if waits else 1.0)
    assert congestion(NORMAL, traffic, urgent=True).factor == 1.0
    assert clip(NORMAL, traffic).factor == pytest.approx(factor)


factors = st.floats(0.0, 3.0)
books = st.builds(
    lambda f, cap, known: Scaling(
        what="book", model="m", factor=f, is_cap=cap, is_known=known, reason=""
    ),
    factors, st.booleans(), st.booleans(),
)  # fmt: skip
rest = st.one_of(
    st.builds(lambda s: Scaling(what="centre", model="c", shift=s, reason=""), st.floats(-9, 9)),
    st.builds(lambda f: Scaling(what="trade", model="t", factor=f, reason=""), st.floats(0, 1)),
)


@given(book=st.lists(books, max_size=6), others=st.lists(rest, max_size=6))
@LAWS
def test_no_model_of_the_book_shrinks_a_hedge(book: list[Scaling], others: list[Scaling]) -> None:
    found, alone = combine(book + others, shift_max=5.0), combine(others, shift_max=5.0)
    assert (found.trade, found.shift, found.clip) == (alone.trade, alone.shift, alone.clip)
    assert alone.book == 1.0
    caps = [one.factor for one in book if one.is_cap]
    product = math.prod(one.factor for one in book if not one.is_cap)
    assert found.book == pytest.approx(min([product, *caps]))
    assert found.may_add is all(one.is_known for one in book)
    assert abs(found.shift) <= 5.0
    assert found.parts == tuple(book + others)


def test_the_order_of_models_does_not_matter() -> None:
    some = [
        Scaling(what="book", model="a", factor=0.8, reason=""),
        Scaling(what="book", model="b", factor=0.9, reason=""),
        Scaling(what="book", model="cap", factor=0.5, is_cap=True, reason=""),
        Scaling(what="centre", model="c", shift=0.25, reason=""),
    ]
    ahead, back = combine(some), combine(some[::-1])
    assert ahead.book == back.book == 0.5
    assert ahead.bound_by == back.bound_by == "cap"


@pytest.mark.parametrize(
    "bad",
    [Scaling(what="book", factor=math.nan, reason=""), Scaling(what="book", factor=-1.0, reason=""),
     Scaling(what="centre", shift=math.inf, reason=""), Scaling(what="mood", reason="")],
)  # fmt: skip
def test_what_is_no_scaling_is_refused(bad: Scaling) -> None:
    with pytest.raises(ValueError, match=r"factor|nothing known"):
        combine([bad])


def test_a_scaling_survives_the_journal() -> None:
    one = Scaling(what="book", model="m", factor=0.5, is_cap=True, reason="r", inputs=(("a", 1.0),))
    assert msgspec.json.decode(msgspec.json.encode(one), type=Scaling) == one
    old = b'{"what":"book","factor":0.5,"reason":"r"}'
    assert msgspec.json.decode(old, type=Scaling) == Scaling(what="book", factor=0.5, reason="r")
