"""One worker process: its store, its venue and its books, joined to the service's loops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import stat
import sys
from collections.abc import Callable

from hedger.app.ground import the_venue, the_venues
from hedger.app.signals import registered
from hedger.app.translate import paper_params, store_params, worker_params
from hedger.app.warm import warm
from hedger.service.supervisor import run_worker
from hedger.settings import Configuration
from hedger.store import open_store
from hedger.telemetry import start_logging
from hedger.venues.paper.adapter import PaperClock, PaperVenue


async def work(
    config: Configuration, *, name: str, temporary: bool, ready: Callable[[], None]
) -> None:
    """Run one worker until a signal, or the end of standard input, stops it in good order."""
    params = worker_params(config, worker=name)
    papers = [paper_params(config, venue) for venue in the_venues(config)]
    start_logging(detached=True, worker=name)
    async with contextlib.AsyncExitStack() as stack:
        store = await open_store(store_params(config, temporary=temporary))
        stack.push_async_callback(store.shutdown)
        venues: dict[str, PaperVenue] = {}
        for paper in papers:
            venues[paper.name] = PaperVenue(
                paper.name,
                paper.socket,
                request_s_max=params.request_timeout_ms / 1_000,
                client=name,
            )
            stack.push_async_callback(venues[paper.name].close)
        stop = asyncio.Event()
        _stop_at_end_of_input(stop)
        await run_worker(
            params,
            store=store,
            venues=venues,
            feeds=venues,
            clock=PaperClock(venues[the_venue(config)]),
            warm=_warm_for_good,
            ready=ready,
            stop=stop,
            signals=registered(params),
        )


def _warm_for_good() -> None:
    """Compile, and keep the collector of garbage from looking at what is loaded by then.

    It lives as long as the process, and a look takes tens of milliseconds, quotes or not. The last
    look is at nothing: the collector waits with its next until a quarter more is there than it saw
    in its last one, and cycles such as dead connections would lie about until then.
    """
    warm()
    gc.collect()
    gc.freeze()
    gc.collect()


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Whoever started us holds the other end: if that one dies, nobody would ever stop us."""
    if sys.stdin is None:
        return
    loop = asyncio.get_running_loop()
    source = sys.stdin.fileno()

    def on_input() -> None:
        if not os.read(source, 4096):
            loop.remove_reader(source)
            stop.set()

    if stat.S_ISFIFO(os.fstat(source).st_mode) or stat.S_ISSOCK(os.fstat(source).st_mode):
        loop.add_reader(source, on_input)
