"""The exchange without its socket: market, simulator and trade log as one, written before told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import structs

from hedger.core.market import PRICE_MIN
from hedger.core.model import (
    Account,
    AccountEvent,
    Fill,
    FillKind,
    Instrument,
    Order,
    OrderReport,
    Quote,
)
from hedger.errors import ConfigError, HedgerError, VenueError, VenueRejected
from hedger.venues.deribit.contracts import instrument as contract
from hedger.venues.paper.happenings import KINDS, drawn
from hedger.venues.paper.market import open_market
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.paper.protocol import Happen
from hedger.venues.paper.publish import Market
from hedger.venues.paper.telling import told
from hedger.venues.paper.tradelog import TradeLog
from hedger.venues.simulator.events import Bar, Event, Opened, Settled, Traded
from hedger.venues.simulator.exchange import Exchange
from hedger.venues.simulator.orders import SETTLEMENT_ID


class _Identity(msgspec.Struct, frozen=True):
    """Which market a trade log belongs to: going on in another one would be nonsense."""

    data: str
    seed: int
    start_ms: int
    step_ms: int


class Log(Protocol):
    """Where events are written before anyone hears of them."""

    def append(self, events: Iterable[Event]) -> None:
        """Write a batch whole."""
        ...

    def events(self) -> Iterator[Event]:
        """What is in the log so far, in order."""
        ...

    def close(self) -> None:
        """Give the log up."""
        ...


class Engine:
    """One exchange: opened from its log or anew, then driven by `advance` and requests.

    Parameters
    ----------
    params
        What a paper exchange is told.
    market, log
        Another market, or another log, than the parameters name: a backtest's.

    Raises
    ------
    ConfigError
        If the market, the log or an account cannot be opened; one line says why.
    """

    def __init__(
        self, params: PaperParams, *, market: Market | None = None, log: Log | None = None
    ) -> None:
        self.params = params
        self.market = open_market(params) if market is None else market
        self.log: Log = TradeLog(params.log) if log is None else log
        self.bars = 0
        self.was_running = False
        self._fills: list[Fill] = []
        self._events: list[AccountEvent] = []
        try:
            if isinstance(self.log, TradeLog):
                self._check_identity(self.log.path)
            self.exchange = Exchange(
                instruments={}, funding_rate_8h=params.funding_rate_8h, margin=params.margin
            )
            self._open()
        except BaseException:
            self.log.close()
            raise

    @property
    def market_ms(self) -> int:
        """Market time of the current bar."""
        return self._instant.time_ms

    def advance(self, before: Callable[[int], None] | None = None) -> bool:
        """Jump to the next bar; False at the end of the market.

        ``before`` is told when that is, and may still do what comes earlier.
        """
        instant = next(self._coming, None)
        if instant is None:
            return False
        if before is not None:
            before(instant.time_ms)
        since_ms = self.market_ms
        self._instant = instant
        self.bars += 1
        self._record(self.exchange.advance(instant))
        if self.params.events_per_day:
            self._chance(since_ms)
        return True

    def fund(self, rate: float) -> None:
        """Pay one funding print on every perpetual held."""
        self._record(self.exchange.fund(rate))

    def happen(self, happening: Happen) -> None:
        """Let something happen to an account; raises `HedgerError` if it cannot."""
        exchange, account = self.exchange, happening.account
        kind = happening.kind
        if kind in (FillKind.DELEVERAGING, FillKind.LIQUIDATION):
            for name, lots in happening.lots.items():
                self._record(exchange.close_out(account, name, lots=lots, kind=FillKind(kind)))
        elif kind in ("block", FillKind.TRADE):
            self.want(happening.lots)
            self._record(exchange.trade(account, happening.lots, as_block=kind == "block"))
        elif kind in ("deposit", "withdrawal"):
            self._record(exchange.transfer(account, happening.currency, happening.amount))
        else:
            raise VenueRejected(f"{kind!r} cannot be made to happen: expected one of {KINDS}")

    def _chance(self, since_ms: int) -> None:
        params = self.params
        happening = drawn(
            self.exchange, seed=params.seed, since_ms=since_ms, rate_per_day=params.events_per_day
        )
        if happening is not None:
            with contextlib.suppress(HedgerError):  # no market for it at this instant
                self.happen(happening)

    def place(self, order: Order, *, now_ms: int) -> OrderReport:
        """Handle an order at real time ``now_ms``."""
        report, events = self.exchange.place(order, now_ms=now_ms)
        self._record(events)
        return report

    def cancel(self, account: str, client_id: str) -> OrderReport:
        """Cancel what rests of an order."""
        report, events = self.exchange.cancel(account, client_id)
        self._record(events)
        return report

    def take_fills(self) -> list[Fill]:
        """Fills recorded since the last call, settlements too: what the accounts are to hear."""
        fills, self._fills = self._fills, []
        return fills

    def take_events(self) -> list[AccountEvent]:
        """Account events recorded since the last call."""
        events, self._events = self._events, []
        return events

    def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        """Deposits and withdrawals since a market instant, oldest first."""
        moved = self.exchange.transfers(account, since_ms)
        return [event for event in map(told, moved) if event is not None]

    def open_account(self, account: PaperAccount) -> None:
        """Open an account once; raises `HedgerError` if it cannot be."""
        self.want(account.positions)
        self._record(self._opened(account))

    def want(self, names: Collection[str]) -> None:
        """List and show these from now on; raises `ConfigError`.

        A new one refreshes the current instant, which gives consumed depth back: rare by nature.
        """
        new = {n: contract(n) for n in names if n not in self.exchange.instruments}
        if not new:
            return
        self._list(new)
        self._refresh()

    def instruments(self, names: Iterable[str]) -> dict[str, Instrument]:
        """Contract data of those names that exist in this market."""
        found = {}
        for name in names:
            try:
                instrument = contract(name)
            except ConfigError:
                continue
            if self.market.offers(instrument):
                found[name] = instrument
        return found

    def quotes(self, names: Collection[str]) -> list[Quote]:
        """What is shown of these at the current bar."""
        shown = self._instant.shown
        return [self._quote(name) for name in names if name in shown]

    def account(self, name: str) -> Account | None:
        """Equity at the shown marks; None if it cannot be told."""
        try:
            equity, quote = self.exchange.balances(name)
        except HedgerError:
            return None
        return Account(account=name, time_ms=self.market_ms, equity=equity, quote_equity=quote)

    def _open(self) -> None:
        held = [name for account in self.params.accounts for name in account.positions]
        self._list({name: contract(name) for name in (*held, *self.params.instruments)})
        last_ms, instants = self._restored()
        try:
            if last_ms is None:
                self._begin()
            else:
                self._resume(last_ms)
                self.was_running = instants > 1
        except HedgerError as error:
            raise ConfigError(f"paper exchange {self.params.name!r}: {error}") from error

    def _begin(self) -> None:
        """First instant and accounts in one batch, so that the first bar knows their equity."""
        self._coming = self.market.instants()
        first = next(self._coming, None)
        if first is None:
            raise ConfigError("the market has no instant: expected one or more")
        self._instant, self.bars = first, 1
        self.exchange.advance(first)
        opened = [event for account in self.params.accounts for event in self._opened(account)]
        self._record(opened + self.exchange.advance(first))

    def _resume(self, last_ms: int) -> None:
        self._coming = self.market.instants(last_ms)
        self._instant = self.market.at(last_ms)
        self._refresh()
        for account in self.params.accounts:
            self.open_account(account)

    def _opened(self, account: PaperAccount) -> list[Event]:
        deposit = self.params.deposit if account.deposit is None else account.deposit
        return self.exchange.open_account(
            account.name,
            underlying=account.underlying,
            deposit=deposit,
            positions=account.positions,
            currency=account.currency,
        )

    def _restored(self) -> tuple[int | None, int]:
        """Replay the log; the last bar's time (None: no log) and the number of bars."""
        last: list[int] = []

        def listed() -> Iterator[Event]:
            for event in self.log.events():
                if isinstance(event, Bar):
                    last[:] = [event.ms]
                    self.bars += 1
                names = set(event.positions) if isinstance(event, Opened) else set()
                names |= {getattr(event, "instrument", "")} - {""}
                self._list({n: contract(n) for n in names - self.exchange.instruments.keys()})
                yield event

        try:
            self.exchange.restore(listed())
        except VenueError as error:
            raise ConfigError(f"{self.params.log}: {error}") from error
        return (last[0] if last else None), self.bars

    def _refresh(self) -> None:
        """Publish the current instant again, with what is wanted by now; adds no bar to the log."""
        instant = self.market.at(self.market_ms)
        self._instant = instant._replace(time_ms=self.market_ms)
        events = self.exchange.advance(self._instant)
        self._record([event for event in events if not isinstance(event, Bar)])

    def _list(self, instruments: dict[str, Instrument]) -> None:
        self.exchange.add_instruments(instruments)
        self.market.want(instruments)

    def _record(self, events: list[Event]) -> None:
        """Write events to the log, then let them be known."""
        self.log.append(events)
        self._fills += [_fill(event) for event in events if isinstance(event, Traded | Settled)]
        self._events += [event for event in map(told, events) if event is not None]

    def _quote(self, name: str) -> Quote:
        bids, asks, mark, vol, forward, delta = self._instant.shown[name]
        return Quote(
            instrument=name,
            time_ms=self.market_ms,
            bid=bids[0].price if bids else None,
            ask=asks[0].price if asks else None,
            bid_size=bids[0].amount if bids else None,
            ask_size=asks[0].amount if asks else None,
            mark=mark if mark >= PRICE_MIN else None,
            vol=vol,
            forward=forward,
            index=self._instant.index.get(self.exchange.instruments[name].underlying),
            delta=delta,
        )

    def _check_identity(self, log: Path) -> None:
        """Refuse to go on in another market than the log was begun in."""
        own = _Identity(
            data=self.params.data,
            seed=0 if self.params.data else self.params.seed,
            start_ms=self.market.start_ms,
            step_ms=self.market.step_ms,
        )
        path = Path(f"{self.params.log}.market.json")
        if log.stat().st_size == 0 or not path.exists():
            path.write_bytes(msgspec.json.encode(own))
            return
        try:
            begun = msgspec.json.decode(path.read_bytes(), type=_Identity)
        except msgspec.DecodeError as error:
            raise ConfigError(f"{path}: not the identity of a market: {error}") from error
        now = structs.asdict(own)
        changed = [
            f"{n} {v!r}, not {now[n]!r}" for n, v in structs.asdict(begun).items() if v != now[n]
        ]
        if changed:
            raise ConfigError(
                f"{self.params.log}: this trade log was begun with {', '.join(changed)}: "
                "expected the same market; remove the log or use the old settings"
            )


def _fill(event: Traded | Settled) -> Fill:
    return Fill(
        account=event.account,
        client_id=event.client_id if isinstance(event, Traded) else SETTLEMENT_ID,
        trade_id=event.trade_id,
        instrument=event.instrument,
        lots=event.lots,
        price=event.price if isinstance(event, Traded) else event.value,
        fee=event.fee if isinstance(event, Traded) else 0.0,
        time_ms=event.ms,
        kind=event.kind if isinstance(event, Traded) else FillKind.SETTLEMENT,
        block=event.block if isinstance(event, Traded) else "",
        block_legs=event.block_legs if isinstance(event, Traded) else 0,
    )
