"""The lines of the long runs do what they say, or the runs would prove nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from hedger.core.model import Order, OrderReport, OrderStatus
from hedger.venues.paper import protocol as p
from tests.chaos.proxy import Address, Proxy, Streams, dial
from tests.chaos.venue_line import VenueLine

SOON_S = 0.15


@asynccontextmanager
async def echoing(where: Address) -> AsyncIterator[tuple[Proxy, Streams]]:
    """A line to somebody who says everything again, and one connection over it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)

    if isinstance(where, str):
        far: Address = where + ".far"
        server = await asyncio.start_unix_server(echo, where + ".far")
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        far = server.sockets[0].getsockname()[:2]
    line = Proxy(where, far)
    await line.open()
    try:
        streams = await dial(line.here)
        yield line, streams
    finally:
        await line.close()
        server.close()


async def said(streams: Streams, text: bytes) -> None:
    streams[1].write(text)
    await streams[1].drain()


async def heard(streams: Streams, within_s: float = SOON_S) -> bytes | None:
    """What comes next; None for nothing, empty for an end."""
    try:
        async with asyncio.timeout(within_s):
            return await streams[0].read(100)
    except TimeoutError:
        return None
    except ConnectionError:
        return b""


Act = Callable[[Proxy, Streams], Awaitable[None]]


def over(where: Address, act: Act) -> None:
    async def body() -> None:
        async with asyncio.timeout(10.0), echoing(where) as (line, streams):
            await said(streams, b"hello")
            assert await heard(streams, 2.0) == b"hello"
            await act(line, streams)

    asyncio.run(body())


@pytest.fixture(params=["unix", "tcp"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    return str(tmp_path / "line") if request.param == "unix" else ("127.0.0.1", 0)


def test_what_is_held_comes_late_and_in_order(where: Address) -> None:
    async def act(line: Proxy, streams: Streams) -> None:
        line.hold("up")
        await said(streams, b"a")
        await said(streams, b"b")
        assert await heard(streams) is None
        line.mend()
        assert await heard(streams, 2.0) in (b"ab", b"a")

    over(where, act)


def test_a_hole_swallows_and_its_connections_end_when_it_is_mended(where: Address) -> None:
    async def act(line: Proxy, streams: Streams) -> None:
        line.hole("down")
        await said(streams, b"a")
        assert await heard(streams) is None
        line.mend()
        assert await heard(streams, 2.0) == b"", "a stream with a gap must not go on"
        again = await dial(line.here)
        await said(again, b"c")
        assert await heard(again, 2.0) == b"c"

    over(where, act)


def test_a_slow_line_delays_each_way(where: Address) -> None:
    async def act(line: Proxy, streams: Streams) -> None:
        line.slow(0.1)
        begun_s = time.monotonic()
        await said(streams, b"a")
        assert await heard(streams, 2.0) == b"a"
        assert time.monotonic() - begun_s >= 0.2

    over(where, act)


def test_a_reset_ends_everything_at_once(where: Address) -> None:
    async def act(line: Proxy, streams: Streams) -> None:
        line.reset()
        assert await heard(streams, 2.0) == b""

    over(where, act)


def test_what_a_dead_sender_had_sent_still_arrives(tmp_path: Path) -> None:
    async def body() -> None:
        got = bytearray()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                got.extend(data)

        server = await asyncio.start_unix_server(listen, str(tmp_path / "far"))
        line = Proxy(str(tmp_path / "near"), str(tmp_path / "far"))
        await line.open()
        line.hold("up")
        _, writer = await dial(line.here)
        writer.write(b"an order")
        await writer.drain()
        await asyncio.sleep(SOON_S)
        writer.transport.abort()
        await asyncio.sleep(SOON_S)
        assert got == b""
        line.mend()
        await asyncio.sleep(SOON_S)
        assert got == b"an order"
        await line.close()
        server.close()

    asyncio.run(body())


@pytest.mark.parametrize(
    ("fault", "seen", "answered"),
    [
        ("", 1, 1),
        ("lost", 0, 0),
        ("timeout_after_accept", 1, 0),
        ("doubled", 2, 2),
        ("late_accept", 1, 1),
        ("rate_limit", 0, 1),
    ],
)
def test_what_a_venue_line_does_to_an_order(
    tmp_path: Path, fault: str, seen: int, answered: int
) -> None:
    """With ids on everything, one request shows what happens to it and to its answer."""

    async def body() -> None:
        requests: list[p.Request] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                request = p.request_of(await p.read_frame(reader))
                requests.append(request)
                report = OrderReport(client_id="1", status=OrderStatus.NOT_FOUND)
                writer.write(p.frame(p.Report(request.id, report)))  # type: ignore[union-attr]

        server = await asyncio.start_unix_server(serve, str(tmp_path / "far"))
        line = VenueLine(str(tmp_path / "near"), str(tmp_path / "far"), Random(1), late_s=0.1)
        line.faults, line.share = frozenset({fault}), 1.0
        await line.open()
        streams = await dial(line.here)
        streams[1].write(p.frame(place()))
        answers = []
        while True:
            try:
                async with asyncio.timeout(0.4):
                    answers.append(p.message_of(await p.read_frame(streams[0])))
            except TimeoutError:
                break
        assert (len(requests), len(answers)) == (seen, answered)
        assert line.done == ({fault: 1} if fault else {})
        await line.close()
        server.close()

    asyncio.run(body())


def place() -> p.Place:
    order = Order(
        client_id="1",
        account="a",
        instrument="BTC-PERPETUAL",
        lots=1,
        limit_ticks=None,
        deadline_ms=1,
    )
    return p.Place(7, order)
