"""A desk of workers, one memory server and one scripted exchange, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hedger.core.model import Instrument, LimitRule, Rules
from hedger.ports import Lease
from hedger.service.entry import Entry
from hedger.service.params import BookParams, WorkerParams
from hedger.service.read_back import decoded
from hedger.service.supervisor import run_worker
from hedger.store.memory import MemoryServer, MemoryStore
from tests.core.desk import PERPETUAL, option, rules
from tests.service.venue import ScriptedFeed, ScriptedVenue
from tests.service.virtual import LoopClock, run

CALL = option(64_000.0, 8, True)
"""Sold, ten coins of it, so that the book is about two and a half coins short."""
LEGS = {CALL: -100}
HEDGE = PERPETUAL.name
BAND = 0.6
"""The band is half a coin wide; what is left of it must fit into this."""


def book_rules(**change: Any) -> Rules:
    limits = LimitRule(order_max=100.0, per_minute_max=1_000.0, first_trade_max=100.0)
    return rules(**({"limits": limits} | change))


def book_params(name: str = "main", **change: Any) -> BookParams:
    params = BookParams(
        name=name,
        venue="paper",
        account="acc",
        underlying="BTC",
        rules=book_rules(),
        digest="v1",
        positions={leg.name: lots for leg, lots in LEGS.items()},
    )
    return msgspec.structs.replace(params, **change)


class Room:
    def __init__(self, *, legs: dict[Instrument, int] = LEGS, **venue: Any) -> None:
        self.clock = LoopClock()
        self.server = MemoryServer(
            shards=8, namespace="00c0ffee", monotonic=asyncio.get_running_loop().time
        )
        self.store = MemoryStore(self.server)
        self.venue = ScriptedVenue(self.clock, legs, **venue)
        self.feeds: dict[str, ScriptedFeed] = {}
        self.stops: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ticker = asyncio.create_task(self._tick())
        self.ticking = True

    def another_store(self, namespace: str) -> MemoryStore:
        """A store of another deployment."""
        server = MemoryServer(
            shards=8, namespace=namespace, monotonic=asyncio.get_running_loop().time
        )
        return MemoryStore(server)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            if self.ticking:
                self.venue.tick()

    def launch(
        self,
        worker: str = "w1",
        *,
        store: Any = None,
        books: Any = None,
        warm: Callable[[], None] = lambda: None,
        **params: Any,
    ) -> asyncio.Event:
        """Start a worker; the event says when it is ready."""
        ready = asyncio.Event()
        self.stops[worker] = asyncio.Event()
        self.feeds[worker] = ScriptedFeed(self.venue)
        feed = self.feeds[worker]
        self.tasks[worker] = asyncio.create_task(
            run_worker(
                WorkerParams(
                    worker=worker,
                    deployment="test",
                    books=books or (book_params(),),
                    **({"lease_ms": 1_000, "margin_ms": 50} | params),
                ),
                store=store or self.store,
                venues={"paper": self.venue},
                feeds={"paper": feed},
                clock=self.clock,
                warm=warm,
                ready=ready.set,
                stop=self.stops[worker],
            )
        )
        self.tasks[worker].add_done_callback(lambda _: self.venue.feeds.remove(feed))
        return ready

    async def start(self, worker: str = "w1", **more: Any) -> None:
        """Start a worker and wait until it is ready."""
        ready = self.launch(worker, **more)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self.tasks[worker]}, return_when="FIRST_COMPLETED")
        if self.tasks[worker].done():
            self.tasks[worker].result()

    async def stop(self, worker: str = "w1") -> float:
        """Stop in good order; how long that took."""
        began_s = self.clock.monotonic_s()
        self.stops[worker].set()
        await self.tasks[worker]
        return self.clock.monotonic_s() - began_s

    async def hedged(self, longest_s: float = 60.0) -> float:
        """Wait until something was executed, and store and exchange agree again."""
        return await self.until(lambda: self.venue.log and self.agrees(), longest_s)

    async def kill(self, worker: str = "w1") -> None:
        """End every task of a worker where it stands; nothing is given back."""
        self.tasks[worker].cancel()
        await asyncio.wait({self.tasks[worker]})

    async def until(self, condition: Any, longest_s: float = 60.0) -> float:
        """Wait for a condition; how long that took."""
        began_s = self.clock.monotonic_s()
        async with asyncio.timeout(longest_s):
            while True:
                if condition():
                    break
                await asyncio.sleep(0.01)
        return self.clock.monotonic_s() - began_s

    async def close(self) -> None:
        self._ticker.cancel()
        for worker, task in self.tasks.items():
            if not task.done():
                await self.kill(worker)

    # --- the two truths -------------------------------------------------------------------

    def row(self, book: str = "main") -> Any:
        return self.server.books[book]

    def agrees(self, book: str = "main") -> bool:
        """Store and exchange hold the same, and nothing is open."""
        held = {name: lots for name, lots in self.venue.held.items() if lots}
        return self.row(book).positions == held and not self.row(book).intents

    def journal(self, book: str = "main") -> list[Entry]:
        return [decoded(entry.payload) for entry in self.server.journal if entry.book == book]

    def lease(self, book: str = "main") -> Any:
        return self.server.leases.get(self.store.shard_of(book))

    async def foreign_lease(self, book: str, owner: str, lease_ms: int) -> Lease:
        lease = await self.store.claim(self.store.shard_of(book), owner, lease_ms=lease_ms)
        assert lease is not None
        return lease


def in_room(body: Callable[[Room], Awaitable[None]], **venue: Any) -> None:
    """Run a test in a room of its own, in virtual time."""

    async def main() -> None:
        room = Room(**venue)
        try:
            await body(room)
        finally:
            await room.close()

    run(main())


def alarms(logs: list[Any]) -> set[str]:
    """Kinds of the alarms that were raised."""
    return {line["alarm"] for line in logs if line["event"] == "alarm"}


def reasons(room: Room) -> list[str]:
    return [entry.reason for entry in room.journal()]


def adrift(room: Room, before: int) -> float:
    """By how many coins the hedge differs from what it was."""
    return abs(room.venue.held.get(HEDGE, 0) - before) * PERPETUAL.lot / room.venue.index
