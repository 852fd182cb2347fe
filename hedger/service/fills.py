"""Fills become positions, once each: the one way in for every fill, however it was heard of.

An order's own answer, the account's stream and the venue's history all tell of the same fills; the
store applies each by (client id, trade id) once. What did not come from our orders is either a
settlement, or follows a book that is configured to follow its account, or stops the book.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from hedger.core.model import Fill
from hedger.service.alarms import halt
from hedger.service.roster import Desk
from hedger.service.world import World
from hedger.telemetry import logger

SETTLEMENT = "settlement"
ACCOUNT = "account"
"""Client ids under which the store keeps fills that no order of ours caused."""
KNOWN_MAX = 20_000


class Fills:
    """Applies fills to the store."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._log = logger(worker=world.params.worker)
        self._known: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def apply(
        self, desk: Desk, fill: Fill, *, live: bool = True, trusting: bool = True
    ) -> str:
        """Apply one fill: ``ok``, ``dup``, ``late``, or ``foreign`` where it was not applied.

        Only a live foreign fill stops the book: one that is read from the history may be years
        old; whether it matters is what the comparison of positions finds out. With ``trusting``
        what was applied before is not sent again; on a take-over it must be, as a server that came
        back may have forgotten it.
        """
        key = (desk.name, fill.client_id, fill.trade_id)
        if trusting and key in self._known:
            return "dup"
        if fill.kind == SETTLEMENT:
            result = await self._settle(desk, fill)
        elif desk.is_own(fill):
            result = await self._store.fill(desk.name, fill, venue=desk.params.venue)
        elif desk.params.positions is None:
            follow = msgspec.structs.replace(fill, client_id=ACCOUNT)
            result = await self._store.fill(desk.name, follow, venue=desk.params.venue)
        else:
            return await self._foreign(desk, fill, live=live)
        if result != "foreign":
            self._remember(key)
        self._tell(desk, fill, result)
        return result

    async def _settle(self, desk: Desk, fill: Fill) -> str:
        """A leg leaves the book only if the book has it: the account may know older ones."""
        state = await self._store.load(desk.name)
        held = state.positions.get(fill.instrument, 0) if state is not None else 0
        if held * fill.lots >= 0 or abs(fill.lots) > abs(held):
            return "foreign"
        leaving = msgspec.structs.replace(fill, client_id=SETTLEMENT)
        return await self._store.fill(desk.name, leaving, venue=desk.params.venue)

    async def _foreign(self, desk: Desk, fill: Fill, *, live: bool) -> str:
        self._metrics.count("fills_foreign")
        if live:
            await halt(
                self._store,
                self._alarms,
                book=desk.name,
                what="foreign_fill",
                reason=f"account {fill.account}: {fill.lots:+d} lots of {fill.instrument} filled"
                f" by {fill.client_id or 'somebody else'} (trade {fill.trade_id}), expected only"
                " this book's own orders",
            )
        return "foreign"

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
        if result in ("ok", "late"):
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
