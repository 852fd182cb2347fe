"""One book on two scripted exchanges, in virtual time, and a judge who reads both their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hedger.core.model import BandRule, HedgeRoute, HedgeRule, name_at
from hedger.service.params import BookParams, WorkerParams
from hedger.service.supervisor import run_worker
from pricing import black
from tests.core.desk import PERPETUAL, START
from tests.service.room import CALL, HEDGE, LEGS, Room, book_params, book_rules
from tests.service.venue import ScriptedFeed, ScriptedVenue
from tests.service.virtual import run

WEST = name_at(HEDGE, "west")
HEDGES = HedgeRule(buy=HEDGE, sell=HEDGE, also=(HedgeRoute(buy=WEST, sell=WEST),))


def two_params(name: str = "main", **change: Any) -> BookParams:
    """The usual book, hedged at the other venue too."""
    return book_params(name, rules=book_rules(hedge=HEDGES), also={"west": "there"}, **change)


class TwoVenues(Room):
    """The book's own exchange is the dearer one, so that the other is hedged at first."""

    def __init__(self, **venue: Any) -> None:
        super().__init__(legs=LEGS, taker=0.0005, **venue)
        self.west = ScriptedVenue(self.clock, {}, name="west", **venue)
        self.west.held = self.west.account("there")
        self.venue.witness = self.west.witness = lambda: self.venue.index
        self.west_ticking = True
        self._west_ticker = asyncio.create_task(self._tick_west())

    async def _tick_west(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.west.index = self.venue.index
            if self.west_ticking:
                self.west.tick()

    async def begin(self, worker: str = "w1", *, book: BookParams | None = None) -> None:
        """Start a worker on both venues and wait until it is ready."""
        ready = asyncio.Event()
        self.stops[worker] = asyncio.Event()
        venues = {"paper": self.venue, "west": self.west}
        params = WorkerParams(
            worker=worker,
            deployment="test",
            books=(book or two_params(),),
            lease_ms=1_000,
            margin_ms=50,
            order_timeout_ms_max=600,
            request_timeout_ms=500,
            reconcile_ms=2_000,
        )
        self.tasks[worker] = asyncio.create_task(
            run_worker(
                params,
                store=self.store,
                venues=venues,
                feeds={name: ScriptedFeed(venue) for name, venue in venues.items()},
                clock=self.clock,
                warm=lambda: None,
                ready=ready.set,
                stop=self.stops[worker],
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self.tasks[worker]}, return_when="FIRST_COMPLETED")
        if self.tasks[worker].done():
            self.tasks[worker].result()

    async def close(self) -> None:
        self._west_ticker.cancel()
        await super().close()

    def silence(self, venue: ScriptedVenue, *, silent: bool = True) -> None:
        """Nothing comes from a venue any more, neither quotes nor answers."""
        venue.down = silent
        if venue is self.west:
            self.west_ticking = not silent
        else:
            self.ticking = not silent

    def whole(self) -> bool:
        """Whether the delta of both accounts together is inside the band."""
        return -0.25 <= self.delta() <= 0.25

    def delta(self) -> float:
        """Of what both exchanges hold now, by no number of the hedger's."""
        held = [venue.held.get(HEDGE, 0) for venue in (self.venue, self.west)]
        return _delta(sum(held), self.venue.index)

    def crossings(self) -> list[str]:
        """Fills of either venue after which the book stood beyond the other edge of its band.

        Judged at the index of the fill: what was right then may look wrong after the next move.
        """
        logs = [
            (line, n) for n, v in (("paper", self.venue), ("west", self.west)) for line in v.log
        ]
        held, found = 0, []
        for line, name in sorted(logs, key=lambda entry: entry[0].venue_ms):
            before = _delta(held, line.witness)
            held += line.lots
            after = _delta(held, line.witness)
            if (before < -0.25 and after > 0.25) or (before > 0.25 and after < -0.25):
                found.append(f"{name} {line.client_id}: {before:+.4f} to {after:+.4f}")
            if abs(after) > abs(before):
                found.append(f"{name} {line.client_id}: grew from {before:+.4f} to {after:+.4f}")
        return found


def _delta(lots: int, index: float) -> float:
    """In coin, with so many lots of the hedge; an inverse call's own value counts against it."""
    greeks = black(
        forward=index,
        strike=CALL.strike,
        time_to_expiry=(CALL.expiry_ms - START) / (365.0 * 86_400_000),
        vol=0.5,
        is_call=True,
    )
    call = LEGS[CALL] * CALL.lot * (float(greeks.delta) - float(greeks.price) / index)
    return call + lots * PERPETUAL.lot / index


def narrow(params: BookParams) -> BookParams:
    """The same book, which trades back to the middle of its band at once."""
    band = BandRule(rehedge_to="centre", cooldown_ms=0)
    rules = msgspec.structs.replace(params.rules, band=band)
    return msgspec.structs.replace(params, rules=rules)


def in_two(body: Callable[[TwoVenues], Awaitable[None]], **venue: Any) -> None:
    """Run a test on two venues, in virtual time."""

    async def main() -> None:
        room = TwoVenues(**venue)
        try:
            await body(room)
        finally:
            await room.close()

    run(main())
