"""An event loop in virtual time, whose ready queue is shuffled and whose processes can be killed.

Time jumps to the next timer as soon as nothing is ready. Which of several ready callbacks runs
first is drawn from the seed: asyncio promises their order, but nothing of that order survives
processes, sockets and schedulers, so no correctness may rest on it.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

BURIALS_MAX = 20
TURNS_MAX = 200_000
"""Callbacks without any passing of time after which the episode is called a live-lock."""


class LiveLock(Exception):
    """Something turns round and round without ever waiting."""


class Process:
    """One operating-system process: everything started in it is stopped or killed as one.

    ``clock_ms`` is the error of its wall clock, ``venue_ms`` that of its estimate of venue time.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped = False
        self.barred = False
        """Stopped or dead: whatever belongs to it does not run."""
        self.clock_ms = 0
        self.venue_ms = 0
        self.frozen: list[Handle] = []
        """What came due while it was barred; of a dead one it only waits to be buried."""
        self.remains: list[asyncio.Task[Any]] = []
        """Tasks of a dead process, kept so that the collector cannot run their clean-up."""


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
WORLD = contextvars.Context()
"""Context of what belongs to no process: the network, the server, the exchange, the faults."""


class Handle:
    """A callback to be run, with the process that it belongs to."""

    __slots__ = ("args", "callback", "context", "process")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: Any
    ) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context if context is not None else contextvars.copy_context()
        self.process: Process | None = self.context.get(PROCESS)

    def cancel(self) -> None:
        self.callback, self.args = None, ()


class SimTask(asyncio.Task):  # type: ignore[type-arg]
    """A task hashed by its number: sets of tasks are then walked in the same order each time."""

    def __init__(self, coro: Any, *, number: int, **more: Any) -> None:
        self.number = number
        context = more.get("context")
        self.process = PROCESS.get() if context is None else context.get(PROCESS)
        super().__init__(coro, **more)

    def __hash__(self) -> int:
        return self.number


class SimLoop(asyncio.AbstractEventLoop):
    """The loop; `run` drives one coroutine to its end."""

    def __init__(self, random: Random) -> None:
        self._random = random.random
        self._ready: list[Handle] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._numbers = itertools.count(1)
        self._now_s = 1_000.0
        self.turns = 0
        self._still = 0

    # --- what asyncio asks of a loop ------------------------------------------------------

    def time(self) -> float:
        return self._now_s

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = Handle(callback, args, context)
        heapq.heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def create_future(self) -> Any:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> Any:
        return SimTask(coro, number=next(self._numbers), loop=self, name=name, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        # A thread would let virtual time run away while it works.
        done = self.create_future()
        done.set_result(func(*args))
        return done

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Ignore what asyncio complains of: an episode leaves tasks behind on purpose."""

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    # --- what the simulation asks ---------------------------------------------------------

    def spawn(self, process: Process, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task, and all that it will start, inside a process."""
        context = contextvars.Context()
        context.run(PROCESS.set, process)
        task: asyncio.Task[Any] = self.create_task(coro, context=context)
        return task

    def kill(self, process: Process) -> None:
        """SIGKILL: nothing of it runs any more, no clean-up either."""
        process.alive, process.barred = False, True
        process.remains = [task for task in asyncio.all_tasks(self) if task.process is process]

    def stop_process(self, process: Process) -> None:
        """SIGSTOP: it stands still while time passes."""
        process.stopped = process.barred = True

    def resume_process(self, process: Process) -> None:
        """SIGCONT: what came due meanwhile comes all at once."""
        if not process.alive:
            return
        process.stopped = process.barred = False
        self._ready.extend(process.frozen)
        process.frozen = []

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Drive a coroutine to its end, then put everything that is left out of the way."""
        asyncio.events._set_running_loop(self)
        try:
            task = self.create_task(main, context=WORLD.copy())
            while not task.done():
                self._turn()
            self._bury()
            return task.result()
        finally:
            asyncio.events._set_running_loop(None)

    def _turn(self) -> None:
        ready = self._ready
        if not ready:
            self._advance()
            return
        place = int(self._random() * len(ready))
        ready[place], ready[-1] = ready[-1], ready[place]
        handle = ready.pop()
        callback, process = handle.callback, handle.process
        if callback is None:
            return
        if process is not None and process.barred:
            process.frozen.append(handle)
            return
        self._turned()
        handle.context.run(callback, *handle.args)

    def _turned(self) -> None:
        self.turns += 1
        self._still += 1
        if self._still > TURNS_MAX:
            raise LiveLock(f"{TURNS_MAX} callbacks at one instant: something never waits")

    def _advance(self) -> None:
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if not timers:
            raise LiveLock("nothing is ready and no timer is set: everybody waits for ever")
        self._now_s, self._still = max(self._now_s, timers[0][0]), 0
        while timers and timers[0][0] <= self._now_s:
            handle = heapq.heappop(timers)[2]
            if handle.callback is not None:
                self._ready.append(handle)

    def _bury(self) -> None:
        """End all tasks that are left, the dead ones' too; whatever they do reaches nobody."""
        for _ in range(BURIALS_MAX):
            left = [task for task in asyncio.all_tasks(self) if not task.done()]
            if not left:
                return
            self._timers.clear()
            for process in {task.process for task in left if task.process is not None}:
                process.barred = False
                self._ready.extend(process.frozen)
                process.frozen = []
            for task in left:
                task.cancel()
            while self._ready:
                self._turn()
