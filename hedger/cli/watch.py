"""Following a demo from outside: the exchange's log as it grows, and the journal of the book.

Neither exchange nor workers know that somebody looks: a slow table slows nothing down.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hedger.backtest.ledger import Contracts
from hedger.backtest.rows import Reader
from hedger.core.model import Rules
from hedger.ports import Store
from hedger.service.entry import Entry
from hedger.service.read_back import decoded
from hedger.venues.simulator.events import Event
from hedger.venues.simulator.events import decoded as event_of

JOURNAL_MAX = 2_000
JOURNAL_PAGE = 100


class Glimpse(NamedTuple):
    """The book at one moment; None for what is not known yet."""

    market_ms: int | None = None
    bars: int = 0
    spot: float | None = None
    hedge_coin: float | None = None
    hedges: int = 0
    pnl: float | None = None
    pnl_unhedged: float | None = None
    decision: Entry | None = None


class Watch:
    """Reads what is new; keeps everything, for the report is made of the same lines."""

    def __init__(
        self,
        log: Path,
        store: Store,
        *,
        book: str,
        account: str,
        rules: Rules,
        contracts: Contracts,
    ) -> None:
        self._log, self._store, self._book = log, store, book
        self._rules, self._contracts = rules, contracts
        self._offset = 0
        self._known: set[str] = set()
        self._reader = Reader(account, frozenset({rules.hedge.buy, rules.hedge.sell}), contracts)
        self.lines: list[bytes] = []
        self.events: list[Event] = []
        self.entries: list[Entry] = []
        self.is_complete = True
        """False if the journal forgot entries before they were read."""

    async def look(self) -> Glimpse:
        """Read what came since the last look; raises `StoreUnavailable`, `ConfigError`."""
        self._read_log()
        await self._read_journal()
        return self._glimpse()

    def _read_log(self) -> None:
        if not self._log.exists():
            return
        with self._log.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                event = event_of(line)
                self.lines.append(line)
                self.events.append(event)
                self._reader.take(event)

    async def _read_journal(self) -> None:
        """Page back until a known entry, or to the journal's end."""
        count, found = JOURNAL_PAGE, await self._store.journal(book=self._book, count=JOURNAL_PAGE)
        while len(found) == count and found[-1].id not in self._known:
            if count >= JOURNAL_MAX:
                self.is_complete = not self._known and self.is_complete
                break
            count *= 2
            found = await self._store.journal(book=self._book, count=count)
        for entry in reversed(found):
            if entry.id not in self._known:
                self._known.add(entry.id)
                self.entries.append(decoded(entry.payload))

    def _glimpse(self) -> Glimpse:
        last = self.entries[-1] if self.entries else None
        rows = self._reader.rows
        if not rows:
            return Glimpse(decision=last)
        row, first = rows[-1], rows[0]
        marks = {name: line.mark for name, line in row.marks.items()}
        hedge = row.hedge_cash.coin + row.hedge_cash.quote / row.index
        delta = 0.0
        for name, lots in row.hedge_lots.items():
            if lots and name in marks:
                it = self._contracts(name)
                delta += it.future_delta(lots, price=marks[name], index=row.index)
                hedge += -lots * it.lot / marks[name] if it.inverse else lots * it.lot * marks[name]
        return Glimpse(
            market_ms=row.ms,
            bars=len(rows) - 1,
            spot=row.index,
            hedge_coin=delta,
            hedges=len({trade.client_id for _, trade in self._reader.fills}),
            pnl=self._value(row.equity, row.index) - self._value(first.equity, first.index),
            pnl_unhedged=self._value(row.equity - hedge, row.index)
            - self._value(first.equity, first.index),
            decision=last,
        )

    def _value(self, equity: float, index: float) -> float:
        if self._rules.numeraire == "coin":
            return equity
        return (equity - self._rules.base_coin) * index
