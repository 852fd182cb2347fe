"""An event loop whose time jumps to the next timer: seconds of leases pass in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.core.desk import START

T = TypeVar("T")
VENUE_START_MS = 1_800_000_000_000


class _Jump:
    """A selector that, instead of waiting, moves the loop's time by what it was asked to wait."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now_s = 1_000.0

    def select(self, timeout: float | None = None) -> Any:
        events = self._real.select(None if timeout is None else 0)
        if not events and timeout:
            self.now_s += timeout
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._jump.now_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        # A thread would let virtual time run away while it works.
        done = self.create_future()
        done.set_result(func(*args))
        return done


class LoopClock:
    """The `Clock` port on the loop's time; market time runs along with it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin_s = self._loop.time()

    def monotonic_s(self) -> float:
        return self._loop.time()

    def market_ms(self) -> int:
        return START + round((self._loop.time() - self._begin_s) * 1_000)

    def venue_ms(self) -> int:
        return VENUE_START_MS + round((self._loop.time() - self._begin_s) * 1_000)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time; a test that hangs for an hour of it fails."""

    async def bounded() -> T:
        async with asyncio.timeout(3_600):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())
