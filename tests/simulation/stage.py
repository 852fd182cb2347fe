"""The world of one episode: server, exchanges, market and worker processes, and how they start."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

from hedger.core.model import Account, BandRule, DataRule, LimitRule, Quote
from hedger.errors import StoreUnavailable
from hedger.ports import Batch
from hedger.service.params import BookParams, WorkerParams
from hedger.service.supervisor import run_worker
from hedger.store.keys import Keys, shard_of
from hedger.store.params import StoreParams
from hedger.store.redis import RedisStore
from tests.core.desk import PERPETUAL, rules
from tests.simulation.adapter import SimVenue, WorkerClock
from tests.simulation.evidence import BookFacts, End, equity_path
from tests.simulation.exchange import PRICE, Exchange
from tests.simulation.faults import Plan
from tests.simulation.loop import WORLD, Process, SimLoop
from tests.simulation.server import Server
from tests.simulation.wire import Line, Reach, SimLink

DEPLOYMENT = "sim"
SHARDS = 8
HEDGE = PERPETUAL.name
TICK_S = 1.0
AGAIN_S = 1.0
RULES = rules(
    numeraire="usd",
    band=BandRule(cooldown_ms=0),
    data=DataRule(hedge_quote_age_ms_max=4_000, forward_age_ms_max=6_000),
    limits=LimitRule(
        order_max=100.0, per_minute_max=1e6, first_trade_max=100.0, position_max=100.0
    ),
)
"""No legs and a fixed price: what must be hedged is the account's balance, so that anybody can
say what the delta is."""


@dataclass
class Slot:
    """A place for one worker, and the process in it."""

    number: int
    lines: dict[str, Line]
    process: Process
    task: asyncio.Task[None] | None = None
    stop: asyncio.Event | None = None
    venues: tuple[SimVenue, ...] = ()
    lives: int = 0


def second_class(*, forgetful: bool) -> str:
    """Class of the second venue: B only beside a server that syncs whatever it has answered."""
    return "A" if forgetful else "B"


class Stage:
    """Everything that is there, sound; `reach` is told where each process has come to."""

    def __init__(self, plan: Plan, loop: SimLoop, reach: Reach) -> None:
        self.plan, self.loop, self.reach = plan, loop, reach
        self.begin_s = loop.time()
        self.server = Server(DEPLOYMENT, now_s=loop.time, shards=SHARDS)
        second = second_class(forgetful=plan.forgetful)
        self.exchanges = {
            name: Exchange(name, kind, Random(f"{plan.seed}:{name}"))
            for name, kind in (("alpha", "A"), ("beta", second))
        }
        self.books = [
            BookFacts(name, venue, f"acc-{name}", equity_path(plan.seed, name, plan.length_s))
            for name, venue in (("b0", "alpha"), ("b1", "alpha"), ("b2", "beta"))
        ]
        self.processes: list[Process] = []
        self.crashes: list[str] = []
        self._net = Random(f"{plan.seed}:net")
        self.slots = [self._slot(number) for number in range(plan.workers)]

    def _slot(self, number: int) -> Slot:
        names = ("store", *self.exchanges)
        lines = {name: Line(self._net, self.loop.time) for name in names}
        return Slot(number, lines, Process(f"w{number}"))

    # --- workers --------------------------------------------------------------------------

    def launch(self, slot: Slot, *, fresh: bool = False) -> None:
        """Start a process in a slot; a fresh one has a name that nobody had before."""
        slot.lives += 1
        name = f"w{slot.number}-{slot.lives}" if fresh else f"w{slot.number}"
        process = slot.process = Process(name)
        self.processes.append(process)
        slot.stop = asyncio.Event()
        slot.venues = tuple(
            SimVenue(exchange, slot.lines[exchange.name], process, self.reach)
            for exchange in self.exchanges.values()
        )
        slot.task = self.loop.spawn(process, self._live(slot, process))
        slot.task.add_done_callback(self._ended, context=WORLD)

    async def _live(self, slot: Slot, process: Process) -> None:
        venues = {venue.name: venue for venue in slot.venues}
        link = SimLink(self.server, slot.lines["store"], process, self.reach)
        params = StoreParams(deployment=DEPLOYMENT, shards=SHARDS)
        stop = slot.stop
        while True:
            store = RedisStore(params, link=link, monotonic=self.loop.time)
            try:
                await store.open()
                break
            except StoreUnavailable:  # the process would end, and be started again
                await asyncio.sleep(AGAIN_S)
        await run_worker(
            worker_params(process.name, self.books),
            store=store,
            venues=venues,
            feeds=venues,
            clock=WorkerClock(process),
            warm=lambda: None,
            stop=stop,
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.crashes.append(f"a worker ended with {task.exception()!r}")

    # --- the market -----------------------------------------------------------------------

    async def market(self) -> None:
        """Show prices and balances to every worker, for ever; fills as they happen."""
        while True:
            at_s = self.loop.time() - self.begin_s
            for exchange in self.exchanges.values():
                self.show(exchange, at_s)
            await asyncio.sleep(TICK_S)

    def show(self, exchange: Exchange, at_s: float) -> None:
        now = exchange.market_ms()
        quote = Quote(
            instrument=HEDGE, time_ms=now, bid=PRICE - 0.5, ask=PRICE + 0.5, mark=PRICE, index=PRICE
        )
        accounts = [
            Account(account=book.account, time_ms=now, equity=book.equity_at(at_s))
            for book in self.books
            if book.venue == exchange.name
        ]
        self.push(exchange.name, Batch(now, (quote,), accounts))

    def push(self, venue: str, batch: Batch | None) -> None:
        for slot in self.slots:
            for view in slot.venues:
                if view.name == venue:
                    view.push(batch)

    # --- the two truths -------------------------------------------------------------------

    def ends(self) -> dict[str, End]:
        """What the store's data say of each book beside what the exchange says."""
        found = {}
        for book in self.books:
            keys, shard = Keys(DEPLOYMENT), shard_of(book.name, SHARDS)
            row = self.server.data.hash(keys.book(shard, book.name).encode())
            intents = self.server.data.hash(keys.intents(shard, book.name).encode())
            stored = {name[2:].decode(): int(v) for name, v in row.items() if name[:2] == b"p:"}
            stopped = row.get(b"hold", b"").decode() if row.get(b"stopped") == b"1" else ""
            held = self.exchanges[book.venue].positions(book.account)
            found[book.name] = End(stored, held, len(intents), stopped)
        return found


def worker_params(name: str, books: list[BookFacts]) -> WorkerParams:
    return WorkerParams(
        worker=name,
        deployment=DEPLOYMENT,
        books=tuple(
            BookParams(
                name=book.name,
                venue=book.venue,
                account=book.account,
                underlying="BTC",
                rules=RULES,
                digest="v1",
                positions={},
            )
            for book in books
        ),
        time_trigger_ms=5_000,
    )
