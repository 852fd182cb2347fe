"""Everything the exchange knows, and the one way to change it: applying an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from hedger.core.model import Instrument
from hedger.errors import MissingQuote
from hedger.venues.simulator.events import (
    Bar,
    Covered,
    Event,
    Funded,
    Leg,
    Opened,
    OrderSeen,
    Settled,
    Traded,
    Transferred,
)
from hedger.venues.simulator.ledger import Ledger
from hedger.venues.simulator.margin import MarginRules
from hedger.venues.simulator.orders import Orders
from hedger.venues.simulator.published import Published

__all__ = ["State"]


class State:
    """Contracts, accounts, orders and the last market; ``margin`` is None where none is asked."""

    def __init__(
        self, instruments: dict[str, Instrument], margin: MarginRules | None = None
    ) -> None:
        self.instruments = instruments
        self.margin = margin
        self.ledger = Ledger(instruments)
        self.orders = Orders()
        self.market = Published(instruments)
        self.transfers: dict[str, list[Transferred]] = {}

    def apply(self, event: Event) -> None:
        """Change accounts and orders as the event says; a `Bar` moves market time and index."""
        match event:
            case Opened():
                self.ledger.opened(event)
            case OrderSeen():
                self.orders.seen(event)
            case Traded():
                self.ledger.traded(event)
                self.orders.traded(event)
            case Transferred():
                self.ledger.transferred(event)
                self.transfers.setdefault(event.account, []).append(event)
            case Covered():
                self.ledger.covered(event)
            case Funded():
                self.ledger.funded(event)
            case Settled():
                self.ledger.settled(event)
                self.orders.settled(event)
            case Bar():
                self.market.walk(event.ms, event.index)
            case _:
                assert_never(event)

    def positions(self, account: str) -> dict[str, int]:
        """Signed lots of every instrument held; empty for an unknown account."""
        found = self.ledger.accounts.get(account)
        return found.positions() if found else {}

    def equity(self, account: str, mark: Callable[[str], float]) -> float:
        """Coin value of an account at these marks; raises `MissingQuote`."""
        index = self.market.index_of(self.ledger.accounts[account].underlying)
        coin, other = self.ledger.balances(account, mark)
        return coin + other / index

    def known_equity(self, account: str, mark: Callable[[str], float]) -> float | None:
        """Coin value of an account, or None while a mark is missing."""
        try:
            return self.equity(account, mark)
        except MissingQuote:
            return None

    def described(self, event: Event) -> Event:
        """The event, a trade with the account as it stands after it."""
        if not isinstance(event, Traded):
            return event
        event = msgspec.structs.replace(
            event,
            legs=self.legs(event.account),
            cash=dict(self.ledger.accounts[event.account].cash),
        )
        try:
            equity = self.equity(event.account, self.market.shown_mark)
            quote = self.ledger.balances(event.account, self.market.shown_mark)[1]
        except MissingQuote:
            return event
        return msgspec.structs.replace(event, equity=equity, quote_equity=quote)

    def legs(self, account: str) -> tuple[Leg, ...]:
        """All positions with their shown market; None stands for a number not shown."""
        return tuple(self._leg(name, lots) for name, lots in self.positions(account).items())

    def _leg(self, name: str, lots: int) -> Leg:
        try:
            shown = self.market.shown(name)
        except MissingQuote:
            return Leg(instrument=name, lots=lots, forward=None, vol=None, mark=None)
        return Leg(
            instrument=name, lots=lots, forward=shown.forward, vol=shown.vol, mark=shown.mark
        )
