"""An order's way through the exchange: admitted or rejected, matched, resting, cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hedger.core.model import Instrument, Order, OrderStatus
from hedger.venues.simulator import collateral
from hedger.venues.simulator.admission import order_fault
from hedger.venues.simulator.deals import deal
from hedger.venues.simulator.events import Event, OrderSeen, Traded
from hedger.venues.simulator.fees import fee
from hedger.venues.simulator.matching import Take
from hedger.venues.simulator.state import State

__all__ = ["cancelled", "closed", "matched_resting", "placed"]


def placed(state: State, order: Order, *, now_ms: int) -> Iterator[Event]:
    """Events of a new order; each must be applied before the next is drawn."""
    seen = OrderSeen(
        ms=state.market.time_ms,
        account=order.account,
        client_id=order.client_id,
        instrument=order.instrument,
        lots=order.lots,
        limit_ticks=order.limit_ticks,
        deadline_ms=order.deadline_ms,
        status=OrderStatus.OPEN,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        real_ms=now_ms,
    )
    reason = _rejection(state, order, now_ms=now_ms)
    if reason:
        yield msgspec.structs.replace(seen, status=OrderStatus.REJECTED, reason=reason)
        return
    instrument = state.instruments[order.instrument]
    lots = _allowed(state, seen, order.lots)
    takes = state.market.depth(instrument).take(lots=lots, limit_ticks=order.limit_ticks)
    for take in takes:
        yield _trade(state, seen, instrument, take, fee_as_maker=False)
    yield _outcome(state, seen, filled=sum(take.lots for take in takes))


def matched_resting(state: State) -> Iterator[Event]:
    """Events of resting orders at a new instant: best price first, then oldest first.

    An order fills at its own price once the shown opposite side reaches it.
    """
    for seen in sorted(state.orders.resting.values(), key=_priority):
        instrument = state.instruments[seen.instrument]
        if instrument.expiry_ms and instrument.expiry_ms <= state.market.time_ms:
            yield closed(state, seen, "expired")
            continue
        lots = _allowed(state, seen, seen.lots - seen.filled)
        if lots == 0:
            yield closed(state, seen, "reduce_only: no position left to reduce")
            continue
        assert seen.limit_ticks is not None, "market orders never rest"
        depth = state.market.depth(instrument)
        taken = sum(t.lots for t in depth.take(lots=lots, limit_ticks=seen.limit_ticks))
        if taken:
            take = Take(seen.limit_ticks * instrument.tick, taken)
            now = msgspec.structs.replace(seen, ms=state.market.time_ms, real_ms=0)
            yield _trade(state, now, instrument, take, fee_as_maker=True)
            yield _outcome(state, now, filled=seen.filled + taken)


def cancelled(state: State, seen: OrderSeen) -> OrderSeen:
    """Event of a cancel request for a resting order."""
    return closed(state, seen, "cancelled by request")


def _rejection(state: State, order: Order, *, now_ms: int) -> str:
    account = state.ledger.accounts.get(order.account)
    instrument = state.instruments.get(order.instrument)
    if account is None:
        return f"account: {order.account!r} is not open here"
    if instrument is None:
        return f"instrument: {order.instrument!r} is not listed here"
    if instrument.underlying != account.underlying:
        return f"instrument: account {order.account!r} trades {account.underlying} only"
    if not state.market.is_open:
        return "closed: no market instant yet"
    reason = order_fault(order, instrument, now_ms=now_ms, market_ms=state.market.time_ms)
    if reason:
        return reason
    held = account.lots(order.instrument)
    if order.reduce_only and held * order.lots >= 0:
        return f"reduce_only: position is {held} lots, order {order.lots}"
    depth = state.market.depth(instrument)
    if order.post_only and depth.crosses(lots=order.lots, limit_ticks=order.limit_ticks):
        return "post_only: the price would trade at once"
    if state.margin is not None and not order.reduce_only:
        return collateral.order_fault(state, state.margin, order, instrument)
    return ""


def _allowed(state: State, seen: OrderSeen, lots: int) -> int:
    """Lots that may fill now: all of them, or up to a flat position for reduce-only."""
    if not seen.reduce_only:
        return lots
    held = state.ledger.accounts[seen.account].lots(seen.instrument)
    if held * lots >= 0:
        return 0
    return max(-abs(held), min(abs(held), lots))


def _trade(
    state: State, seen: OrderSeen, instrument: Instrument, take: Take, *, fee_as_maker: bool
) -> Traded:
    index = state.market.index_of(instrument.underlying)
    return deal(
        state,
        seen.account,
        instrument,
        take,
        fee=fee(instrument, lots=take.lots, price=take.price, index=index, is_maker=fee_as_maker),
        client_id=seen.client_id,
        maker=fee_as_maker,
        real_ms=seen.real_ms,
    )


def _outcome(state: State, seen: OrderSeen, *, filled: int) -> OrderSeen:
    """State of an order after what could fill has filled."""
    status, reason = OrderStatus.FILLED, ""
    if filled != seen.lots:
        rests = seen.time_in_force == "gtc" and seen.limit_ticks is not None
        if rests and _allowed(state, seen, seen.lots - filled):
            status = OrderStatus.OPEN
        else:
            status = OrderStatus.CANCELLED
            reason = f"{filled} of {seen.lots} lots filled, the rest found no quote to trade with"
    return msgspec.structs.replace(seen, status=status, reason=reason, filled=filled)


def closed(state: State, seen: OrderSeen, reason: str) -> OrderSeen:
    """Event of a resting order that ends without filling any more."""
    return msgspec.structs.replace(
        seen, ms=state.market.time_ms, status=OrderStatus.CANCELLED, reason=reason, real_ms=0
    )


def _priority(seen: OrderSeen) -> float:
    """Sort key: a higher buy or a lower sell comes first; the sort keeps arrival order."""
    ticks = seen.limit_ticks or 0
    return -ticks if seen.lots > 0 else ticks
