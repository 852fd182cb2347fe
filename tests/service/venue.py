"""A scripted exchange: it does to each order what its script says, and logs what it did.

Its log and its positions are the judges: nothing in it knows what the hedger believes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from hedger.core.model import (
    Account,
    AccountEvent,
    AccountMargin,
    Conduct,
    Fees,
    Fill,
    Happening,
    Instrument,
    Kind,
    Order,
    OrderReport,
    OrderStatus,
    Quote,
    VenueClass,
)
from hedger.errors import OutcomeUnknown, VenueRejected, VenueUnavailable
from hedger.ports import Batch, ClockReading
from tests.core.desk import PERPETUAL
from tests.service.virtual import LoopClock

FEED_MAX = 1_000
PAGE = 3
"""Fills in one answer of a history."""


class Act(NamedTuple):
    """What happens to one order.

    ``arrives_s`` is when it reaches the engine (None: never), ``share`` how much of it fills,
    ``replies_s`` when the answer comes after that (None: never), ``refuse`` a rejection's reason.
    ``breaks`` ends the connection at once, with the order still on the wire; ``terse`` leaves the
    fills out of every report on it.
    """

    arrives_s: float | None = 0.002
    share: float = 1.0
    replies_s: float | None = 0.002
    refuse: str = ""
    breaks: bool = False
    terse: bool = False


FILL = Act()
REJECT = Act(refuse="not today")
LOST_AFTER = Act(replies_s=None)
LOST_BEFORE = Act(arrives_s=None, replies_s=None)


class Executed(NamedTuple):
    """One line of the exchange's log; `witness` is what a test noted at that moment."""

    venue_ms: int
    client_id: str
    instrument: str
    lots: int
    position: int
    witness: Any


class ScriptedVenue:
    def __init__(
        self,
        clock: LoopClock,
        legs: dict[Instrument, int],
        *,
        venue_class: str = "A",
        name: str = "paper",
        taker: float = 0.0,
    ) -> None:
        self.script: deque[Act] = deque()
        self.clock = clock
        self.venue_class = venue_class
        self.name = name
        hedge = msgspec.structs.replace(PERPETUAL, fees=Fees(taker=taker))
        self.known = {i.name: i for i in (*legs, hedge)}
        self._legs = {i.name: lots for i, lots in legs.items()}
        self.accounts: dict[str, dict[str, int]] = {}
        self.held = self.account("acc")
        self.default = FILL
        self.received: list[tuple[int, Order]] = []
        self.log: list[Executed] = []
        self.history: list[Fill] = []
        self.events: list[AccountEvent] = []
        self.reports: dict[str, OrderReport] = {}
        self.feeds: list[ScriptedFeed] = []
        self.left: float | None = None
        self.witness: Callable[[], Any] = lambda: None
        self.down = False
        self.read_s = 0.0
        self.stream_fills = True
        self.answer: Callable[[str, int], None] = lambda client_id, lots: None
        self.index = 60_000.0
        self.equity: float | None = None
        self._trades = 0
        self.ahead_ms = self._taken_ahead_ms = 0

    def account(self, name: str) -> dict[str, int]:
        """Positions of an account; each begins with the legs."""
        return self.accounts.setdefault(name, dict(self._legs))

    # --- the market -----------------------------------------------------------------------

    def quotes(self) -> list[Quote]:
        now, index = self.clock.market_ms(), self.index
        quotes = []
        for name, one in self.known.items():
            if one.kind is not Kind.OPTION:
                bid, ask = index - 0.5, index + 0.5
                quotes.append(
                    Quote(instrument=name, time_ms=now, bid=bid, ask=ask, mark=index, index=index)
                )
            else:
                quotes.append(
                    Quote(
                        instrument=name,
                        time_ms=now,
                        bid=0.01,
                        ask=0.02,
                        vol=0.5,
                        forward=index,
                        index=index,
                    )
                )
        return quotes

    def tick(self, *fills: Fill) -> None:
        now = self.clock.market_ms()
        accounts = (
            [Account(account=name, time_ms=now, equity=self.equity) for name in self.accounts]
            if self.equity is not None
            else []
        )
        batch = Batch(now, self.quotes(), accounts, fills)
        for feed in self.feeds:
            feed.push(batch)

    def broadcast(self, quote: Quote) -> None:
        for feed in self.feeds:
            feed.push(Batch(self.clock.market_ms(), (quote,)))

    def burst(self, instrument: str, number: int) -> None:
        """Very many small fills in one batch, there and back."""
        self.stream_fills = False
        fills = [self.trade("burst", instrument, 1 if n % 2 else -1) for n in range(number)]
        self.stream_fills = True
        for feed in self.feeds:
            feed.push(Batch(self.clock.market_ms(), (), (), fills))

    def tell(self, *events: AccountEvent) -> None:
        """What the account's stream tells beside fills."""
        self.events += events
        for feed in self.feeds:
            feed.push(Batch(self.clock.market_ms(), events=events))

    # --- the engine -----------------------------------------------------------------------

    def execute(self, order: Order, share: float, *, terse: bool = False) -> OrderReport:
        if order.client_id in self.reports:
            return self.reports[order.client_id]
        late = self.venue_class == "A" and self.now_ms() > order.deadline_ms
        if late:
            raise VenueRejected(f"deadline {order.deadline_ms} has passed")
        lots = round(order.lots * share)
        fills: tuple[Fill, ...] = ()
        if lots:
            fills = (self.trade(order.client_id, order.instrument, lots, account=order.account),)
        report = OrderReport(
            client_id=order.client_id,
            status=OrderStatus.FILLED if lots == order.lots else OrderStatus.CANCELLED,
            filled=lots,
            fills=() if terse else fills,
        )
        self.reports[order.client_id] = report
        if lots:
            self.answer(order.client_id, lots)
        return report

    def trade(
        self,
        client_id: str,
        instrument: str,
        lots: int,
        *,
        kind: str = "trade",
        account: str = "acc",
        block: str = "",
        legs: int = 0,
    ) -> Fill:
        self._trades += 1
        held = self.account(account)
        held[instrument] = held.get(instrument, 0) + lots
        fill = Fill(
            account=account,
            client_id=client_id,
            trade_id=f"t{self._trades}",
            instrument=instrument,
            lots=lots,
            price=self.index,
            fee=0.0,
            time_ms=self.clock.market_ms(),
            kind=kind,
            block=block,
            block_legs=legs,
        )
        self.history.append(fill)
        self.log.append(
            Executed(self.now_ms(), client_id, instrument, lots, held[instrument], self.witness())
        )
        if self.stream_fills:
            for feed in self.feeds:
                feed.push(Batch(self.clock.market_ms(), (), (), (fill,)))
        return fill

    # --- the port -------------------------------------------------------------------------

    def conduct(self, instrument: str) -> Conduct:
        return Conduct(
            product="perpetual",
            venue_class=VenueClass(self.venue_class),
            evidence="its script",
            source="tests",
        )

    def venue_ms(self) -> int:
        return self.clock.venue_ms() + self._taken_ahead_ms

    def now_ms(self) -> int:
        """The clock of the engine, which may have been set since it was last asked for."""
        return self.clock.venue_ms() + self.ahead_ms

    async def read_clock(self) -> ClockReading:
        self._reachable()
        ahead_ms = self.ahead_ms - self._taken_ahead_ms
        self._taken_ahead_ms = self.ahead_ms
        return ClockReading(self.now_ms(), ahead_ms, 0.0)

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        self._reachable()
        return {name: self.known[name] for name in names if name in self.known}

    async def place(self, order: Order) -> OrderReport:
        self.received.append((self.now_ms(), order))
        act = self.script.popleft() if self.script else self.default
        if self.down:
            raise OutcomeUnknown("connection lost")
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[OrderReport] = loop.create_future()

        def arrive() -> None:
            # The order is on the wire: that its sender gives up or dies does not stop it.
            try:
                if act.refuse:
                    raise VenueRejected(act.refuse)
                report = self.execute(order, act.share, terse=act.terse)
            except VenueRejected as error:
                if not arrived.done() and not act.breaks:
                    arrived.set_exception(error)
            else:
                if not arrived.done():
                    arrived.set_result(report)

        if act.arrives_s is not None:
            loop.call_later(act.arrives_s, arrive)
        if act.breaks:
            raise OutcomeUnknown("the connection broke")
        report = await arrived
        await asyncio.sleep(3_600 if act.replies_s is None else act.replies_s)
        return report

    async def cancel(self, account: str, client_id: str) -> OrderReport:
        return await self.query(account, client_id)

    async def query(self, account: str, client_id: str) -> OrderReport:
        self._reachable()
        await asyncio.sleep(0.001)
        absent = OrderReport(client_id=client_id, status=OrderStatus.NOT_FOUND)
        return self.reports.get(client_id, absent)

    async def positions(self, account: str) -> dict[str, int]:
        self._reachable()
        return {name: lots for name, lots in self.account(account).items() if lots}

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[Sequence[Fill]]:
        self._reachable()
        await asyncio.sleep(self.read_s)
        mine = (fill for fill in self.history if fill.account == account)
        found = [fill for fill in mine if fill.time_ms >= since_ms]
        for first in range(0, len(found), PAGE):
            yield found[first : first + PAGE]

    async def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        self._reachable()
        kinds = (Happening.DEPOSIT, Happening.WITHDRAWAL)
        return [e for e in self.events if e.kind in kinds and e.time_ms >= since_ms]

    async def margin(self, account: str) -> AccountMargin | None:
        return None

    def credits(self, account: str) -> float | None:
        return self.left

    async def close(self) -> None:
        pass

    def _reachable(self) -> None:
        if self.down:
            raise VenueUnavailable("the exchange is down")


class ScriptedFeed:
    """One worker's subscription."""

    def __init__(self, venue: ScriptedVenue) -> None:
        self._venue = venue
        self._queue: asyncio.Queue[Batch | None] = asyncio.Queue(FEED_MAX)
        self.subscribed: set[str] = set()
        self.caught: list[int] = []
        self.breaks = 0
        venue.feeds.append(self)

    def push(self, batch: Batch) -> None:
        quotes = [quote for quote in batch.quotes if quote.instrument in self.subscribed]
        self._queue.put_nowait(batch._replace(quotes=quotes))

    def break_(self) -> None:
        self._queue.put_nowait(None)

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        self.subscribed |= set(instruments)

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            batch = await self._queue.get()
            if batch is None:
                self.breaks += 1
                raise VenueUnavailable("the connection broke")
            yield batch

    async def caught_up(self, market_ms: int) -> None:
        self.caught.append(market_ms)
