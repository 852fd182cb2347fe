"""What a venue knows of an account, read and applied: contracts, fills, the last order number."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hedger.core.model import BookState, Fill
from hedger.errors import VenueUnavailable
from hedger.service.feed import Listener
from hedger.service.fills import Fills
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk
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
        wanted = desk.needs(state)
        await self._contracts(desk, wanted)
        missing = sorted(wanted - set(desk.instruments))
        if missing:
            raise VenueUnavailable(
                f"book {desk.name}: {desk.params.venue} lists no {', '.join(missing)} of"
                f" {desk.params.underlying}"
            )
        instruments = {name: desk.instruments[name] for name in wanted}
        async with asyncio.timeout(self._timeout_s):
            listener = self._listeners[desk.params.venue]
            await listener.watch(desk.name, instruments, desk.params.account)

    async def catch_up(self, desk: Desk, state: BookState, *, whole: bool) -> None:
        """Apply the account's fills: since the last reading, or as far back as is safe.

        Where one of them has a higher number than the store has seen, the store learns that.
        """
        now_ms = self._clock.market_ms()
        since_ms = self._horizon_ms()
        if desk.history_ms is not None and not whole:
            since_ms = max(desk.history_ms - SLACK_MS, since_ms)
        venue = self._venues[desk.params.venue]
        async with asyncio.timeout(self._timeout_s):
            fills = await venue.fills(desk.params.account, since_ms)
            # Before a book was seeded, what came in is known to whoever configured it.
            counts_ms = max(since_ms, state.since_ms)
            moved = await venue.transfers(desk.params.account, counts_ms) if state.since_ms else []
        for event in moved:
            await self._transfers.take(desk, event)
        await self._contracts(desk, {fill.instrument for fill in fills})
        mine = [fill for fill in fills if _concerns(desk, state, fill)]
        for fill in mine:
            is_old = fill.time_ms < state.since_ms
            await self._fills.apply(desk, fill, trusting=not whole, is_old=is_old)
        desk.history_ms = now_ms
        seqs = (int(fill.client_id[-12:], 16) for fill in mine if desk.is_own(fill))
        highest = max(seqs, default=0)
        if highest > state.seq:
            await self._fast_forward(desk, highest)

    async def block(self, desk: Desk, leg: Fill) -> list[Fill]:
        """All legs of the block that a fill is of, as far as they are of this book's underlying."""
        venue = self._venues[desk.params.venue]
        since_ms = max(leg.time_ms - BLOCK_SLACK_MS, 0)
        async with asyncio.timeout(self._timeout_s):
            fills = await venue.fills(desk.params.account, since_ms)
        legs = [fill for fill in fills if fill.block == leg.block]
        await self._contracts(desk, {fill.instrument for fill in legs})
        return [fill for fill in legs if fill.instrument in desk.instruments]

    async def concerns(self, desk: Desk, instrument: str) -> bool:
        """Whether an instrument is of this book's underlying."""
        await self._contracts(desk, {instrument})
        return instrument in desk.instruments

    async def opening(self, desk: Desk) -> dict[str, int]:
        """What an account held before the fills that its history still tells of.

        Positions less those fills, so that applying the history later leads to the positions.
        """
        venue, account = self._venues[desk.params.venue], desk.params.account
        since_ms = self._horizon_ms()
        for _ in range(OPENING_TRIES):
            async with asyncio.timeout(self._timeout_s):
                before = await venue.fills(account, since_ms)
                positions = await venue.positions(account)
                fills = await venue.fills(account, since_ms)
            if len(before) == len(fills):
                break
        else:
            raise VenueUnavailable(f"account {account} trades too fast to be read at one moment")
        await self._contracts(desk, {*positions, *(fill.instrument for fill in fills)})
        opening = {name: lots for name, lots in positions.items() if name in desk.instruments}
        for fill in fills:
            if fill.instrument in desk.instruments:
                opening[fill.instrument] = opening.get(fill.instrument, 0) - fill.lots
        return {name: lots for name, lots in opening.items() if lots}

    async def held(self, desk: Desk) -> dict[str, int]:
        """The account's positions of this book's underlying."""
        async with asyncio.timeout(self._timeout_s):
            positions = await self._venues[desk.params.venue].positions(desk.params.account)
        await self._contracts(desk, {name for name, lots in positions.items() if lots})
        return {name: lots for name, lots in positions.items() if name in desk.instruments}

    async def _contracts(self, desk: Desk, names: set[str]) -> None:
        missing = names - set(desk.instruments)
        if missing:
            async with asyncio.timeout(self._timeout_s):
                found = await self._venues[desk.params.venue].instruments(missing)
            underlying = desk.params.underlying
            mine = {name: one for name, one in found.items() if one.underlying == underlying}
            desk.instruments.update(mine)

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
