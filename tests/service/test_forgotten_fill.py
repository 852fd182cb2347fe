"""A server that was replaced while an order was open may have forgotten what it had filled."""

from __future__ import annotations

import asyncio

from tests.service.room import HEDGE, Room, in_room
from tests.service.venue import Act


def test_a_fill_that_the_store_forgot_is_applied_again_and_nobody_is_called() -> None:
    """The stream brought it, this worker applied it, and then another primary took over."""

    async def body(room: Room) -> None:
        room.venue.script.append(Act(replies_s=0.2))
        await room.start()
        await room.until(lambda: any(room.server.trades.values()))
        book = room.server.books["main"]
        for trades in room.server.trades.values():
            book.positions[HEDGE] -= sum(trades.values())
            trades.clear()
        await asyncio.sleep(8)
        assert len(room.venue.log) == 1
        assert room.agrees()
        state = await room.store.load("main")
        assert state is not None
        assert state.hold == ""
        assert not state.intents

    in_room(body)
