"""A real worker over a tape on the paper exchange, with shadows beside its own policy."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from hedger.backtest.trial import Trial, tried
from hedger.core.model import BandRule
from hedger.service import shadows as loop
from hedger.service.entry import Entry
from hedger.service.kept import Kept, kept_from
from hedger.service.params import ShadowParams, WorkerParams
from hedger.service.read_back import decoded
from hedger.service.supervisor import run_worker
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.telemetry import start_logging
from hedger.venues.paper.adapter import PaperClock, PaperVenue
from hedger.venues.paper.params import PaperParams
from hedger.venues.simulator.events import Bar, Funded, Traded
from tests.backtest.recording import with_band
from tests.core.desk import Desk, option
from tests.service.room import book_rules
from tests.venues.paper_desk import serving

Trade = tuple[int, str, int, int]


class Seen(NamedTuple):
    """What a run left behind: in the store, and in the exchange's own log."""

    kept: dict[str, Kept]
    entries: list[Entry]
    live: list[Entry]
    log: Path
    not_waited_for: int

    def hedges(self) -> list[Trade]:
        """What was really sent, oldest first."""
        return [
            (e.time_ms, i.instrument, i.lots, i.limit_ticks) for e in self.live for i in e.intents
        ]

    def trades(self, name: str) -> list[Trade]:
        """What a shadow would have sent, oldest first."""
        mine = [e for e in self.entries if e.text.startswith(f"shadow {name}: ")]
        return [
            (e.time_ms, line.instrument, line.lots, line.limit_ticks)
            for e in mine
            if e.plan
            for line in e.plan.lines
        ]


class Judged(NamedTuple):
    """A policy's backtest: what it sent, and what its fills cost."""

    trades: list[Trade]
    fills: int
    fees_usd: float
    spread_usd: float
    funding_usd: float
    scales: list[tuple[int, dict[str, float]]]
    """What its scalers said, and from which instant on."""


def backtested(made: Trial, band: BandRule) -> Judged:
    """The backtest of one policy."""
    run = tried(with_band(made, band)).run
    fills = [e for e in run.events if isinstance(e, Traded) and not e.block]
    index = {e.ms: e.index["BTC"] for e in run.events if isinstance(e, Bar)}
    return Judged(
        trades=[(h.ms, h.instrument, h.lots, h.limit_ticks) for h in run.hedges],
        fills=len(fills),
        fees_usd=sum(e.fee * e.index for e in fills),
        spread_usd=sum(e.lots * 10.0 * (1.0 / e.mid - 1.0 / e.price) * e.index for e in fills),
        funding_usd=sum(e.amount * index[e.ms] for e in run.events if isinstance(e, Funded)),
        scales=[
            (one.ms, {model: factor for model, factor, _ in one.factors})
            for one in run.carried.samples
        ],
    )


def shadow(name: str, band: BandRule, made: Trial) -> ShadowParams:
    """A shadow that is filled as a trial is."""
    params = made.params
    return ShadowParams(
        name=name,
        band=band,
        latency_ms=params.latency_ms,
        seed=params.seed,
        funding_rate_8h=params.funding_rate_8h,
        depth_levels=params.depth_levels,
    )


def warm() -> None:
    """Compile what a decision needs."""
    from hedger.core.decide import decide

    desk = Desk({option(64_000.0, 8, True): -100})
    decide(desk.book(), desk.board.market(), book_rules(), desk.now)


async def _when(condition: Callable[[], Awaitable[object]]) -> None:
    for _ in itertools.count():
        if await condition():
            return
        await asyncio.sleep(0.02)


async def _played(venue: PaperVenue, until_ms: int | None) -> bool:
    return venue.ended.is_set() or (until_ms is not None and venue.heard[0] >= until_ms)


async def _caught_up(
    store: MemoryStore, book: str, shadows: tuple[ShadowParams, ...], heard_ms: int
) -> bool:
    """Whether every shadow has stored the last instant; it stores each in these tests."""
    found = [kept_from(raw) for raw in (await store.shadows(book)).values()]
    seen = [one.now_ms for one in found if one is not None]
    return len(seen) == len(shadows) and min(seen) >= heard_ms


async def play(
    folder: Path,
    made: Trial,
    shadows: tuple[ShadowParams, ...],
    *,
    until_ms: int | None = None,
    seconds: float = 120.0,
) -> Seen:
    """Play a trial's tape to its end (or an instant) through a worker with these shadows."""
    start_logging(level="warning")
    loop.SAVE_S = 0.0
    params = _exchange(folder, made)
    book = msgspec.structs.replace(made.book, shadows=shadows)
    store = MemoryStore(MemoryServer(shards=4, journal_max=100_000))
    venue = PaperVenue("paper", params.socket)
    ready, stop = asyncio.Event(), asyncio.Event()
    async with serving(params):
        worker = asyncio.create_task(
            run_worker(
                WorkerParams(worker="w", deployment="t", books=(book,), min_interval_ms=0),
                store=store,
                venues={"paper": venue},
                feeds={"paper": venue},
                clock=PaperClock(venue),
                warm=warm,
                ready=ready.set,
                stop=stop,
            )
        )
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
                await _when(lambda: store.journal(book=book.name, count=1))
                await venue.go()
                await _when(lambda: _played(venue, until_ms))
                if until_ms is None:
                    heard_ms = venue.heard[0]
                    await _when(lambda: _caught_up(store, book.name, shadows, heard_ms))
                missed = (await venue.status()).bars_not_waited_for
        finally:
            stop.set()
            await asyncio.gather(worker, return_exceptions=True)
            await venue.close()
    return await _seen(store, book.name, Path(params.log), missed)


def _exchange(folder: Path, made: Trial) -> PaperParams:
    """A trial's exchange on a socket, as fast as the worker lets it be."""
    return msgspec.structs.replace(
        made.params,
        socket=str(folder / "s"),
        log=str(folder / "log.jsonl"),
        speed=1e9,
        latency_ms=0.0,
        bar_ms_min=4.0,
        pace_ms_max=20_000.0,
        idle_exit_s=None,
        instruments=made.book.hedges,
    )


async def _seen(store: MemoryStore, book: str, log: Path, missed: int) -> Seen:
    entries = await store.journal(book=book, count=100_000, of_shadows=True)
    live = await store.journal(book=book, count=100_000)
    kept = {n: kept_from(raw) for n, raw in (await store.shadows(book)).items()}
    return Seen(
        kept={name: one for name, one in kept.items() if one is not None},
        entries=[decoded(e.payload) for e in entries][::-1],
        live=[decoded(e.payload) for e in live][::-1],
        log=log,
        not_waited_for=missed,
    )
