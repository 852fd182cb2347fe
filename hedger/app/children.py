"""Worker processes of ours: started, known to be ready, started again when they die, stopped.

A worker says ``ready`` on its standard output and stops in order when its standard input ends, so
that none outlives the process that started it, however that one dies. Each has a session of its
own: a terminal's Ctrl-C reaches the parent alone, which then stops them in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hedger.errors import ConfigError, HedgerError
from hedger.telemetry import logger

READY = b"ready"
BAD_INPUT = 2
"""Exit status of a process that refuses its configuration: starting it again helps nobody."""
BACK_OFF_S_MIN = 0.5
BACK_OFF_S_MAX = 30.0
END_S = 2.0
"""For a process that has closed its output to end."""
LONG_LIFE_S = 60.0
"""A life of at least this length clears the back-off."""


class Command(NamedTuple):
    """What to run; ``stderr`` is a file to append to, None for our own standard error."""

    name: str
    arguments: Sequence[str]
    environ: Mapping[str, str]
    stderr: Path | None = None


class Child:
    """One process, from its start to its end."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process) -> None:
        self.command = command
        self.process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended yet."""
        return self.process.returncode is None

    async def ready(self, within_s: float) -> None:
        """Wait until it says so; raises `HedgerError` if it ends or stays silent."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(within_s):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise HedgerError(
                f"{self.command.name}: not ready after {within_s:g} s, see its log"
            ) from None
        if line.strip() == READY:
            return
        code = await self._end(within_s=END_S)
        kind = ConfigError if code == BAD_INPUT else HedgerError
        raise kind(f"{self.command.name}: ended with status {code} before it was ready")

    async def stop(self, within_s: float) -> int:
        """SIGTERM, then SIGKILL after a while; returns the exit status."""
        if self.is_alive:
            # Not `process.terminate()`: it may take the exit status from under the loop's watcher.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
        return await self._end(within_s)

    async def _end(self, within_s: float) -> int:
        """Wait for the end, then force it."""
        try:
            async with asyncio.timeout(within_s):
                return await self.process.wait()
        except TimeoutError:
            logger(worker=self.command.name).error("killed", after_s=within_s)
        # It leads a session: nothing that it may have started is left either.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return await self.process.wait()


async def start(command: Command) -> Child:
    """Start one process."""
    log = command.stderr.open("ab") if command.stderr is not None else None
    try:
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=dict(command.environ),
            start_new_session=True,
        )
    finally:
        if log is not None:
            log.close()
    return Child(command, process)


class Crew:
    """The workers of one deployment, kept alive."""

    def __init__(
        self,
        commands: Sequence[Command],
        *,
        restarts: bool,
        ready_within_s: float,
        stop_within_s: float,
    ) -> None:
        self._commands = commands
        self._restarts = restarts
        self._ready_s = ready_within_s
        self._stop_s = stop_within_s
        self._children: dict[str, Child] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self.failed: asyncio.Future[HedgerError] = asyncio.get_running_loop().create_future()
        """Set when a process has ended for good, with the reason."""

    @property
    def children(self) -> tuple[Child, ...]:
        """The processes that are running now, by worker name."""
        return tuple(child for child in self._children.values() if child.is_alive)

    async def start(self) -> None:
        """Start all at once and wait until each is ready."""
        for command in self._commands:
            self._children[command.name] = await start(command)
        await asyncio.gather(*(c.ready(self._ready_s) for c in self._children.values()))
        self._watchers = [asyncio.create_task(self._watch(c)) for c in self._commands]

    async def stop(self) -> None:
        """Stop all at once, in bounded time; nothing is left."""
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(c.stop(self._stop_s) for c in self._children.values()))

    async def _watch(self, command: Command) -> None:
        """Start a worker again whenever it has died, later each time that it dies young."""
        loop = asyncio.get_running_loop()
        log, pause_s = logger(worker=command.name), BACK_OFF_S_MIN
        while True:
            born_s, child = loop.time(), self._children[command.name]
            code = await child.process.wait()
            reason = f"{command.name} (process {child.pid}) ended with status {code}"
            if not self._restarts or code == BAD_INPUT:
                self.give_up(ConfigError(reason) if code == BAD_INPUT else HedgerError(reason))
                return
            if loop.time() - born_s >= LONG_LIFE_S:
                pause_s = BACK_OFF_S_MIN
            log.error("worker_ended", status=code, pid=child.pid, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, BACK_OFF_S_MAX)
            self._children[command.name] = await start(command)
            try:
                await self._children[command.name].ready(self._ready_s)
            except HedgerError as error:
                log.error("worker_not_ready", reason=str(error))
                await self._children[command.name].stop(self._stop_s)
            else:
                log.info("worker_restarted", pid=self._children[command.name].pid)

    def give_up(self, error: HedgerError) -> None:
        """Tell whoever waits on `failed`; the first reason stays."""
        if not self.failed.done():
            self.failed.set_result(error)
