"""What an account is told of beside its fills, made from the exchange's own events."""

from __future__ import annotations

from hedger.core.model import AccountEvent, Happening, OrderStatus
from hedger.venues.simulator.events import Event, Funded, OrderSeen, Transferred

__all__ = ["told"]


def told(event: Event) -> AccountEvent | None:
    """The account event of an exchange's event; None for what fills or nobody tell of."""
    match event:
        case OrderSeen(status=OrderStatus.OPEN, filled=0):
            return AccountEvent(
                account=event.account,
                event_id=event.client_id,
                kind=Happening.ORDER,
                time_ms=event.ms,
                instrument=event.instrument,
                client_id=event.client_id,
                lots=event.lots,
            )
        case Transferred():
            return AccountEvent(
                account=event.account,
                event_id=event.transfer_id,
                kind=Happening.DEPOSIT if event.amount > 0 else Happening.WITHDRAWAL,
                time_ms=event.ms,
                currency=event.currency,
                amount=event.amount,
            )
        case Funded():
            return AccountEvent(
                account=event.account,
                event_id=f"F{event.ms}-{event.instrument}",
                kind=Happening.FUNDING,
                time_ms=event.ms,
                instrument=event.instrument,
                amount=event.amount,
            )
        case _:
            return None
