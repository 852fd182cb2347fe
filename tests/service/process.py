"""The body of a worker process for tests: a memory store and a scripted exchange on real time."""

from __future__ import annotations

import asyncio

from hedger.core.decide import decide
from tests.core.desk import Desk, option
from tests.service.room import Room, book_rules
from tests.service.venue import LOST_AFTER


def warm() -> None:
    desk = Desk({option(64_000.0, 8, True): -100})
    decide(desk.book(), desk.board.market(), book_rules(), desk.now)


async def main(kind: str) -> None:
    """Run one worker until a signal; say on standard output when it is ready and has hedged."""
    room = Room()
    if kind == "deaf":
        room.venue.script.append(LOST_AFTER)
    await room.start(lease_ms=5_000, warm=warm)
    print("ready", flush=True)
    await room.until(lambda: room.venue.log)
    await asyncio.sleep(0.1)
    print("executed", flush=True)
    if kind == "deaf":
        room.venue.down = True
    await room.tasks["w1"]
    assert not room.server.leases[room.store.shard_of("main")].owner
    await room.close()
