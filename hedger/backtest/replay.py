"""A market replayed through the hedger's own decision: one process, every event in order of time.

market instant -> exchange -> board -> `decide` -> intent -> order at the exchange one way later ->
answer known another way later -> book. The exchange is the paper exchange without its socket; the
book's revisions, intents and orders are made as a worker makes them. Nothing here prices, decides
or matches by itself.

What a worker does beyond that is left out: leases, lost answers, holds, reconciling. An intent is
open, and counts as filled and as unfilled, until its answer is back.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from hedger.backtest.journalled import Told
from hedger.backtest.programme import Part, legs
from hedger.backtest.repriced import Repriced
from hedger.core.book import book as columns
from hedger.core.columns import Book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import Action, BookState, Decision, Fill, Intent, OrderReport, Record
from hedger.errors import ConfigError
from hedger.service.intents import Acks, intents_of, order_of
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.crash import CrashMarket
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperParams
from hedger.venues.paper.protocol import Happen
from hedger.venues.paper.publish import Market
from hedger.venues.simulator.events import Event

NAMESPACE = "00000000"
PROGRESS_BARS = 1_000


class Terms(Record, frozen=True, kw_only=True):
    """How the book trades: the worker's deadlines, and what is dealt anew at each expiry."""

    order_timeout_ms_min: int = 500
    order_timeout_ms_max: int = 3_000
    open_max: int = 4
    programme: tuple[Part, ...] = ()


class Hedge(NamedTuple):
    """A decision to trade, as far as two runs are compared by."""

    ms: int
    instrument: str
    lots: int
    limit_ticks: int


class Replayed(NamedTuple):
    """What a replay came to."""

    events: list[Event]
    told: Told
    hedges: list[Hedge]
    actions: dict[str, int]
    blocked: dict[str, int]
    names: list[str]


class MemoryLog:
    """A trade log that is kept and not written."""

    def __init__(self) -> None:
        self.kept: list[Event] = []

    def append(self, events: Iterable[Event]) -> None:
        """Keep a batch."""
        self.kept.extend(events)

    def events(self) -> Iterator[Event]:
        """All of it."""
        return iter(self.kept)

    def close(self) -> None:
        """Nothing to give up."""


def replayed(
    params: PaperParams,
    market: Market,
    book: BookParams,
    terms: Terms,
    *,
    progress: Callable[[int, int], None] = lambda now_ms, bars: None,
    each: Callable[[Engine], None] = lambda engine: None,
) -> Replayed:
    """Replay a market from its start to its end; the same arguments give the same events.

    Parameters
    ----------
    params
        The exchange: account, deposit, funding, latency (here in market time) and its seed.
    market
        Where the instants come from.
    book
        Who decides, and by which rules.
    terms
        Deadlines, and positions that are dealt anew.
    progress
        Told market time and bars so far, now and then.
    each
        Shown the exchange after every market instant, when what was due has been decided.
    """
    run = _Run(params, market, book, terms)
    run.look(run.engine.market_ms)
    each(run.engine)
    while run.step():
        each(run.engine)
        if run.engine.bars % PROGRESS_BARS == 0:
            progress(run.engine.market_ms, run.engine.bars)
    return run.result()


class _Sent(NamedTuple):
    """An order on its way to the exchange, or its answer on the way back."""

    at_ms: float
    number: int
    intent: Intent
    sent_ms: float
    report: OrderReport | None


class _Run:
    """The book, the board and the post between them and the exchange."""

    def __init__(self, params: PaperParams, market: Market, book: BookParams, terms: Terms) -> None:
        if book.also:
            raise ConfigError(f"book {book.name}: is hedged at several venues, expected one")
        self._book_params, self._terms = book, terms
        self._log = MemoryLog()
        self.engine = Engine(params, market=market, log=self._log)
        self._repriced = market if isinstance(market, Repriced) else None
        self._funded = market if isinstance(market, Repriced | CrashMarket) else None
        if terms.programme and self._repriced is None:
            raise ConfigError("a programme of positions needs bars to be repriced, not a chain")
        held = self.engine.exchange.positions(book.account)
        names = dict.fromkeys((*held, *book.hedges, *book.instruments))
        self._contracts = {name: instrument(name) for name in names}
        self._board = Board(self._contracts)
        self._state = BookState(
            book=book.name, seq=0, digest=book.digest, positions=held, confirmed=0.0
        )
        self._columns: Book | None = None
        self._post: list[_Sent] = []
        self._posted = 0
        self._way_ms = params.latency_ms / 2.0
        self._dice = np.random.Generator(np.random.PCG64(params.seed))
        self._acks = Acks()
        self._dealt: dict[int, int] = {}
        self._hedges: list[Hedge] = []
        self._bands: list[tuple[float, ...]] = []
        self._actions: Counter[str] = Counter()
        self._blocked: Counter[str] = Counter()
        self._deal()
        self._hear()

    def step(self) -> bool:
        """Everything up to the next market instant and that one; False at the market's end."""
        engine, since_ms = self.engine, self.engine.market_ms
        if not engine.advance(self._deliver):
            self._deliver(math.inf)
            return False
        if self._funded is not None:
            for rate in self._funded.funding(since_ms, engine.market_ms):
                engine.fund(rate)
        self._take(self._others())
        self._deal()
        self._hear()
        self.look(engine.market_ms)
        return True

    def look(self, now_ms: int) -> None:
        """Decide once on what is known now, and send what was decided."""
        if self._columns is None:
            self._columns = self._made()
        decision = decide(self._columns, self._board.market(), self._book_params.rules, now_ms)
        self._actions[decision.action] += 1
        if decision.action is Action.BLOCKED:
            self._blocked[decision.reason] += 1
        if decision.target is not None:
            band = decision.target
            self._bands.append(
                (now_ms, band.lower, band.upper, band.trigger_low, band.trigger_high)
            )
        if decision.action is Action.HEDGE and len(self._state.intents) < self._terms.open_max:
            self._send(decision, now_ms)

    def result(self) -> Replayed:
        """What was seen."""
        ms, *edges = zip(*self._bands, strict=True) if self._bands else ((),) * 5
        told = Told(
            np.array(ms, dtype=np.int64), *(np.array(edge, dtype=np.float64) for edge in edges)
        )
        return Replayed(
            events=self._log.kept,
            told=told,
            hedges=self._hedges,
            actions=dict(sorted(self._actions.items())),
            blocked=dict(sorted(self._blocked.items())),
            names=list(self._contracts),
        )

    # --- the market -----------------------------------------------------------------------

    def _hear(self) -> None:
        """What is published now, as a feed would bring it."""
        for quote in self.engine.quotes(list(self._contracts)):
            self._board.apply(quote, latest_ms=self.engine.market_ms)
        self._hear_account()

    def _hear_account(self) -> None:
        account = self.engine.account(self._book_params.account)
        if account is not None:
            self._board.apply_account(account)

    def _deal(self) -> None:
        """Deal each part of the programme that is not alive; the book hears of it at once."""
        engine, now_ms, name = self.engine, self.engine.market_ms, self._book_params.account
        underlying = self._book_params.underlying
        if self._repriced is None:
            return
        for number, part in enumerate(self._terms.programme):
            if self._dealt.get(number, 0) > now_ms:
                continue
            forward, vol = self._repriced.level(now_ms)
            lots = legs(part, underlying, now_ms=now_ms, forward=forward, vol=vol)
            new = {leg: instrument(leg) for leg in lots}
            self._contracts |= new
            self._board.add(new)
            engine.happen(Happen(0, name, "block", lots=lots))
            self._dealt[number] = min(it.expiry_ms for it in new.values())
            self._take(self._others())

    # --- the book -------------------------------------------------------------------------

    def _made(self) -> Book:
        held = {name: lots for name, lots in self._state.positions.items() if lots}
        return columns(
            msgspec.structs.replace(self._state, positions=held),
            self._contracts,
            account=self._book_params.account,
            hedges=self._book_params.hedges,
            previous=self._columns,
        )

    def _others(self) -> list[Fill]:
        """Fills that no answer brings: settlements, what is dealt, what the venue did itself."""
        account = self._book_params.account
        fills = [fill for fill in self.engine.take_fills() if fill.account == account]
        return [fill for fill in fills if not fill.client_id.startswith(NAMESPACE)]

    def _take(self, fills: Iterable[Fill]) -> None:
        positions = dict(self._state.positions)
        facts = self._state.facts
        for fill in fills:
            positions[fill.instrument] = positions.get(fill.instrument, 0) + fill.lots
            facts += 1
        if facts != self._state.facts:
            self._change(msgspec.structs.replace(self._state, positions=positions, facts=facts))

    def _change(self, state: BookState) -> None:
        self._state = state
        self._columns = self._made()

    # --- orders ---------------------------------------------------------------------------

    def _send(self, decision: Decision, now_ms: int) -> None:
        """Record the intents at the next revision, then post their orders."""
        timeout_ms = self._acks.timeout_ms(
            least=self._terms.order_timeout_ms_min, largest=self._terms.order_timeout_ms_max
        )
        state, params = self._state, self._book_params
        intents = intents_of(
            decision,
            params,
            namespace=NAMESPACE,
            epoch=1,
            decision_id=f"{params.name}.{now_ms}.{state.seq}",
            deadlines_ms={params.venue: now_ms + timeout_ms},
        )
        self._change(
            msgspec.structs.replace(
                state,
                seq=state.seq + 1,
                intents=(*state.intents, *intents),
                memory=decision.memory,
            )
        )
        for intent in intents:
            self._hedges.append(Hedge(now_ms, intent.instrument, intent.lots, intent.limit_ticks))
            self._mail(_Sent(now_ms + self._travel_ms(), 0, intent, now_ms, None))

    def _mail(self, sent: _Sent) -> None:
        self._posted += 1
        heapq.heappush(self._post, sent._replace(number=self._posted))

    def _travel_ms(self) -> float:
        """One way: half of its mean is certain and half exponential, as at the paper exchange."""
        half = self._way_ms / 2.0
        return half + float(self._dice.exponential(half)) if half else 0.0

    def _deliver(self, until_ms: float) -> None:
        """Everything in the post that arrives before an instant."""
        while self._post and self._post[0].at_ms < until_ms:
            sent = heapq.heappop(self._post)
            if sent.report is None:
                order = order_of(sent.intent)
                report = self.engine.place(order, now_ms=math.ceil(sent.at_ms))
                self._mail(sent._replace(at_ms=sent.at_ms + self._travel_ms(), report=report))
                continue
            self._acks.see(sent.at_ms - sent.sent_ms)
            left = tuple(i for i in self._state.intents if i.id != sent.intent.id)
            self._take(sent.report.fills)
            self._change(msgspec.structs.replace(self._state, intents=left))
            self._hear_account()
            self.look(max(math.ceil(sent.at_ms), self.engine.market_ms))
