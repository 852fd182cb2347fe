"""Who may act for a book: sharing, hand-over, take-over, and an end in good order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hedger.core.model import Action, BandRule, IntentState
from hedger.errors import StoreUnavailable, UnknownVersion
from hedger.service.election import owner_of
from tests.service.faults import FaultyStore
from tests.service.room import HEDGE, Room, alarms, book_params, book_rules, in_room
from tests.service.venue import LOST_AFTER, LOST_BEFORE, Act


@pytest.mark.parametrize("act", [LOST_AFTER, LOST_BEFORE, Act(arrives_s=0.4, replies_s=None)])
def test_a_take_over_resolves_what_the_dead_left_pending(act: Act) -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(act)
        room.venue.stream_fills = False
        await room.start("w1")
        await room.until(lambda: room.venue.received)
        await asyncio.sleep(0.02)
        await room.kill("w1")
        (left,) = room.row().intents.values()
        assert left.state is IntentState.PENDING
        died_s = room.clock.monotonic_s()
        await room.start("w2")
        await room.hedged()
        assert room.clock.monotonic_s() - died_s < 1.0 + 2.0
        assert len(room.venue.log) == 1
        expected = 1 if act.arrives_s is not None else 2
        assert len(room.venue.received) == expected

    in_room(body)


def test_a_live_peer_takes_over_within_the_lease_and_two_seconds() -> None:
    async def body(room: Room) -> None:
        await room.start("w1")
        await room.start("w2")
        await room.hedged()
        await asyncio.sleep(2)
        owner = room.lease().owner
        other = {"w1": "w2", "w2": "w1"}[owner]
        assert owner == owner_of(room.store.shard_of("main"), ["w1", "w2"])
        room.venue.default = LOST_AFTER
        room.venue.index *= 1.015
        await room.until(lambda: len(room.venue.received) == 2)
        await asyncio.sleep(0.02)
        await room.kill(owner)
        room.venue.default = Act()
        assert room.row().intents
        took_s = await room.until(lambda: room.lease().owner == other and room.agrees())
        assert took_s < 1.0 + 2.0
        room.venue.index *= 0.985
        await room.until(lambda: len(room.venue.log) == 3 and room.agrees())
        assert room.journal()[-1].worker == other

    in_room(body)


def test_one_owner_at_a_time_while_workers_come_and_go() -> None:
    async def body(room: Room) -> None:
        for step in range(6):
            await room.start(f"w{step}")
            room.venue.index *= 1.015 if step % 2 else 0.985
            await asyncio.sleep(3)
            if step > 1:
                await room.stop(f"w{step - 2}")
        await room.until(room.agrees)
        hedges = [e for e in room.journal() if e.action is Action.HEDGE]
        epochs = [(e.epoch, e.worker) for e in hedges]
        assert epochs == sorted(epochs, key=lambda pair: pair[0])
        assert len({epoch for epoch, _ in epochs}) == len(set(epochs))
        assert [line.client_id for line in room.venue.log] == [e.intents[0].id for e in hedges]

    in_room(body)


def test_the_end_gives_the_lease_back_and_leaves_the_hedge_on() -> None:
    async def body(room: Room) -> None:
        await room.start()
        await room.hedged()
        assert await room.stop() < 0.5
        assert room.lease().owner == ""
        assert room.server.beats == {}
        assert room.venue.held[HEDGE]

    in_room(body)


def test_the_end_waits_for_an_order_in_flight_but_not_for_ever() -> None:
    async def body(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        room.venue.stream_fills = False
        await room.start()
        await room.until(lambda: room.venue.log)
        await room.stop()
        assert room.agrees()

    in_room(body)

    async def stuck(room: Room) -> None:
        room.venue.script.append(LOST_AFTER)
        await room.start()
        await room.until(lambda: room.venue.log)
        room.venue.down = True
        assert await room.stop() < 8
        assert room.lease().owner == ""
        assert room.row().intents

    in_room(stuck)


def test_nothing_is_begun_when_the_lease_has_no_room_for_an_order() -> None:
    async def body(room: Room) -> None:
        store = FaultyStore(room.store)
        await room.start(store=store)
        await room.hedged()
        store.only, store.plan = "renew", type(store.plan)(["lost"] * 1_000)
        lease_end_ms = room.lease().expiry
        await room.until(lambda: room.server.now_ms() > lease_end_ms - 150)
        sent = len(room.venue.received)
        room.venue.index *= 1.015
        await asyncio.sleep(0.14)
        assert len(room.venue.received) == sent
        for _, order in room.venue.received:
            assert order.lots
        store.plan.clear()
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees())

    in_room(body)


def test_every_deadline_lies_within_the_lease_less_two_margins() -> None:
    async def body(room: Room) -> None:
        ends: list[float] = []
        place = room.venue.place

        async def watched(order: Any) -> Any:
            left_s = (order.deadline_ms - room.venue.venue_ms()) / 1_000
            ends.append(room.lease().expiry / 1_000 - room.clock.monotonic_s() - left_s)
            return await place(order)

        room.venue.place = watched  # type: ignore[method-assign]
        eager = book_rules(band=BandRule(cooldown_ms=0))
        await room.start(books=(book_params(rules=eager),))
        for step in range(20):
            room.venue.index *= 1.015 if step % 2 else 0.985
            await asyncio.sleep(0.37)
        assert len(ends) > 5
        assert min(ends) > 2 * 0.05 - 0.002

    in_room(body)


def test_nothing_is_sent_when_the_lease_is_lost_while_it_is_recorded() -> None:
    async def body(room: Room) -> None:
        begin = room.store.begin

        async def slow(*args: Any, **more: Any) -> None:
            await begin(*args, **more)
            room.server.leases[room.store.shard_of("main")].epoch += 1  # another one claims
            await asyncio.sleep(0.45)

        room.store.begin = slow  # type: ignore[method-assign]
        await room.start(order_timeout_ms_min=700)
        await room.until(lambda: room.row().seq == 1)
        await asyncio.sleep(0.5)
        assert not room.venue.received

    in_room(body)


def test_a_lost_answer_to_begin_is_found_and_the_order_never_sent() -> None:
    async def body(room: Room) -> None:
        store = FaultyStore(room.store)
        store.only = "begin"
        store.plan.append("deaf")
        await room.start(store=store)
        await room.hedged()
        first = next(e for e in room.journal() if e.action is Action.HEDGE)
        assert first.intents[0].id not in {o.client_id for _, o in room.venue.received}
        assert len(room.venue.log) == 1

    in_room(body)


@pytest.mark.parametrize("method", ["fill", "close", "unknown", "load", "note"])
@pytest.mark.parametrize("fate", ["lost", "deaf"])
def test_a_store_that_stutters_changes_nothing_in_the_end(method: str, fate: str) -> None:
    async def body(room: Room) -> None:
        store = FaultyStore(room.store)
        room.venue.script.extend([Act(share=0.5), LOST_AFTER])
        await room.start(store=store)
        store.only = method
        store.plan.extend([fate] * 2)
        await room.until(lambda: store.faults == 2)
        await asyncio.sleep(15)
        assert room.agrees()
        assert not room.row().hold

    in_room(body)


def test_without_the_store_nothing_is_sent_and_the_unhedged_delta_is_told(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        store = FaultyStore(room.store)
        await room.start(store=store)
        await room.hedged()
        store.down = True
        sent = len(room.venue.received)
        room.venue.index *= 1.015
        await asyncio.sleep(45)
        assert len(room.venue.received) == sent
        naked = [line for line in logs if line.get("alarm") == "naked"]
        assert naked
        assert abs(naked[0]["delta"]) > 0.25
        assert "store" in naked[0]["reason"]
        store.down = False
        await room.until(lambda: len(room.venue.log) == 2 and room.agrees())
        logs.clear()
        await asyncio.sleep(60)
        assert not alarms(logs)

    in_room(body)


class _OlderRelease(FaultyStore):
    """A store seen by a release that cannot read the book any more."""

    blind = False

    def __getattr__(self, name: str) -> Any:
        real = super().__getattr__(name)
        if name != "load":
            return real

        async def load(*args: Any) -> Any:
            if self.blind:
                raise UnknownVersion("stored book main has version '2', expected '1'")
            return await real(*args)

        return load


def test_a_book_of_another_release_is_left_to_who_can_read_it(logs: list[Any]) -> None:
    async def body(room: Room) -> None:
        blind = _OlderRelease(room.store)
        await room.start("w1", store=blind)
        await room.hedged()
        await room.start("w2")
        await room.until(lambda: room.lease().owner)
        blind.blind = True
        sent = len(room.venue.received)
        await room.until(lambda: room.lease().owner == "w2", longest_s=15)
        room.venue.index *= 1.015
        await room.until(lambda: len(room.venue.received) == sent + 1 and room.agrees())
        assert room.journal()[-1].worker == "w2"
        assert not room.tasks["w1"].done()
        assert not [line for line in logs if line["event"] == "defect"]
        blind.blind = False
        await room.stop("w2")
        room.venue.index *= 0.985
        await room.until(lambda: room.lease().owner == "w1" and room.agrees(), longest_s=15)

    in_room(body)


def test_a_lease_that_ran_out_before_a_beat_failed_leaves_its_book_watched(logs: list[Any]) -> None:
    """The renewal waits so long for an answer that the lease is over when it fails."""

    async def body(room: Room) -> None:
        store = FaultyStore(room.store)

        async def silent(*_: Any, **__: Any) -> Any:
            await asyncio.sleep(1.0)
            store.down = True
            raise StoreUnavailable("no answer in time")

        await room.start(store=store)
        await room.hedged()
        store.renew = silent
        await room.until(lambda: store.down)
        room.venue.index *= 1.015
        await asyncio.sleep(45)
        assert "naked" in alarms(logs)

    in_room(body)
