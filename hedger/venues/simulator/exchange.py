"""The pure exchange: market instants and orders in, events out.

It obeys the rules that the venue publishes: walking the shown depth, immediate-or-cancel and
resting limit orders, post-only, reduce-only, deadlines, fees, funding, inverse and linear
accounting, settlement on the 30-minute mean. State changes by applying events and in no other way,
so `Exchange.restore` gives the same exchange back from its trade log.

Simplifications: margin only where rules are given, and without them liquidation and
auto-deleveraging happen only when they are asked for; no fee at delivery; a resting order fills, at
its own price, when the shown opposite side reaches it. Settlement happens within
`Exchange.advance`, so no order can reach an instrument during its settlement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite

from hedger.core.model import AccountMargin, Fill, FillKind, Instrument, Order, OrderReport
from hedger.errors import VenueRejected
from hedger.venues.simulator import clearing, collateral, happenings, trading
from hedger.venues.simulator.bankruptcy import ranking
from hedger.venues.simulator.events import Event, Funded, Opened, Settled, Traded, Transferred
from hedger.venues.simulator.instant import Instant
from hedger.venues.simulator.liquidation import liquidations
from hedger.venues.simulator.margin import MarginRules
from hedger.venues.simulator.state import State

__all__ = ["Exchange"]


class Exchange:
    """All accounts, orders and the last market of one simulated exchange.

    Examples
    --------
    >>> from hedger.venues.deribit.contracts import instrument
    >>> from hedger.venues.simulator.instant import Instant, Level, Shown, Valued
    >>> perp = instrument("BTC-PERPETUAL")
    >>> exchange = Exchange(instruments={perp.name: perp})
    >>> shown = Shown((Level(59_999.5, 1e6),), (Level(60_000.5, 1e6),), 60_000.0)
    >>> events = exchange.advance(
    ...     Instant(0, {"BTC": 60_000.0}, {perp.name: shown}, {perp.name: Valued(60_000.0)})
    ... )
    >>> events = exchange.open_account("a", underlying="BTC", deposit=1.0, positions={})
    >>> order = Order(client_id="1", account="a", instrument=perp.name, lots=3_000,
    ...               limit_ticks=None, deadline_ms=1)
    >>> report, events = exchange.place(order, now_ms=0)
    >>> report.filled, exchange.positions("a")
    (3000, {'BTC-PERPETUAL': 3000})
    """

    def __init__(
        self,
        *,
        instruments: Mapping[str, Instrument],
        funding_rate_8h: float = 0.0,
        margin: MarginRules | None = None,
    ) -> None:
        self._state = State(dict(instruments), margin)
        self._funding_rate_8h = funding_rate_8h

    # --- the market ---------------------------------------------------------------------------

    @property
    def market_ms(self) -> int:
        """Market time of the last instant; 0 before the first."""
        return self._state.market.time_ms

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """All contracts known here, expired ones too."""
        return self._state.instruments

    def add_instruments(self, instruments: Mapping[str, Instrument]) -> None:
        """List more contracts; a name listed before keeps its data."""
        for name, instrument in instruments.items():
            self._state.instruments.setdefault(name, instrument)

    def advance(self, instant: Instant) -> list[Event]:
        """Move to a market instant: funding, settlement, orders, liquidation, a closing `Bar`.

        Raises
        ------
        DataError
            If the instant is before the last one or holds an impossible number; nothing changed.
        """
        state, since_ms = self._state, self.market_ms
        state.market.publish(instant)
        paid = clearing.funding(state, since_ms=since_ms, rate_8h=self._funding_rate_8h)
        events = self._applied(paid)
        events += self._applied(clearing.settlements(state))
        events += self._applied(trading.matched_resting(state))
        elapsed_ms = instant.time_ms - since_ms if since_ms else 0
        events += self._applied(liquidations(state, elapsed_ms=elapsed_ms))
        return events + self._applied([clearing.bar(state)])

    def fund(self, rate: float) -> list[Event]:
        """Pay one funding print, a fraction of value, on every perpetual held now."""
        return self._applied(clearing.printed(self._state, rate=rate))

    # --- accounts -----------------------------------------------------------------------------

    def open_account(
        self,
        account: str,
        *,
        underlying: str,
        deposit: float,
        positions: Mapping[str, int],
        currency: str = "",
    ) -> list[Event]:
        """Begin an account with a deposit and positions at the shown marks; once per name.

        The deposit is given in coin; with a quote ``currency`` it is held in that, worth the same
        at the index now. The premium of opening options is settled at the mark, so equity right
        after is the deposit.

        Raises
        ------
        VenueRejected
            If the deposit or a position makes no sense here.
        MissingQuote
            If a position or the underlying has not been shown yet.
        """
        state = self._state
        if account in state.ledger.accounts:
            return []
        if not isfinite(deposit):
            raise VenueRejected(f"account {account!r}: deposit {deposit}, expected a finite number")
        index = state.market.index_of(underlying)
        in_quote = currency not in ("", underlying)
        for name in positions:
            self._check_opening(account, underlying, name)
        opened = Opened(
            ms=self.market_ms,
            account=account,
            underlying=underlying,
            deposit=0.0 if in_quote else deposit,
            quote_deposit=deposit * index if in_quote else 0.0,
            quote_currency=currency if in_quote else "",
            positions={name: lots for name, lots in positions.items() if lots},
            marks={name: state.market.shown_mark(name) for name in positions},
        )
        return self._applied([opened])

    def underlying(self, account: str) -> str:
        """What an account trades; raises `VenueRejected`."""
        self._check_account(account)
        return self._state.ledger.accounts[account].underlying

    def index(self, underlying: str) -> float:
        """Index of the last instant; raises `MissingQuote`."""
        return self._state.market.index_of(underlying)

    def accounts(self) -> list[str]:
        """Names of all accounts."""
        return list(self._state.ledger.accounts)

    def positions(self, account: str) -> dict[str, int]:
        """Signed lots of every instrument held; empty for an unknown account."""
        return self._state.positions(account)

    def fills(self, account: str, since_ms: int) -> list[Fill]:
        """All fills since a market instant, settlements too, oldest first."""
        return self._state.orders.fills(account, since_ms)

    def equity(self, account: str) -> float:
        """Coin value at the shown marks; raises `VenueRejected` or `MissingQuote`."""
        self._check_account(account)
        return self._state.equity(account, self._state.market.shown_mark)

    def balances(self, account: str) -> tuple[float, float]:
        """Equity by what it settles in: coin [coin], and the rest [quote currency]."""
        self._check_account(account)
        return self._state.ledger.balances(account, self._state.market.shown_mark)

    def margin(self, account: str) -> AccountMargin | None:
        """What is asked of an account; None without rules. Raises as `equity`."""
        self._check_account(account)
        rules = self._state.margin
        return None if rules is None else collateral.summary(self._state, rules, account)

    def insurance(self, currency: str) -> float:
        """What the insurance fund has of a currency; below zero what it owes."""
        rules = self._state.margin
        begun = 0.0 if rules is None else rules.insurance.get(currency, 0.0)
        return begun + self._state.ledger.insurance.get(currency, 0.0)

    def deleveraging_rank(self, account: str, instrument: str) -> tuple[int, int] | None:
        """Place in the queue of auto-deleveraging, from 1, and its length; None if flat."""
        state = self._state
        lots = self.positions(account).get(instrument, 0)
        if not lots:
            return None
        queue = ranking(state, state.instruments[instrument], is_long=lots > 0)
        return [row.account for row in queue].index(account) + 1, len(queue)

    def valued_equity(self, account: str) -> float:
        """Coin value at the marks for profit and loss alone; raises as `equity`."""
        self._check_account(account)
        return self._state.equity(account, self._state.market.valued_mark)

    # --- orders -------------------------------------------------------------------------------

    def place(self, order: Order, *, now_ms: int) -> tuple[OrderReport, list[Event]]:
        """Handle an order at the venue's real time; an id seen before returns its stored report."""
        state = self._state
        events: list[Event] = []
        if not state.orders.known(order.account, order.client_id):
            events = self._applied(trading.placed(state, order, now_ms=now_ms))
        return self.query(order.account, order.client_id), events

    def cancel(self, account: str, client_id: str) -> tuple[OrderReport, list[Event]]:
        """Cancel what rests of an order; no change if nothing does."""
        resting = self._state.orders.resting.get((account, client_id))
        events = self._applied([trading.cancelled(self._state, resting)]) if resting else []
        return self.query(account, client_id), events

    def query(self, account: str, client_id: str) -> OrderReport:
        """State of one order (`OrderStatus.NOT_FOUND` too)."""
        return self._state.orders.report(account, client_id)

    # --- what the venue does by itself, or an owner elsewhere ---------------------------------

    def close_out(self, account: str, instrument: str, *, lots: int, kind: FillKind) -> list[Event]:
        """Deleverage or liquidate so many (signed) lots; raises `VenueRejected`."""
        self._check_account(account)
        return self._applied(happenings.closed_out(self._state, account, instrument, lots, kind))

    def trade(
        self, account: str, legs: Mapping[str, int], *, as_block: bool = False
    ) -> list[Event]:
        """Trade instruments at their marks, for an owner elsewhere; raises `VenueRejected`."""
        self._check_account(account)
        name = f"B{self._state.orders.next_trade_id()}" if as_block else ""
        return self._applied(happenings.block(self._state, account, legs, name))

    def transfer(self, account: str, currency: str, amount: float) -> list[Event]:
        """Pay in (or out, if negative); raises `VenueRejected`."""
        self._check_account(account)
        return self._applied([happenings.transfer(self._state, account, currency, amount)])

    def transfers(self, account: str, since_ms: int) -> list[Transferred]:
        """What came in and went out since a market instant, oldest first."""
        return [t for t in self._state.transfers.get(account, ()) if t.ms >= since_ms]

    # --- recovery -----------------------------------------------------------------------------

    def restore(self, events: Iterable[Event]) -> None:
        """Replay a trade log into a fresh exchange; the next instant opens its market again.

        Raises
        ------
        VenueRejected
            If this exchange is not fresh, or an event names a contract not listed here.
        """
        state = self._state
        if state.ledger.accounts or state.market.is_open:
            raise VenueRejected("restore: this exchange already has a history")
        for event in events:
            for name in _held_by(event):
                if name not in state.instruments:
                    raise VenueRejected(f"restore: {name} is in the log but not listed here")
            state.apply(event)

    def _applied(self, events: Iterable[Event]) -> list[Event]:
        done: list[Event] = []
        for event in events:
            self._state.apply(event)
            done.append(self._state.described(event))
        return done

    def _check_account(self, account: str) -> None:
        if account not in self._state.ledger.accounts:
            raise VenueRejected(f"account {account!r} is not open here")

    def _check_opening(self, account: str, underlying: str, name: str) -> None:
        instrument = self._state.instruments.get(name)
        if instrument is None:
            raise VenueRejected(f"account {account!r}: {name!r} is not listed here")
        if instrument.underlying != underlying:
            raise VenueRejected(f"account {account!r}: {name} is not of underlying {underlying}")
        if instrument.expiry_ms and instrument.expiry_ms <= self.market_ms:
            raise VenueRejected(f"account {account!r}: {name} has expired, expected no such row")


def _held_by(event: Event) -> Iterable[str]:
    """Contracts that applying the event must know."""
    if isinstance(event, Opened):
        return event.positions
    return (event.instrument,) if isinstance(event, Traded | Funded | Settled) else ()
