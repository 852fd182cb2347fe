"""The client's end of one connection: requests matched to replies, pushes handed on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import msgspec

from hedger.errors import VenueUnavailable
from hedger.venues.paper import protocol as p

IN_FLIGHT_MAX = 1_000
UNSENT_MAX = 1 << 20
"""Bytes that may wait for an exchange that does not read; an order must not wait behind more."""


class Wire:
    """One living connection; once closed it stays closed.

    ``on_push`` is called for every `Push` and `End`, ``on_close`` once at the end.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_push: Callable[[p.Push | p.End], None],
        on_close: Callable[[], None],
    ) -> None:
        self.closed = ""
        self._reader, self._writer = reader, writer
        self._on_push, self._on_close = on_push, on_close
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[p.Reply]] = {}
        self._reading = asyncio.create_task(self._read())

    def next_id(self) -> int:
        """Id for the next request."""
        return next(self._ids)

    def tell(self, message: p.Done) -> None:
        """Send without waiting for anything."""
        if not self.closed:
            self._send(message)

    async def ask(self, request: p.Request) -> p.Reply:
        """Send and wait for the reply; the caller sets the deadline. Raises `VenueUnavailable`."""
        if self.closed:
            raise VenueUnavailable(self.closed)
        if len(self._waiting) >= IN_FLIGHT_MAX:
            raise VenueUnavailable(f"more than {IN_FLIGHT_MAX} requests under way")
        assert not isinstance(request, p.Done)
        reply: asyncio.Future[p.Reply] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = reply
        try:
            self._send(request)
            return await reply
        finally:
            self._waiting.pop(request.id, None)

    def _send(self, message: p.Request) -> None:
        if self._writer.transport.is_closing():  # a write failed, and nobody has read that yet
            self._end("the connection broke")
            return
        self._writer.write(p.frame(message))
        if self._writer.transport.get_write_buffer_size() > UNSENT_MAX:
            self._writer.transport.abort()
            self._end(f"the exchange has left {UNSENT_MAX} bytes unread")

    async def close(self) -> None:
        """End the connection."""
        self._end("the connection was closed")
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                self._hear(p.message_of(await p.read_frame(self._reader)))
        except (OSError, msgspec.DecodeError) as error:
            self._end(f"the connection broke: {error}")

    def _hear(self, message: p.Message) -> None:
        if isinstance(message, p.Push | p.End):
            self._on_push(message)
            return
        reply = self._waiting.get(message.id)
        if reply is not None and not reply.done():
            reply.set_result(message)

    def _end(self, reason: str) -> None:
        if self.closed:
            return
        self.closed = reason
        self._writer.close()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(VenueUnavailable(reason))
        self._on_close()


async def dial(
    socket: str,
    on_push: Callable[[p.Push | p.End], None],
    on_close: Callable[[], None],
) -> Wire:
    """Connect once; raises `OSError`."""
    reader, writer = await asyncio.open_unix_connection(socket)
    return Wire(reader, writer, on_push, on_close)
