"""Deposits, withdrawals and funding: what moves a balance and no position.

Balances are the venue's and are read whole, never added up here, so nothing can be counted twice
in them. What is ours is what a transfer means. Coin that its owner pays in or takes out is, by
default, not exposure that this book made: it joins the holding that is not to be hedged, once per
transfer, by the same script that applies a fill once. Funding is expected and only told of.
"""

from __future__ import annotations

from hedger.core.model import AccountEvent, Fill, Happening, name_at, venue_of
from hedger.service.aftermath import Aftermath
from hedger.service.chronicle import Chronicle
from hedger.service.roster import Desk
from hedger.service.verdict import Cause
from hedger.service.world import World
from hedger.store.codec import COIN, coin_name

BASE = "base"
FUNDING_MS = 3_600_000
"""Funding is journalled once in this much market time, as a sum."""
TRANSFERS = (Happening.DEPOSIT, Happening.WITHDRAWAL)


class Transfers:
    """Takes in the account events of one worker's books."""

    def __init__(self, world: World, *, aftermath: Aftermath, chronicle: Chronicle) -> None:
        self._store = world.store
        self._metrics = world.metrics
        self._aftermath = aftermath
        self._chronicle = chronicle
        self._funding: dict[str, tuple[int, float, int]] = {}

    async def take(self, desk: Desk, event: AccountEvent) -> None:
        """Take one event in, a transfer once however often it is heard of."""
        if event.kind is Happening.FUNDING:
            await self._fund(desk, event)
        elif event.kind in TRANSFERS:
            await self._transfer(desk, event)

    async def _transfer(self, desk: Desk, event: AccountEvent) -> None:
        """Remember a transfer once; by policy it moves the holding that is not hedged."""
        params = desk.params
        is_base = (
            params.transfers == BASE
            and params.rules.numeraire == "usd"
            and event.currency == params.underlying
        )
        moved = Fill(
            account=event.account,
            client_id=event.kind,
            trade_id=event.event_id,
            instrument=coin_name(event.currency),
            lots=round(event.amount * COIN) if is_base else 0,
            price=0.0,
            fee=0.0,
            time_ms=event.time_ms,
            kind=event.kind,
        )
        # First: where the answer is lost, the transfer counts and is no news when heard again.
        account = name_at(event.account, venue_of(event.event_id))
        desk.moved_ms[account] = max(desk.moved_ms.get(account, 0), event.time_ms)
        if await self._store.fill(desk.name, moved, venue=params.venue) == "dup":
            return
        policy = "not to be hedged" if is_base else "part of the exposure"
        text = f"{event.kind} of {event.amount:+.8g} {event.currency} ({event.event_id}): {policy}"
        causes = [Cause(event.kind, text, ())]
        self._aftermath.warn(desk, causes)
        await self._aftermath.follow(desk, causes)

    async def _fund(self, desk: Desk, event: AccountEvent) -> None:
        since_ms, total, count = self._funding.get(desk.name, (event.time_ms, 0.0, 0))
        total, count = total + event.amount, count + 1
        self._metrics.count("funding_payments")
        if event.time_ms - since_ms >= FUNDING_MS:
            text = f"{count} payments on {event.instrument} since {since_ms}: {total:+.8f}"
            await self._chronicle.event(desk, event.kind, text)
            since_ms, total, count = event.time_ms, 0.0, 0
        self._funding[desk.name] = since_ms, total, count
