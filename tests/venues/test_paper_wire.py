"""An exchange that accepts and then reads nothing: what waits for it is bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import uvloop

from hedger.errors import VenueUnavailable
from hedger.venues.paper import protocol as p
from hedger.venues.paper.wire import UNSENT_MAX, dial


def test_a_peer_that_does_not_read_costs_a_bounded_buffer_and_then_the_connection(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        silent = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await silent.wait()
            writer.close()

        path = str(tmp_path / "x.sock")
        server = await asyncio.start_unix_server(accept, path)
        ended: list[bool] = []
        wire = await dial(path, lambda _: None, lambda: ended.append(True))
        asked = asyncio.create_task(wire.ask(p.Status(wire.next_id())))
        await asyncio.sleep(0)
        for number in range(10 * UNSENT_MAX):
            if wire.closed:
                break
            wire.tell(p.Done(number))
        assert f"{UNSENT_MAX} bytes unread" in wire.closed
        assert ended == [True]
        with pytest.raises(VenueUnavailable, match="unread"):
            await asked
        with pytest.raises(VenueUnavailable, match="unread"):
            await wire.ask(p.Status(wire.next_id()))
        await wire.close()
        silent.set()
        server.close()

    asyncio.run(story())


def test_a_line_whose_transport_has_closed_under_it_is_unavailable_and_nothing_worse(
    tmp_path: Path,
) -> None:
    """uvloop's transports raise `RuntimeError` there, which once ended a worker."""

    async def story() -> None:
        ended: list[str] = []
        path = str(tmp_path / "s")
        server = await asyncio.start_unix_server(lambda *_: None, path)
        async with server:
            wire = await dial(path, lambda _: None, lambda: ended.append("closed"))
            wire._reading.cancel()  # whoever reads has not noticed yet
            wire._writer.transport.abort()
            await asyncio.sleep(0.05)
            with pytest.raises(VenueUnavailable, match="broke"):
                await wire.ask(p.Hello(wire.next_id(), "test"))
            wire.tell(p.Done(1))
            assert ended == ["closed"]
            await wire.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
