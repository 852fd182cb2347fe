"""Every order the exchange was ever sent, by account and client id; changed by events alone.

Client ids are unique for ever: what is recorded here is never executed again.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from hedger.core.model import Fill, OrderReport, OrderStatus
from hedger.venues.simulator.events import OrderSeen, Settled, Traded

__all__ = ["SETTLEMENT_ID", "Entry", "Orders"]

SETTLEMENT_ID = "settlement"


@dataclass(slots=True)
class Entry:
    """An order's last state and its fills; ``seen`` is None if only fills were recorded."""

    seen: OrderSeen | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """Cumulative signed lots."""
        return sum(fill.lots for fill in self.fills)


class Orders:
    """Orders and fills of all accounts; ``resting`` holds the open ones in order of arrival."""

    def __init__(self) -> None:
        self.resting: dict[tuple[str, str], OrderSeen] = {}
        self._entries: dict[tuple[str, str], Entry] = {}
        self._fills: dict[str, list[Fill]] = {}
        self._trades = 0

    def next_trade_id(self) -> str:
        """Id of the next trade; the counter moves when the trade is recorded."""
        return f"T{self._trades + 1}"

    def seen(self, event: OrderSeen) -> None:
        """Record an order's state."""
        key = (event.account, event.client_id)
        self._entries.setdefault(key, Entry()).seen = event
        if event.status is OrderStatus.OPEN:
            self.resting[key] = event
        else:
            self.resting.pop(key, None)

    def traded(self, event: Traded) -> None:
        """Record a fill of an order, known already or not."""
        self._trades += 1
        fill = Fill(
            account=event.account,
            client_id=event.client_id,
            trade_id=event.trade_id,
            instrument=event.instrument,
            lots=event.lots,
            price=event.price,
            fee=event.fee,
            time_ms=event.ms,
            kind=event.kind,
            block=event.block,
            block_legs=event.block_legs,
        )
        self._entries.setdefault((event.account, event.client_id), Entry()).fills.append(fill)
        self._fills.setdefault(event.account, []).append(fill)

    def settled(self, event: Settled) -> None:
        """Record a settlement as a fill without a fee."""
        fill = Fill(
            account=event.account,
            client_id=SETTLEMENT_ID,
            trade_id=event.trade_id,
            instrument=event.instrument,
            lots=event.lots,
            price=event.value,
            fee=0.0,
            time_ms=event.ms,
            kind="settlement",
        )
        self._fills.setdefault(event.account, []).append(fill)

    def known(self, account: str, client_id: str) -> bool:
        """Whether this id was ever used on the account."""
        return (account, client_id) in self._entries

    def report(self, account: str, client_id: str) -> OrderReport:
        """The venue's answer about one order.

        An order of which a torn log kept fills but no state counts as cancelled beyond them.
        """
        entry = self._entries.get((account, client_id))
        if entry is None:
            return OrderReport(client_id=client_id, status=OrderStatus.NOT_FOUND)
        seen = entry.seen
        return OrderReport(
            client_id=client_id,
            status=seen.status if seen else OrderStatus.CANCELLED,
            filled=entry.filled,
            fills=tuple(entry.fills),
            reason=seen.reason if seen else "log ends within this order",
        )

    def fills(self, account: str, since_ms: int) -> list[Fill]:
        """All fills of an account since a market instant, oldest first."""
        fills = self._fills.get(account, [])
        return fills[bisect_left(fills, since_ms, key=lambda fill: fill.time_ms) :]
