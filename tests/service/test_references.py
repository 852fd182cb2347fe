"""A book whose reference price comes from three venues, one or two of which lie, stop or agree."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from hedger.app.doctor import reference_finding
from hedger.core.model import Action, Quote, ReferenceRule, ReferenceUse, SourceFeed
from hedger.service.entry import Entry
from hedger.service.params import BookParams, WorkerParams
from hedger.service.supervisor import run_worker
from tests.service.room import HEDGE, Room, alarms, book_params, book_rules
from tests.service.venue import ScriptedFeed, ScriptedVenue
from tests.service.virtual import run

VENUES = ("paper", "west", "east")
FEEDS = tuple(
    SourceFeed(name=f"{HEDGE}@{venue}", instrument=HEDGE, venue=venue, underlying="BTC")
    for venue in VENUES
)


def sourced(**use: Any) -> BookParams:
    rule = use.pop("rule", ReferenceRule(sources_min=2))
    reference = ReferenceUse(name="btc", venue="paper", rule=rule, **use)
    rules = msgspec.structs.replace(book_rules(), reference=reference)
    return book_params(rules=rules, sources=FEEDS)


class Three(Room):
    """The usual room, with two more venues that only tell prices; each at ``off`` of the index."""

    def __init__(self) -> None:
        super().__init__()
        self.others = {n: ScriptedVenue(self.clock, {}, name=n) for n in VENUES[1:]}
        self.venues = {"paper": self.venue, **self.others}
        self.off = dict.fromkeys(self.others, 1.0)
        self.silent: set[str] = set()
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            for name, venue in self.others.items():
                venue.index = self.venue.index * self.off[name]
                venue.down = name in self.silent
                if name not in self.silent:
                    venue.tick()

    async def begin(self, book: BookParams) -> None:
        """Start a worker that listens to all three and wait until it hears them."""
        ready = asyncio.Event()
        self.stops["w1"] = asyncio.Event()
        self.tasks["w1"] = asyncio.create_task(
            run_worker(
                WorkerParams(
                    worker="w1",
                    deployment="test",
                    books=(book,),
                    lease_ms=1_000,
                    margin_ms=50,
                    request_timeout_ms=500,
                ),
                store=self.store,
                venues=self.venues,
                feeds={name: ScriptedFeed(venue) for name, venue in self.venues.items()},
                clock=self.clock,
                warm=lambda: None,
                ready=ready.set,
                stop=self.stops["w1"],
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self.tasks["w1"]}, return_when="FIRST_COMPLETED")
        if self.tasks["w1"].done():
            self.tasks["w1"].result()
        await asyncio.sleep(2)

    def said(self) -> list[Entry]:
        """All of the journal, the oldest first."""
        return sorted(self.journal(), key=lambda entry: entry.wall_ms)

    async def close(self) -> None:
        self._telling.cancel()
        await super().close()


def in_three(body: Any) -> None:
    async def main() -> None:
        room = Three()
        try:
            await body(room)
        finally:
            await room.close()

    run(main())


def test_it_is_made_of_all_three_and_stands_in_the_record() -> None:
    async def body(room: Three) -> None:
        room.off["east"] = 1.0004
        await room.begin(sourced(is_index=True))
        await asyncio.sleep(12)
        first, last = room.said()[0], room.said()[-1]
        soon = [e for e in room.said() if e.time_ms >= first.time_ms + 200]
        assert all(e.reference is not None and e.reference.price for e in soon), "from the start"
        assert last.reference is not None
        assert last.reference.used == tuple(sorted(feed.name for feed in FEEDS))
        assert last.exposure is not None
        assert last.exposure.index == last.reference.price
        assert room.venue.log, "and it hedges"
        assert reference_finding("main", "venue", last.reference).state == "ok"

    in_three(body)


def test_a_jump_of_the_own_venue_alone_is_refused_until_others_show_it() -> None:
    async def body(room: Three) -> None:
        await room.begin(sourced())
        await asyncio.sleep(3)
        sent = len(room.venue.received)
        true = room.venue.index
        room.off |= {"west": 1 / 0.9, "east": 1 / 0.9}  # the own venue alone falls
        room.venue.index = true * 0.9
        await asyncio.sleep(4)
        blocked = [e for e in room.said() if e.reason in ("jump_refused", "doubtful_index")]
        blocked += [e for e in room.said() if e.reason == "doubtful_mark"]
        assert blocked
        assert len(room.venue.received) == sent, "nothing is sent on a price that others refuse"
        room.off |= {"west": 1.0, "east": 1.0}  # and then all of them are there
        await asyncio.sleep(6)
        assert room.said()[-1].exposure is not None
        assert len(room.venue.received) > sent

    in_three(body)


def test_one_liar_among_three_stops_nothing_and_is_named() -> None:
    async def body(room: Three) -> None:
        room.off["west"] = 0.7
        await room.begin(sourced(is_index=True, is_required=True))
        await room.until(lambda: room.venue.log)
        await asyncio.sleep(12)
        last = room.said()[-1]
        assert last.exposure is not None
        assert last.reference is not None
        assert last.reference.used == (f"{HEDGE}@east", f"{HEDGE}@paper")
        (liar,) = last.reference.left_out
        assert liar.name == f"{HEDGE}@west"
        assert "-30.0" in liar.reason or "-30.00%" in liar.reason
        assert reference_finding("main", "venue", last.reference).state == "warn"

    in_three(body)


def test_a_short_reference_is_unknown_and_blocks_only_where_it_is_required(logs: list[Any]) -> None:
    async def body(room: Three) -> None:
        room.silent |= {"west", "east"}
        await room.begin(sourced(is_required=True))
        await asyncio.sleep(8)
        last = room.said()[-1]
        assert (last.action, last.reason) == (Action.BLOCKED, "no_reference")
        assert f"{HEDGE}@west was never seen" in last.text
        assert not room.venue.received
        assert "no_reference" in alarms(logs)
        found = reference_finding("main", "refuse", last.reference)
        assert (found.state, "1 sources agree" in found.found) == ("fail", True)
        room.silent.clear()
        await room.until(lambda: room.venue.log, longest_s=10)

    in_three(body)


def test_without_two_more_venues_the_own_one_is_believed_alone_and_it_says_so() -> None:
    async def body(room: Three) -> None:
        room.silent |= {"west", "east"}
        await room.begin(sourced(is_index=True))
        await room.until(lambda: room.venue.log)
        hedge = next(e for e in room.said() if e.action is Action.HEDGE)
        assert any(text.startswith("no reference btc: ") for text in hedge.warnings)

    in_three(body)


def test_a_currency_off_its_peg_is_an_alarm_by_name(logs: list[Any]) -> None:
    """Two venues in dollars, two in a coin that is worth 0.95 of one."""

    async def body(room: Three) -> None:
        told_in = {"west": "USDC", "east": "USDC"}
        feeds = tuple(msgspec.structs.replace(f, quote=told_in.get(f.venue, "USD")) for f in FEEDS)
        beside = msgspec.structs.replace(FEEDS[0], name=f"{HEDGE}@paper/index", is_index=True)
        room.off |= {"west": 1 / 0.95, "east": 1 / 0.95}
        await room.begin(msgspec.structs.replace(sourced(), sources=(*feeds, beside)))
        await asyncio.sleep(12)
        last = room.said()[-1]
        assert "USDC is worth 0.9500 USD, known by 2 prices in it" in last.warnings
        assert last.exposure is not None, "dollars alone still make a reference"
        assert "depeg" in alarms(logs)

    in_three(body)


def test_a_quote_that_is_none_is_no_source() -> None:
    async def body(room: Three) -> None:
        await room.begin(sourced(is_required=True, rule=ReferenceRule(sources_min=3)))
        await asyncio.sleep(2)
        assert room.said()[-1].exposure is not None
        east = room.others["east"]
        room.silent.add("east")
        for ask in (float("nan"), 1.0):  # not a number, and crossed
            east.broadcast(
                Quote(instrument=HEDGE, time_ms=room.clock.market_ms(), bid=60_000.0, ask=ask)
            )
        await asyncio.sleep(8)
        assert room.said()[-1].reason == "no_reference"

    in_three(body)
