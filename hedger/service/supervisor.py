"""One worker process: its task group, its signals, and an end that is bounded.

The first SIGTERM or SIGINT claims nothing more, waits for what is in flight, gives the leases back
and returns; hedges stay on. The second ends the process at once: the leases run out by themselves,
and whoever takes over resolves what is found.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hedger.core.model import VenueClass, name_there
from hedger.errors import ConfigError
from hedger.ports import Clock, Feed, Store, Venue
from hedger.service.alarms import Alarms
from hedger.service.crew import Crew
from hedger.service.params import WorkerParams
from hedger.service.world import World
from hedger.telemetry import Metrics, logger

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RELEASE_S = 2.0
SAVE_S = 0.5
"""Shadows are worth no longer a wait before the leases are given back."""
READY_S = 30.0
POLL_S = 0.01


async def run_worker(
    params: WorkerParams,
    *,
    store: Store,
    venues: Mapping[str, Venue],
    feeds: Mapping[str, Feed],
    clock: Clock,
    warm: Callable[[], None],
    ready: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
    signals: Mapping[str, Callable[[str, int], float | None]] | None = None,
) -> None:
    """Run one worker until a signal, or `stop`, ends it in good order.

    Parameters
    ----------
    params : WorkerParams
        The worker and its books.
    store, venues, feeds, clock
        The world; opened by the caller and closed by it. Venues and feeds by venue name.
    warm : callable
        Compiles what decisions need; runs before anything is claimed, so that compiling never
        outlasts a lease.
    ready : callable, optional
        Called once what was free is claimed and every claimed book may be hedged.
    stop : asyncio.Event, optional
        Ends the worker like a first signal.
    signals : mapping, optional
        Registered signals by name: of underlying and market instant, for scalers.

    Raises
    ------
    ConfigError
        Before anything is claimed, where the books need a person beside them and have none.
    """
    stop = stop if stop is not None else asyncio.Event()
    log = logger(worker=params.worker)
    check_attended(params, venues)
    restore = _listen_to_signals(stop)
    try:
        await asyncio.to_thread(warm)
        async with asyncio.TaskGroup() as group:
            tasks: set[asyncio.Task[None]] = set()

            def spawn(work: Coroutine[Any, Any, None]) -> None:
                task = group.create_task(work)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            metrics = Metrics()
            alarms = Alarms(worker=params.worker, metrics=metrics, now_s=clock.monotonic_s)
            world = World(
                params, store, venues, feeds, clock, metrics, alarms, spawn, signals or {}
            )
            crew = Crew(world)
            for loop in crew.loops():
                spawn(loop)
            spawn(_say_ready(crew, ready))
            await stop.wait()
            log.info("stopping", in_flight=not crew.is_idle())
            await _drain(crew)
            log.info("metrics", **metrics.snapshot())
            for task in tuple(tasks):
                task.cancel()
        log.info("stopped")
    finally:
        restore()


def check_attended(params: WorkerParams, venues: Mapping[str, Venue]) -> None:
    """Refuse to hedge alone where an order without an answer may stay unknown for ever.

    Raises
    ------
    ConfigError
        One line: which book, hedged with what, and why that venue's word proves nothing.
    """
    if params.mode == "attended":
        return
    for book in params.books:
        for name in book.hedges:
            venue = book.route_of(name).venue
            known = venues[venue].conduct(name_there(name))
            if known.venue_class is VenueClass.C:
                raise ConfigError(
                    f"book {book.name}: {name_there(name)} at {venue} is of class C"
                    f" ({known.evidence}),"
                    " expected worker.mode = 'attended' and a person who answers alarms, as only"
                    " they can end an order without an answer"
                )


async def until(condition: Callable[[], bool], *, longest_s: float) -> bool:
    """Wait for a condition that nobody announces; False if it lasts too long."""
    try:
        async with asyncio.timeout(longest_s):
            while True:
                if condition():
                    return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False


async def _say_ready(crew: Crew, ready: Callable[[], None] | None) -> None:
    settled = await until(crew.is_settled, longest_s=READY_S)
    books = [desk.name for desk in crew.roster if desk.ready]
    logger(worker=crew.world.params.worker).info("ready", settled=settled, books=books)
    if ready is not None:
        ready()


async def _drain(crew: Crew) -> None:
    """Begin nothing more, wait for what is in flight, give everything back; all of it bounded."""
    log = logger(worker=crew.world.params.worker)
    crew.ownership.closing = True
    if not await until(crew.is_idle, longest_s=crew.world.params.drain_ms / 1_000):
        log.warning("drain_timed_out")
    await crew.shadows.save(longest_s=SAVE_S)
    try:
        async with asyncio.timeout(RELEASE_S):
            await crew.ownership.release_all()
    except TimeoutError:
        log.warning("release_timed_out")


def _listen_to_signals(stop: asyncio.Event) -> Callable[[], None]:
    """Set `stop` on the first signal, end the process on the second; returns what undoes it."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    try:
        for number in SIGNALS:
            loop.add_signal_handler(number, on_signal, number)
    except (NotImplementedError, RuntimeError, ValueError):
        # Not the main thread, or a platform without signals: `stop` alone ends the worker.
        return lambda: None

    def restore() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    return restore
