"""One episode: faults for a while, then calm until everything has settled; evidence of it all."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from random import Random
from typing import Any
from unittest import mock

import structlog

from hedger.core.columns import Book, Market
from hedger.core.exposure import exposure
from hedger.core.model import Exposure, Rules
from tests.simulation.evidence import Evidence
from tests.simulation.exchange import MARKET_BEGIN_MS
from tests.simulation.faults import Plan
from tests.simulation.injector import Injector
from tests.simulation.loop import PROCESS, SimLoop
from tests.simulation.stage import HEDGE, Stage

SETTLE_S = 40.0
"""Longest time to settle: a server whose clock was set back keeps dead leases for 5 s more, a
lease 5 s, a new incarnation is waited for 3 s, and a refused order makes a book pause 10 s."""
STEADY_S = 3.0
LOOK_S = 0.5
TRIGGER = 0.2625
"""Where a book with the rules of `stage` must trade: the band's edge and half the least clip."""


class Diary:
    """What the processes say: defects are kept, alarms counted, lines shown if asked for."""

    def __init__(self, *, shown: bool) -> None:
        self.defects: list[str] = []
        self.alarms: Counter[str] = Counter()
        self._shown = shown

    def hear(self, logger: Any, method: str, event: dict[str, Any]) -> Any:
        if event["event"] == "defect":
            self.defects.append(f"defect during {event.get('during')}: {_raised()}")
        elif event["event"] == "alarm":
            self.alarms[event["alarm"]] += 1
        if self._shown:
            process = PROCESS.get()
            at_s = asyncio.get_running_loop().time() - 1_000.0
            words = " ".join(f"{key}={value}" for key, value in event.items())
            print(f"{at_s:9.4f} {process.name if process else '-':6} {words}")
        raise structlog.DropEvent

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        level = 0 if self._shown else 40
        before = structlog.get_config()
        structlog.configure(
            processors=[self.hear],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)


def _raised() -> str:
    return repr(sys.exc_info()[1])


def _wall_ms() -> int:
    process = PROCESS.get()
    offset_ms = process.clock_ms if process is not None else 0
    return MARKET_BEGIN_MS + offset_ms + int(asyncio.get_running_loop().time() * 1_000)


def _remembered(work: Callable[..., Exposure]) -> Callable[..., Exposure]:
    """The same exposure for the same book at the same balance: it is pure, and half the cost."""
    last: dict[str, tuple[Any, float, Exposure]] = {}

    def look_up(book: Book, market: Market, rules: Rules, now: int, **more: Any) -> Exposure:
        equity = market.accounts[book.account].equity
        before = last.get(book.name)
        if before is not None and before[0] is book and before[1] == equity:
            return before[2]
        found = work(book, market, rules, now, **more)
        last[book.name] = book, equity, found
        return found

    return look_up


def played(
    plan: Plan, *, ablation: AbstractContextManager[Any] | None = None, shown: bool = False
) -> Evidence:
    """Play a plan from beginning to end."""
    loop = SimLoop(Random(f"{plan.seed}:loop"))
    diary = Diary(shown=shown)
    with ExitStack() as stack:
        stack.enter_context(diary.open())
        stack.enter_context(mock.patch("hedger.service.crew.wall_ms", _wall_ms))
        # Nobody says when the market's clock moves; asking less often changes no order of events.
        stack.enter_context(mock.patch("hedger.service.worker.LOOK_S", 0.5))
        stack.enter_context(mock.patch("hedger.core.decide.exposure", _remembered(exposure)))
        if ablation is not None:
            stack.enter_context(ablation)
        evidence: Evidence = loop.run(_play(plan, loop))
    evidence.defects += diary.defects
    evidence.alarms = dict(diary.alarms)
    return evidence


async def _play(plan: Plan, loop: SimLoop) -> Evidence:
    injector = Injector(plan, loop)
    stage = injector.stage = Stage(plan, loop, injector.reach)
    injector.schedule()
    market = asyncio.create_task(stage.market())
    for slot in stage.slots:
        stage.launch(slot)
    await asyncio.sleep(plan.length_s)
    injector.calm()
    settled_s = await _settled(stage)
    market.cancel()
    return _evidence(plan, stage, injector, settled_s)


async def _settled(stage: Stage) -> float | None:
    """Seconds until every book was in order and stayed so; None if that never came."""
    began_s, since_s = stage.loop.time(), None
    while stage.loop.time() - began_s < SETTLE_S + STEADY_S:
        if not _in_order(stage):
            since_s = None
        elif since_s is None:
            since_s = stage.loop.time()
        elif stage.loop.time() - since_s >= STEADY_S:
            return since_s - began_s
        await asyncio.sleep(LOOK_S)
    return None


def _in_order(stage: Stage) -> bool:
    """Whether there is nothing left to wait for; what that is worth is the checker's to say."""
    at_s = stage.loop.time() - stage.begin_s
    for book in stage.books:
        end = stage.ends()[book.name]
        delta = book.equity_at(at_s) + coin(end.held.get(HEDGE, 0))
        if end.open_intents or end.stored != end.held or abs(delta) > TRIGGER:
            return False
    return True


def coin(lots: int) -> float:
    """Delta of so many lots of the hedge instrument at the fixed price."""
    return lots * 10.0 / 50_000.0


def _evidence(plan: Plan, stage: Stage, injector: Injector, settled_s: float | None) -> Evidence:
    found = Evidence(plan, stage.books)
    for exchange in stage.exchanges.values():
        found.executed += [line._replace(at_s=line.at_s - stage.begin_s) for line in exchange.log]
        found.seen += [line._replace(at_s=line.at_s - stage.begin_s) for line in exchange.seen]
    found.published = [
        entry._replace(at_s=entry.at_s - stage.begin_s) for entry in stage.server.published
    ]
    found.ends = stage.ends()
    found.settled_s = settled_s
    found.end_s = stage.loop.time() - stage.begin_s
    found.defects = list(stage.crashes)
    found.counts = dict(injector.counts) | {
        "lost_writes": stage.server.lost_writes,
        "turns": stage.loop.turns,
    }
    return found
