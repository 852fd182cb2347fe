"""A market replayed through the hedger's own decision: one process, every event in order of time.

market instant -> exchange -> board -> `hedger.service.imagined` and back. The exchange is the paper
exchange without its socket. Nothing here prices, decides or matches by itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from hedger.backtest.carried import Carried
from hedger.backtest.journalled import Told
from hedger.backtest.programme import Part, legs
from hedger.backtest.repriced import Repriced
from hedger.backtest.resized import Resized, based
from hedger.core.columns import Market as Seen
from hedger.core.market import Board
from hedger.core.model import Act, Action, BookState, Decision, Fill, Intent
from hedger.errors import ConfigError
from hedger.service.imagined import NAMESPACE, Imagined, OrderTerms, Way, World
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.crash import CrashMarket
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperParams
from hedger.venues.paper.protocol import Happen
from hedger.venues.paper.publish import Market
from hedger.venues.simulator.events import Event

PROGRESS_BARS = 1_000


class Terms(OrderTerms, frozen=True, kw_only=True):
    """How the book trades: the worker's deadlines, and what is dealt anew at each expiry."""

    programme: tuple[Part, ...] = ()


class Hedge(NamedTuple):
    """A decision to trade, as far as two runs are compared by."""

    ms: int
    instrument: str
    lots: int
    limit_ticks: int


class Beside(Protocol):
    """Whoever acts on the book beside its hedging, as a worker's other loops do."""

    def look(self, book: Imagined, market: Seen, now_ms: int) -> None:
        """An instant has come, and nothing is decided on it yet."""
        ...

    def decided(self, book: Imagined, decision: Decision, intents: tuple[Intent, ...]) -> None:
        """A decision was made, and these orders are on their way."""
        ...


class Replayed(NamedTuple):
    """What a replay came to."""

    events: list[Event]
    told: Told
    hedges: list[Hedge]
    actions: dict[str, int]
    blocked: dict[str, int]
    names: list[str]
    carried: Carried
    acts: list[Act]


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
    beside: Beside | None = None,
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
    beside
        Asked before every decision that an instant brings, and told of each decision.
    """
    run = _Run(params, market, book, terms, beside)
    run.look()
    each(run.engine)
    while run.step():
        each(run.engine)
        if run.engine.bars % PROGRESS_BARS == 0:
            progress(run.engine.market_ms, run.engine.bars)
    return run.result()


class _Run:
    """The exchange, the board, and the imagined book between them."""

    def __init__(
        self,
        params: PaperParams,
        market: Market,
        book: BookParams,
        terms: Terms,
        beside: Beside | None = None,
    ) -> None:
        if book.also:
            raise ConfigError(f"book {book.name}: is hedged at several venues, expected one")
        self._book_params, self._terms, self._beside = book, terms, beside
        self._log = MemoryLog()
        self._repriced = market if isinstance(market, Repriced) else None
        self._funded = market if isinstance(market, Repriced | CrashMarket) else None
        own = _exchange(params, has_prints=self._funded is not None)
        self.engine = Engine(own, market=market, log=self._log)
        if terms.programme and self._repriced is None:
            raise ConfigError("a programme of positions needs bars to be repriced, not a chain")
        held = self.engine.exchange.positions(book.account)
        names = dict.fromkeys((*held, *book.hedges, *book.instruments))
        self._contracts = {name: instrument(name) for name in names}
        self._board = Board(self._contracts)
        self._dealt: dict[int, int] = {}
        self._hedges: list[Hedge] = []
        self._bands: list[tuple[float, ...]] = []
        self._actions: Counter[str] = Counter()
        self._blocked: Counter[str] = Counter()
        self._carried, self._resized = Carried(), Resized()
        self.book = Imagined(
            book,
            terms,
            Way(params.latency_ms, params.seed),
            World(
                market=self._board.market,
                place=lambda order, now_ms: self.engine.place(order, now_ms=now_ms),
                answered=lambda _: self._hear_account(),
                decided=self._decided,
            ),
            state=BookState(
                book=book.name, seq=0, digest=book.digest, positions=held, confirmed=0.0
            ),
            contracts=self._contracts,
        )
        self._deal()
        self._hear()

    def step(self) -> bool:
        """Everything up to the next market instant and that one; False at the market's end."""
        engine, since_ms = self.engine, self.engine.market_ms
        if not engine.advance(self.book.deliver):
            self.book.deliver(math.inf)
            return False
        if self._funded is not None:
            for rate in self._funded.funding(since_ms, engine.market_ms):
                engine.fund(rate)
        self.book.take(self._others())
        self._deal()
        self._hear()
        acts = self._resized.asked
        self.look()
        if self._resized.asked > acts:  # an act that is asked for is begun at once, as live
            self.look()
        return True

    def look(self) -> None:
        """Decide on this instant, after whoever stands beside has looked at it."""
        now_ms = self.engine.market_ms
        if self._beside is not None:
            self._beside.look(self.book, self._board.market(), now_ms)
        self.book.look(now_ms)

    def _decided(self, decision: Decision, intents: tuple[Intent, ...]) -> None:
        """Count a decision, keep its band and what was sent for it."""
        self._actions[decision.action] += 1
        self._carried.see(self.book.seen, self.book.rules, decision)
        self._resized.follow(self.book, decision)
        if decision.action is Action.BLOCKED:
            self._blocked[decision.reason] += 1
        if (band := decision.target) is not None:
            self._bands.append(
                (decision.time_ms, band.lower, band.upper, band.trigger_low, band.trigger_high)
            )
        self._hedges += [Hedge(i.market_ms, i.instrument, i.lots, i.limit_ticks) for i in intents]
        if self._beside is not None:
            self._beside.decided(self.book, decision, intents)

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
            carried=self._carried,
            acts=self._resized.acts,
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
            whole = legs(part, underlying, now_ms=now_ms, forward=forward, vol=vol)
            lots = self._resized.dealt(self.book, whole)
            new = {leg: instrument(leg) for leg in whole}
            self._contracts |= new
            self._board.add(new)
            engine.want(new)  # quoted, too, where nothing is dealt for now
            if dealt := {leg: count for leg, count in lots.items() if count}:
                engine.happen(Happen(0, name, "block", lots=dealt))
            self._dealt[number] = min(it.expiry_ms for it in new.values())
            based(self.book, whole, self._contracts, now_ms)
            self.book.take(self._others())

    def _others(self) -> list[Fill]:
        """Fills that no answer brings: settlements, what is dealt, what the venue did itself."""
        account = self._book_params.account
        fills = [fill for fill in self.engine.take_fills() if fill.account == account]
        return [fill for fill in fills if not fill.client_id.startswith(NAMESPACE)]


def _exchange(params: PaperParams, *, has_prints: bool) -> PaperParams:
    """The exchange of a replay: nothing by chance, and no rate beside a market's own prints."""
    rate = 0.0 if has_prints else params.funding_rate_8h
    return msgspec.structs.replace(params, events_per_day=0.0, funding_rate_8h=rate)
