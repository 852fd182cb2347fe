"""A line between the workers and the exchange that can be made slow while they use it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque


class SlowLine:
    """A Unix socket that passes everything on, ``delay_s`` later each way, in order."""

    def __init__(self, here: str, there: str) -> None:
        self.delay_s = 0.0
        self._here, self._there = here, there
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._accept, self._here)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._there)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Each piece leaves its time after it came, never before the one ahead of it."""
        loop = asyncio.get_running_loop()
        under_way: deque[tuple[float, bytes]] = deque()
        more = asyncio.Event()

        async def deliver() -> None:
            while True:
                await more.wait()
                more.clear()
                while under_way:
                    at_s, data = under_way.popleft()
                    await asyncio.sleep(max(0.0, at_s - loop.time()))
                    sink.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(1 << 16):
                    under_way.append((loop.time() + self.delay_s, data))
                    more.set()
        finally:
            delivering.cancel()
            sink.close()
