"""A book on two venues: which is hedged at, and what a silent one leaves open."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.book import book
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.joined import joined, rows
from hedger.core.model import (
    Account,
    Action,
    BookState,
    Decision,
    Fees,
    HedgeRoute,
    HedgeRule,
    Intent,
    IntentState,
    Kind,
    LimitRule,
    Memory,
    name_at,
)
from tests.core.desk import PERPETUAL, Desk, option, rules

DEEP = option(40_000.0, 8, True)
HOME, WEST = PERPETUAL.name, name_at(PERPETUAL.name, "west")
LIMITS = LimitRule(first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, position_max=20.0)


class Two:
    """The book's own venue, and one more with the same perpetual."""

    def __init__(self, *, share: float = 1.0, west_share: float = 1.0, **change: Any) -> None:
        self.home = Desk({DEEP: -100}, equity=12.0)
        self.west = Desk({}, equity=3.0)
        also = (HedgeRoute(buy=WEST, sell=WEST, share_max=west_share),)
        hedge = HedgeRule(buy=HOME, sell=HOME, share_max=share, also=also)
        self.rules = rules(hedge=hedge, limits=LIMITS, **change)
        self.held: dict[str, int] = {}
        self.fees = Fees()
        self.kind = Kind.PERPETUAL

    def market(self) -> Market:
        parts = (("", self.home.board.market()), ("west", self.west.board.market()))
        return joined(parts, row=rows(parts))

    def book(self, *intents: Intent, memory: Memory | None = None) -> Book:
        there = msgspec.structs.replace(PERPETUAL, name=WEST, fees=self.fees, kind=self.kind)
        state = BookState(
            book="main",
            seq=7,
            digest="test",
            positions={DEEP.name: -100} | self.held,
            intents=intents,
            memory=memory or Memory(),
        )
        known = self.home.instruments | {WEST: there}
        return book(state, known, account="acc", hedges={HOME, WEST}, accounts=("acc@west",))

    def decide(self, *intents: Intent, memory: Memory | None = None) -> Decision:
        held = self.book(*intents, memory=memory)
        return decide(held, self.market(), self.rules, self.home.now)

    def later(self, ms: int, *, hears: tuple[Desk, ...], index: float = 60_000.0) -> None:
        self.home.now = self.west.now = self.home.now + ms
        for desk in hears:
            desk.index = index
            desk.quote_all()


def intent(name: str, lots: int, **change: Any) -> Intent:
    made = Intent(
        id="0" * 32, book="main", venue="v", account="acc", instrument=name, lots=lots,
        limit_ticks=1, deadline_ms=0, low=-(10**9), high=10**9, seq=7,
    )  # fmt: skip
    return msgspec.structs.replace(made, **change)


def lines(decision: Decision) -> dict[str, int]:
    assert decision.plan is not None, decision.text
    return {line.instrument: line.lots for line in decision.plan.lines}


def test_the_cheaper_venue_is_hedged_at() -> None:
    two = Two()
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    assert set(lines(two.decide())) == {WEST}
    two.fees = Fees(taker=0.0005)
    assert set(lines(two.decide())) == {HOME}


def test_a_trade_is_split_where_the_best_venue_has_no_room_for_all_of_it() -> None:
    two = Two(share=0.1, west_share=0.2)
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    found = lines(two.decide())
    per_lot = PERPETUAL.lot / 60_000
    assert found[WEST] * per_lot == pytest.approx(4.0, abs=per_lot)
    assert found[HOME] * per_lot == pytest.approx(2.0, abs=per_lot)
    two.held = found
    full = two.decide()
    assert (full.action, full.reason) == (Action.BLOCKED, "share_max")


def test_a_split_ends_where_one_order_would() -> None:
    whole, split = Two().decide(), Two(west_share=0.1).decide()
    assert whole.plan is not None
    assert split.plan is not None
    two = Two(west_share=0.1)
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    split = two.decide()
    assert split.plan is not None
    assert len(split.plan.lines) == 2
    lot = PERPETUAL.lot / 60_000
    assert split.plan.expected[0] == pytest.approx(whole.plan.expected[0], abs=lot)


def test_a_venue_without_fresh_quotes_takes_itself_out_and_is_named() -> None:
    two = Two()
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    two.later(3_000, hears=(two.home,))
    decision = two.decide()
    assert set(lines(decision)) == {HOME}
    assert any(text.startswith(WEST) for text in decision.warnings)
    two.later(0, hears=(two.west,))
    two.later(3_000, hears=(two.west,))
    assert set(lines(two.decide())) == {WEST}, "its own venue may be the silent one"
    two.later(3_000, hears=())
    blocked = two.decide()
    assert (blocked.action, blocked.reason) == (Action.BLOCKED, "stale_hedge_quote")
    assert {r.instrument for r in blocked.refusals} >= {HOME, WEST}


@pytest.mark.parametrize("state", [IntentState.PENDING, IntentState.UNKNOWN])
def test_a_venue_with_an_order_that_is_not_answered_is_left_alone(state: IntentState) -> None:
    two = Two()
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    unknown = intent(WEST, 600, state=state)
    assert set(lines(two.decide(unknown))) == {HOME}
    avoiding = Memory(avoid=((WEST, two.home.now + 1),))
    assert set(lines(two.decide(memory=avoiding))) == {HOME}
    two.later(3_000, hears=(two.west,))
    assert set(lines(two.decide(unknown))) == {WEST}, "rather than nowhere"


def test_of_two_answers_awaited_the_later_one_is_likelier_to_come() -> None:
    two = Two()
    two.west.quote_hedge(bid=59_999.9, ask=60_000.1)
    first, second = intent(WEST, 60, seq=5), intent(HOME, 60, seq=6)
    assert set(lines(two.decide(first, second))) == {HOME}


@settings(max_examples=100, deadline=None)
@given(
    held=st.integers(-120_000, 120_000),
    unknown=st.integers(-120_000, 120_000).filter(bool),
    share=st.floats(0.05, 1.0),
)
def test_no_reading_of_an_unknown_order_is_over_hedged(
    held: int, unknown: int, share: float
) -> None:
    """Filled or not, the trade ends on the side of the band from which it came."""
    two = Two(share=share)
    two.held = {WEST: held} if held else {}
    decision = two.decide(intent(WEST, unknown, state=IntentState.UNKNOWN))
    if decision.action is not Action.HEDGE:
        return
    seen, plan, band = decision.exposure, decision.plan, decision.target
    assert seen is not None
    assert plan is not None
    assert band is not None
    traded = sum(line.delta for line in plan.lines)
    lot = PERPETUAL.lot / 60_000
    for before in (seen.low, seen.high):
        after = before + traded
        if traded < 0:
            assert before > band.upper
            assert after >= band.lower - lot
        else:
            assert before < band.lower
            assert after <= band.upper + lot


def test_balances_of_both_venues_count_and_old_ones_are_an_interval() -> None:
    two = Two(numeraire="usd")
    two.held = {WEST: 6_000}
    seen = two.decide().exposure
    assert seen is not None
    assert seen.equity == pytest.approx(15.0)
    assert seen.low == seen.high
    two.later(6_000, hears=(two.home,), index=60_600.0)
    later = two.decide().exposure
    assert later is not None
    assert any(doubt.instrument == "acc@west" for doubt in later.doubts)
    two.west.index = 60_600.0
    two.west.equity = 3.0 + 6_000 * 10 * (1 / 60_000 - 1 / 60_600)
    two.west.board.apply_account(
        Account(account="acc", time_ms=two.west.now, equity=two.west.equity)
    )
    two.west.quote_hedge()
    truth = two.decide().exposure
    assert truth is not None
    assert later.low < truth.book_delta < later.high
    assert truth.low == truth.high


def test_a_balance_never_seen_blocks_and_a_held_hedge_never_priced_too() -> None:
    two = Two(numeraire="usd")
    two.west = Desk({}, equity=3.0)
    two.west.board = type(two.west.board)(two.west.instruments)
    assert two.decide().reason == "missing_equity"
    two = Two()
    two.west.board = type(two.west.board)(two.west.instruments)
    assert set(lines(two.decide())) == {HOME}
    two.held = {WEST: 60_000}
    seen = two.decide().exposure
    assert seen is not None
    assert seen.high - seen.low == pytest.approx(0.4, rel=1e-3), "a perpetual is near the index"
    two.kind = Kind.FUTURE
    assert two.decide().reason == "missing_future_price"


def test_an_old_basis_is_an_interval() -> None:
    two = Two()
    two.held = {WEST: 60_000}
    two.later(301_000, hears=(two.home,))
    seen = two.decide().exposure
    assert seen is not None
    (doubt,) = (d for d in seen.doubts if d.instrument == WEST)
    assert doubt.high == pytest.approx(0.2, rel=1e-3)
    assert seen.high - seen.low == pytest.approx(2 * doubt.high)


def test_the_own_index_is_used_until_the_others_is_clearly_newer() -> None:
    two = Two()
    two.later(900, hears=(two.west,), index=60_100.0)
    assert two.market().index["BTC"].value == 60_000.0
    two.later(200, hears=(two.west,), index=60_100.0)
    assert two.market().index["BTC"].value == 60_100.0
