"""One worker's view of an exchange: the ports `Venue`, `Feed` and `Clock` over a disturbed line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from typing import Any, TypeVar

from hedger.core.model import (
    AccountEvent,
    AccountMargin,
    Conduct,
    Fill,
    Instrument,
    Order,
    OrderReport,
    VenueClass,
)
from hedger.errors import OutcomeUnknown, VenueUnavailable
from hedger.ports import Batch, ClockReading
from tests.core.desk import PERPETUAL
from tests.simulation.exchange import MARKET_BEGIN_MS, Exchange
from tests.simulation.loop import WORLD, Process
from tests.simulation.wire import Line, Reach, settle

T = TypeVar("T")
PAGE = 4
"""Fills in one answer: few, so that much happens between the pages of a history."""


class WorkerClock:
    """The `Clock` port of one process: monotonic time is exact, its wall clock may be wrong."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()

    def market_ms(self) -> int:
        return MARKET_BEGIN_MS + self._process.clock_ms + int(self._loop.time() * 1_000)

    def monotonic_s(self) -> float:
        return self._loop.time()


class SimVenue:
    """The `Venue` and `Feed` ports."""

    def __init__(self, exchange: Exchange, line: Line, process: Process, reach: Reach) -> None:
        self._exchange, self._line, self._process, self._reach = exchange, line, process, reach
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._asked: dict[asyncio.Future[Any], None] = {}
        self.name = exchange.name

    # --- Venue ----------------------------------------------------------------------------

    def conduct(self, instrument: str) -> Conduct:
        return Conduct(
            product="perpetual",
            venue_class=VenueClass(self._exchange.venue_class),
            evidence="the exchange of this simulation",
            source="tests/simulation/exchange.py",
        )

    def venue_ms(self) -> int:
        return self._exchange.now_ms() + self._process.venue_ms

    async def read_clock(self) -> ClockReading:
        asked_s, took_ms = self._loop.time(), self.venue_ms()
        venue_ms = await self._read("clock", self._exchange.now_ms)
        error_ms = (self._loop.time() - asked_s) * 500
        return ClockReading(venue_ms, venue_ms - took_ms - error_ms, error_ms)

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        return {name: PERPETUAL for name in names if name == PERPETUAL.name}

    async def place(self, order: Order) -> OrderReport:
        answered = await self._written("place")
        trip_s = self._line.trip_s()

        def arrive() -> None:
            self._exchange.place(order, back)

        def back(answer: OrderReport | Exception) -> None:
            lost = self._reach("place.after", self._process)
            self._later(None if lost else self._line.trip_s(), settle, answered, answer)

        self._later(trip_s, arrive)
        return await self._answer(answered, OutcomeUnknown)

    async def cancel(self, account: str, client_id: str) -> OrderReport:
        return await self._read("cancel", lambda: self._exchange.cancel(client_id), OutcomeUnknown)

    async def query(self, account: str, client_id: str) -> OrderReport:
        return await self._read("query", lambda: self._exchange.query(client_id))

    async def positions(self, account: str) -> dict[str, int]:
        return await self._read("positions", lambda: self._exchange.positions(account))

    async def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        return []

    async def fills(self, account: str, since_ms: int) -> AsyncIterator[list[Fill]]:
        seen, is_full = 0, True
        while is_full:
            page = await self._read("fills", partial(self._page, account, since_ms, seen))
            seen, is_full = seen + len(page), len(page) == PAGE
            yield page

    def _page(self, account: str, since_ms: int, seen: int) -> list[Fill]:
        return self._exchange.fills(account, since_ms)[seen : seen + PAGE]

    async def margin(self, account: str) -> AccountMargin | None:
        return None

    def credits(self, account: str) -> float | None:
        return None

    async def close(self) -> None:
        """Nothing to release."""

    async def _written(self, what: str) -> asyncio.Future[Any]:
        """A future for the answer, once the request leaves this process."""
        self._reach(f"{what}.before", self._process)
        if self._process.barred:
            await asyncio.sleep(0)  # it stands, or falls, after its last check
        return self._loop.create_future()

    async def _read(
        self, what: str, act: Callable[[], T], broken: type[Exception] = VenueUnavailable
    ) -> T:
        answered = await self._written(what)

        def arrive() -> None:
            if self._exchange.hangs:
                return
            answer = self._exchange.troubled() or act()
            self._later(self._line.trip_s(), settle, answered, answer)

        self._later(self._line.trip_s(), arrive)
        answer: T = await self._answer(answered, broken)
        return answer

    async def _answer(self, answered: asyncio.Future[Any], broken: type[Exception]) -> Any:
        self._asked[answered] = None
        try:
            return await answered
        except ConnectionResetError as error:
            raise broken(str(error)) from error
        finally:
            self._asked.pop(answered, None)

    def _later(self, trip_s: float | None, act: Callable[..., None], *arguments: Any) -> None:
        if trip_s is not None:
            self._loop.call_later(trip_s, act, *arguments, context=WORLD)

    def reset(self) -> None:
        """The connection breaks under whoever waits on it; what was sent is on its way."""
        for answered in tuple(self._asked):
            settle(answered, ConnectionResetError("the connection broke"))

    # --- Feed -----------------------------------------------------------------------------

    def push(self, batch: Batch | None) -> None:
        """Deliver over the line; None breaks the feed."""
        self._later(self._line.trip_s(), self._inbox.put_nowait, batch)

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        """Everything is sent to everybody; listeners take what is theirs."""

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            batch = await self._inbox.get()
            if batch is None:
                raise VenueUnavailable("the feed broke")
            yield batch

    async def caught_up(self, market_ms: int) -> None:
        """A live venue does not wait."""
