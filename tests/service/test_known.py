"""A book as it was last read: what that saves, and that nothing wrong is sent because of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import BookState, Fill
from hedger.errors import RevisionConflict
from hedger.service.roster import READ_S_MAX
from hedger.store.memory import MemoryStore
from tests.service.room import CALL, Room, in_room


class CountingStore(MemoryStore):
    """Counts reads and stale begins; ``blind``, it proves nothing, as if no facts were counted."""

    loads = stale = 0
    blind = False

    async def load(self, book: str) -> BookState | None:
        self.loads += 1
        return await super().load(book)

    async def begin(self, *given: Any, facts: int | None = None, **more: Any) -> None:
        try:
            await super().begin(*given, facts=None if self.blind else facts, **more)
        except RevisionConflict as refused:
            self.stale += str(refused).startswith("stale")
            raise


def test_a_quiet_market_is_read_once_a_second_and_not_at_each_quote() -> None:
    async def body(room: Room) -> None:
        store = CountingStore(room.server)
        await room.start(store=store)
        await room.hedged()
        await asyncio.sleep(1)
        before = store.loads
        await asyncio.sleep(20)  # 200 quotes; each reconciliation reads too
        assert 20 <= store.loads - before <= 32

    in_room(body)


def test_without_timers_it_is_read_every_ten_seconds() -> None:
    async def body(room: Room) -> None:
        store = CountingStore(room.server)
        await room.start(store=store, time_trigger_ms=3_600_000, reconcile_ms=3_600_000)
        await room.hedged()
        await asyncio.sleep(1)
        before = store.loads
        await asyncio.sleep(3.5 * READ_S_MAX)
        assert store.loads - before == 3

    in_room(body)


def hedges_after_a_change_elsewhere(*, blind: bool) -> tuple[int, int]:
    """Orders sent when spot moves just after half of the option leg has been bought back, and the
    decisions that the store refused as stale; the worker is not told of the leg's fill."""
    found = []

    async def body(room: Room) -> None:
        store = CountingStore(room.server)
        store.blind = blind
        await room.start(store=store, time_trigger_ms=3_600_000, reconcile_ms=3_600_000)
        await room.hedged()
        await asyncio.sleep(12)
        sent = len(room.venue.received)
        room.ticking = False
        room.venue.stream_fills = False
        fill: Fill = room.venue.trade("by-hand", CALL.name, 50)
        assert await room.store.fill("main", fill, venue="paper") == "late"
        room.venue.stream_fills = True
        room.venue.index += 600.0
        room.ticking = True
        await asyncio.sleep(10)
        assert room.agrees()
        found.append((len(room.venue.received) - sent, store.stale))

    in_room(body)
    return found[0]


def test_what_changed_elsewhere_is_noticed_before_an_order_is_sent() -> None:
    assert hedges_after_a_change_elsewhere(blind=False) == (1, 1)


def test_without_the_count_of_facts_a_wrong_order_would_be_sent_first() -> None:
    orders, stale = hedges_after_a_change_elsewhere(blind=True)
    assert orders > 1
    assert stale == 0


@pytest.mark.parametrize("stop", [False, True])
def test_a_hold_between_two_quotes_holds(stop: bool) -> None:
    async def body(room: Room) -> None:
        await room.start(time_trigger_ms=3_600_000, reconcile_ms=3_600_000)
        await room.hedged()
        await asyncio.sleep(12)
        sent = len(room.venue.received)
        await room.store.hold("main", "a person says so", stop=stop)
        room.venue.index += 600.0
        await asyncio.sleep(10)
        # On hold, what reduces |delta| may still be sent; stopped, nothing.
        assert len(room.venue.received) - sent == (0 if stop else 1)
        assert room.agrees()

    in_room(body)
