"""Market data waiting for a reader: the newest quote per instrument wins, fills are never lost."""

from __future__ import annotations

from collections.abc import Iterable

from hedger.core.model import Account, AccountEvent, Fill, Quote
from hedger.ports import Batch

FILLS_MAX = 10_000


class FillsOverflowError(ConnectionError):
    """A reader left so many fills unread that its connection ends; it will ask for them again."""


class Pending:
    """What one reader has not taken yet; bounded by the number of instruments and `FILLS_MAX`."""

    def __init__(self) -> None:
        self.market_ms = 0
        self._quotes: dict[str, Quote] = {}
        self._accounts: dict[str, Account] = {}
        self._fills: list[Fill] = []
        self._events: list[AccountEvent] = []
        self._is_new = False

    def __bool__(self) -> bool:
        return self._is_new

    def put(
        self,
        market_ms: int,
        quotes: Iterable[Quote] = (),
        accounts: Iterable[Account] = (),
        fills: Iterable[Fill] = (),
        events: Iterable[AccountEvent] = (),
    ) -> None:
        """Add a batch; raises `FillsOverflowError`."""
        self.market_ms, self._is_new = market_ms, True
        for quote in quotes:
            self._quotes.pop(quote.instrument, None)  # order of arrival, of the newest
            self._quotes[quote.instrument] = quote
        for account in accounts:
            self._accounts[account.account] = account
        self._fills.extend(fills)
        self._events.extend(events)
        if len(self._fills) > FILLS_MAX or len(self._events) > FILLS_MAX:
            raise FillsOverflowError(f"more than {FILLS_MAX} fills or events not read")

    def take(self) -> Batch:
        """All of it, once."""
        batch = Batch(
            self.market_ms,
            list(self._quotes.values()),
            list(self._accounts.values()),
            self._fills,
            self._events,
        )
        self._quotes, self._accounts, self._fills, self._events = {}, {}, [], []
        self._is_new = False
        return batch
