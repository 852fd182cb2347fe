"""One worker process of a rig: what it was told, how it ended, and whether that was wanted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WAKE_S = (0.05, 0.5, 2.0)


@dataclass
class Worker:
    """``code`` is the exit status once it has ended, negative for a signal."""

    name: str
    pid: int
    is_ready: bool = False
    is_paused: bool = False
    is_killed: bool = False
    is_stopping: bool = False
    code: int | None = None

    @property
    def is_alive(self) -> bool:
        return self.code is None and not self.is_killed

    @property
    def is_stopped(self) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        return False

    @property
    def has_died(self) -> bool:
        """Whether it ended though nobody wanted that, or did not end well when it was to.

        One that is stopped before it is ready may not listen to signals yet.
        """
        if self.code is None or self.is_killed:
            return False
        if self.is_stopping:
            return self.code != 0 and (self.is_ready or self.code != -signal.SIGTERM)
        return True

    def signal(self, number: int) -> None:
        """Send a signal; it may have ended without our having heard of it yet."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.is_killed = True
        self.signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end in order."""
        self.is_stopping = True
        self.signal(signal.SIGTERM)

    def end(self, log: str) -> str:
        """How it ended, with what the log of all workers says of it."""
        head = last_words(self.name, self.pid, "")
        said = [line.removeprefix(head) for line in log.splitlines() if line.startswith(head)]
        asked = "when it was stopped" if self.is_stopping else "by itself"
        return f"{self.name} ended {asked} with {self.code}: {said[-1] if said else 'not a word'}"


def last_words(name: str, pid: int, said: str) -> str:
    """The line of the log that says why a worker ended."""
    return f"worker {name} {pid} ended: {said}"


def woken_soon(worker: Worker) -> None:
    """A worker says that it stops before it does, and how long before nobody knows."""
    wake = lambda: worker.is_alive and worker.signal(signal.SIGCONT)
    for delay_s in WAKE_S:
        asyncio.get_running_loop().call_later(delay_s, wake)


async def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait for what nobody announces; raises `TimeoutError`."""
    end_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end_s:
            raise TimeoutError
        await asyncio.sleep(0.02)
