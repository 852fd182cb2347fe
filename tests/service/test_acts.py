"""Acts through a worker: what it sends, what it survives, and that its judge, the log, agrees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.clock import wall_ms
from hedger.core.model import Act, Action, ActKind, BandRule, Quote
from pricing import black
from tests.core.desk import DAY_MS, PERPETUAL
from tests.service.room import (
    CALL,
    HEDGE,
    LEGS,
    Room,
    adrift,
    alarms,
    book_params,
    book_rules,
    in_room,
    reasons,
)
from tests.service.venue import LOST_AFTER, LOST_BEFORE, REJECT
from tests.service.venue import Act as Fate

HARD = 0.75
"""The book's band is half a coin wide, its hard band three times that."""


def asked(kind: str, **more: Any) -> Act:
    fields = {"reason": "a drill", "asked_ms": wall_ms()} | more
    return Act(kind=ActKind(kind), who="anna", **fields)


def books() -> Any:
    return (book_params(rules=book_rules(band=BandRule(lower=-0.25, upper=0.25))),)


def deltas(room: Room) -> list[tuple[str, float]]:
    """Delta of the whole account after each execution, by the log alone."""
    greeks = black(
        forward=room.venue.index,
        strike=CALL.strike,
        time_to_expiry=(CALL.expiry_ms - room.clock.market_ms()) / (365.0 * DAY_MS),
        vol=0.5,
        is_call=True,
    )
    unit = float(greeks.delta) - float(greeks.price) / room.venue.index
    held = dict(LEGS[CALL] and {CALL.name: LEGS[CALL]})
    found = []
    for line in room.venue.log:
        held[line.instrument] = held.get(line.instrument, 0) + line.lots
        perpetual = held.get(HEDGE, 0) * PERPETUAL.lot / room.venue.index
        found.append((line.instrument, held[CALL.name] * CALL.lot * unit + perpetual))
    return found


def judge_close(room: Room) -> None:
    """Flat at the end, never beyond the hard band, and no hedge away before its option."""
    assert not any(room.venue.held.values()), room.venue.held
    assert room.agrees()
    hedged = next(i for i, (name, _) in enumerate(deltas(room)) if name == HEDGE)
    for name, delta in deltas(room)[hedged:]:
        assert abs(delta) <= HARD + 0.02, (name, delta)
    last_option = max(i for i, line in enumerate(room.venue.log) if line.instrument == CALL.name)
    before = [line for line in room.venue.log[:last_option] if line.instrument == HEDGE]
    assert before[-1].position > 0, "the hedge stood until the last option was gone"
    sent = [order.client_id for _, order in room.venue.received]
    assert len(sent) == len(set(sent)), "an id was sent twice"


async def closed(room: Room) -> None:
    await room.until(lambda: not any(room.venue.held.values()) and room.agrees(), longest_s=120)
    await room.until(lambda: reasons(room)[-1] == "closed")


def test_close_takes_options_and_hedge_leg_by_leg_and_stays_closed() -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        assert await room.store.ask("main", asked("close")) == "ok"
        await closed(room)
        judge_close(room)
        sent = len(room.venue.received)
        room.venue.index *= 1.1
        await asyncio.sleep(30)
        assert len(room.venue.received) == sent, "a closed book stays closed"
        assert room.row().act is not None
        assert room.journal()[-1].act == "close, asked by anna: a drill"
        await room.store.resume("main", who="anna")
        assert room.row().act is None
        await asyncio.sleep(15)
        assert reasons(room)[-1] == "inside_band"

    in_room(body)


@pytest.mark.parametrize("fate", [LOST_AFTER, LOST_BEFORE, REJECT, Fate(share=0.4)], ids=str)
def test_close_survives_what_an_exchange_does_to_orders(fate: Fate) -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        room.venue.script.extend([fate, Fate(), fate, Fate(), Fate(), fate])
        await room.store.ask("main", asked("close"))
        await closed(room)
        judge_close(room)

    in_room(body)


@pytest.mark.parametrize("after", range(2, 8))
def test_a_worker_that_dies_in_the_middle_of_a_close_is_followed_by_one_that_goes_on(
    after: int,
) -> None:
    """Whichever order was the last, its answer lost or not."""

    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        await room.store.ask("main", asked("close"))
        await room.until(lambda: len(room.venue.received) >= after)
        await room.kill()
        held = room.venue.held[CALL.name]
        await room.start("w2", books=books())
        await closed(room)
        assert held < 0, "it died before the end"
        judge_close(room)

    in_room(body)


def test_an_option_without_a_fresh_market_is_left_with_its_hedge_and_somebody_is_told(
    logs: list[Any],
) -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        quotes = room.venue.quotes
        room.venue.quotes = lambda: [  # type: ignore[method-assign]
            q for q in quotes() if q.instrument != CALL.name
        ]
        await asyncio.sleep(11)
        sent = len(room.venue.received)
        await room.store.ask("main", asked("close"))
        await room.until(lambda: reasons(room)[-1] == "close_waits")
        assert len(room.venue.received) == sent
        last = room.journal()[-1]
        assert last.action is Action.BLOCKED
        (stale,) = last.refusals
        assert (stale.rule, stale.instrument) == ("close_stale_quote", CALL.name)
        assert "close_waits" in alarms(logs)
        room.venue.index *= 1.02  # the option moves: it is hedged on while it waits
        await room.until(lambda: len(room.venue.received) > sent)
        assert {order.instrument for _, order in room.venue.received[sent:]} == {HEDGE}
        room.venue.quotes = quotes  # type: ignore[method-assign]
        await closed(room)

    in_room(body)


def test_a_crossed_quote_or_nan_is_never_traded_on() -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        quotes = room.venue.quotes

        def bad() -> list[Quote]:
            now, index = room.clock.market_ms(), room.venue.index
            crossed = Quote(instrument=CALL.name, time_ms=now, bid=0.03, ask=0.02, index=index)
            return [crossed if q.instrument == CALL.name else q for q in quotes()]

        room.venue.quotes = bad  # type: ignore[method-assign]
        await asyncio.sleep(0.3)
        await room.store.ask("main", asked("close"))
        await room.until(lambda: reasons(room)[-1] == "close_waits")
        await asyncio.sleep(3)
        assert room.venue.held[CALL.name] == LEGS[CALL]
        assert "crossed" in room.journal()[-1].text

    in_room(body)


def test_neutral_trades_once_to_the_centre_and_then_the_band_rules_again() -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        room.venue.index *= 1.008  # inside the band, off the centre
        await asyncio.sleep(1)
        sent, before = len(room.venue.received), room.venue.held[HEDGE]
        await room.store.ask("main", asked("neutral"))
        await room.until(lambda: room.row().act is None)
        assert len(room.venue.received) == sent + 1
        assert adrift(room, before) > 0.2
        assert room.journal()[-1].reason == "neutral"
        low, high = room.journal()[-1].exposure.low, room.journal()[-1].exposure.high
        assert max(abs(low), abs(high)) < 0.001
        await asyncio.sleep(5)
        assert len(room.venue.received) == sent + 1

    in_room(body)


def test_cancel_takes_back_what_works_and_sends_nothing_meanwhile() -> None:
    async def body(room: Room) -> None:
        cancelled: list[str] = []
        query = room.venue.query

        async def cancel(account: str, client_id: str) -> Any:
            cancelled.append(client_id)
            return await query(account, client_id)

        room.venue.cancel = cancel  # type: ignore[method-assign]
        room.venue.script.append(Fate(arrives_s=0.2, replies_s=None))
        room.venue.stream_fills = False
        await room.start(books=books(), order_timeout_ms_min=900, lease_ms=4_000)
        await room.until(lambda: room.venue.received)
        (order,) = (order for _, order in room.venue.received)
        await room.store.ask("main", asked("cancel"))
        room.venue.index *= 1.1  # would be hedged at once
        await room.until(lambda: room.row().act is None)
        assert set(cancelled) == {order.client_id}
        assert len(room.venue.received) == 1, "nothing new before the old is gone"
        assert not room.row().intents
        assert "cancelling" in reasons(room)
        assert "cancelled" in reasons(room)
        await room.until(lambda: len(room.venue.received) == 2)

    in_room(body)


def test_a_hold_pauses_a_close_and_resume_ends_both() -> None:
    async def body(room: Room) -> None:
        await room.start(books=books())
        await room.hedged()
        await room.store.ask("main", asked("close"))
        await room.until(lambda: room.venue.held[CALL.name] > LEGS[CALL])
        await room.store.hold("main", "lunch", stop=True)
        await asyncio.sleep(1)
        held, sent = dict(room.venue.held), len(room.venue.received)
        await asyncio.sleep(10)
        assert (room.venue.held, len(room.venue.received)) == (held, sent)
        assert room.journal()[-1].hold == "stopped: lunch"
        await room.store.resume("main", who="anna")
        await asyncio.sleep(5)
        assert room.venue.held[CALL.name] == held[CALL.name], "resumed means released"

    in_room(body)


@pytest.mark.parametrize(("kind", "late_ms"), [("cancel", 31_000), ("neutral", 901_000)])
def test_an_act_that_cannot_be_done_is_given_up_and_the_hedging_goes_on(
    kind: str, late_ms: int, logs: list[Any]
) -> None:
    """An order without an answer must not keep a book from hedging for ever."""

    async def body(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        room.venue.stream_fills = False
        await room.start(books=books(), order_timeout_ms_min=900, lease_ms=4_000)
        await room.until(lambda: room.row().intents)
        await room.store.ask("main", asked(kind, asked_ms=wall_ms() - late_ms))
        await room.until(lambda: room.row().act is None, longest_s=3)
        assert "act_given_up" in alarms(logs)
        await room.hedged()

    in_room(body)


def test_a_stopped_book_may_be_told_to_cancel_and_nothing_else() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(Fate(arrives_s=0.2, replies_s=None))
        await room.start(books=books(), order_timeout_ms_min=900, lease_ms=4_000)
        await room.until(lambda: room.venue.received)
        await room.store.hold("main", "fire", stop=True)
        assert await room.store.ask("main", asked("close")) == "stopped"
        assert await room.store.ask("main", asked("cancel")) == "ok"
        await room.until(lambda: room.row().act is None and not room.row().intents)
        assert len(room.venue.received) == 1

    in_room(body)
