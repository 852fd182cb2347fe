"""Shadows in a worker's room: nothing that goes wrong with them reaches whoever hedges."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hedger.clock import wall_ms
from hedger.core.model import Act, ActKind, BandRule
from hedger.errors import StoreUnavailable
from hedger.service.kept import Kept, kept_from
from hedger.service.params import BookParams, ShadowParams
from hedger.service.read_back import decoded
from hedger.service.shadow import Shadow
from hedger.store.memory import MemoryStore
from tests.service.room import HEDGE, Room, book_params, in_room

TIGHT = ShadowParams(name="tight", band=BandRule(lower=-0.05, upper=0.05, cooldown_ms=0))
NEVER = ShadowParams(name="never", band=BandRule(lower=-900.0, upper=900.0))


def shadowed(*shadows: ShadowParams, **change: Any) -> tuple[BookParams, ...]:
    return (book_params(shadows=shadows or (TIGHT, NEVER), **change),)


def kept(room: Room, name: str) -> Kept:
    found = kept_from(room.server.shadows["main"][name])
    assert found is not None
    return found


async def saved(room: Room, name: str = "tight") -> Kept:
    """What a shadow remembers, once its newest is in the store."""
    await asyncio.sleep(12)
    return kept(room, name)


async def moves(room: Room, *steps: float) -> None:
    for step in steps:
        room.venue.index *= 1.0 + step
        await asyncio.sleep(3)


def test_they_trade_in_imagination_alone() -> None:
    async def body(room: Room) -> None:
        await room.start(books=shadowed())
        await room.hedged()
        await moves(room, 0.004, 0.004, -0.006, 0.008)
        tight, never = await saved(room), kept(room, "never")
        assert tight.own.tally.hedges > tight.live.tally.hedges >= 0
        assert tight.own.purse.fills == tight.own.tally.hedges
        assert never.own.purse.fills == 0
        assert never.own.purse.lots == {HEDGE: 0}
        ids = {line.client_id for line in room.venue.log}
        assert ids == {order.client_id for _, order in room.venue.received}
        assert not any(client_id.startswith("00000000") for client_id in ids)
        live = room.venue.held.get(HEDGE, 0)
        assert kept(room, "tight").live.purse.lots == {HEDGE: live}
        told = [decoded(entry.payload) for entry in room.server.shadow_journal]
        assert len(told) == tight.own.tally.hedges
        assert all(entry.text.startswith("shadow tight: ") for entry in told)
        assert "shadow" not in {entry.reason for entry in room.journal()}

    in_room(body)


def test_a_take_over_goes_on_where_it_was() -> None:
    async def body(room: Room) -> None:
        await room.start("w1", books=shadowed())
        await room.hedged()
        await moves(room, 0.004, 0.004)
        before = await saved(room)
        assert before.seq > 0
        await room.kill("w1")
        await room.start("w2", books=shadowed())
        await asyncio.sleep(2)
        await moves(room, 0.006)
        after = await saved(room)
        assert after.since_ms == before.since_ms
        assert after.now_ms > before.now_ms
        assert after.seq > before.seq
        assert after.own.purse.fills > before.own.purse.fills
        assert after.own.purse.fees_usd >= before.own.purse.fees_usd
        assert after.memory.hedges == after.own.tally.hedges
        assert sum(entry.reason == "shadow" for entry in told(room)) == after.own.tally.hedges

    in_room(body)


def told(room: Room) -> list[Any]:
    return [decoded(entry.payload) for entry in room.server.shadow_journal]


def test_another_policy_under_the_name_begins_anew() -> None:
    async def body(room: Room) -> None:
        await room.start("w1", books=shadowed(TIGHT))
        await room.hedged()
        await moves(room, 0.004)
        before = await saved(room)
        await room.stop("w1")
        other = msgspec.structs.replace(TIGHT, band=BandRule(lower=-0.1, upper=0.1))
        await room.start("w2", books=shadowed(other))
        after = await saved(room)
        assert after.since_ms > before.now_ms
        assert after.policy != before.policy

    in_room(body)


def broken(self: Shadow, glimpse: Any) -> Any:
    raise ZeroDivisionError("a shadow with a defect")


class _NoShelf(MemoryStore):
    """A store that keeps everything but what shadows remember."""

    async def keep(self, *args: Any, **more: Any) -> None:
        raise StoreUnavailable("keep: no connection")

    async def shadows(self, book: str) -> dict[str, bytes]:
        raise StoreUnavailable("shadows: no connection")


class _DeafShelf(MemoryStore):
    """A store that never answers a shadow."""

    async def keep(self, *args: Any, **more: Any) -> None:
        await asyncio.sleep(3_000)

    async def shadows(self, book: str) -> dict[str, bytes]:
        await asyncio.sleep(3_000)
        return {}


@pytest.mark.parametrize("kind", ["close", "neutral"])
def test_an_act_is_the_live_books_and_no_shadows(kind: str) -> None:
    """What a person wants done is no policy; and a shadow's exchange lists no option to close."""

    async def body(room: Room) -> None:
        await room.start(books=shadowed(TIGHT, NEVER))
        await room.hedged()
        await asyncio.sleep(2)
        act = Act(kind=ActKind(kind), who="anna", reason="a drill", asked_ms=wall_ms())
        room.venue.index *= 1.004
        assert await room.store.ask("main", act) == "ok"
        if kind == "close":
            await room.until(lambda: not any(room.venue.held.values()) and room.agrees(), 120)
        else:
            await room.until(lambda: room.row().act is None)
        tight, never = await saved(room), kept(room, "never")
        lines = [line for entry in told(room) if entry.plan for line in entry.plan.lines]
        assert {line.instrument for line in lines} == {HEDGE}
        assert tight.own.purse.fills > 0 == never.own.purse.fills
        assert tight.now_ms == never.now_ms
        assert tight.own.tally.blocked == 0
        assert {entry.act for entry in told(room)} == {""}

    in_room(body)


class _SlowShelf(MemoryStore):
    """A store that takes its time with what shadows remember."""

    keeping = 0

    async def keep(self, *args: Any, **more: Any) -> None:
        self.keeping += bool(more["entries"])
        await asyncio.sleep(0.2)
        await super().keep(*args, **more)
        self.keeping -= bool(more["entries"])


def test_a_worker_that_ends_while_it_saves_gives_its_leases_back_and_writes_nothing_twice() -> None:
    async def body(room: Room) -> None:
        store = _SlowShelf(room.server)
        await room.start(store=store, books=shadowed(TIGHT))
        await room.hedged()
        room.venue.index *= 1.004
        await room.until(lambda: store.keeping)
        await room.stop()
        assert room.lease().owner == ""
        ids = [entry.id for entry in room.server.shadow_journal]
        assert len(ids) == len(set(ids)) == kept(room, "tight").own.tally.hedges > 0

    in_room(body)


async def hedges(room: Room, **more: Any) -> list[tuple[int, int]]:
    """Where and how much is hedged over the same moves, and that the worker ends in time."""
    await room.start(**more)
    await room.hedged()
    await moves(room, 0.006, 0.006, -0.012, 0.02)
    assert await room.stop() < 2.0
    return [(line.venue_ms, line.lots) for line in room.venue.log]


@pytest.mark.parametrize("fault", ["none", "broken", "unreachable", "deaf", "flooded"])
def test_the_same_is_hedged_at_the_same_instants_whatever_shadows_do(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, list[tuple[int, int]]] = {}

    async def without(room: Room) -> None:
        found["without"] = await hedges(room)

    async def beside(room: Room) -> None:
        store = {"unreachable": _NoShelf, "deaf": _DeafShelf}.get(fault)
        more = {} if store is None else {"store": store(room.server)}
        found["beside"] = await hedges(room, books=shadowed(), **more)

    in_room(without)
    if fault == "broken":
        monkeypatch.setattr(Shadow, "look", broken)
    if fault == "flooded":
        monkeypatch.setattr("hedger.service.shadows.QUEUE_MAX", 0)
    in_room(beside)
    assert found["beside"] == found["without"]
    assert len(found["without"]) > 2


def test_one_that_fails_once_goes_on_from_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    look = Shadow.look
    failed: list[Kept] = []

    def once(self: Shadow, glimpse: Any) -> Any:
        if self.kept is not None and self.kept.seq == 2 and not failed:
            failed.append(self.kept)
            raise ZeroDivisionError
        return look(self, glimpse)

    monkeypatch.setattr(Shadow, "look", once)

    async def body(room: Room) -> None:
        await room.start(books=shadowed(TIGHT))
        await room.hedged()
        await moves(room, 0.004, 0.004, 0.004)
        after = await saved(room)
        assert failed
        assert after.since_ms == failed[0].since_ms
        assert after.seq > 2
        assert after.own.tally.hedges == after.memory.hedges == after.seq

    in_room(body)
