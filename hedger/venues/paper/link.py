"""A connection that comes back: dialled on demand with back-off, greeted, subscribed again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TypeVar

from hedger.clock import wall_ms
from hedger.core.model import Fill
from hedger.errors import VenueUnavailable
from hedger.ports import ClockReading
from hedger.venues.paper import protocol as p
from hedger.venues.paper.wire import Wire, dial

BACKOFF_S_MIN, BACKOFF_S_MAX = 0.02, 1.0

R = TypeVar("R", bound=p.Reply)


class RefusedError(Exception):
    """The exchange said no: surely nothing happened."""


class Heard:
    """Which fills of an account have come: market time of the last, and all ids of that instant."""

    def __init__(self) -> None:
        self.time_ms = -1
        self._ids: set[str] = set()

    def begin(self, time_ms: int) -> None:
        """Fills from this instant on are to be heard."""
        if self.time_ms < 0:
            self.time_ms = time_ms

    def is_new(self, fill: Fill) -> bool:
        """Whether a fill has not come before; it has, from now on."""
        if fill.time_ms < self.time_ms or fill.trade_id in self._ids:
            return False
        if fill.time_ms > self.time_ms:
            self.time_ms, self._ids = fill.time_ms, set()
        self._ids.add(fill.trade_id)
        return True


class Link:
    """Requests to one exchange, over one `Wire` at a time.

    ``instruments`` and ``accounts`` are subscribed after every greeting; fills of the accounts are
    then asked for from the last instant heard. ``on_close`` is called whenever a wire breaks.
    """

    def __init__(
        self,
        name: str,
        socket: str,
        client: str,
        on_push: Callable[[p.Push | p.End], None],
        on_close: Callable[[], None],
    ) -> None:
        self.instruments: dict[str, None] = {}
        self.accounts: dict[str, Heard] = {}
        self.welcome: p.Welcome | None = None
        self.offset_ms = wall_ms() - time.monotonic() * 1000
        """The exchange's wall clock less our monotonic one, which nobody sets (at first: ours)."""
        self._untold_ms = 0.0
        self._name, self._socket, self._client = name, socket, client
        self._on_push, self._on_close = on_push, on_close
        self._wire: Wire | None = None
        self._dialling = asyncio.Lock()
        self._is_closed = False

    async def ask(self, kind: type[R], request: Callable[[int], p.Request], *, seconds: float) -> R:
        """One answered request; raises `RefusedError`, `VenueUnavailable`."""
        try:
            async with asyncio.timeout(seconds):
                wire = await self._connected()
                reply = await wire.ask(request(wire.next_id()))
        except TimeoutError:
            raise VenueUnavailable(f"{self._name}: no answer within {seconds:.2f} s") from None
        return _expected(kind, reply)

    async def wire(self, *, seconds: float) -> Wire:
        """The living connection, or a new one; raises `VenueUnavailable`."""
        try:
            async with asyncio.timeout(seconds):
                return await self._connected()
        except TimeoutError:
            raise VenueUnavailable(f"{self._name}: no connection within {seconds:.2f} s") from None

    async def read_clock(self, *, seconds: float) -> ClockReading:
        """Measure the offset again; raises `RefusedError`, `VenueUnavailable`."""
        begun_s = time.monotonic()
        # The greeting is the shortest answer with a time in it.
        said = await self.ask(p.Welcome, lambda i: p.Hello(i, self._client), seconds=seconds)
        reading = self._measured(said, begun_s)
        ahead_ms, self._untold_ms = reading.ahead_ms + self._untold_ms, 0.0
        return reading._replace(ahead_ms=ahead_ms)

    def tell(self, message: p.Done) -> None:
        """Send, if there is a connection, and expect nothing."""
        if self._wire is not None:
            self._wire.tell(message)

    async def close(self) -> None:
        """Never connect again."""
        self._is_closed = True
        if self._wire is not None:
            await self._wire.close()

    async def _connected(self) -> Wire:
        if self._wire is not None and not self._wire.closed:
            return self._wire
        async with self._dialling:
            backoff_s = BACKOFF_S_MIN
            while self._wire is None or self._wire.closed:
                if self._is_closed:
                    raise VenueUnavailable(f"{self._name}: closed")
                try:
                    self._wire = await self._greeted()
                except (OSError, VenueUnavailable):
                    await asyncio.sleep(backoff_s * (0.5 + random.random()))
                    backoff_s = min(2 * backoff_s, BACKOFF_S_MAX)
            return self._wire

    async def _greeted(self) -> Wire:
        """Connect, greet, and subscribe again with what has not been heard yet."""
        wire = await dial(self._socket, self._on_push, self._on_close)
        try:
            begun_s = time.monotonic()
            welcome = _expected(p.Welcome, await wire.ask(p.Hello(wire.next_id(), self._client)))
            if self.welcome is None:
                self.offset_ms = welcome.wall_ms - (begun_s + time.monotonic()) * 500
            taken_ms = self.offset_ms
            self._measured(welcome, begun_s)
            self._untold_ms += self.offset_ms - taken_ms  # to whoever reads the clock next
            self.welcome = welcome
            if self.instruments or self.accounts:
                since = {n: h.time_ms for n, h in self.accounts.items() if h.time_ms >= 0}
                names, own = list(self.instruments), list(self.accounts)
                _expected(p.Ok, await wire.ask(p.Subscribe(wire.next_id(), names, own, since)))
        except RefusedError as error:
            await wire.close()
            raise VenueUnavailable(f"{self._name}: {error}") from None
        except BaseException:
            await wire.close()
            raise
        return wire

    def _measured(self, said: p.Welcome, begun_s: float) -> ClockReading:
        """Follow the exchange's clock where it surely differs from what we took it for."""
        now_s = time.monotonic()
        error_ms = (now_s - begun_s) * 500
        ahead_ms = said.wall_ms - (begun_s + now_s) * 500 - self.offset_ms
        if abs(ahead_ms) > error_ms:
            self.offset_ms += ahead_ms
        return ClockReading(said.wall_ms, ahead_ms, error_ms)


def _expected(kind: type[R], reply: p.Reply) -> R:
    if isinstance(reply, p.Refused):
        raise RefusedError(reply.reason)
    if not isinstance(reply, kind):
        raise VenueUnavailable(f"answered with {type(reply).__name__}: expected {kind.__name__}")
    return reply
