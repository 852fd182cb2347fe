"""A book and a venue for benchmarks: the venue quotes, moves, and fills whole and at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

from hedger.clock import wall_ms
from hedger.core.model import (
    Account,
    AccountEvent,
    AccountMargin,
    BandRule,
    Conduct,
    Fill,
    HedgeRule,
    Instrument,
    Kind,
    LimitRule,
    Order,
    OrderReport,
    OrderStatus,
    Quote,
    Rules,
)
from hedger.ports import Batch, ClockReading
from hedger.service.params import BookParams, WorkerParams
from hedger.venues.conduct import ANY, conduct
from hedger.venues.deribit.contracts import instrument

DAY_MS = 86_400_000
HEDGE = "BTC-PERPETUAL"
QUOTES_PER_S = 500
STEP_EVERY = 25
RULES = Rules(
    config="benchmark",
    numeraire="usd",
    base_coin=10.0,
    hedge=HedgeRule(buy=HEDGE, sell=HEDGE),
    band=BandRule(cooldown_ms=0),
    limits=LimitRule(order_max=1e6, per_minute_max=1e9, position_max=1e6, first_trade_max=1e6),
)


def legs(count: int) -> dict[str, Instrument]:
    """Short options over seven expiries around 60,000, made from one listed contract."""
    pattern, now = instrument("BTC-25DEC26-60000-C"), wall_ms()
    out = {}
    for i in range(count):
        strike, is_call = 50_000.0 + 20_000.0 * i / count, i % 2 == 0
        name = f"LEG-{i}"
        out[name] = Instrument(
            name=name,
            kind=Kind.OPTION,
            underlying="BTC",
            quote=pattern.quote,
            settlement=pattern.settlement,
            inverse=True,
            lot=pattern.lot,
            contract=pattern.contract,
            tick=pattern.tick,
            expiry_ms=now + (2 + i % 7) * 7 * DAY_MS,
            strike=strike,
            is_call=is_call,
        )
    return out


def quotes(names: Collection[str], index: float, now: int) -> list[Quote]:
    """The perpetual's quote, and one of each option."""
    half = 0.25
    out = [
        Quote(
            instrument=HEDGE,
            time_ms=now,
            bid=index - half,
            ask=index + half,
            bid_size=1e7,
            ask_size=1e7,
            mark=index,
            index=index,
        )
    ]
    out += [
        Quote(instrument=n, time_ms=now, bid=0.01, ask=0.011, vol=0.5, forward=index, index=index)
        for n in names
    ]
    return out


class Loopback:
    """Feed and venue in one: quotes at a steady rate, fills every order at once.

    Spot goes there and back by ``step``; half-way between two steps, `between` is awaited.
    """

    name = "loop"

    def __init__(
        self,
        options: dict[str, Instrument],
        *,
        accounts: Collection[str] = ("b",),
        step: float = 150.0,
        between: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.accounts, self.move, self.between = accounts, step, between
        self.known = {**options, HEDGE: instrument(HEDGE)}
        self.options = list(options)
        self.trades = 0
        self.held: dict[str, int] = dict.fromkeys(options, -100)
        self.history: list[Fill] = []

    def conduct(self, instrument: str) -> Conduct:
        """Nothing is ever unknown here."""
        return conduct("paper", ANY)

    def venue_ms(self) -> int:
        """The machine's own clock."""
        return wall_ms()

    async def read_clock(self) -> ClockReading:
        """The same clock."""
        return ClockReading(wall_ms(), 0.0, 0.0)

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        """Contract data."""
        return {n: self.known[n] for n in names}

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        """Everything is sent to everybody."""

    async def caught_up(self, market_ms: int) -> None:
        """Live feeds do not wait."""

    async def batches(self) -> AsyncIterator[Batch]:
        """The perpetual ticks all the time, the options once a second; spot goes back and forth."""
        turn = 0
        while True:
            now, index = wall_ms(), 60_000.0 + self.move * ((turn // STEP_EVERY) % 2)
            everything = turn % QUOTES_PER_S == 0
            accounts = [Account(account=name, time_ms=now, equity=10.0) for name in self.accounts]
            yield Batch(now, quotes(self.options if everything else (), index, now), accounts, ())
            turn += 1
            await asyncio.sleep(1.0 / QUOTES_PER_S)
            if self.between is not None and turn % STEP_EVERY == STEP_EVERY // 2:
                await self.between()

    async def place(self, order: Order) -> OrderReport:
        """Fill whole, at once."""
        self.held[order.instrument] = self.held.get(order.instrument, 0) + order.lots
        fill = self.filled_whole(order)
        self.history.append(fill)
        return report(fill)

    def filled_whole(self, order: Order) -> Fill:
        """The one fill of an order, counted."""
        self.trades += 1
        return Fill(
            account=order.account,
            client_id=order.client_id,
            trade_id=str(self.trades),
            instrument=order.instrument,
            lots=order.lots,
            price=60_000.0,
            fee=0.0,
            time_ms=wall_ms(),
        )

    async def query(self, account: str, client_id: str) -> OrderReport:
        """Nothing is ever unknown here."""
        return OrderReport(client_id=client_id, status=OrderStatus.NOT_FOUND)

    cancel = query

    async def positions(self, account: str) -> dict[str, int]:
        """What is held."""
        return {n: q for n, q in self.held.items() if q}

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[list[Fill]]:
        """All of them."""
        yield [f for f in self.history if f.time_ms >= since_ms]

    async def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        """Nothing is paid in or out."""
        return []

    async def margin(self, account: str) -> AccountMargin | None:
        """It does not tell."""
        return None

    def credits(self, account: str) -> float | None:
        """No limit of orders."""
        return None

    async def close(self) -> None:
        """Nothing to release."""


def report(fill: Fill) -> OrderReport:
    """What is said of an order that was filled whole."""
    return OrderReport(
        client_id=fill.client_id, status=OrderStatus.FILLED, filled=fill.lots, fills=(fill,)
    )


def one_book(name: str, *, account: str, legs: Collection[str]) -> BookParams:
    """A book that is a hundred lots short of each leg."""
    return BookParams(
        name=name,
        venue="loop",
        account=account,
        underlying="BTC",
        rules=RULES,
        digest="x",
        positions=dict.fromkeys(legs, -100),
    )


def worker(name: str, *books: BookParams, lease_ms: int = 5_000) -> WorkerParams:
    """A worker that decides on every quote."""
    return WorkerParams(
        worker=name, deployment="bench", min_interval_ms=0, books=books, lease_ms=lease_ms
    )
