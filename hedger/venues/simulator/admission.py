"""Why the exchange refuses an order before it reaches the book."""

from __future__ import annotations

from hedger.core.model import Instrument, Order
from hedger.venues.simulator.matching import price_fault

__all__ = ["order_fault"]

_TIMES_IN_FORCE = ("ioc", "gtc")


def order_fault(order: Order, instrument: Instrument, *, now_ms: int, market_ms: int) -> str:
    """Reason of a rejection by the order's own words and the two clocks; empty if admitted.

    ``now_ms`` is the venue's real clock: an order is handled only before its deadline.
    """
    if now_ms >= order.deadline_ms:
        return f"late: deadline {order.deadline_ms} is not after the venue's time {now_ms}"
    if instrument.expiry_ms and market_ms >= instrument.expiry_ms:
        return f"expired: {instrument.name} settled at {instrument.expiry_ms}"
    if abs(order.lots) < instrument.min_lots:
        return f"size: {order.lots} lots, expected at least {instrument.min_lots}"
    if order.time_in_force not in _TIMES_IN_FORCE:
        return f"time in force {order.time_in_force!r}, expected one of {_TIMES_IN_FORCE}"
    if order.limit_ticks is not None:
        fault = price_fault(instrument, order.limit_ticks)
        if fault:
            return fault
    if order.post_only and (order.limit_ticks is None or order.time_in_force != "gtc"):
        return "post_only: expected a limit price and time in force gtc"
    return ""
