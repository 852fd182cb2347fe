"""One worker, very many books, minutes of quotes: does anything grow, and what does it cost.

A real worker on the embedded server, and a venue in the same process that quotes at a steady rate,
lets spot wander, and fills every order at once. Memory is compared between the end of the first
fifth, or when all books were ready, and the end. Run from the checkout's root:
``python -m benchmarks.many_soak [--books 2000] [--minutes 10] [--quotes 1000]``.
Ends with 1 where memory grew by 5 % or more, a queue did not stay bounded, or hedging stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import structlog
import uvloop

from benchmarks.loopback import Loopback, legs, quotes, report
from benchmarks.many_books import LEGS, RULES
from hedger.app.warm import warm
from hedger.clock import SystemClock, wall_ms
from hedger.core.model import Action, BandRule, Fill, Order, OrderReport, Quote
from hedger.ports import Batch
from hedger.service import supervisor
from hedger.service.crew import Crew
from hedger.service.feed import FILLS_MAX
from hedger.service.params import BookParams, WorkerParams
from hedger.store import StoreParams, keys, open_store

LISTED = 1_000
TURNS_PER_S = 50
HISTORY = 8
"""Fills of an account that the venue keeps: its own memory must not pass for the worker's."""
GROWTH_MAX = 0.05
BAND = BandRule(lower=-0.5, upper=0.5, cooldown_ms=5_000)
"""Narrower than what the long swing of spot moves, so that every book is hedged again and again."""
OUTSIDE_MAX = 0.05
STREAM_MAX = 2_200
"""Entries of one stream: `StoreParams.log_max` and the tenth by which a server trims late."""


class Market(Loopback):
    """Many accounts; spot wanders within a few per cent, options are quoted in turn."""

    def __init__(self, books: int, quotes_per_s: int) -> None:
        super().__init__(legs(LISTED))
        self.rng = np.random.default_rng(3)
        self.books = {f"a{n}": self._positions() for n in range(books)}
        self.filled: defaultdict[str, list[Fill]] = defaultdict(list)
        self.per_turn = max(quotes_per_s // TURNS_PER_S, 2)
        self.sent = 0

    def _positions(self) -> dict[str, int]:
        chosen = self.rng.choice(self.options, LEGS, replace=False)
        return {str(name): int(q) for name, q in zip(chosen, self.rng.choice([-9, 9], LEGS))}  # noqa: B905

    async def batches(self) -> AsyncIterator[Batch]:
        """All options once, then a steady stream."""
        begin_s, turn = time.perf_counter(), 0
        now = wall_ms()
        yield Batch(now, quotes(self.options, 60_000.0, now))
        while True:
            turn += 1
            at_s = turn / TURNS_PER_S
            now = wall_ms()
            index = 60_000.0 + 900.0 * math.sin(at_s / 20.0) + 1_200.0 * math.sin(at_s / 110.0)
            first = (turn * (self.per_turn - 1)) % LISTED
            names = [self.options[(first + k) % LISTED] for k in range(self.per_turn - 1)]
            batch: list[Quote] = quotes(names, index, now)
            self.sent += len(batch)
            yield Batch(now, batch)
            await asyncio.sleep(max(begin_s + turn / TURNS_PER_S - time.perf_counter(), 0.0))

    async def place(self, order: Order) -> OrderReport:
        """Fill whole, at once."""
        held = self.books[order.account]
        held[order.instrument] = held.get(order.instrument, 0) + order.lots
        fill = self.filled_whole(order)
        self.filled[order.account] = [*self.filled[order.account][-HISTORY:], fill]
        return report(fill)

    async def positions(self, account: str) -> dict[str, int]:
        """What is held."""
        return {n: q for n, q in self.books[account].items() if q}

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[list[Fill]]:
        """The newest."""
        yield [f for f in self.filled[account] if f.time_ms >= since_ms]


def resident_mb() -> float:
    """Memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Watched(Crew):
    """The worker's parts, within reach."""

    made: Watched | None = None

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        Watched.made = self


async def soak(books: int, minutes: float, quotes_per_s: int) -> list[dict[str, float]]:
    """Run the worker; one line of figures every few seconds."""
    venue, stop = Market(books, quotes_per_s), asyncio.Event()
    rules = msgspec.structs.replace(RULES, band=BAND)
    params = WorkerParams(
        worker="w",
        deployment="soak",
        books=tuple(
            BookParams(
                name=f"b{n}", venue="loop", account=f"a{n}", underlying="BTC", rules=rules,
                digest="x", positions=dict(venue.books[f"a{n}"]),
            )
            for n in range(books)
        ),
    )  # fmt: skip
    supervisor.Crew = Watched  # type: ignore[misc]
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        store = await open_store(
            StoreParams(deployment="soak", state_dir=folder, runtime_dir=folder, temporary=True)
        )
        lines: list[dict[str, float]] = []
        watching = asyncio.create_task(_watch(venue, lines, 60.0 * minutes, stop))
        watching.add_done_callback(lambda _: stop.set())
        try:
            await supervisor.run_worker(
                params, store=store, venues={"loop": venue}, feeds={"loop": venue},
                clock=SystemClock(), warm=warm, stop=stop,
            )  # fmt: skip
            await watching  # what ended it early is told
        finally:
            watching.cancel()
            await store.shutdown()
    return lines


async def _watch(
    venue: Market, lines: list[dict[str, float]], seconds: float, stop: asyncio.Event
) -> None:
    begin_s = time.perf_counter()
    while (at_s := time.perf_counter() - begin_s) < seconds:
        cpu_s, sent, then_s = time.process_time(), venue.sent, time.perf_counter()
        await asyncio.sleep(min(10.0, max(seconds - at_s, 0.1)))
        crew, span_s = Watched.made, time.perf_counter() - then_s
        if crew is None:
            continue
        found = crew.world.metrics.snapshot()
        lines.append(
            {
                "at_s": time.perf_counter() - begin_s,
                "resident_mb": resident_mb(),
                "cpu": (time.process_time() - cpu_s) / span_s,
                "quotes_s": (venue.sent - sent) / span_s,
                "ready": sum(desk.ready for desk in crew.roster),
                "trades": venue.trades,
                "screened": found.get("screened", 0),
                "screen_us_p50": found.get("screen_us_p50", math.nan),
                "fills_queued": crew.listeners["loop"].fills.qsize(),
                **await _of_server(crew.world.store),
                "timers": crew.scheduler.timers,
                "defects": found.get("defects", 0),
                "alarms": sum(v for k, v in found.items() if k.startswith("alarm")),
            }
        )
        print("  ".join(f"{k} {v:,.1f}" for k, v in lines[-1].items()), flush=True)
    if (crew := Watched.made) is not None and lines:
        said = [crew.worker.stepper.judge(desk) for desk in crew.roster]
        lines[-1]["outside"] = sum(one is None or one.action is not Action.NO_TRADE for one in said)


async def _of_server(store: Any) -> dict[str, float]:
    """What the server holds: its memory, its longest stream, and entries that found no room."""
    (link,) = await store.servers()
    names = keys.Keys("soak")
    streams = [f(shard) for shard in range(store.shards) for f in (names.log, names.journal)]
    lengths = await link.commands(*(("XLEN", stream) for stream in streams))
    return {
        "server_mb": int((await link.info("memory"))["used_memory"]) / 1e6,
        "longest_stream": max(lengths),
        "journal_dropped": store.journal_dropped,
    }


def verdict(lines: list[dict[str, float]], books: int) -> list[str]:
    """What did not hold."""
    if not lines:
        return ["the worker had not begun when time was up: ask for more --minutes"]
    settled = [line for line in lines if line["ready"] == books] or lines
    early, end = max(lines[len(lines) // 5], settled[0], key=lambda line: line["at_s"]), lines[-1]
    wrong = []
    growth = end["resident_mb"] / early["resident_mb"] - 1.0
    print(f"memory grew by {100 * growth:+.1f} % since {early['at_s']:.0f} s")
    if growth >= GROWTH_MAX:
        wrong.append(f"memory grew by {100 * growth:.1f} %, at most {100 * GROWTH_MAX:g} %")
    if end["ready"] != books:
        wrong.append(f"{end['ready']:.0f} of {books} books were ready")
    if max(line["fills_queued"] for line in lines) >= FILLS_MAX:
        wrong.append("the queue of fills was full")
    if end["longest_stream"] > STREAM_MAX:
        wrong.append(f"a stream of {end['longest_stream']:.0f} entries, at most {STREAM_MAX}")
    if end["timers"] > 20 * books:
        wrong.append(f"{end['timers']:.0f} timers for {books} books")
    print(f"{end['outside']:.0f} books with a trade to make at the end")
    if end["outside"] > OUTSIDE_MAX * books:
        wrong.append(f"{end['outside']:.0f} of {books} books had a trade to make")
    half = lines[len(lines) // 2]["trades"]
    print(f"{end['trades']:.0f} hedges, {end['trades'] - half:.0f} of them in the second half")
    if end["trades"] - half < half / 3.0:
        wrong.append("hedging dried up in the second half")
    print(f"CPU {sum(line['cpu'] for line in lines) / len(lines):.2f} of a core, venue included")
    figures = ("defects", "alarms", "journal_dropped")
    wrong += [f"{end[what]:.0f} {what}" for what in figures if end[what]]
    return wrong


def main() -> None:
    """Run and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--books", type=int, default=2_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--quotes", type=int, default=1_000, help="a second")
    options = parser.parse_args()
    if min(options.books, options.quotes) < 1 or options.minutes < 0.5:
        parser.error("--books and --quotes at least 1, --minutes at least 0.5")
    quiet = open(os.devnull, "w")  # noqa: SIM115
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(quiet))
    lines = uvloop.run(soak(options.books, options.minutes, options.quotes))
    wrong = verdict(lines, options.books)
    print("\n".join(wrong) or "held")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
