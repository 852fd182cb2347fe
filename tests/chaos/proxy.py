"""A line between two processes that can be cut, held, slowed and reset while they use it.

It stands between a worker and the store, or a worker and the exchange, and knows nothing of what it
carries: bytes come out in the order in which they went in, or never.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable

Address = str | tuple[str, int]
"""The path of a Unix socket, or host and port."""

PIECE = 1 << 16
HELD_MAX = 8 << 20
"""Bytes that wait in one direction; whoever sends more is not read from."""
DIAL_S = 5.0
LINGER_S = 10.0
"""What a sender sent before he died is on its way for so long."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Fate = Callable[[bytes], Iterable[tuple[float, bytes]]]
"""What becomes of a piece: after how long which bytes arrive; none means it is lost."""


class Lane:
    """What happens now to everything in one direction, on all connections of a line."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.is_hole = False
        """Bytes vanish: nothing that went in comes out any more, also afterwards."""
        self.flows = asyncio.Event()
        """Cleared: bytes are held, and delivered late."""
        self.flows.set()


class Pipe:
    """One direction of one connection."""

    def __init__(
        self,
        lane: Lane,
        read: Callable[[], Awaitable[bytes]],
        writer: asyncio.StreamWriter,
        fate: Fate | None,
    ) -> None:
        self.has_lost = False
        self._lane, self._read, self._writer, self._fate = lane, read, writer, fate
        self._loop = asyncio.get_running_loop()
        self._under_way: list[tuple[float, int, bytes]] = []
        self._held, self._last_s = 0, 0.0
        self._numbers = itertools.count()
        self._more, self._room, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._empty.set()

    def put(self, piece: bytes) -> None:
        """Let something arrive that nobody sent."""
        self._push(0.0, piece)
        self._more.set()

    async def carry(self) -> None:
        """Until the sender has gone, and what he sent before has arrived."""
        delivering = asyncio.create_task(self._deliver())
        try:
            with contextlib.suppress(OSError):
                await self._take()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await self._empty.wait()
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)

    async def _take(self) -> None:
        while piece := await self._read():
            if self._lane.is_hole:
                self.has_lost = True
                continue
            for after_s, part in self._fates(piece):
                self._push(after_s, part)
            self._more.set()
            while self._held > HELD_MAX:
                self._room.clear()
                await self._room.wait()

    def _push(self, after_s: float, part: bytes) -> None:
        due_s = self._loop.time() + after_s
        heapq.heappush(self._under_way, (due_s, next(self._numbers), part))
        self._held += len(part)
        self._empty.clear()

    def _fates(self, piece: bytes) -> Iterable[tuple[float, bytes]]:
        if self._fate is not None:
            return [(self._lane.delay_s + after_s, part) for after_s, part in self._fate(piece)]
        # A stream of bytes keeps its order, also when a slow line has become a fast one.
        now_s = self._loop.time()
        self._last_s = max(self._last_s, now_s + self._lane.delay_s)
        return [(self._last_s - now_s, piece)]

    async def _deliver(self) -> None:
        while True:
            await self._lane.flows.wait()
            if not self._under_way:
                self._empty.set()
                self._more.clear()
                await self._more.wait()
                continue
            wait_s = self._under_way[0][0] - self._loop.time()
            if wait_s > 0.0:
                self._more.clear()  # something that is due earlier may come
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._more.wait()
                continue
            _, _, piece = heapq.heappop(self._under_way)
            self._held -= len(piece)
            self._room.set()
            if self._lane.is_hole:
                self.has_lost = True
                continue
            with contextlib.suppress(OSError):  # whoever was to have it has gone
                self._writer.write(piece)
                await self._writer.drain()


class Proxy:
    """One line: whoever connects ``here`` is carried ``there``."""

    def __init__(self, here: Address, there: Address) -> None:
        self.here, self.there = here, there
        self.up, self.down = Lane(), Lane()
        """From the one who connected, and back to him."""
        self._server: asyncio.Server | None = None
        self._carrying: dict[asyncio.Task[None], tuple[Pipe, Pipe, Streams, Streams]] = {}

    async def open(self) -> None:
        """Listen; a port of 0 is replaced by the one that was found."""
        if isinstance(self.here, str):
            self._server = await asyncio.start_unix_server(self._accept, self.here)
        else:
            self._server = await asyncio.start_server(self._accept, *self.here)
            self.here = self._server.sockets[0].getsockname()[:2]

    async def close(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._carrying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- faults -------------------------------------------------------------------------------

    def lanes(self, which: str) -> tuple[Lane, ...]:
        """``up``, ``down`` or ``both``."""
        return {"up": (self.up,), "down": (self.down,), "both": (self.up, self.down)}[which]

    def hole(self, which: str = "both") -> None:
        """Swallow everything, silently."""
        for lane in self.lanes(which):
            lane.is_hole = True

    def hold(self, which: str = "both") -> None:
        """Deliver nothing before `mend`, and then all of it."""
        for lane in self.lanes(which):
            lane.flows.clear()

    def slow(self, delay_s: float, which: str = "both") -> None:
        """Everything takes so much longer."""
        for lane in self.lanes(which):
            lane.delay_s = delay_s

    def reset(self) -> None:
        """Break every connection, at once and without a word."""
        for _, _, near, far in self._carrying.values():
            _break(near)
            _break(far)

    def mend(self) -> None:
        """All as before; connections with a hole in their stream are broken."""
        for lane in self.lanes("both"):
            lane.is_hole, lane.delay_s = False, 0.0
            lane.flows.set()
        for up, down, near, far in tuple(self._carrying.values()):
            if up.has_lost or down.has_lost:
                _break(near)
                _break(far)

    # --- connections --------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(DIAL_S):
                far = await dial(self.there)
        except (OSError, TimeoutError):
            writer.close()
            return
        near = (reader, writer)
        up, down = self._pipes(near, far)
        self._carrying[task] = (up, down, near, far)
        ways = [asyncio.create_task(pipe.carry()) for pipe in (up, down)]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # the line is being closed
        finally:
            del self._carrying[task]
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            far[1].close()

    def _pipes(self, near: Streams, far: Streams) -> tuple[Pipe, Pipe]:
        """Both directions of a new connection."""
        return (
            Pipe(self.up, lambda: near[0].read(PIECE), far[1], None),
            Pipe(self.down, lambda: far[0].read(PIECE), near[1], None),
        )


async def dial(address: Address) -> Streams:
    """Connect; raises `OSError`."""
    if isinstance(address, str):
        return await asyncio.open_unix_connection(address)
    return await asyncio.open_connection(*address)


def _break(streams: Streams) -> None:
    """End a connection as a dying machine does: no good-bye, what was not sent is gone."""
    writer = streams[1]
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
