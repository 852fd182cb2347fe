"""Fills become positions, once each: the one way in for every fill, however it was heard of.

An order's own answer, the account's stream and the venue's history all tell of the same fills; the
store applies each by (client id, trade id) once. What did not come from our orders is either a
settlement, or belongs to a book that is configured to follow its account, or moves nothing: the
comparison of positions finds what it changed, and the book's policy says what that means.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence

import msgspec

from hedger.core.model import Fill, FillKind
from hedger.errors import StoreUnavailable
from hedger.service.aftermath import Aftermath, stop_of
from hedger.service.roster import Desk
from hedger.service.verdict import Cause
from hedger.service.world import World
from hedger.telemetry import logger

ACCOUNT = "account"
"""Client id under which the store keeps a follower's fills that no order of ours caused."""
LEAVING = (FillKind.SETTLEMENT, FillKind.EXERCISE)
"""What takes a leg out of the book by itself; kept in the store under its kind as client id."""
NEWS = ("ok", "late")
"""Answers of the store to a fill that moved a position."""
KNOWN_MAX = 4_000
"""Fills that the store is spared: a fill is told again within seconds, by stream, answer, query."""


async def in_time(
    pages: AsyncIterator[Sequence[Fill]], *, page_s: float
) -> AsyncIterator[Sequence[Fill]]:
    """Pages of a history, each within ``page_s``; else `TimeoutError`."""
    while True:
        async with asyncio.timeout(page_s):
            page = await anext(pages, None)
        if page is None:
            return
        yield page


class Fills:
    """Applies fills to the store."""

    def __init__(self, world: World, *, aftermath: Aftermath) -> None:
        self._aftermath = aftermath
        self._store = world.store
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._log = logger(worker=world.params.worker)
        self._known: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def apply(
        self, desk: Desk, fill: Fill, *, trusting: bool = True, is_old: bool = False
    ) -> str:
        """Apply one fill: ``ok``, ``dup``, ``late``, or ``foreign`` where it was not applied.

        What is foreign is kept, to explain by it what the comparison of positions finds. With
        ``trusting`` what was applied before is not sent again; on a take-over it must be, as a
        server that came back may have forgotten it. What ``is_old``, of before the book began, is
        counted but has no aftermath.
        """
        key = (desk.name, fill.client_id, fill.trade_id)
        if trusting and key in self._known:
            return "dup"
        kept = _recorded_as(desk, fill)
        is_plain = is_old or desk.is_own(fill) or fill.kind == FillKind.TRADE
        causes = [] if is_plain else [_cause(fill)]
        result = "foreign" if kept is None else await self._record(desk, kept, causes)
        if result == "foreign":
            if desk.foreign.add(fill):
                self._metrics.count("fills_foreign")
            return result
        self._remember(key)
        self._tell(desk, fill, result)
        if result in NEWS:
            self._aftermath.warn(desk, causes)
            await self._aftermath.follow(desk, causes)
        return result

    async def unrecorded(self, desk: Desk, fills: Sequence[Fill]) -> list[Fill]:
        """Those of a history that the store lacks, or that it would not keep, in their order."""
        kept = [(fill, _recorded_as(desk, fill)) for fill in fills]
        asked = [as_kept for _, as_kept in kept if as_kept is not None]
        lacking = set(await self._store.lacks(desk.name, asked))
        return [fill for fill, as_kept in kept if as_kept is None or as_kept in lacking]

    async def _record(self, desk: Desk, fill: Fill, causes: Sequence[Cause]) -> str:
        """Store a fill, with what its kind asks for: before it, or in the same call."""
        if fill.kind in LEAVING and not await self._holds(desk, fill):
            return "foreign"
        if causes:
            await self._aftermath.foresee(desk, fill)
        venue, stop = _venue(desk, fill), stop_of(causes)
        try:
            return await self._store.fill(desk.name, fill, venue=venue, stop=stop)
        except StoreUnavailable:  # it may have arrived, and then is no news when offered again
            self._aftermath.warn(desk, causes)
            raise

    async def _holds(self, desk: Desk, leaving: Fill) -> bool:
        """A leg leaves the book only if the book has it: the account may know older ones."""
        state = await self._store.load(desk.name)
        held = state.positions.get(leaving.instrument, 0) if state is not None else 0
        return held * leaving.lots < 0 and abs(leaving.lots) <= abs(held)

    def _remember(self, key: tuple[str, str, str]) -> None:
        """Spare the store a repeated report; it alone decides, so forgetting is harmless."""
        self._known[key] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def _tell(self, desk: Desk, fill: Fill, result: str) -> None:
        self._metrics.count(f"fills_{result}")
        if result == "late" and desk.is_own(fill):
            # Its order was closed before the venue had told all of it: the position is right now,
            # but the close was not.
            self._alarms.raise_(
                "late_fill",
                book=desk.name,
                reason=f"{fill.lots:+d} lots of {fill.instrument} for closed order"
                f" {fill.client_id}",
            )
        if result in NEWS:
            self._log.info(
                "fill",
                book=desk.name,
                intent=fill.client_id,
                trade=fill.trade_id,
                instrument=fill.instrument,
                lots=fill.lots,
                price=fill.price,
                kind=fill.kind,
            )


def _recorded_as(desk: Desk, fill: Fill) -> Fill | None:
    """A fill under the client id that the store keeps it by; None where it keeps no such."""
    if desk.is_own(fill):
        return fill
    if fill.kind in LEAVING:
        return msgspec.structs.replace(fill, client_id=fill.kind)
    if desk.params.positions is None:
        return msgspec.structs.replace(fill, client_id=ACCOUNT)
    return None


def _cause(fill: Fill) -> Cause:
    text = f"{fill.instrument}: {fill.lots:+d} lots at {fill.price:g}, {fill.trade_id}"
    return Cause(fill.kind, text, (fill.instrument,))


def _venue(desk: Desk, fill: Fill) -> str:
    return desk.params.route_of(fill.instrument).venue
