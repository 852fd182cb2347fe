"""A book that no living worker may run is told of, and only such a one."""

from __future__ import annotations

import asyncio
from typing import Any

from hedger.ports import BookSeed
from tests.service.room import Room, book_params, in_room
from tests.service.test_shared_shard import hedged, pair

NAKED_MS = 3_000


def naked(logs: list[Any]) -> dict[str, Any]:
    """The first alarm of each naked book."""
    found: dict[str, Any] = {}
    for line in logs:
        if line["event"] == "alarm" and line["alarm"] == "naked":
            found.setdefault(line["book"], line)
    return found


async def told(room: Room, logs: list[Any], *books: str) -> dict[str, Any]:
    await room.until(lambda: set(books) <= set(naked(logs)), longest_s=20)
    return naked(logs)


def test_a_book_of_which_every_worker_has_another_configuration(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.store.seed(BookSeed("main", "v0", {"X": 1}))
        for worker in ("w1", "w2"):
            room.launch(worker, naked_ms_max=NAKED_MS)
        alarm = (await told(room, logs, "main"))["main"]
        assert "another configuration" in alarm["reason"]
        assert alarm["seconds"] >= NAKED_MS / 1_000
        assert alarm["delta"] is None
        assert room.lease() is None

    in_room(body)


def test_a_book_of_a_kept_shard_that_nobody_lists(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        await room.store.seed(BookSeed(second.name, "v1", {"X": -3}))
        await room.start(books=(first,), naked_ms_max=NAKED_MS)
        alarm = (await told(room, logs, second.name))[second.name]
        assert "does not list it" in alarm["reason"]
        assert "held by w1" in alarm["reason"]
        assert first.name not in naked(logs)

    in_room(body)


def test_a_configuration_taken_from_under_a_running_book_tells_its_delta(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        first, second = pair(room)
        await room.start(books=(first, second), naked_ms_max=NAKED_MS)
        await room.until(lambda: hedged(room, first) and hedged(room, second))
        await asyncio.sleep(2.0)  # decided once more on what it holds now
        await room.store.apply(BookSeed(second.name, "v2", {}), positions=False)
        alarm = (await told(room, logs, second.name))[second.name]
        assert abs(alarm["delta"]) < 1.0
        await room.store.apply(BookSeed(second.name, second.digest, {}), positions=False)
        await asyncio.sleep(3.0)
        before = len(logs)
        await asyncio.sleep(15.0)
        assert not naked(logs[before:])

    in_room(body)


def test_what_is_run_stopped_or_empty_is_not_told_of(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        await room.store.seed(BookSeed("empty", "v1", {}))
        await room.store.seed(BookSeed("stopped", "v1", {"X": 1}))
        await room.store.hold("stopped", "a person", stop=True)
        for worker in ("w1", "w2"):
            await room.start(worker, books=(book_params(),), naked_ms_max=NAKED_MS)
        await asyncio.sleep(20.0)
        assert not naked(logs)

    in_room(body)
