"""What a run does harm to: a paper exchange, a store server and workers, all real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec

from hedger.app.translate import paper_params, store_params
from hedger.clock import wall_ms
from hedger.errors import StoreUnavailable
from hedger.settings import Configuration, load
from hedger.store import open_store
from hedger.store.redis import RedisStore
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.launch import launch
from tests.chaos.books import DEPLOYMENT, VENUE, Setting, names, write
from tests.chaos.recorder import Recorder
from tests.chaos.worker import Worker, until, woken_soon
from tests.store.servers import HOST, Group, free_port

ROOT = Path(__file__).parents[2]
BORN_S, READY_S, STOP_S, CALM_S = 60.0, 60.0, 10.0, 8.0
STOPPED_S = 2.0
ROUSED_MS = 2_000
"""After a pause or an outage: until then shards may still be changing hands because of it."""


class Kill(NamedTuple):
    """A death, and the books that the dead one owned by the store's own leases."""

    wall_ms: int
    worker: str
    books: tuple[str, ...]


class Rig:
    """Everything that runs, what was done to it, and what it left behind."""

    def __init__(self, folder: Path, setting: Setting, *, seed: int, length_s: float) -> None:
        self.folder, self.setting, self.seed, self.length_s = folder, setting, seed, length_s
        self.names = names(setting)
        self.faults: Counter[str] = Counter()
        self.facts: dict[str, Any] = {}
        """Figures of the run itself, for the table and its own judge."""
        self.lines: object = None
        self.clocks: object = None
        """What `Setting.lines` and `Setting.serve` made, for those who know what it is."""
        self.kills: list[Kill] = []
        self.disturbed: list[tuple[int, int]] = []
        """Spans of real time [ms] in which more was wrong than a death: no bound on take-overs."""
        self.workers: dict[str, Worker] = {}
        """The last of each name."""
        self.born: list[Worker] = []
        self.port = free_port()
        self.log = folder / "workers.log"
        self.environ_of: Callable[[str], dict[str, str]] = lambda _: {}
        """Further variables of a worker by its name: another address, another socket folder."""
        self.more_environ: dict[str, str] = {}
        """Further variables of everybody; to be set by `Setting.serve`."""
        self.exchange_command = setting.exchange
        self.url = f"redis://{HOST}:{self.port}"
        self.told: Callable[[str, Worker], None] = lambda _, worker: woken_soon(worker)
        """Hears that a worker has stopped itself, and why; until a run says more, it is woken."""
        self.group: Group
        self.config: Configuration
        self.store: RedisStore
        self.recorder: Recorder
        self.began_s = self.end_s = time.monotonic()
        self.began_ms = self.calm_ms = self.stopped_ms = 0
        self._born: dict[str, asyncio.Future[int]] = {}
        self._count = 0
        self._nursery: asyncio.subprocess.Process
        self._life = -1

    # --- for `inject` -----------------------------------------------------------------------------

    def goes_on(self) -> bool:
        """Whether there is time for further harm."""
        return time.monotonic() < self.end_s

    def count(self, kind: str, by: int = 1) -> None:
        self.faults[kind] += by

    async def sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the run."""
        await asyncio.sleep(max(0.0, min(seconds, self.end_s - time.monotonic())))

    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.is_alive]

    def any_ready(self, rng: Random) -> Worker | None:
        """A worker that can be harmed: ready, and running."""
        fit = [w for w in self.alive() if w.is_ready and not w.is_paused]
        return rng.choice(fit) if fit else None

    async def start_worker(self, name: str = "", **environ: str) -> Worker:
        """One more worker, or one of a name again; it is not waited for."""
        if not name:
            self._count += 1
            name = f"w{self._count}"
        variables = {**self.environ, **self.setting.worker_env, **self.environ_of(name), **environ}
        self._born[name] = asyncio.get_running_loop().create_future()
        birth = {
            "name": name,
            "config": str(self.config.path),
            "environ": variables,
            "log": str(self.log),
            "patch": self.setting.patch,
        }
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(msgspec.json.encode(birth) + b"\n")
        async with asyncio.timeout(BORN_S):
            await self._born[name]
        return self.workers[name]

    async def kill(self, worker: Worker) -> None:
        """SIGKILL, and remember whose books it had."""
        try:
            async with asyncio.timeout(0.2):
                owners = {info.shard: info.owner for info in await self.store.shard_info()}
        except (StoreUnavailable, TimeoutError):
            owners = {}
        shard_of = self.store.shard_of
        books = tuple(n for n in self.names if owners.get(shard_of(n)) == worker.name)
        worker.kill()
        self.kills.append(Kill(wall_ms(), worker.name, books))
        self.count("SIGKILL")

    async def pause(self, worker: Worker, seconds: float, kind: str = "SIGSTOP") -> None:
        """SIGSTOP for a while; one that has said that it stops itself is only woken.

        It says so before it does: woken before that, it would sleep for ever.
        """
        worker.is_paused, began_ms = True, wall_ms()
        try:
            if kind == "SIGSTOP":
                worker.signal(signal.SIGSTOP)
            else:
                with contextlib.suppress(TimeoutError):
                    await until(lambda: worker.is_stopped or not worker.is_alive, STOPPED_S)
            self.count(kind)
            await asyncio.sleep(seconds)
        finally:
            worker.signal(signal.SIGCONT)
            worker.is_paused = False
            self.disturbed.append((began_ms, wall_ms() + ROUSED_MS))

    async def restart_server(self, down_s: float = 0.0) -> float:
        """SIGKILL the store server and start it again; returns the instant of its first PONG."""
        began_ms = wall_ms()
        await asyncio.to_thread(self.group.kill, self.port)
        self.count("server SIGKILL")
        await asyncio.sleep(down_s)
        await asyncio.to_thread(self.group.again, self.port)
        self.disturbed.append((began_ms, wall_ms() + ROUSED_MS))
        return time.monotonic()

    # --- the frame --------------------------------------------------------------------------------

    async def settle(self) -> None:
        """No harm any more: wait until all is in order, then stop the workers in order."""
        for worker in self.alive():
            worker.signal(signal.SIGCONT)
        while len(self.alive()) < 2:
            await self.start_worker()
        self.calm_ms = wall_ms()
        await asyncio.sleep(min(CALM_S, 4.0 + self.length_s / 60.0))
        self.stopped_ms = wall_ms()
        await self._stop_workers()

    def died(self) -> list[str]:
        """Workers that ended though nobody ended them, and why; or would not end in the end."""
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [
            *(worker.end(log) for worker in self.born if worker.has_died),
            *(f"{w.name} did not end within {STOP_S:g} s" for w in self.alive() if w.is_stopping),
        ]

    async def left(self) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]], list[str]]:
        """Positions in the store, at the exchange, and books with open intents or stopped."""
        with contextlib.suppress(StoreUnavailable):  # a connection to a server that has died since
            await self.store.books()
        stored, unfinished = {}, []
        # Anew: connections of before may have been cut.
        store = await open_store(store_params(self.config))
        try:
            states = {name: await store.load(name) for name in self.names}
        finally:
            await store.shutdown()
        for name, state in states.items():
            assert state is not None, f"{name} is not in the store"
            stored[name] = {n: lots for n, lots in state.positions.items() if lots}
            if state.intents or state.stopped or state.hold:
                told = f"{len(state.intents)} open intents, hold {state.hold!r}"
                unfinished.append(f"{name}: {told}, stopped {state.stopped}")
        venue = PaperVenue(self.paper.name, self.paper.socket, client="judge")
        try:
            traded = {name: await venue.positions(name) for name in self.names}
        finally:
            await venue.close()
        return stored, traded, unfinished

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Rig]:
        """All processes, from start to end; nothing is left behind."""
        async with contextlib.AsyncExitStack() as stack:
            if self.setting.serve is not None:
                stack.enter_context(self.setting.serve(self))
            else:
                self.group = stack.enter_context(Group(self.folder))
                self.group.start(self.port, appendonly="yes", appendfsync=self.setting.appendfsync)
            self.environ = {
                "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder),
                "XDG_RUNTIME_DIR": str(self.folder),
                "PYTHONPATH": str(ROOT),
                **self.more_environ,
            }
            path = write(self.folder, self.setting, url=self.url, seed=self.seed)
            self.config = load(path, environ=self.environ)
            self.store = await open_store(store_params(self.config))
            stack.push_async_callback(self.store.shutdown)
            self.paper = paper_params(self.config, VENUE)
            exchange = await launch(
                msgspec.structs.replace(self.paper, idle_exit_s=30.0), command=self.exchange_command
            )
            stack.push_async_callback(exchange.stop)
            assert exchange.child is not None
            self.exchange_pid = exchange.child.pid
            stack.callback(self._kill_workers)
            if self.setting.lines is not None:
                await stack.enter_async_context(self.setting.lines(self))
            await self._start_nursery()
            stack.push_async_callback(self._end_nursery)
            stack.callback(self._kill_workers)  # first: they hold the other ends of its pipes
            listening = asyncio.create_task(self._listen())
            stack.push_async_callback(_cancelled, listening)
            await self._start()
            self.recorder = Recorder(lambda: self.port, DEPLOYMENT, self.setting.shards)
            recording = asyncio.create_task(self.recorder.run())
            stack.push_async_callback(_cancelled, recording)
            await self._go()
            self.began_s, self.began_ms = time.monotonic(), wall_ms()
            self.end_s = self.began_s + self.length_s
            yield self

    async def _start(self) -> None:
        for _ in range(self.setting.workers):
            await self.start_worker()
        await until(lambda: all(w.is_ready or w.has_died for w in self.born), READY_S)
        if died := self.died():
            raise RuntimeError("; ".join(died))

    async def _go(self) -> None:
        venue = PaperVenue(self.paper.name, self.paper.socket, client="go")
        try:
            await venue.go()
        finally:
            await venue.close()

    async def _start_nursery(self) -> None:
        reading, self._life = os.pipe()
        try:
            self._nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.nursery", str(reading)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(reading,),
                cwd=ROOT,
                # The home folder stays: compiled kernels are kept there.
                env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        finally:
            os.close(reading)

    async def _listen(self) -> None:
        """Hear of births and ends, and of workers that are ready."""
        assert self._nursery.stdout is not None
        while line := await self._nursery.stdout.readline():
            word, *rest = line.decode().split()
            if word == "born":
                worker = self.workers[rest[0]] = Worker(rest[0], int(rest[1]))
                self.born.append(worker)
                self._born[worker.name].set_result(worker.pid)
                continue
            worker = next(one for one in reversed(self.born) if one.pid == int(rest[0]))
            if word == "ready":
                worker.is_ready = True
            elif word == "ended":
                worker.code = int(rest[1])
            elif word == "again":
                self.count("births that found no store")
            else:
                self.told(word, worker)

    async def _stop_workers(self) -> None:
        for worker in self.alive():
            worker.stop()
        with contextlib.suppress(TimeoutError):
            await until(lambda: not self.alive(), STOP_S)

    def _kill_workers(self) -> None:
        for worker in self.alive():
            worker.kill()

    async def _end_nursery(self) -> None:
        os.close(self._life)
        if self._nursery.returncode is None:
            self._nursery.kill()
        await self._nursery.wait()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def rig(setting: Setting, *, seed: int, length_s: float) -> AsyncIterator[Rig]:
    """A rig in a folder of its own, short enough for sockets, removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="hedger-chaos_", dir="/tmp"))
    try:
        async with Rig(folder, setting, seed=seed, length_s=length_s).running() as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)
