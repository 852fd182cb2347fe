"""A simulated exchange: it takes orders, fills them as it is told to, and logs what it did.

Class A refuses what arrives after its deadline, and, as on real venues, takes a client id twice.
Class B knows no deadline but each id once and for ever. Its log is what the checker believes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from hedger.core.model import Fill, Order, OrderReport, OrderStatus
from hedger.errors import RateLimited, VenueRejected, VenueUnavailable
from tests.simulation.loop import WORLD

VENUE_BEGIN_MS = 1_800_000_000_000
MARKET_BEGIN_MS = 1_782_409_230_000
PRICE = 50_000.0
DEADLINES = True
"""What an ablation takes away."""
Answer = Callable[[OrderReport | Exception], None]


class Executed(NamedTuple):
    """One line of the trade log; ``position`` is the account's after it."""

    at_s: float
    venue_ms: int
    account: str
    client_id: str
    number: int
    trade_id: str
    instrument: str
    lots: int
    position: int


class Seen(NamedTuple):
    """One order as it reached the engine, and what became of it there."""

    at_s: float
    number: int
    order: Order
    outcome: str


class Act(NamedTuple):
    """What happens to one order; the names are those of `faults.ORDERS`."""

    what: str = ""
    length_s: float = 0.0


@dataclass(slots=True)
class Standing:
    """An order in the engine."""

    number: int
    order: Order
    report: OrderReport
    answer: Answer
    fills: list[Fill] = field(default_factory=list)
    shown: bool = True


class Exchange:
    """One venue."""

    def __init__(self, name: str, venue_class: str, random: Random) -> None:
        self.name = name
        self.venue_class = venue_class
        self.honours_deadlines = venue_class == "A" and DEADLINES
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._standing: dict[str, Standing] = {}
        self._numbers = 0
        self._trades = 0
        self.acts: deque[Act] = deque()
        self.held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.log: list[Executed] = []
        self.seen: list[Seen] = []
        self.history: list[Fill] = []
        self.listeners: list[Callable[[Fill], None]] = []
        self.trouble, self.trouble_until_s = "", -1.0

    def now_ms(self) -> int:
        return VENUE_BEGIN_MS + int(self._loop.time() * 1_000)

    def market_ms(self) -> int:
        return MARKET_BEGIN_MS + int(self._loop.time() * 1_000)

    # --- orders ---------------------------------------------------------------------------

    def place(self, order: Order, answer: Answer) -> None:
        """An order comes in from the line; its fate may be to arrive later, or never."""
        act = self.acts.popleft() if self.acts else Act()
        match act.what:
            case "lost":
                return
            case "late":
                self._later(act.length_s, self._accept, order, answer, Act())
            case "reply_lost":
                self._accept(order, lambda _: None, Act())
            case _:
                self._accept(order, answer, act)

    def _accept(self, order: Order, answer: Answer, act: Act) -> None:
        known = self._standing.get(order.client_id)
        self._numbers += 1
        if known is not None and self.venue_class == "B":
            self._note(order, "known")
            answer(known.report)
        elif self.honours_deadlines and self.now_ms() > order.deadline_ms:
            self._note(order, "too late")
            answer(VenueRejected(f"deadline {order.deadline_ms} has passed"))
        elif act.what == "refused":
            self._note(order, "refused")
            answer(VenueRejected("too many requests"))
        else:
            self._note(order, "accepted")
            empty = OrderReport(client_id=order.client_id, status=OrderStatus.OPEN)
            standing = Standing(self._numbers, order, empty, answer, shown=act.what != "terse")
            self._standing[order.client_id] = standing
            self._match(standing, act)

    def _match(self, standing: Standing, act: Act) -> None:
        """Fill at once, or in parts while time passes; what remains then is cancelled."""
        lots, part = standing.order.lots, 0
        match act.what:
            case "nothing":
                lots = 0
            case "partial":
                lots = int(lots * self._random.random())
            case "slow":
                part = int(lots * self._random.random())
                self._fill(standing, part)
                self._later(act.length_s, self._end, standing, lots - part)
                return
        self._end(standing, lots)

    def _end(self, standing: Standing, lots: int) -> None:
        """The last fill, and the final word."""
        if standing.report.status is not OrderStatus.OPEN:
            return
        self._fill(standing, lots)
        filled = standing.report.filled
        whole = filled == standing.order.lots
        status = OrderStatus.FILLED if whole else OrderStatus.CANCELLED
        self._report(standing, status, filled)
        standing.answer(standing.report)

    def _fill(self, standing: Standing, lots: int) -> None:
        if not lots:
            return
        order = standing.order
        self._trades += 1
        held = self.held[order.account]
        held[order.instrument] += lots
        fill = Fill(
            account=order.account,
            client_id=order.client_id,
            trade_id=f"{self.name}-{self._trades}",
            instrument=order.instrument,
            lots=lots,
            price=PRICE,
            fee=0.0,
            time_ms=self.market_ms(),
        )
        self.history.append(fill)
        standing.fills.append(fill)
        self.log.append(
            Executed(
                at_s=self._loop.time(),
                venue_ms=self.now_ms(),
                account=order.account,
                client_id=order.client_id,
                number=standing.number,
                trade_id=fill.trade_id,
                instrument=order.instrument,
                lots=lots,
                position=held[order.instrument],
            )
        )
        self._report(standing, OrderStatus.OPEN, standing.report.filled + lots)
        for listener in self.listeners:
            listener(fill)

    def _report(self, standing: Standing, status: OrderStatus, filled: int) -> None:
        standing.report = OrderReport(
            client_id=standing.order.client_id,
            status=status,
            filled=filled,
            fills=tuple(standing.fills) if standing.shown else (),
        )

    def _note(self, order: Order, outcome: str) -> None:
        self.seen.append(Seen(self._loop.time(), self._numbers, order, outcome))

    def _later(self, after_s: float, act: Callable[..., None], *arguments: object) -> None:
        self._loop.call_later(after_s, act, *arguments, context=WORLD)

    # --- questions ------------------------------------------------------------------------

    def cancel(self, client_id: str) -> OrderReport:
        """Cancel what still rests; what filled before that stays filled."""
        standing = self._standing.get(client_id)
        if standing is not None and standing.report.status is OrderStatus.OPEN:
            self._report(standing, OrderStatus.CANCELLED, standing.report.filled)
            standing.answer(standing.report)
        return self.query(client_id)

    def query(self, client_id: str) -> OrderReport:
        standing = self._standing.get(client_id)
        if standing is None:
            return OrderReport(client_id=client_id, status=OrderStatus.NOT_FOUND)
        return standing.report

    def positions(self, account: str) -> dict[str, int]:
        return {name: lots for name, lots in self.held[account].items() if lots}

    def fills(self, account: str, since_ms: int) -> list[Fill]:
        return [f for f in self.history if f.account == account and f.time_ms >= since_ms]

    def troubled(self) -> Exception | None:
        """What a read gets instead of an answer."""
        if self._loop.time() >= self.trouble_until_s:
            return None
        if self.trouble == "rate":
            return RateLimited("too many requests", retry_after_s=0.3)
        return VenueUnavailable("502 from the gateway")

    @property
    def hangs(self) -> bool:
        """Whether reads get no answer at all."""
        return self.trouble == "hang" and self._loop.time() < self.trouble_until_s
