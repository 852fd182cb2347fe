"""A line between the workers and an exchange that goes dead at the first order on it."""

from __future__ import annotations

import asyncio
import contextlib

PLACE = b"\xa5Place"
"""How a request to place an order begins on the wire."""


class SilentLine:
    """A Unix socket that passes everything on until an order comes; after that nothing, both ways.

    ``accepted`` says whether that order still arrives. `heal` breaks what is connected, so that
    whoever calls again is heard again.
    """

    def __init__(self, here: str, there: str, *, accepted: bool) -> None:
        self.is_silent = False
        self.has_healed = False
        self.silenced = asyncio.Event()
        self._here, self._there, self._accepted = here, there, accepted
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self._here)

    def heal(self) -> None:
        self.is_silent, self.has_healed = False, True
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.heal()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._there)
        self._writers += [writer, far_writer]
        for source, sink, outward in ((reader, far_writer, True), (far_reader, writer, False)):
            task = asyncio.create_task(self._carry(source, sink, outward=outward))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, outward: bool
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(1 << 16):
                if self.is_silent:
                    continue
                if outward and PLACE in data and not self.has_healed:
                    self.is_silent = True
                    self.silenced.set()
                    if self._accepted:
                        sink.write(data)
                    continue
                sink.write(data)
        sink.close()
