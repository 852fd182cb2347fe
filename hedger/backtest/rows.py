"""Events to rows: a trade log read in order, one row per market instant of one account.

An event at a later instant than the last row (funding, settlement, a resting order that fills when
the market moves) waits for the bar that closes its own instant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from hedger.backtest.ledger import Contracts, Ledger, Money, cost, money
from hedger.core.model import FillKind
from hedger.errors import ConfigError
from hedger.venues.simulator.events import (
    Bar,
    Covered,
    Event,
    Funded,
    MarkLine,
    Opened,
    OrderSeen,
    Settled,
    Traded,
    Transferred,
)

FLOWS = ("spread", "slippage", "marking", "fees", "funding")
NOTHING = Money()


@dataclass(slots=True, kw_only=True)
class Row:
    """One instant: the market, what its fills and funding brought, and the account after it."""

    ms: int
    index: float
    equity: float
    marks: dict[str, MarkLine]
    ends: dict[str, float] = field(default_factory=dict)
    flows: dict[str, Money] = field(default_factory=lambda: dict.fromkeys(FLOWS, NOTHING))
    lots: dict[str, int] = field(default_factory=dict)
    hedge_lots: dict[str, int] = field(default_factory=dict)
    cash: Money = NOTHING
    hedge_cash: Money = NOTHING

    def bring(self, kind: str, amount: Money) -> None:
        """Add to what one kind of flow brought."""
        self.flows[kind] = self.flows[kind].plus(amount)


class Reader:
    """Reads one account; the hedge instruments' fills are counted a second time by themselves."""

    def __init__(self, account: str, hedges: frozenset[str], contracts: Contracts) -> None:
        self._account, self._hedges, self._contracts = account, hedges, contracts
        self._all, self._hedge = Ledger(contracts), Ledger(contracts)
        self._waiting: list[Traded | Funded | Settled] = []
        self.opened: Opened | None = None
        self.rows: list[Row] = []
        self.path: list[tuple[int, dict[str, float]]] = []
        self.fills: list[tuple[int, Traded]] = []
        self.settled: list[Settled] = []
        self.orders: dict[str, OrderSeen] = {}
        self.left_out = 0
        self._transferred = 0.0
        self._valued: dict[str, Money] = {}

    def take(self, event: Event) -> None:
        """Read one event; raises `ConfigError` for a log that contradicts itself."""
        if isinstance(event, Bar):
            self._bar(event)
        elif event.account != self._account:
            return
        elif isinstance(event, Opened):
            self._open(event)
        elif isinstance(event, OrderSeen):
            self.orders[event.client_id] = event
        elif isinstance(event, Transferred | Covered):
            self._transfer(event)
        elif isinstance(event, Traded) and event.equity is not None:
            self._earn(msgspec.structs.replace(event, equity=event.equity - self._transferred))
        else:
            self._earn(event)

    def _earn(self, event: Traded | Funded | Settled) -> None:
        """What changed the account by trading: with the row of its instant, or the next."""
        if self.rows and event.ms == self.rows[-1].ms:
            self._apply(event)
        else:
            self._waiting.append(event)

    def _transfer(self, event: Transferred | Covered) -> None:
        """What came in or went out is neither profit nor to be hedged: it is left out of equity.

        What an insurance fund paid for a bankrupt account counts so, too: the loss is all of it.
        """
        if self.opened is None or event.currency != self.opened.underlying:
            raise ConfigError(
                f"trade log: account {event.account} moved {event.amount:g} {event.currency}: a"
                " report can leave out transfers of the underlying's coin only"
            )
        self._transferred += event.amount

    def _open(self, event: Opened) -> None:
        if self.opened is not None:
            raise ConfigError(f"trade log: account {event.account} opens twice, expected once")
        self.opened = event
        self._all = Ledger(self._contracts, event.deposit, event.quote_deposit)
        for name, lots in event.positions.items():
            self._all.trade(name, lots, event.marks[name])

    def _bar(self, bar: Bar) -> None:
        """A bar that does not know the account's equity is left out: its events wait on."""
        before = self.path[-1][1] if self.path else bar.index
        self.path.append((bar.ms, bar.index))
        opened = self.opened
        if opened is None:
            return
        equity = bar.equity.get(self._account)
        if equity is None:
            self.left_out += 1
            return
        if not self.rows:
            self._row(_opening(opened, bar.index if bar.ms == opened.ms else before))
        index = bar.index[opened.underlying]
        self._row(
            Row(ms=bar.ms, index=index, equity=equity - self._transferred, marks=dict(bar.marks))
        )

    def _row(self, row: Row) -> None:
        """Begin a row with what waited for it; it stays open for the fills of its instant."""
        self.rows.append(row)
        waiting, self._waiting = self._waiting, []
        self._waiting = [event for event in waiting if event.ms > row.ms]
        for event in waiting:
            if event.ms <= row.ms:
                self._apply(event)
        self._describe(row)
        self._valued = dict(row.flows)

    def finish(self) -> None:
        """Take back what fills after the last bar cost: no bar values them, so no P&L holds it."""
        if self.rows:
            self.rows[-1].flows = self._valued

    def _apply(self, event: Traded | Funded | Settled) -> None:
        row = self.rows[-1]
        if isinstance(event, Traded):
            self._trade(row, event)
        elif isinstance(event, Funded):
            self._fund(row, event)
        else:
            self._settle(row, event)
        self._describe(row)

    def _trade(self, row: Row, event: Traded) -> None:
        instrument = self._contracts(event.instrument)
        if event.instrument not in row.marks:
            leg = next((leg for leg in event.legs if leg.instrument == event.instrument), None)
            row.marks[event.instrument] = MarkLine(
                mark=event.mid, vol=leg.vol if leg else None, forward=leg.forward if leg else None
            )
        mark = row.marks[event.instrument].mark
        spent = cost(
            instrument,
            lots=event.lots,
            price=event.price,
            mid=event.mid,
            best=_best(event),
            mark=mark,
            fee=event.fee,
        )
        row.bring("spread", spent.spread)
        row.bring("slippage", spent.slippage)
        row.bring("marking", spent.marking)
        row.bring("fees", spent.fee)
        self._all.trade(event.instrument, event.lots, event.price, event.fee)
        if event.instrument in self._hedges:
            self._hedge.trade(event.instrument, event.lots, event.price, event.fee)
        self.fills.append((len(self.rows) - 1, event))

    def _fund(self, row: Row, event: Funded) -> None:
        instrument = self._contracts(event.instrument)
        row.bring("funding", money(instrument, event.amount))
        self._all.receive(event.instrument, event.amount)
        held = self._all.lots.get(event.instrument, 0)
        share = self._hedge.lots.get(event.instrument, 0) / held if held else 0.0
        self._hedge.receive(event.instrument, event.amount * share)

    def _settle(self, row: Row, event: Settled) -> None:
        row.ends[event.instrument] = event.value
        self._all.trade(event.instrument, event.lots, event.value)
        if hedged := self._hedge.lots.get(event.instrument, 0):
            self._hedge.trade(event.instrument, -hedged, event.value)
        self.settled.append(event)

    def _describe(self, row: Row) -> None:
        row.lots, row.cash = dict(self._all.lots), self._all.cash
        row.hedge_lots, row.hedge_cash = dict(self._hedge.lots), self._hedge.cash


def _best(event: Traded) -> float:
    """Best price that a taking order met; its own where it took none."""
    best = event.ask if event.lots > 0 else event.bid
    if best is None or event.maker or event.block or event.kind != FillKind.TRADE:
        return event.price
    return best


def _opening(opened: Opened, index: dict[str, float]) -> Row:
    """The account as it opened: worth its deposit, at the marks that it was opened at."""
    marks = {n: MarkLine(mark=mark, vol=None, forward=None) for n, mark in opened.marks.items()}
    now = index[opened.underlying]
    equity = opened.deposit + opened.quote_deposit / now
    return Row(ms=opened.ms, index=now, equity=equity, marks=marks)
