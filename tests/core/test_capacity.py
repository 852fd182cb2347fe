"""Can this much delta be taken: each limit by name, unknown is a no, decide keeps a yes."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.capacity import Gate, can_hedge
from hedger.core.decide import decide
from hedger.core.ladder import Rung
from hedger.core.model import (
    VALID_MS,
    Act,
    Action,
    ActKind,
    BandRule,
    Intent,
    IntentState,
    LadderState,
    LimitRule,
    Memory,
    Offer,
    Room,
    Rules,
)
from tests.core.desk import DAY_MS, PERPETUAL, START, Desk, option, rules

HEDGED = Memory(hedges=3, hedge_ms=START - DAY_MS, hedge_price=59_000.0)
BAND = BandRule(lower=-0.25, upper=0.25)
LIMITS = {"order_max": 5.0, "per_minute_max": 20.0, "position_max": 100.0, "first_trade_max": 10.0}
END = 0.2375
"""Where a hedge to the upper edge ends: half of the least clip inside."""
CALL = option(64_000.0, 8, True)


def coin(usd: float, index: float = 60_000.0) -> float:
    """Size of an inverse contract as delta."""
    return math.floor(usd / 10.0) * 10.0 / index


def limited(**change: float) -> Rules:
    return rules(numeraire="usd", band=BAND, limits=LimitRule(**(LIMITS | change)))


def desk(delta: float = 0.0, *, lots: int = 0, usd: float = 1e6, **quote: object) -> Desk:
    """A book without options: its delta is the account's equity, and the hedge that it holds."""
    made = Desk({}, equity=delta - lots * 10.0 / 60_000.0, hedge_lots=lots)
    made.quote_hedge(**({"bid_size": usd, "ask_size": usd} | quote))
    return made


def ask(at: Desk, delta: float, rule: Rules | None = None, **more: object) -> Offer:
    gates = more.pop("gates", ())
    reserved = more.pop("reserved", 0.0)
    book = at.book(**({"memory": HEDGED} | more))  # type: ignore[arg-type]
    return can_hedge(
        book,
        at.board.market(),
        rule or limited(),
        at.now,
        delta,
        gates=gates,  # type: ignore[arg-type]
        reserved=reserved,  # type: ignore[arg-type]
    )


# --- a yes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_yes_says_how_much_where_at_what_price_and_cost(sign: float) -> None:
    offer = ask(desk(), sign * 1.5)
    assert (offer.size, offer.limit, offer.valid_ms) == (sign * 1.5, "", VALID_MS)
    assert offer.is_whole
    assert offer.capacity == 5.0
    (part,) = offer.hedges
    assert (part.instrument, part.size) == (PERPETUAL.name, -sign * 1.5)
    assert part.price_bound == (59_940.0 if sign > 0 else 60_060.0)  # 10 bp from mid, on tick
    # half a spread of half a dollar on one and a half coins; the fee of this contract is none
    assert part.half_spread == pytest.approx(0.75)
    assert offer.cost == pytest.approx(0.75)


def test_what_recent_fills_cost_beyond_the_spread_is_counted() -> None:
    memory = Memory(hedges=1, hedge_ms=START - DAY_MS, hedge_price=1.0, fills=5, slippage=2e-4)
    (part,) = ask(desk(), 1.0, memory=memory).hedges
    assert part.impact == pytest.approx(12.0)  # 2 bp of 60,000


# --- each limit by its name -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "at", "size", "limit"),
    [
        ({}, {}, 5.0, "order_max"),
        ({"per_minute_max": 3.0}, {}, 3.0, "per_minute_max"),
        ({"position_max": 4.0}, {}, 4.0, "position_max"),
        ({"position_max": 4.0}, {"lots": -12_000}, 2.0, "position_max"),
        ({"position_max": 4.0}, {"lots": 12_000}, 5.0, "order_max"),
        ({}, {"usd": 100_000.0}, coin(1e5), "depth"),
        ({}, {"delta": 0.2}, 5.0, "order_max"),
        ({}, {"delta": 1.0}, 5.0 - 1.0 + END, "order_max"),  # the book sells first
        ({}, {"delta": -1.0}, 5.0, "order_max"),  # what it buys is no credit
        ({}, {"delta": 1.0, "usd": 100_000.0}, coin(1e5) - 1.0 + END, "depth"),
        ({"slippage_bps_max": 0.05}, {}, 0.0, "slippage_bps_max"),
    ],
)
def test_the_limit_that_binds_is_named(
    rule: dict[str, float], at: dict[str, float], size: float, limit: str
) -> None:
    offer = ask(desk(**at), 9.0, limited(**rule))  # type: ignore[arg-type]
    assert offer.limit == limit
    assert offer.size == pytest.approx(size)
    assert limit in {room.limit for room in offer.rooms}


def test_what_was_traded_in_the_last_minute_counts() -> None:
    memory = Memory(hedges=1, hedge_ms=0, hedge_price=1.0, recent=((START - 1_000, 17.0),))
    offer = ask(desk(), 9.0, memory=memory)
    assert (offer.size, offer.limit) == (3.0, "per_minute_max")


def test_depth_that_was_traded_since_its_quote_is_gone() -> None:
    memory = Memory(hedges=1, hedge_ms=0, hedge_price=1.0, recent=((START, 1.0),))
    offer = ask(desk(usd=150_000.0), 9.0, memory=memory)
    assert (offer.size, offer.limit) == (pytest.approx(1.5), "depth")
    later = desk(usd=150_000.0)
    later.now += 100
    later.quote_hedge(bid_size=150_000.0, ask_size=150_000.0)
    assert ask(later, 9.0, memory=memory).size == pytest.approx(2.5)


def test_a_first_trade_is_bounded_until_a_person_confirms() -> None:
    rule = limited(order_max=50.0, per_minute_max=50.0, first_trade_max=2.0)
    assert ask(desk(), 9.0, rule, memory=Memory()).limit == "first_trade_max"
    assert ask(desk(), 9.0, rule, memory=Memory(), confirmed=9.0).is_whole


def test_what_others_have_set_aside_goes_first() -> None:
    offer = ask(desk(), 4.0, reserved=2.0)
    assert (offer.size, offer.limit) == (3.0, "reserved")
    assert "2.0000 of 5.0000" in offer.reason
    assert ask(desk(), 4.0, reserved=7.0).size == 0.0


def test_less_than_the_least_order_is_no_help() -> None:
    thin = desk(usd=100.0)
    rule = limited(order_max=1e-5)
    assert ask(thin, 1.0, rule).size == 0.0
    assert ask(thin, 1e-6, rule).is_whole  # too small to hedge alone: it stays in the band


def test_an_open_order_counts_both_ways() -> None:
    sale = Intent(
        id="x",
        book="main",
        venue="paper",
        account="acc",
        instrument=PERPETUAL.name,
        lots=-12_000,
        limit_ticks=1,
        deadline_ms=0,
        low=-12_000,
        high=0,
        seq=7,
    )
    rule = limited(position_max=4.0)
    assert ask(desk(2.0), 9.0, rule, intents=(sale,)).size == pytest.approx(4.0 - 2.0 - (2.0 - END))
    lost = msgspec.structs.replace(sale, state=IntentState.UNKNOWN)
    assert ask(desk(2.0), 9.0, rule, intents=(lost,)).limit == "venue_paused"


def test_a_venue_that_has_just_refused_is_paused() -> None:
    memory = Memory(
        hedges=1, hedge_ms=0, hedge_price=1.0, avoid=((PERPETUAL.name, START + 30_000),)
    )
    assert ask(desk(), 1.0, memory=memory).limit == "venue_paused"


# --- no ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "limit"),
    [({"hold": "maintenance"}, "hold"), ({"hold": "fire", "stopped": True}, "stopped")],
)
def test_a_person_says_no(change: dict[str, object], limit: str) -> None:
    offer = ask(desk(), 1.0, **change)
    assert (offer.size, offer.limit) == (0.0, limit)
    assert str(change["hold"]) in offer.reason


def test_unknown_and_stale_are_never_a_yes() -> None:
    stale = desk()
    stale.now += 3_000
    assert ask(stale, 1.0).limit == "stale_hedge_quote"
    assert "3000 ms old, at most 2000 ms" in ask(stale, 1.0).reason
    assert ask(desk(bid=None), 1.0).limit == "missing_hedge_quote"
    nothing_shown = ask(desk(bid_size=None), 1.0)
    assert (nothing_shown.size, nothing_shown.limit) == (0.0, "depth")
    assert "shows no size" in nothing_shown.reason
    assert ask(desk(bid_size=None), -1.0).is_whole  # a purchase takes from the other side


def test_a_leg_in_doubt_is_a_no() -> None:
    made = Desk({CALL: -100}, hedge_lots=15_000)
    made.quote_hedge(bid_size=1e6, ask_size=1e6)
    rule = rules(band=BandRule(lower=-0.02, upper=0.02), limits=LimitRule(**LIMITS))
    for _ in range(2):
        hedged = decide(made.book(memory=HEDGED), made.board.market(), rule, made.now)
        made.hedge_lots += sum(line.lots for line in (hedged.plan.lines if hedged.plan else ()))
    assert ask(made, 1.0, rule).is_whole
    made.now += 1_000
    made.quote_hedge(bid_size=1e6, ask_size=1e6)
    made.quote_option(CALL, bid=None)
    assert ask(made, 1.0, rule).limit == "delta_uncertain"


@pytest.mark.parametrize("delta", [0.0, math.nan, math.inf])
def test_what_is_no_delta_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="finite number other than zero"):
        ask(desk(), delta)
    with pytest.raises(ValueError, match="reserved"):
        ask(desk(), 1.0, reserved=-1.0)


# --- the seam for other models ----------------------------------------------------------------


@pytest.mark.parametrize(("size", "granted"), [(2.5, 2.5), (0.0, 0.0), (math.nan, 0.0), (-1.0, 0)])
def test_a_gate_binds_by_its_own_name(size: float, granted: float) -> None:
    gate: Gate = lambda question: Room(limit="margin", size=size, reason=f"{question.delta:g}")
    offer = ask(desk(), 3.0, gates=(gate,))
    assert (offer.size, offer.limit) == (granted, "margin")
    assert offer.reason.startswith("3")
    assert ask(desk(), 3.0, gates=(lambda _: Room(limit="x", size=math.inf, reason=""),)).is_whole


# --- a yes is kept ----------------------------------------------------------------------------

SIZES = st.floats(-8.0, 8.0).filter(lambda d: abs(d) > 1e-3)


@settings(deadline=None)
@given(
    delta=SIZES,
    before=st.floats(-2.0, 2.0),
    lots=st.integers(-30_000, 30_000),
    usd=st.floats(1_000.0, 1e6),
    spent=st.floats(0.0, 20.0),
)
def test_what_is_offered_is_hedged_in_one_order_on_the_same_market(
    delta: float, before: float, lots: int, usd: float, spent: float
) -> None:
    rule = limited(per_minute_max=15.0, position_max=6.0)
    memory = Memory(hedges=1, hedge_ms=0, hedge_price=1.0, recent=((START - 1_000, spent),))
    offer = ask(desk(before, lots=lots, usd=usd), delta, rule, memory=memory)
    assert math.copysign(offer.size, delta) == offer.size or offer.size == 0.0
    assert abs(offer.size) <= min(abs(delta), offer.capacity) + 1e-12
    if not offer.size:
        return
    after = desk(before + offer.size, lots=lots, usd=usd)
    made = decide(after.book(memory=memory), after.board.market(), rule, after.now)
    assert made.exposure is not None
    assert made.target is not None
    if made.action is not Action.HEDGE:  # both together lie inside the band, or on its other side
        assert abs(made.exposure.book_delta) <= made.target.trigger_high + 1e-9
        return
    assert made.plan is not None
    (line,) = made.plan.lines
    if line.lots * delta > 0:  # the book itself wanted more of the other side than it was given
        return
    assert all(abs(cut.wanted - cut.allowed) < 1e-9 for cut in made.refusals)
    assert made.target.lower <= made.plan.expected[0] <= made.target.upper
    assert abs(line.lots) * 10.0 <= usd + 1e-6
    assert line.limit_price == offer.hedges[0].price_bound


@settings(deadline=None)
@given(delta=SIZES, before=st.floats(-2.0, 2.0), usd=st.floats(1_000.0, 1e6))
def test_more_than_the_capacity_is_not_hedged_at_once(
    delta: float, before: float, usd: float
) -> None:
    offer = ask(desk(before, usd=usd), math.copysign(100.0, delta))
    beyond = math.copysign(offer.capacity + 0.6, delta)  # by more than the whole band
    after = desk(before + beyond, usd=usd)
    made = decide(after.book(memory=HEDGED), after.board.market(), limited(), after.now)
    assert made.target is not None
    lines = made.plan.lines if made.plan else ()
    traded = sum(min(abs(line.lots) * 10.0, usd) for line in lines) / 60_000.0
    left = abs(before + beyond) - traded
    helps = before * delta < 0.0  # the book had too much of the other side
    assert helps or left > made.target.upper - 1e-6


@pytest.mark.parametrize("kind", ActKind)
def test_a_book_with_an_act_takes_nothing_on(kind: ActKind) -> None:
    act = Act(kind=kind, who="ann", reason="tired", asked_ms=START)
    offer = ask(desk(), 1.0, act=act)
    assert (offer.size, offer.limit) == (0.0, "act")
    assert "ann" in offer.reason


@pytest.mark.parametrize("rung", Rung)
def test_from_the_second_rung_on_nothing_is_added(rung: Rung) -> None:
    standing = LadderState(rung=rung, text="drawdown is 0.2")
    offer = ask(desk(), 1.0, memory=msgspec.structs.replace(HEDGED, ladder=standing))
    assert ("ladder" in offer.reason) is (rung >= Rung.STOP_ADDING)
    assert (offer.size == 0.0) is (rung >= Rung.STOP_ADDING)
