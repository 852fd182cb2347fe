"""The line itself: every way out, with its reason, and numbers that add up."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.decide import decide
from hedger.core.limits import recent
from hedger.core.model import (
    Action,
    BandRule,
    DataRule,
    Intent,
    LimitRule,
    Memory,
)
from tests.core.desk import DAY_MS, PERPETUAL, START, Desk, option, rebuilt, rules

CALL = option(64_000.0, 8, True)
PUT = option(56_000.0, 8, False)
DEEP = option(40_000.0, 8, True)


def strangle(**change: object) -> Desk:
    return Desk({CALL: -100, PUT: -100}, **change)  # type: ignore[arg-type]


def test_a_hedge_ends_at_the_edge_less_half_the_clip() -> None:
    desk = Desk({DEEP: -20})
    decision = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert decision.action is Action.HEDGE, decision.text
    assert decision.plan is not None
    (line,) = decision.plan.lines
    assert line.lots > 0
    after = decision.plan.expected[0]
    lot = 10.0 / desk.index
    assert decision.target is not None
    assert after == pytest.approx(decision.target.to_low, abs=lot)
    assert decision.target.to_low == pytest.approx(-0.25 + 0.0125)
    assert rebuilt(decision) == pytest.approx(decision.exposure.book_delta, abs=1e-12)
    assert decision.memory.hedges == 1


def test_applying_the_plan_ends_the_trading() -> None:
    desk = Desk({DEEP: -20})
    first = decide(desk.book(), desk.board.market(), rules(), desk.now)
    desk.hedge_lots = first.plan.lines[0].lots
    second = decide(desk.book(memory=first.memory), desk.board.market(), rules(), desk.now)
    assert (second.action, second.reason) == (Action.NO_TRADE, "inside_band")


def test_usd_numeraire_counts_equity_less_base_coin() -> None:
    desk = strangle(equity=12.0)
    coin = decide(desk.book(), desk.board.market(), rules(), desk.now).exposure
    usd = decide(
        desk.book(), desk.board.market(), rules(numeraire="usd", base_coin=10.0), desk.now
    ).exposure
    assert usd.book_delta - coin.book_delta == pytest.approx(12.0 - 10.0, abs=1e-12)


def test_ratio_scales_the_options_alone() -> None:
    desk = Desk({DEEP: -20}, hedge_lots=3000)
    one = decide(desk.book(), desk.board.market(), rules(), desk.now).exposure
    half = decide(desk.book(), desk.board.market(), rules(ratio=0.5), desk.now).exposure
    assert half.book_delta == pytest.approx(0.5 * one.options_delta + one.hedge_delta)


def test_doubt_waits_inside_and_trades_what_is_certain_outside() -> None:
    desk = strangle()
    desk.now += 1_000
    desk.quote_hedge()
    desk.quote_option(CALL, bid=None)
    waits = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert (waits.action, waits.reason) == (Action.BLOCKED, "delta_uncertain")
    (refusal,) = waits.refusals
    assert refusal.instrument == CALL.name
    assert refusal.age_ms == 1_000
    assert "[" in refusal.reason
    desk.hedge_lots = -60_000
    trades = decide(desk.book(), desk.board.market(), rules(), desk.now)
    seen, made = trades.exposure, trades.plan
    assert trades.action is Action.HEDGE
    assert seen.low < seen.high < trades.target.trigger_low
    assert made.expected[1] == pytest.approx(trades.target.to_low, abs=2e-4)
    assert made.expected[0] < trades.target.to_low


def test_never_priced_leg_is_its_no_arbitrage_range() -> None:
    desk = Desk({CALL: -10})
    desk.board = type(desk.board)(desk.instruments)
    desk.quote_hedge()
    desk.board.apply_account(
        __import__("hedger.core.model", fromlist=["Account"]).Account(
            account="acc", time_ms=desk.now, equity=0.0
        )
    )
    decision = decide(desk.book(), desk.board.market(), rules(), desk.now)
    (doubt,) = decision.exposure.doubts
    assert (doubt.low, doubt.high, doubt.age_ms) == (-1.0, 0.0, None)


def test_open_intent_counts_as_filled_and_as_unfilled() -> None:
    desk = Desk({DEEP: -20})
    first = decide(desk.book(), desk.board.market(), rules(), desk.now)
    line = first.plan.lines[0]
    intent = Intent(
        id="0" * 32,
        book="main",
        venue="paper",
        account="acc",
        instrument=line.instrument,
        lots=line.lots,
        limit_ticks=line.limit_ticks,
        deadline_ms=0,
        low=line.low,
        high=line.high,
        seq=8,
    )
    memory = msgspec.structs.replace(first.memory, hedge_ms=0)
    second = decide(
        desk.book(intents=(intent,), memory=memory), desk.board.market(), rules(), START
    )
    assert (second.action, second.reason) == (Action.NO_TRADE, "in_flight")
    desk.hedge_lots = 20_000
    third = decide(desk.book(intents=(intent,), memory=memory), desk.board.market(), rules(), START)
    assert third.action is Action.HEDGE
    (sell,) = third.plan.lines
    assert sell.lots < 0
    assert third.plan.expected[0] == pytest.approx(third.target.to_high, abs=2e-4)
    assert (sell.low, sell.high) == (20_000 + sell.lots, 20_000 + line.lots)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bid": None}, "missing_hedge_quote"),
        ({"ask": None}, "missing_hedge_quote"),
    ],
)
def test_half_a_hedge_quote_blocks(change: dict[str, object], reason: str) -> None:
    desk = Desk({DEEP: -20})
    desk.now += 1
    desk.quote_hedge(**change)
    decision = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert (decision.action, decision.reason) == (Action.BLOCKED, reason)
    assert decision.plan is None


def test_stale_data_blocks_and_names_the_instrument() -> None:
    desk = Desk({DEEP: -20})
    late = decide(desk.book(), desk.board.market(), rules(), desk.now + 2_001)
    assert (late.action, late.reason) == (Action.BLOCKED, "stale_hedge_quote")
    assert late.refusals[0].instrument == "BTC-PERPETUAL"
    assert late.refusals[0].age_ms == 2_001
    old = decide(
        desk.book(),
        desk.board.market(),
        rules(data=DataRule(hedge_quote_age_ms_max=10**9)),
        desk.now + 5_001,
    )
    assert old.reason == "stale_forward"


def test_missing_or_stale_equity_blocks_a_usd_book() -> None:
    desk = Desk({DEEP: -20})
    desk.now += 6_000
    desk.quote_hedge()
    decision = decide(desk.book(), desk.board.market(), rules(numeraire="usd"), desk.now)
    assert (decision.action, decision.reason) == (Action.BLOCKED, "stale_equity")


def test_old_vols_are_carried_then_doubted() -> None:
    desk = strangle()
    desk.now += 299_000
    desk.quote_hedge()
    carried = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert not carried.exposure.doubts
    assert carried.warnings
    desk.now += 2_000
    desk.quote_hedge()
    doubted = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert len(doubted.exposure.doubts) == 2
    assert doubted.exposure.low < doubted.exposure.book_delta < doubted.exposure.high


def test_patience_yields_beyond_the_hard_band() -> None:
    memory = Memory(hedges=1, hedge_ms=START - 1_000, hedge_price=60_000.0)
    soft, hard = Desk({DEEP: -5}), Desk({DEEP: -20})
    cool = decide(soft.book(memory=memory), soft.board.market(), rules(), START)
    assert (cool.action, cool.reason) == (Action.NO_TRADE, "cooldown")
    still = rules(band=BandRule(min_move_pct=1.0))
    calm = decide(
        soft.book(memory=msgspec.structs.replace(memory, hedge_ms=0)),
        soft.board.market(),
        still,
        START,
    )
    assert (calm.action, calm.reason) == (Action.NO_TRADE, "min_move")
    caps = []
    for _ in range(4):
        made = decide(hard.book(memory=memory), hard.board.market(), rules(), START)
        assert made.action is Action.HEDGE
        caps.append(made.plan.slippage_bps)
        memory = made.memory
    assert caps == [10.0, 25.0, 100.0, 100.0]


def test_limits_cut_or_block() -> None:
    desk = Desk({DEEP: -200})
    tight = rules(limits=LimitRule(first_trade_max=5.0))
    blocked = decide(desk.book(), desk.board.market(), tight, START)
    assert (blocked.action, blocked.reason) == (Action.BLOCKED, "first_trade_max")
    hint = float(blocked.text.rsplit("--confirm", 1)[1])
    confirmed = decide(desk.book(confirmed=hint), desk.board.market(), tight, START)
    assert confirmed.action is Action.HEDGE
    assert confirmed.plan.lines[0].delta <= 5.0
    assert [r.rule for r in confirmed.refusals] == ["order_max"]
    busy = Memory(hedges=1, hedge_price=1.0, recent=((START - 1_000, 18.0),))
    minute = decide(desk.book(memory=busy), desk.board.market(), tight, START)
    assert minute.plan.lines[0].delta <= 2.0
    full = rules(limits=LimitRule(position_max=0.0))
    none = decide(desk.book(memory=busy), desk.board.market(), full, START)
    assert (none.action, none.reason) == (Action.BLOCKED, "position_max")


def test_memory_of_the_last_minute_is_bounded_and_forgets_nothing() -> None:
    memory, start = Memory(), START // 60_000 * 60_000
    for n in range(1_000):
        memory = msgspec.structs.replace(memory, recent=recent(memory, start + 59 * n, 0.01))
    assert len(memory.recent) <= 60
    assert sum(q for _, q in memory.recent) == pytest.approx(10.0)
    later = recent(memory, start + 120_000, 0.5)
    assert later == ((start + 120_000, 0.5),)


def test_hold_allows_only_what_reduces() -> None:
    desk = Desk({DEEP: -20})
    held = decide(desk.book(hold="why"), desk.board.market(), rules(), START)
    assert held.action is Action.HEDGE
    assert held.plan.reduces
    stopped = decide(desk.book(hold="why", stopped=True), desk.board.market(), rules(), START)
    assert (stopped.action, stopped.reason) == (Action.BLOCKED, "stopped")
    away = rules(band=BandRule(target=3.0, lower=2.9, upper=3.1, rehedge_to="target"))
    flat = Desk({option(60_000.0, 8, True): 0})
    grows = decide(flat.book(hold="why"), flat.board.market(), away, START)
    assert (grows.action, grows.reason) == (Action.BLOCKED, "hold")


def test_jump_needs_a_second_source() -> None:
    desk = Desk({DEEP: -20})
    for _ in range(5):
        desk.now += 1_000
        desk.quote_all()
    desk.now += 1_000
    desk.quote_hedge(bid=62_999.5, ask=63_000.5)
    wild = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert (wild.action, wild.reason) == (Action.BLOCKED, "jump_awaiting_confirmation")
    later = decide(desk.book(), desk.board.market(), rules(), desk.now + 300)
    assert later.reason == "unconfirmed_jump"
    desk.now += 200
    desk.index = 63_000.0
    desk.quote_hedge()
    confirmed = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert confirmed.action is Action.HEDGE, confirmed.text


def test_settlement_window_unwinds_the_hedge() -> None:
    desk = Desk({option(40_000.0, 0.02, True): -20})
    seen = []
    for minutes in (28, 20, 10, 1, 0):
        now = desk.now = START + int(0.02 * DAY_MS) - minutes * 60_000
        desk.quote_all()
        seen.append(decide(desk.book(), desk.board.market(), rules(), now).exposure.options_delta)
    assert seen == sorted(seen)
    assert seen[-1] == 0.0
    assert seen[0] == pytest.approx(28 / 30 * -2.0 * (1 - 1 / 3), rel=1e-3)


def test_decision_is_pure_and_encodes() -> None:
    desk = strangle()
    book, market, rule = desk.book(), desk.board.market(), rules()
    first, second = decide(book, market, rule, START), decide(book, market, rule, START)
    assert first == second
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first


@settings(max_examples=150, deadline=None)
@given(
    lots=st.integers(-300, 300),
    hedge=st.integers(-100_000, 100_000),
    index=st.floats(20_000.0, 150_000.0),
    lower=st.floats(-2.0, 1.0),
    width=st.floats(0.0, 3.0),
    to=st.sampled_from(["edge", "centre", "target"]),
    numeraire=st.sampled_from(["coin", "usd"]),
)
def test_after_a_full_fill_the_book_is_in_its_band(
    lots: int, hedge: int, index: float, lower: float, width: float, to: str, numeraire: str
) -> None:
    desk = Desk({CALL: lots, PUT: -lots}, index=index, hedge_lots=hedge, equity=1.0)
    band = BandRule(lower=lower, upper=lower + width, target=lower + width / 2, rehedge_to=to)
    rule = rules(
        band=band,
        numeraire=numeraire,
        limits=LimitRule(first_trade_max=1e9, order_max=1e9, per_minute_max=1e9, position_max=1e9),
    )
    decision = decide(desk.book(), desk.board.market(), rule, START)
    assert decision.action is not Action.BLOCKED, decision.text
    assert rebuilt(decision) == pytest.approx(decision.exposure.book_delta, abs=1e-9)
    target = decision.target
    if decision.action is Action.HEDGE:
        desk.hedge_lots += decision.plan.lines[0].lots
        after = decide(desk.book(memory=decision.memory), desk.board.market(), rule, START)
        lot = PERPETUAL.lot / index
        assert target.lower - lot <= after.exposure.book_delta <= target.upper + lot
        assert after.action is Action.NO_TRADE
        assert abs(after.exposure.book_delta - decision.plan.expected[0]) < 1e-9
