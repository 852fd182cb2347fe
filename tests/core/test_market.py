"""Quotes that cannot be one are refused with a reason, change nothing, and no order follows."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import Account, Action, BookState, Kind, Quote
from tests.core.desk import DAY_MS, PERPETUAL, START, Desk, option, rules

DEEP = option(40_000.0, 8, True)
NAME = PERPETUAL.name
OLD = msgspec.structs.replace(
    PERPETUAL, name="BTC-OLD", kind=Kind.FUTURE, expiry_ms=START + 90 * DAY_MS
)

bad_number = st.sampled_from([math.nan, math.inf, -math.inf, -1.0, -0.5, "x"])
any_number = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.just(0.0))


def test_board_starts_unknown() -> None:
    market = Board({NAME: PERPETUAL}).market()
    assert math.isnan(market.bid[0])
    assert market.quote_ms[0] == -1
    assert not market.index


@settings(max_examples=200, deadline=None)
@given(
    field=st.sampled_from(["bid", "ask", "bid_size", "mark", "vol", "forward", "index"]),
    value=bad_number,
)
def test_bad_numbers_are_refused_and_named(field: str, value: object) -> None:
    desk = Desk({DEEP: -20})
    before = desk.board.market()
    desk.now += 1
    refusal = desk.quote_hedge(**{field: value})
    assert refusal is not None
    assert field in refusal.reason
    assert refusal.instrument == NAME
    after = desk.board.market()
    assert after.bid[after.row[NAME]] == before.bid[before.row[NAME]]
    assert after.quote_ms[after.row[NAME]] == before.quote_ms[before.row[NAME]]
    decision = decide(desk.book(), after, rules(), desk.now)
    assert any(NAME in w and "refused" in w for w in decision.warnings)


@settings(max_examples=300, deadline=None)
@given(
    bid=any_number,
    ask=any_number,
    mark=any_number,
    index=any_number,
    step=st.integers(-10_000, 10_000),
)
def test_no_order_follows_from_a_bad_quote(
    bid: float | None, ask: float | None, mark: float | None, index: float | None, step: int
) -> None:
    """Whatever arrives as the only news, an order needs a fresh, sane, two-sided hedge quote."""
    desk = Desk({DEEP: -20})
    board = desk.board = Board(desk.instruments)
    quote = Quote(
        instrument=NAME, time_ms=desk.now + step, bid=bid, ask=ask, mark=mark, index=index
    )
    refusal = board.apply(quote)
    desk.now += 2_000
    desk.quote_option(DEEP)
    board.apply_account(Account(account="acc", time_ms=desk.now, equity=0.0))
    decision = decide(desk.book(), board.market(), rules(), desk.now)
    if decision.action is Action.HEDGE:
        assert refusal is None
        assert bid is not None
        assert ask is not None
        assert 0 < bid <= ask < math.inf
        assert -1_000 <= desk.now - quote.time_ms <= 2_000
    else:
        assert decision.plan is None or not decision.plan.lines
        assert decision.text


@pytest.mark.parametrize("price", [1e-300, 5e-324, 1e31, 8.9e307])
@pytest.mark.parametrize("field", ["bid", "ask", "forward", "index"])
def test_a_price_that_nobody_quotes_is_refused(field: str, price: float) -> None:
    refusal = Desk({DEEP: -20}).quote_hedge(**{field: price})
    assert refusal is not None
    assert f"{field} is {price!r}, expected 1e-30 to 1e+30" in refusal.reason


def test_crossed_back_in_time_and_unknown() -> None:
    desk = Desk({DEEP: -20})
    crossed = desk.quote_hedge(bid=60_001.0, ask=60_000.0)
    assert "crossed" in crossed.reason
    back = desk.quote_hedge(time_ms=desk.now - 1)
    assert back.rule == "back_in_time"
    unknown = desk.board.apply(Quote(instrument="ETH-PERPETUAL", time_ms=1, bid=1.0, ask=2.0))
    assert unknown.rule == "unknown_instrument"
    huge = desk.quote_option(DEEP, vol=500.0)
    assert "vol" in huge.reason


@pytest.mark.parametrize("equity", [math.nan, math.inf])
def test_bad_equity_is_refused(equity: float) -> None:
    desk = Desk({DEEP: -20}, equity=3.0)
    refusal = desk.board.apply_account(Account(account="acc", time_ms=desk.now + 1, equity=equity))
    assert refusal is not None
    assert desk.board.market().accounts["acc"].equity == 3.0
    back = desk.board.apply_account(Account(account="acc", time_ms=desk.now - 1, equity=1.0))
    assert "before" in back.reason


def test_a_passing_bad_print_leaves_no_trace() -> None:
    desk = Desk({DEEP: -20})
    for _ in range(10):
        desk.now += 1_000
        desk.quote_all()
    calm = decide(desk.book(), desk.board.market(), rules(), desk.now)
    desk.now += 100
    desk.quote_hedge(bid=50_000.0, ask=50_001.0)
    assert desk.board.market().suspects
    desk.now += 100
    desk.quote_hedge()
    assert not desk.board.market().suspects
    again = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert again.plan.lines == calm.plan.lines


def test_a_real_crash_is_traded_at_once() -> None:
    desk = Desk({DEEP: -20})
    for _ in range(10):
        desk.now += 1_000
        desk.quote_all()
    desk.now += 1_000
    desk.index *= 0.85
    desk.quote_hedge()
    assert not desk.board.market().suspects
    decision = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert decision.action is Action.HEDGE


def test_a_second_source_may_take_its_time() -> None:
    """However often the index ticks before it follows, the jump can still be confirmed."""
    desk = Desk({DEEP: -20})
    for _ in range(10):
        desk.now += 1_000
        desk.quote_all()
    for n in range(300):
        desk.now += 50
        desk.quote_hedge(bid=62_999.5, ask=63_000.5, mark=60_000.0, index=60_000.0 + n % 2)
    assert desk.board.market().suspects
    desk.now += 50
    desk.index = 63_000.0
    desk.quote_hedge()
    assert not desk.board.market().suspects


def test_snapshots_do_not_change() -> None:
    desk = Desk({DEEP: -20})
    before = desk.board.market()
    bid = before.bid.copy()
    desk.now += 1
    desk.index += 10.0
    desk.quote_hedge()
    assert (before.bid[before.row[NAME]] == bid[before.row[NAME]]).all()
    assert desk.board.market() is desk.board.market()


def calm(desk: Desk) -> None:
    for _ in range(10):
        desk.now += 1_000
        desk.quote_all()


def test_many_small_steps_within_a_second_are_one_move() -> None:
    desk = Desk({DEEP: -20})
    calm(desk)
    for n in range(1, 51):
        desk.now += 10
        price = 60_000.0 * (1.0 - 2e-4 * n)
        desk.quote_hedge(bid=price - 0.5, ask=price + 0.5, mark=60_000.0, index=60_000.0)
    assert NAME in desk.board.market().suspects


def test_a_source_is_believed_again_after_an_outage_of_its_own() -> None:
    desk = Desk({DEEP: -20})
    calm(desk)
    for _ in range(1_000):
        desk.now += 100
        desk.index *= 1.00004
        desk.quote_option(DEEP)
    desk.now += 100
    desk.quote_hedge()
    assert not desk.board.market().suspects


def test_a_bad_first_print_does_not_block_for_ever() -> None:
    desk = Desk({DEEP: -20})
    desk.board = Board(desk.instruments)
    desk.quote_hedge(bid=40_000.0, ask=50_000.0, mark=None)
    desk.now += 100
    desk.quote_hedge(mark=None)
    assert not desk.board.market().suspects


def test_a_held_future_is_watched_like_the_hedge() -> None:
    desk = Desk({DEEP: -20})
    desk.instruments[OLD.name] = OLD
    desk.board.add({OLD.name: OLD})
    for price in (66_000.0, 66_000.0, 33_000.0):
        desk.now += 1_000
        desk.quote_all()
        desk.quote_hedge(instrument=OLD.name, bid=price, ask=price, mark=None)
    positions = {DEEP.name: -20, OLD.name: 30_000}
    state = BookState(book="main", seq=1, digest="", positions=positions)
    held = book(state, desk.instruments, account="acc", hedges={NAME})
    decision = decide(held, desk.board.market(), rules(), desk.now)
    assert decision.action is Action.BLOCKED
    assert decision.refusals[0].instrument == OLD.name
