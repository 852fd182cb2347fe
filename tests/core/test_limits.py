"""Limits hold to the lot and on every reading of what is open; no clock set back jams them."""

from __future__ import annotations

import msgspec
import pytest

from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.model import (
    Action,
    BandRule,
    BookState,
    HedgeRule,
    Intent,
    Kind,
    LimitRule,
    Memory,
)
from tests.core.desk import DAY_MS, LINEAR_PERPETUAL, PERPETUAL, START, Desk, option, rules

DEEP = option(40_000.0, 8, True)
WIDE = LimitRule(first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, position_max=1e3)
OLD = msgspec.structs.replace(
    PERPETUAL, name="BTC-OLD", kind=Kind.FUTURE, expiry_ms=START + 90 * DAY_MS
)


def limits(**change: float) -> LimitRule:
    return msgspec.structs.replace(WIDE, **change)


def intent(name: str, lots: int) -> Intent:
    return Intent(
        id=f"{name}{lots}",
        book="main",
        venue="paper",
        account="acc",
        instrument=name,
        lots=lots,
        limit_ticks=1,
        deadline_ms=1,
        low=0,
        high=0,
        seq=6,
    )


@pytest.mark.parametrize("rule", ["order_max", "per_minute_max", "position_max"])
def test_rounding_to_lots_stays_within_a_limit(rule: str) -> None:
    """The nearest lot may be the larger one; a limit just above the wanted size forbids it."""
    for lots in range(-30, -4):
        desk = Desk({DEEP: lots})
        free = decide(desk.book(), desk.board.market(), rules(limits=WIDE), desk.now).plan
        assert free is not None
        bound = abs(free.wanted) + 1e-9
        tight = rules(limits=limits(**{rule: bound}))
        made = decide(desk.book(), desk.board.market(), tight, desk.now).plan
        assert made is not None
        assert all(abs(line.delta) <= bound for line in made.lines)


def test_position_limit_counts_what_is_on_order() -> None:
    desk = Desk({DEEP: -300}, hedge_lots=30_000)  # 5 coin held, 6 more on order
    rule = rules(limits=limits(position_max=12.0))
    open_ = (intent(PERPETUAL.name, 36_000),)
    decision = decide(desk.book(intents=open_), desk.board.market(), rule, desk.now)
    (line,) = decision.plan.lines
    assert line.delta == pytest.approx(1.0, abs=2e-4)
    assert decision.exposure.hedge_high + line.delta <= 12.0


@pytest.mark.parametrize("sign", [1, -1])
def test_too_large_a_position_may_be_reduced_but_not_grow(sign: int) -> None:
    rule = rules(limits=limits(position_max=2.0))
    desk = Desk({DEEP: -sign}, hedge_lots=sign * 30_000)
    shrinks = decide(desk.book(), desk.board.market(), rule, desk.now)
    assert shrinks.action is Action.HEDGE
    assert shrinks.plan.lines[0].lots * sign < 0
    desk = Desk({DEEP: -sign * 90}, hedge_lots=sign * 30_000)
    grows = decide(desk.book(), desk.board.market(), rule, desk.now)
    assert (grows.action, grows.reason) == (Action.BLOCKED, "position_max")


def test_a_clock_set_back_jams_neither_cooldown_nor_minute() -> None:
    """A replay begins again: what lies far ahead of now says nothing of the last minute."""
    desk = Desk({DEEP: -5})
    ahead = desk.now + 10 * DAY_MS
    memory = Memory(hedges=1, hedge_ms=ahead, hedge_price=6e4, recent=((ahead, 20.0),))
    rule = rules(limits=limits(per_minute_max=20.0))
    decision = decide(desk.book(memory=memory), desk.board.market(), rule, desk.now)
    assert decision.action is Action.HEDGE, decision.text
    assert [ms for ms, _ in decision.memory.recent] == [desk.now]
    near = msgspec.structs.replace(memory, hedge_ms=desk.now + 100)
    waits = decide(desk.book(memory=near), desk.board.market(), rule, desk.now)
    assert waits.reason == "cooldown"


def test_a_band_fits_a_lot_of_either_hedge_instrument() -> None:
    coarse = msgspec.structs.replace(LINEAR_PERPETUAL, lot=0.5)
    desk = Desk({DEEP: -20})
    desk.instruments[coarse.name] = coarse
    desk.board.add({coarse.name: coarse})
    linear = {"instrument": coarse.name, "mark": desk.index}
    desk.quote_hedge(**linear)
    rule = msgspec.structs.replace(
        rules(numeraire="usd", band=BandRule(lower=-0.001, upper=0.001)),
        hedge=HedgeRule(buy=PERPETUAL.name, sell=coarse.name),
    )
    state = BookState(book="main", seq=1, digest="", positions={DEEP.name: -20})
    held = book(state, desk.instruments, account="acc", hedges={PERPETUAL.name, coarse.name})
    target = decide(held, desk.board.market(), rule, desk.now).target
    assert target.upper - target.lower == pytest.approx(0.5)


def test_an_open_order_of_a_former_hedge_instrument_is_in_flight() -> None:
    desk = Desk({DEEP: -20})
    desk.instruments[OLD.name] = OLD
    desk.board.add({OLD.name: OLD})
    held = desk.book(intents=(intent(OLD.name, 6_000),))
    blind = decide(held, desk.board.market(), rules(), desk.now)
    assert (blind.action, blind.reason) == (Action.BLOCKED, "missing_future_price")
    desk.quote_hedge(instrument=OLD.name)
    seen = decide(held, desk.board.market(), rules(), desk.now).exposure
    assert seen.high - seen.low == pytest.approx(1.0, abs=1e-6)


def test_what_has_expired_needs_no_market() -> None:
    gone = option(50_000.0, -1, True, name="gone")
    future = msgspec.structs.replace(OLD, name="BTC-GONE", expiry_ms=START - 1)
    desk = Desk({DEEP: -20})
    desk.instruments |= {gone.name: gone, future.name: future}
    positions = {DEEP.name: -20, gone.name: 7, future.name: 900}
    state = BookState(book="main", seq=1, digest="", positions=positions)
    held = book(state, desk.instruments, account="acc", hedges={PERPETUAL.name})
    decision = decide(held, desk.board.market(), rules(), desk.now)
    assert decision.action is Action.HEDGE, decision.text
    assert decision.exposure.legs == 1
    assert decision.exposure.futures_delta == 0.0
