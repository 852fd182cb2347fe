"""What coordination through the store costs, on a real server behind a Unix socket, everysec.

``python -m benchmarks.coordination [--quick] [--json]``: quote to intent recorded beside one bare
fenced call of redis-py, begin + fill + close with 64 in flight, the same from 1, 2 and 4 processes,
and the take-over of a worker that was killed. The bare calls take turns with the quotes, half-way
between two hedges, so that both see the same machine. No figure is pinned to a core: server and
workers are processes of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import structlog
import uvloop
from redis.asyncio import Redis

from benchmarks.decide import desk
from benchmarks.loopback import QUOTES_PER_S, RULES, Loopback, legs, one_book, worker
from benchmarks.measure import Finding, Table, main
from hedger.clock import SystemClock, wall_ms
from hedger.core.decide import decide
from hedger.core.model import Fill, Intent, Memory
from hedger.ports import BookSeed, JournalEntry, Lease, Store
from hedger.service.read_back import decoded
from hedger.service.supervisor import run_worker
from hedger.store import StoreParams, keys, open_store
from hedger.store.embedded import socket_path
from hedger.store.scripts import scripts

LEGS = 50
IN_FLIGHT = 64
PAYLOAD = b"x" * 2_000
LEASE_MS = 2_000
BOOKS = 16
LONG_MS = 600_000
DEADLINE_MS = 500
PRICE = 60_000.0


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[Store, str]]:
    """A store on a new embedded server, and that server's socket."""
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        params = StoreParams(
            deployment="bench", state_dir=folder, runtime_dir=folder, temporary=True
        )
        store = await open_store(params)
        try:
            yield store, socket_path(params)
        finally:
            await store.shutdown()


async def joined(path: str) -> Store:
    """The store of another process on that server."""
    return await open_store(StoreParams(deployment="bench", url=f"unix://{path}"))


def percentile(samples: list[float], percent: float) -> float:
    """The sample that so many percent do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


# --- quote -> decision -> intent recorded -----------------------------------------------------


class Bare:
    """One fenced script called through redis-py alone, as a measure of the machine."""

    def __init__(self, path: str, lease: Lease) -> None:
        self._client = Redis(unix_socket_path=path, protocol=2)
        self._sha = scripts()["renew"].sha
        self._key = keys.Keys("bench").lease(lease.shard)
        self._arguments = (lease.run_id, lease.owner, lease.epoch, LONG_MS)
        self.samples: list[float] = []

    async def __call__(self) -> None:
        """Time one call."""
        start = time.perf_counter()
        reply: Any = self._client.evalsha(self._sha, 1, self._key, *self._arguments)
        assert (await reply) == [b"OK"]
        self.samples.append(time.perf_counter() - start)

    async def close(self) -> None:
        """Release the connection."""
        await self._client.aclose()


async def latency(seconds: float) -> dict[str, float]:
    """The worker's own measurements beside bare calls [s], and how many hedges there were."""
    options = legs(LEGS)
    async with server() as (store, path):
        shard = (store.shard_of("b") + 1) % store.shards
        lease = await store.claim(shard, "bare", lease_ms=LONG_MS)
        assert lease is not None
        bare = Bare(path, lease)
        venue = Loopback(options, between=bare)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        gc.freeze()
        with structlog.testing.capture_logs() as lines:
            await run_worker(
                worker("w", one_book("b", account="b", legs=options)),
                store=store,
                venues={"loop": venue},
                feeds={"loop": venue},
                clock=SystemClock(),
                warm=lambda: None,
                stop=stop,
            )
        hot = []
        for _ in range(500):
            await bare()
            hot.append(bare.samples.pop())
        await bare.close()
    seen = next(line for line in lines if line["event"] == "metrics")
    stages = ("quote_to_intent_us_p50", "quote_to_intent_us_p99", "decide_us_p50", "begin_us_p50")
    return {
        "hedges": venue.trades,
        "bare": statistics.median(bare.samples),
        "bare in a row": statistics.median(hot),
        **{stage: seen[stage] / 1e6 for stage in stages},
    }


# --- begin + fill + close ---------------------------------------------------------------------


async def cycle(store: Store, lease: Lease, book: str, seq: int) -> None:
    """One order's whole life in the store, without a venue."""
    intent = Intent(
        id=keys.intent_id(store.namespace, book, "P", seq + 1),
        book=book,
        venue="loop",
        account="a",
        instrument="P",
        lots=1,
        limit_ticks=1,
        deadline_ms=1,
        low=0,
        high=seq + 1,
        seq=seq + 1,
    )
    await store.begin(
        lease,
        book,
        seq=seq,
        intents=(intent,),
        reduces=False,
        memory=Memory(hedges=seq),
        entry=JournalEntry(f"{book}.{1_000 + seq}.0", book, PAYLOAD),
    )
    fill = Fill(
        account="a",
        client_id=intent.id,
        trade_id="t",
        instrument="P",
        lots=1,
        price=PRICE,
        fee=0.0,
        time_ms=1,
    )
    await store.fill(book, fill, venue="loop")
    await store.close(lease, book, intent.id, filled=1, state="done")


async def cycles(
    store: Store, name: str, *, seconds: float, part: int = 0, parts: int = 1
) -> tuple[float, float]:
    """Cycles a second over 64 books at once, and the CPU time of this process for one [s].

    The books are those of one part of the shards, so that several processes own different ones.
    """
    leases: dict[int, Lease] = {}
    mine = (b for n in itertools.count() if store.shard_of(b := f"{name}-{n}") % parts == part)
    books = list(itertools.islice(mine, IN_FLIGHT))
    for book in books:
        await store.seed(BookSeed(book, "x", {}))
        shard = store.shard_of(book)
        if shard not in leases:
            lease = await store.claim(shard, "w", lease_ms=LONG_MS)
            assert lease is not None
            leases[shard] = lease
    start, cpu = time.perf_counter(), time.process_time()

    async def chain(book: str) -> int:
        seq = 0
        while time.perf_counter() - start < seconds:
            await cycle(store, leases[store.shard_of(book)], book, seq)
            seq += 1
        return seq

    done = sum(await asyncio.gather(*(chain(book) for book in books)))
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    return done / took, cpu / done


def process_of_cycles(path: str, part: int, parts: int, start_s: float, seconds: float) -> float:
    """The body of one of several processes, which all begin at one instant."""

    async def body() -> float:
        store = await joined(path)
        try:
            await asyncio.sleep(max(start_s - time.monotonic(), 0.0))
            return (await cycles(store, "b", seconds=seconds, part=part, parts=parts))[0]
        finally:
            await store.shutdown()

    return uvloop.run(body())


async def side_by_side(processes: int, *, seconds: float) -> float:
    """Cycles a second of so many processes together."""
    loop = asyncio.get_running_loop()
    context = multiprocessing.get_context("spawn")
    async with server() as (_, path):
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            await asyncio.gather(
                *(loop.run_in_executor(pool, time.sleep, 0.5) for _ in range(processes))
            )
            start_s = time.monotonic() + 1.0
            work = (
                loop.run_in_executor(pool, process_of_cycles, path, n, processes, start_s, seconds)
                for n in range(processes)
            )
            return sum(await asyncio.gather(*work))


# --- take-over --------------------------------------------------------------------------------


def process_of_books(path: str, name: str) -> None:
    """A worker with books that have nothing to hedge, until it is killed."""

    async def body() -> None:
        accounts = [f"a{n}" for n in range(BOOKS)]
        books = (one_book(f"b{n}", account=a, legs=()) for n, a in enumerate(accounts))
        venue = Loopback({}, accounts=accounts, step=0.0)
        await run_worker(
            worker(name, *books, lease_ms=LEASE_MS),
            store=await joined(path),
            venues={"loop": venue},
            feeds={"loop": venue},
            clock=SystemClock(),
            warm=lambda: None,
        )

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    uvloop.run(body())


async def takeover() -> float:
    """Seconds from SIGKILL until the other worker has decided every book."""
    context = multiprocessing.get_context("spawn")
    async with server() as (store, path):
        workers = [context.Process(target=process_of_books, args=(path, n)) for n in "vw"]
        try:
            workers[0].start()
            await until(lambda: all_decided(store, "v"))
            workers[1].start()
            await until(lambda: listed(store, 2))
            doomed = workers[0].pid
            assert doomed is not None
            os.kill(doomed, signal.SIGKILL)
            start = time.perf_counter()
            await until(lambda: all_decided(store, "w"))
            return time.perf_counter() - start
        finally:
            for process in workers:
                if process.pid is not None:
                    process.kill()
                    process.join()


async def all_decided(store: Store, name: str) -> bool:
    """Whether the newest entry of every book is this worker's."""
    for n in range(BOOKS):
        entries = await store.journal(book=f"b{n}", count=1)
        if not entries or decoded(entries[0].payload).worker != name:
            return False
    return True


async def listed(store: Store, count: int) -> bool:
    """Whether so many workers live."""
    return len(await store.workers()) == count


async def until(condition: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Ask every 5 ms, half a minute at most."""
    async with asyncio.timeout(30.0):
        while not await condition():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.005)


# --- what a machine does that has just slept --------------------------------------------------


def decide_after(rest: Callable[[], None], *, rounds: int = 300) -> float:
    """Median time of one decision, each after a rest [s]."""
    now = wall_ms()
    book, market = desk(LEGS, now)
    samples = []
    for _ in range(rounds):
        rest()
        start = time.perf_counter()
        decide(book, market, RULES, now)
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def spin() -> None:
    """Stay awake for as long as a worker sleeps between two quotes."""
    end = time.perf_counter() + 1.0 / QUOTES_PER_S
    while time.perf_counter() < end:
        pass


# --- the table --------------------------------------------------------------------------------


async def rate_and_cpu(seconds: float) -> tuple[float, float]:
    """The best of three runs, since noise only ever takes away."""
    async with server() as (store, _):
        runs = [await cycles(store, f"r{n}", seconds=seconds) for n in range(3)]
    return max(rate for rate, _ in runs), min(cpu for _, cpu in runs)


def table(quick: bool) -> Table:
    """Every figure of this module."""
    seconds = 1.0 if quick else 4.0
    seen = uvloop.run(latency(6.0 if quick else 30.0))
    rate, cpu = uvloop.run(rate_and_cpu(seconds))
    together = {n: uvloop.run(side_by_side(n, seconds=seconds)) for n in (1, 2, 4)}
    dead_s = uvloop.run(takeover())
    awake, asleep = decide_after(spin), decide_after(lambda: time.sleep(1.0 / QUOTES_PER_S))
    p50, p99 = seen["quote_to_intent_us_p50"], seen["quote_to_intent_us_p99"]
    times = [
        ("bare fenced call of redis-py, between quotes, p50", 1e6 * seen["bare"], "us"),
        ("bare fenced call, one after the other, p50", 1e6 * seen["bare in a row"], "us"),
        ("decide, 50 legs, after 2 ms of spinning, p50", 1e6 * awake, "us"),
        ("decide, 50 legs, after 2 ms of sleep, p50", 1e6 * asleep, "us"),
        ("decide, 50 legs, in the worker, p50", 1e6 * seen["decide_us_p50"], "us"),
        ("begin in the worker, p50", 1e6 * seen["begin_us_p50"], "us"),
        ("hedges", seen["hedges"], ""),
        ("client CPU of one begin + fill + close", 1e6 * cpu, "us"),
        *((f"begin + fill + close, {n} processes", all_, "/s") for n, all_ in together.items()),
    ]
    most_s = (LEASE_MS + DEADLINE_MS) / 1_000 + 1.0
    findings = [
        Finding("quote to intent recorded, p50", 1e3 * p50, 0.5, "most", "ms"),
        Finding("quote to intent recorded, p99", 1e3 * p99, 1.5, "most", "ms"),
        Finding("its p50 in bare fenced calls", p50 / seen["bare"], 8.0, "most", "x"),
        Finding("begin + fill + close, 64 in flight", rate, 3_500.0, "least", "/s"),
        Finding(f"take-over of {BOOKS} books, lease 2 s", dead_s, most_s, "most", "s"),
    ]
    return Table("Coordination: 50 legs, 500 quotes/s, 64 in flight", times, findings)


if __name__ == "__main__":
    main("What coordination through the store costs", table, pinned=False)
