"""A book whose orders go nowhere real: one place decides, sends and fills for backtest and shadow.

decision -> intents -> order at whoever fills it one way later -> answer known another way later ->
book, and a decision on that. Market time alone counts; the book's revisions, intents, orders and
measures of risk are made as a worker makes them. An intent is open, and counts as filled and as
unfilled, until its answer is back. Nothing here prices, decides or matches by itself.

What a worker does beyond that is left out: leases, lost answers, holds, reconciling.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec
import numpy as np

from hedger.core.book import book as columns
from hedger.core.columns import Book, Market
from hedger.core.decide import decide
from hedger.core.model import (
    NO_READINGS,
    Action,
    BookState,
    Decision,
    Fill,
    Instrument,
    Intent,
    Order,
    OrderReport,
    Reading,
    Record,
    Rules,
    Traffic,
)
from hedger.core.scaled import kept
from hedger.service.intents import Acks, intents_of, order_of
from hedger.service.params import BookParams
from hedger.service.readings import failed, is_due, measured

NAMESPACE = "00000000"
"""Begins every order id that is made here: no deployment has it."""
_ID = 16


class OrderTerms(Record, frozen=True, kw_only=True):
    """A worker's deadlines, and how many intents may be open at once."""

    order_timeout_ms_min: int = 500
    order_timeout_ms_max: int = 3_000
    open_max: int = 4


class Way(NamedTuple):
    """How long orders travel: there and back together on average [ms], and the dice's seed."""

    latency_ms: float
    seed: int

    def there_and_back(self, intent: Intent) -> tuple[float, float]:
        """Each way: half of its mean is certain and half exponential, as at the paper exchange.

        Thrown anew for each order by its id, so that whoever goes on after it throws the same.
        """
        half = self.latency_ms / 4.0
        if not half:
            return 0.0, 0.0
        seeds = np.random.SeedSequence([self.seed, int(intent.id[_ID:], 16)])
        there, back = np.random.Generator(np.random.PCG64(seeds)).exponential(half, 2)
        return half + float(there), half + float(back)


class World(NamedTuple):
    """What an imagined book asks and tells: the market as it may see it, and who fills orders.

    ``answered`` is told of each report before a decision is made on it, ``decided`` of each
    decision and the intents that were sent for it.
    """

    market: Callable[[], Market]
    place: Callable[[Order, int], OrderReport]
    answered: Callable[[OrderReport], None]
    decided: Callable[[Decision, tuple[Intent, ...]], None]


class _Sent(NamedTuple):
    """An order on its way to whoever fills it, or its answer on the way back."""

    at_ms: float
    number: int
    intent: Intent
    sent_ms: float
    back_ms: float
    report: OrderReport | None


class Imagined:
    """A book in market time, and the post between it and whoever fills its orders.

    ``contracts`` is the caller's, who may add to it; ``state`` is what the store would hold, and
    ``seen`` the book as it was decided on last.
    """

    def __init__(
        self,
        params: BookParams,
        terms: OrderTerms,
        way: Way,
        world: World,
        *,
        state: BookState,
        contracts: Mapping[str, Instrument],
    ) -> None:
        self._params, self._terms, self._way, self._world = params, terms, way, world
        self._contracts = contracts
        self._columns: Book | None = None
        self.seen: Book
        self._before: Book | None = None
        self._post: list[_Sent] = []
        self._posted = 0
        self._acks = Acks()
        self.readings = NO_READINGS
        self.state = state

    @property
    def rules(self) -> Rules:
        """By which it is decided."""
        return self._params.rules

    def declare(self, rules: Rules) -> None:
        """By which it is decided from now on."""
        self._params = msgspec.structs.replace(self._params, rules=rules)

    def change(self, state: BookState) -> None:
        """The book is another by now."""
        if state != self.state:
            self.state, self._columns = state, None

    def take(self, fills: Iterable[Fill]) -> None:
        """Lots that changed hands."""
        positions, facts = dict(self.state.positions), self.state.facts
        for fill in fills:
            positions[fill.instrument] = positions.get(fill.instrument, 0) + fill.lots
            facts += 1
        if facts != self.state.facts:
            self.change(msgspec.structs.replace(self.state, positions=positions, facts=facts))

    def hear(self, signal: Reading, traffic: Traffic) -> None:
        """What scalers read beside the book's risk, made by whoever can."""
        self.readings = msgspec.structs.replace(self.readings, signal=signal, traffic=traffic)

    def look(self, now_ms: int) -> Decision:
        """Decide once on what is known now, and send what was decided."""
        book, market = self.book(), self._world.market()
        self._measure(book, market, now_ms)
        if book.readings is not self.readings:
            book = self._columns = replace(book, readings=self.readings)
        self.seen = book
        decision = decide(book, market, self._params.rules, now_ms)
        intents: tuple[Intent, ...] = ()
        if decision.action is Action.HEDGE and len(self.state.intents) < self._terms.open_max:
            intents = self._send(decision, now_ms)
        else:
            memory = kept(self.state.memory, decision)
            self.change(msgspec.structs.replace(self.state, memory=memory))
        self._world.decided(decision, intents)
        return decision

    def _measure(self, book: Book, market: Market, now_ms: int) -> None:
        """Measure the book where that is due; what fails says so, as it does live."""
        rule = self._params.readings
        if rule is None or rule.measure is None or not is_due(rule, self.readings.measured, now_ms):
            return
        try:
            found = measured(book, market, self._params.rules, now_ms, rule.measure)
        except Exception as error:
            found = failed(now_ms, error)
        self.readings = msgspec.structs.replace(self.readings, measured=found)

    def deliver(self, until_ms: float) -> None:
        """Everything in the post that arrives before an instant, with a decision on each answer."""
        while self._post and self._post[0].at_ms < until_ms:
            sent = heapq.heappop(self._post)
            if sent.report is None:
                report = self._world.place(order_of(sent.intent), math.ceil(sent.at_ms))
                self._mail(sent._replace(at_ms=sent.at_ms + sent.back_ms, report=report))
                continue
            self._acks.see(sent.at_ms - sent.sent_ms)
            self.take(sent.report.fills)
            left = tuple(i for i in self.state.intents if i.id != sent.intent.id)
            self.change(msgspec.structs.replace(self.state, intents=left))
            self._world.answered(sent.report)
            self.look(math.ceil(sent.at_ms))

    def book(self) -> Book:
        """The book as a decision reads it."""
        if self._columns is None:
            held = {name: lots for name, lots in self.state.positions.items() if lots}
            self._columns = columns(
                msgspec.structs.replace(self.state, positions=held),
                self._contracts,
                account=self._params.account,
                hedges=self._params.hedges,
                previous=self._before,
            )
            self._before = self._columns
        return self._columns

    def _send(self, decision: Decision, now_ms: int) -> tuple[Intent, ...]:
        """Record the intents at the next revision, then post their orders."""
        params, state = self._params, self.state
        timeout_ms = self._acks.timeout_ms(
            least=self._terms.order_timeout_ms_min, largest=self._terms.order_timeout_ms_max
        )
        intents = intents_of(
            decision,
            params,
            namespace=NAMESPACE,
            epoch=1,
            decision_id=f"{params.name}.{now_ms}.{state.seq}",
            deadlines_ms={params.venue: now_ms + timeout_ms},
        )
        self.change(
            msgspec.structs.replace(
                state,
                seq=state.seq + 1,
                intents=(*state.intents, *intents),
                memory=decision.memory,
            )
        )
        for intent in intents:
            there_ms, back_ms = self._way.there_and_back(intent)
            self._mail(_Sent(now_ms + there_ms, 0, intent, now_ms, back_ms, None))
        return intents

    def _mail(self, sent: _Sent) -> None:
        self._posted += 1
        heapq.heappush(self._post, sent._replace(number=self._posted))
