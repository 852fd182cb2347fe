"""From due to fill, as the service measures it: on its own orders, kept in the store."""

from __future__ import annotations

import asyncio

import pytest

from hedger.core.decide import decide
from hedger.core.model import Action, BandRule, Fill, Intent, OrderReport, OrderStatus, Sample
from hedger.service.measuring import SAMPLES_MAX, Measuring
from tests.core.desk import START, Desk, option, rules
from tests.service.room import Room, book_params, book_rules, in_room

CALL = option(62_000.0, 8.0, True)
MIDDLE = 60_000.0


def intent(lots: int) -> Intent:
    return Intent(
        id="x",
        book="main",
        venue="paper",
        account="acc",
        instrument="BTC-PERPETUAL",
        lots=lots,
        limit_ticks=1,
        deadline_ms=1,
        low=0,
        high=0,
        seq=1,
    )


def report(lots: int, price: float, time_ms: int) -> OrderReport:
    fill = Fill(
        account="acc",
        client_id="x",
        trade_id="t",
        instrument="BTC-PERPETUAL",
        lots=lots,
        price=price,
        fee=0.0,
        time_ms=time_ms,
    )
    return OrderReport(client_id="x", status=OrderStatus.FILLED, filled=lots, fills=(fill,))


def measured(*lots_prices: tuple[int, float]) -> tuple[Sample, ...]:
    """A book seen inside its band, two seconds later outside, filled 50 ms after that."""
    desk, watch = Desk(legs={CALL: -1}), Measuring()
    watch.see(decide(desk.book(), desk.board.market(), rules(), desk.now))
    desk.legs = {CALL: -100}
    desk.now += 2_000
    desk.quote_hedge()
    made = decide(desk.book(), desk.board.market(), rules(), desk.now)
    assert made.action is Action.HEDGE
    watch.see(made)
    for lots, price in lots_prices:
        watch.filled(intent(lots), made, report(lots, price, START + 2_050))
    return watch.samples


def test_due_since_the_last_check_that_found_it_inside() -> None:
    (only,) = measured((10, MIDDLE + 0.5))
    assert only.delay_ms == 2_050.0
    assert only.slippage == pytest.approx(0.0, abs=1e-12)


def test_slippage_is_what_was_paid_beyond_the_half_spread_on_either_side() -> None:
    bought, sold, better = measured((10, MIDDLE + 6.5), (-10, MIDDLE - 6.5), (10, MIDDLE - 2.5))
    assert bought.slippage == pytest.approx(6.0 / MIDDLE)
    assert sold.slippage == pytest.approx(6.0 / MIDDLE)
    assert better.slippage == pytest.approx(-3.0 / MIDDLE)


def test_an_order_without_a_fill_tells_nothing_and_the_queue_is_bounded() -> None:
    assert measured((0, MIDDLE)) == ()
    assert len(measured(*[(1, MIDDLE)] * 50)) == SAMPLES_MAX


def test_what_a_decision_has_taken_in_is_not_taken_in_again() -> None:
    desk, watch = Desk(legs={CALL: -100}), Measuring()
    made = decide(desk.book(), desk.board.market(), rules(), desk.now)
    watch.see(made)
    for lots in (1, 2):
        watch.filled(intent(lots), made, report(lots, MIDDLE, START))
    first = watch.samples
    watch.filled(intent(3), made, report(3, MIDDLE, START + 9))
    watch.taken(first)
    assert [s.delay_ms for s in watch.samples] == [9.0]
    watch.taken(first)
    assert len(watch.samples) == 1


def test_the_second_hedge_remembers_how_long_the_first_one_took() -> None:
    band = BandRule(kind="cubic", risk_aversion=6.0, cooldown_ms=0)

    async def body(room: Room) -> None:
        await room.start(books=(book_params(rules=book_rules(band=band)),))
        await room.hedged()
        await asyncio.sleep(2)
        room.venue.index *= 1.05
        await room.until(lambda: len(room.venue.log) >= 2 and room.agrees())
        memory = room.row().memory
        assert memory.fills >= 1
        assert 0.0 < memory.delay_ms < 2_000.0
        hedges = [e for e in room.journal() if e.action is Action.HEDGE]
        assert hedges[-1].target is not None
        assert hedges[-1].target.inputs is not None
        assert hedges[-1].target.inputs.delay_of.startswith("mean of the last fills")
        assert hedges[-1].memory.fills == memory.fills

    in_room(body)
