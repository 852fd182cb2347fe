"""One client's connection as the exchange sees it: what waits to be sent, and how far it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from hedger.core.model import Account, AccountEvent, Fill, Quote
from hedger.venues.paper.conflate import Pending
from hedger.venues.paper.protocol import End, Message, Push, Reply, frame

REPLIES_MAX = 10_000
SEND_S_MAX = 30.0
_BUFFER_BYTES = 64 * 1024  # beyond this the socket is slow and quotes are conflated


class SlowClientError(ConnectionError):
    """The client does not read what it asked for."""


class Session:
    """A connection: subscriptions, a bounded outbox, and the newest instant it has worked off."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.client = "?"
        self.instruments: dict[str, None] = {}  # a set that keeps the order of subscription
        self.accounts: dict[str, None] = {}
        self.is_subscribed = False
        self.is_waited_for = True
        self.done_ms = -1
        self.under_way = 0
        self.arrival_s = 0.0
        self._writer = writer
        self._pending = Pending()
        self._replies: deque[Reply] = deque()
        self._is_running = False
        self._end: End | None = None
        self._wake = asyncio.Event()
        writer.transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    def lags(self, market_ms: int) -> bool:
        """Whether the market should wait for this client's `Done`."""
        return self.is_subscribed and self.is_waited_for and self.done_ms < market_ms

    def done(self, market_ms: int) -> None:
        """The client has worked off everything up to this instant."""
        self.done_ms = max(self.done_ms, market_ms)
        self.is_waited_for = True

    def reply(self, reply: Reply) -> None:
        """Queue an answer; raises `SlowClientError`."""
        if len(self._replies) >= REPLIES_MAX:
            raise SlowClientError(f"{self.client}: {REPLIES_MAX} answers not read")
        self._replies.append(reply)
        self._wake.set()

    def push(
        self,
        market_ms: int,
        *,
        quotes: list[Quote],
        accounts: list[Account],
        fills: list[Fill],
        is_running: bool,
        events: Sequence[AccountEvent] = (),
    ) -> None:
        """Queue market data; raises `FillsOverflowError`."""
        self._is_running = is_running
        self._pending.put(market_ms, quotes, accounts, fills, events)
        self._wake.set()

    def end(self, market_ms: int) -> None:
        """Queue the end marker."""
        self._end = End(market_ms)
        self._wake.set()

    async def send_all(self) -> None:
        """Send what is queued until the connection ends; raises `ConnectionError`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._writer.transport.is_closing():
                raise ConnectionError(f"{self.client}: the connection broke")
            self._writer.write(b"".join(frame(message) for message in self._queued()))
            try:
                async with asyncio.timeout(SEND_S_MAX):
                    await self._writer.drain()
            except TimeoutError:
                raise SlowClientError(f"{self.client}: read nothing for {SEND_S_MAX} s") from None

    async def flush(self, seconds: float) -> None:
        """Give queued answers a last chance to leave."""
        if self._writer.transport.is_closing():
            return
        self._writer.write(b"".join(frame(message) for message in self._queued()))
        try:
            async with asyncio.timeout(seconds):
                await self._writer.drain()
        except (TimeoutError, ConnectionError):
            return

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _queued(self) -> list[Message]:
        queued: list[Message] = list(self._replies)
        self._replies.clear()
        if self._pending:
            got = self._pending.take()
            push = Push(
                got.market_ms,
                self._is_running,
                list(got.quotes),
                list(got.accounts),
                list(got.fills),
                list(got.events),
            )
            queued.append(push)
        if self._end is not None:
            queued.append(self._end)
            self._end = None
        return queued
