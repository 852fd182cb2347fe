"""The run itself: deployment up, watched until its end, deployment down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hedger.app.deployment import Deployment, deployment
from hedger.app.translate import book_params
from hedger.cli.live import Display
from hedger.cli.output import say
from hedger.cli.stage import Stage, last_ms
from hedger.cli.watch import Glimpse, Watch
from hedger.core.model import Instrument
from hedger.errors import HedgerError, StoreUnavailable, VenueUnavailable
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.simulator.events import Opened

LOOK_S = 0.25
STILL_S = 30.0
"""A market that does not move for so long has failed."""
SETTLE_S = 1.0
LOG_LINES = 5


class Played(NamedTuple):
    """What a run left: everything that was seen, and what is to be said about it."""

    watch: Watch
    book: BookParams
    names: list[str]
    notes: list[str]


@cache
def contracts(name: str) -> Instrument:
    """Contract data by name."""
    return instrument(name)


async def played(stage: Stage, folder: Path, *, workers: int, plain: bool) -> Played:
    """Run the stage to its end; whatever happens, nothing is left running.

    Raises
    ------
    HedgerError
        If something does not start, a worker ends, or the market stands still.
    """
    book = book_params(stage.config)[0]
    worker_log = folder / "workers.log"
    try:
        async with deployment(
            stage.config,
            workers=workers,
            temporary=True,
            restarts=False,
            worker_log=worker_log,
            adjust=stage.adjusted,
            say=say,
        ) as running:
            watch = Watch(
                Path(running.paper.log),
                running.store,
                book=book.name,
                account=book.account,
                rules=book.rules,
                contracts=contracts,
            )
            await _until_end(running, watch, stage, plain=plain)
            notes = await _notes(running, watch)
    except HedgerError:
        for line in _tail(worker_log):
            say(f"worker log: {line}")
        raise
    opened = next(e for e in watch.events if isinstance(e, Opened) and e.account == book.account)
    names = sorted({*opened.positions, book.rules.hedge.buy, book.rules.hedge.sell})
    return Played(watch, book, names, notes)


async def _until_end(running: Deployment, watch: Watch, stage: Stage, *, plain: bool) -> None:
    seconds, last = stage.play.seconds, last_ms(stage.market, stage.play)
    end = last if stage.market.end_ms is not None or stage.play.span.end_ms else None
    bars = None
    if end is not None:
        bars = (end - stage.market.start_ms) // stage.market.step_ms + 1
    failed = asyncio.create_task(running.failure())
    try:
        async with asyncio.timeout(seconds):
            with Display(plain=plain, bars=bars, seconds=seconds) as display:
                await _follow(watch, display, failed, end)
    except TimeoutError:
        pass
    finally:
        failed.cancel()
        await asyncio.gather(failed, return_exceptions=True)
    await asyncio.sleep(SETTLE_S if seconds is None else 0.0)
    await watch.look()


async def _follow(
    watch: Watch, display: Display, failed: asyncio.Task[HedgerError], end: int | None
) -> None:
    """Look until the last instant; raises what failed."""
    seen, moved_s = Glimpse(), time.monotonic()
    while end is None or seen.market_ms is None or seen.market_ms < end:
        before = seen.market_ms
        with contextlib.suppress(StoreUnavailable):  # the next look reads what this one could not
            seen = await watch.look()
        display.show(seen)
        now_s = time.monotonic()
        if seen.market_ms != before:
            moved_s = now_s
        elif now_s - moved_s > STILL_S:
            raise HedgerError(f"the market stood still for {STILL_S:g} s at {seen.market_ms}")
        await asyncio.wait({failed}, timeout=LOOK_S)
        if failed.done():
            raise failed.result()


async def _notes(running: Deployment, watch: Watch) -> list[str]:
    """What else a reader must know of this run."""
    notes = []
    paper = running.paper
    venue = PaperVenue(paper.name, paper.socket, client="demo")
    try:
        state = await venue.status()
        notes.append(
            f"{state.bars_not_waited_for} of {state.bars} bars ended before the workers had worked "
            f"them off (a bar waits {paper.pace_ms_max:g} ms for them)."
        )
    except VenueUnavailable as error:
        notes.append(f"How often the market ran ahead of the workers is not known: {error}.")
    finally:
        await venue.close()
    if not watch.is_complete:
        notes.append("The journal forgot entries before they were read: decisions are missing.")
    return notes


def _tail(log: Path) -> list[str]:
    """The last lines that workers wrote, errors and warnings only."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if '"level":"info"' not in line.replace(" ", "")][-LOG_LINES:]
