"""What a venue knows of an account, read and applied: contracts, fills, the last order number."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from hedger.core.model import BookState, Fill, name_there
from hedger.errors import VenueUnavailable
from hedger.service.feed import Listener
from hedger.service.fills import Fills, in_time
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk
from hedger.service.routes import Route
from hedger.service.transfers import Transfers
from hedger.service.world import World

DAY_MS = 86_400_000
HORIZON_MS = 6 * DAY_MS
"""How far back a take-over reads; the store remembers trade ids for a day longer."""
SLACK_MS = 3_600_000
"""How far before the last reading the next one begins."""
BLOCK_SLACK_MS = 60_000
"""Market time by which the legs of one block may be apart."""
OPENING_TRIES = 3


class History:
    """Reads at the venues of one worker, each with a deadline."""

    def __init__(
        self,
        world: World,
        *,
        listeners: Mapping[str, Listener],
        ownership: Ownership,
        fills: Fills,
        transfers: Transfers,
    ) -> None:
        self._timeout_s = world.request_s
        self._store = world.store
        self._venues = world.venues
        self._clock = world.clock
        self._alarms = world.alarms
        self._listeners = listeners
        self._ownership = ownership
        self._fills = fills
        self._transfers = transfers

    async def learn(self, desk: Desk, state: BookState) -> None:
        """Fetch contract data that a book needs, and listen to those instruments.

        Raises `VenueUnavailable`, also where the venue does not list what the book holds.
        """
        wanted, now_ms = desk.needs(state), self._clock.market_ms()
        await self._contracts(desk, wanted | desk.may_want())
        missing = sorted(wanted - set(desk.instruments))
        if missing:
            raise VenueUnavailable(
                f"book {desk.name}: {desk.params.venue} lists no {', '.join(missing)} of"
                f" {desk.params.underlying}"
            )
        for name in desk.may_want() & set(desk.instruments):
            if desk.instruments[name].expiry_ms > now_ms:
                wanted.add(name)
        for route in desk.params.routes:
            try:
                await self._watch(desk, route, wanted)
                desk.unwatched.discard(route.mark)
            except (VenueUnavailable, TimeoutError):
                if not route.mark:
                    raise
                desk.unwatched.add(route.mark)  # asked for again with the next comparison

    async def _watch(self, desk: Desk, route: Route, wanted: set[str]) -> None:
        mine = [route.there(desk.instruments[name]) for name in wanted if route.has(name)]
        there = {instrument.name: instrument for instrument in mine}
        async with asyncio.timeout(self._timeout_s):
            await self._listeners[route.venue].watch(desk.name, there, route.account)

    async def catch_up(self, desk: Desk, state: BookState, *, whole: bool, partly: bool) -> None:
        """Apply the accounts' fills: since the last reading, or as far back as is safe.

        With ``partly`` one of several venues may be silent, which is noted (`Desk.silent`). Where a
        fill has a higher number than the store has seen, the store learns that.
        """
        highest, failures = 0, []
        routes = desk.params.routes
        for route in routes:
            try:
                highest = max(highest, await self._catch_up(desk, state, route, whole=whole))
                desk.silent.discard(route.mark)
            except (VenueUnavailable, TimeoutError) as error:
                desk.silent.add(route.mark)
                failures.append(error)
        if failures and (not partly or len(failures) == len(routes)):
            raise failures[0]
        if highest > state.seq:
            await self._fast_forward(desk, highest)

    async def _catch_up(self, desk: Desk, state: BookState, route: Route, *, whole: bool) -> int:
        now_ms = self._clock.market_ms()
        since_ms = self._horizon_ms()
        if not whole and route.mark in desk.history_ms:
            since_ms = max(desk.history_ms[route.mark] - SLACK_MS, since_ms)
        venue, highest = self._venues[route.venue], 0
        if state.since_ms:
            # Before a book was seeded, what came in is known to whoever configured it.
            async with asyncio.timeout(self._timeout_s):
                moved = await venue.transfers(route.account, max(since_ms, state.since_ms))
            for event in moved:
                await self._transfers.take(desk, route.event(event))
        async for page in self._told(route, since_ms):
            await self._contracts(desk, {fill.instrument for fill in page})
            mine = [fill for fill in page if _concerns(desk, state, fill)]
            # Nearly all of a whole history is recorded: that is asked at once, not fill by fill.
            for fill in await self._fills.unrecorded(desk, mine) if whole else mine:
                is_old = fill.time_ms < state.since_ms
                await self._fills.apply(desk, fill, trusting=not whole, is_old=is_old)
            seqs = (int(fill.client_id[-12:], 16) for fill in mine if desk.is_own(fill))
            highest = max(highest, *seqs, 0)
        desk.history_ms[route.mark] = now_ms
        return highest

    async def _told(self, route: Route, since_ms: int) -> AsyncIterator[list[Fill]]:
        """An account's fills page by page, under the book's names, so that few are held at once."""
        pages = self._venues[route.venue].fills(route.account, since_ms)
        async for page in in_time(pages, page_s=self._timeout_s):
            yield [route.fill(fill) for fill in page]

    async def block(self, desk: Desk, leg: Fill) -> list[Fill]:
        """All legs of the block that a fill is of, as far as they are of this book's underlying."""
        route = desk.params.route_of(leg.instrument)
        since_ms = max(leg.time_ms - BLOCK_SLACK_MS, 0)
        pages = self._told(route, since_ms)
        legs = [fill async for page in pages for fill in page if fill.block == leg.block]
        await self._contracts(desk, {fill.instrument for fill in legs})
        return [fill for fill in legs if fill.instrument in desk.instruments]

    async def concerns(self, desk: Desk, instrument: str) -> bool:
        """Whether an instrument is of this book's underlying."""
        await self._contracts(desk, {instrument})
        return instrument in desk.instruments

    async def opening(self, desk: Desk) -> dict[str, int]:
        """What the accounts held before the fills that their histories still tell of.

        Positions less those fills, so that applying the history later leads to the positions.
        """
        opening: dict[str, int] = {}
        for route in desk.params.routes:
            opening |= await self._opening(desk, route)
        return opening

    async def _opening(self, desk: Desk, route: Route) -> dict[str, int]:
        venue, account = self._venues[route.venue], route.account
        since_ms = self._horizon_ms()
        for _ in range(OPENING_TRIES):
            before, _ = await self._filled(route, since_ms)
            async with asyncio.timeout(self._timeout_s):
                there = await venue.positions(account)
            number, filled = await self._filled(route, since_ms)
            if number == before:
                break
        else:
            raise VenueUnavailable(f"account {account} trades too fast to be read at one moment")
        opening = {route.name(name): lots for name, lots in there.items()}
        for name, lots in filled.items():
            opening[name] = opening.get(name, 0) - lots
        await self._contracts(desk, set(opening))
        return {name: lots for name, lots in opening.items() if lots and name in desk.instruments}

    async def _filled(self, route: Route, since_ms: int) -> tuple[int, dict[str, int]]:
        """How many fills a history tells, and what they come to [lots]."""
        number, filled = 0, defaultdict[str, int](int)
        async for page in self._told(route, since_ms):
            number += len(page)
            for fill in page:
                filled[fill.instrument] += fill.lots
        return number, filled

    async def held(self, desk: Desk) -> dict[str, int]:
        """The accounts' positions of this book's underlying, but for venues that are silent."""
        held: dict[str, int] = {}
        for route in desk.params.routes:
            if route.mark in desk.silent:
                continue
            async with asyncio.timeout(self._timeout_s):
                there = await self._venues[route.venue].positions(route.account)
            held |= {route.name(name): lots for name, lots in there.items()}
        await self._contracts(desk, {name for name, lots in held.items() if lots})
        return {name: lots for name, lots in held.items() if name in desk.instruments}

    async def hedges(self, desk: Desk) -> None:
        """Contract data of the hedges, so that it is there if their venue is silent later."""
        await self._contracts(desk, set(desk.params.hedges))

    async def _contracts(self, desk: Desk, names: set[str]) -> None:
        missing = names - set(desk.instruments)
        for route in desk.params.routes:
            there = {name_there(name) for name in missing if route.has(name)}
            if not there:
                continue
            async with asyncio.timeout(self._timeout_s):
                found = await self._venues[route.venue].instruments(there)
            mine = (one for one in found.values() if one.underlying == desk.params.underlying)
            desk.instruments.update({route.name(one.name): route.instrument(one) for one in mine})

    async def _fast_forward(self, desk: Desk, seq: int) -> None:
        """The venue knows a later order than the store: never use that number again."""
        lease = self._ownership.held(desk.shard)
        state = await self._store.load(desk.name)
        if lease is not None and state is not None and state.seq < seq:
            self._alarms.raise_(
                "store_behind",
                book=desk.name,
                reason=f"the venue filled order {seq}, the store has seen {state.seq}",
            )
            await self._store.fast_forward(lease, desk.name, seq=seq)

    def _horizon_ms(self) -> int:
        return max(self._clock.market_ms() - HORIZON_MS, 0)


def _concerns(desk: Desk, state: BookState, fill: Fill) -> bool:
    """Whether a fill of the account is of this book's underlying."""
    return (
        desk.is_own(fill)
        or fill.instrument in desk.instruments
        or fill.instrument in state.positions
    )
