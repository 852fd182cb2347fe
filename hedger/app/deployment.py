"""A whole deployment as one context: store, paper exchange, worker processes.

Everything is started in the order in which it is needed and stopped in the reverse, each step in
bounded time. What others still use (another `hedger run` on the same deployment) is left running.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from hedger.app.children import Child, Command, Crew
from hedger.app.exchange import Exchange, living
from hedger.app.ground import Ground, ground, the_venues
from hedger.app.translate import paper_params, store_params
from hedger.errors import HedgerError
from hedger.ports import Store
from hedger.settings import Configuration
from hedger.store import open_store
from hedger.store.keeper import take
from hedger.venues.paper.params import PaperParams

READY_S = 180.0
"""Kernels are compiled at the first start on a new machine, which takes a minute of a core."""
STOP_S = 5.0
IDLE_EXIT_S = 60.0
"""The exchange ends itself when whoever started it has died, and nobody has come back since."""

Say = Callable[[str], None]
"""Takes one line of progress for people."""


class Deployment(NamedTuple):
    """What runs: read the store and the trade log (``paper.log``), watch ``crew.failed``.

    ``others`` are the exchanges at which books are hedged beside their own.
    """

    config: Configuration
    store: Store
    paper: PaperParams
    crew: Crew
    others: tuple[PaperParams, ...] = ()

    @property
    def workers(self) -> tuple[Child, ...]:
        """Worker processes that are alive."""
        return self.crew.children

    async def failure(self) -> HedgerError:
        """Wait until a process has ended for good; returns the reason."""
        return await asyncio.shield(self.crew.failed)


@contextlib.asynccontextmanager
async def deployment(
    config: Configuration,
    *,
    workers: int,
    temporary: bool = False,
    restarts: bool = True,
    worker_log: Path | None = None,
    go: bool = True,
    adjust: Callable[[PaperParams], PaperParams] = lambda params: params,
    say: Say = lambda _: None,
) -> AsyncIterator[Deployment]:
    """Run a deployment; leaving the context stops it in order.

    Parameters
    ----------
    config
        Loaded from a file that the worker processes can read too.
    workers
        Number of worker processes.
    temporary
        In new folders that are removed in the end: no process, no socket, no file is left.
    restarts
        Whether a worker or an exchange that dies is started again; else `Deployment.failure` tells.
    worker_log
        File for the workers' logs, our own standard error by default.
    go
        Start the market of the paper exchange once all workers are ready.
    adjust
        Changes what the configuration says of the paper exchange, before it is started.
    say
        Told what is being started and stopped.

    Raises
    ------
    ConfigError, StoreUnavailable, VenueUnavailable
        Where something does not start; what was started is stopped again.
    """
    async with contextlib.AsyncExitStack() as stack:
        place = stack.enter_context(ground(config, temporary=temporary))
        store = await open_store(store_params(place.config, temporary=temporary))
        stack.push_async_callback(store.shutdown)
        taken = {info.worker for info in await living(store, place.config)}
        folder, prefix = place.config.places.state, _prefix(place.config)
        own = stack.enter_context(names(workers, taken=taken, folder=folder, prefix=prefix))
        exchanges = [Exchange(adjust(paper)) for paper in _papers(place)]
        for exchange in exchanges:
            say(await exchange.start())
            stack.push_async_callback(_left, exchange, place, store, own, say)
        crew = _crew(place, own, worker_log, restarts=restarts)
        stack.push_async_callback(_stopped, crew, say)
        say(f"starting {workers} workers: {', '.join(own)}")
        await crew.start()
        if go:
            await asyncio.gather(*(exchange.go() for exchange in exchanges))
        for exchange in exchanges:
            watch = asyncio.create_task(exchange.watch(restarts=restarts, failed=crew.give_up))
            stack.push_async_callback(_cancelled, watch)
        say("workers are ready")
        first, *others = (exchange.params for exchange in exchanges)
        yield Deployment(place.config, store, first, crew, tuple(others))


@contextlib.contextmanager
def names(
    count: int, *, taken: set[str], folder: Path, prefix: str = ""
) -> Iterator[tuple[str, ...]]:
    """Worker names that no living worker has: two of one name would take each other's leases.

    Each is locked in the deployment's folder, as another `run` may be starting just now.
    """
    own: list[str] = []
    with contextlib.ExitStack() as held:
        for name in (f"{prefix}w{n}" for n in itertools.count(1)):
            if len(own) == count:
                break
            lock = None if name in taken else take(str(folder / f"{name}.lock"))
            if lock is not None:
                held.enter_context(lock)
                own.append(name)
        yield tuple(own)


def _prefix(config: Configuration) -> str:
    """The machine's name where the store is shared between machines."""
    return f"{socket.gethostname().split('.')[0]}-" if config.settings.store.url else ""


def _papers(place: Ground) -> list[PaperParams]:
    """The exchanges, the books' own first."""
    found = (paper_params(place.config, venue) for venue in the_venues(place.config))
    return [msgspec.structs.replace(params, idle_exit_s=IDLE_EXIT_S) for params in found]


def _crew(place: Ground, own: Sequence[str], log: Path | None, *, restarts: bool) -> Crew:
    return Crew(
        [_command(place, name, log) for name in own],
        restarts=restarts,
        ready_within_s=READY_S,
        stop_within_s=place.config.settings.worker.drain_s + STOP_S,
    )


async def _left(
    exchange: Exchange, place: Ground, store: Store, own: Sequence[str], say: Say
) -> None:
    others = await exchange.leave(store, place.config, own=own)
    if others:
        say(f"paper exchange left running for {', '.join(others)}")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _stopped(crew: Crew, say: Say) -> None:
    say("stopping workers")
    await crew.stop()


def _command(place: Ground, name: str, log: Path | None) -> Command:
    arguments = [sys.executable, "-m", "hedger", "_worker", "--name", name]
    arguments += ["--config", str(place.config.path.absolute())]
    if place.is_temporary:
        arguments.append("--temporary")
    return Command(name, arguments, place.environ, log)
