"""Who else trades on a book's account: heard at once, paused for, and refused if it hedges too.

A person's trade is nobody's fault: the book pauses until the venue has been read again. A second
hedger is: two of them on one account correct each other for ever. It is known by order ids that
are made as ours are, under another namespace or for another book, or by trading the hedge
instrument right after this book has, again and again. The book is stopped then, because a hold
would let both go on: whatever the other does can be "reduced".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hedger.core.model import AccountEvent, Fill, FillKind, Happening, name_there, venue_of
from hedger.errors import HedgerError
from hedger.service.alarms import halt
from hedger.service.chronicle import Chronicle
from hedger.service.roster import Desk, Roster
from hedger.service.world import World
from hedger.store.keys import made_as_ours
from hedger.telemetry import logger

ECHO_S = 2.0
"""A foreign trade this soon after one of ours may be an answer to it."""
ECHOES = 3
"""So many answers, each to another order of ours, are no accident."""
ECHO_MEMORY_S = 600.0
RETRY_S = 0.5
SECOND_HEDGER = "second_hedger"


class Strangers:
    """Listens to the accounts of one worker for what its books did not do."""

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        chronicle: Chronicle,
        check: Callable[[Desk], None],
    ) -> None:
        self._world = world
        self._now_s = world.clock.monotonic_s
        self._grace_s = world.params.order_timeout_ms_max / 1_000 + world.margin_s
        self._roster = roster
        self._chronicle = chronicle
        self._check = check
        self._log = logger(worker=world.params.worker)
        self._last: dict[tuple[str, str], tuple[float, str]] = {}
        self._echoes: dict[str, dict[str, float]] = {}
        self._refusing: set[str] = set()

    def hear(self, venue: str, fills: Sequence[Fill], events: Sequence[AccountEvent]) -> None:
        """Take in what a batch tells, before any of its quotes can lead to a decision."""
        for fill in fills:
            for desk in self._roster.of_account(venue, fill.account):
                self._fill(desk, desk.params.route(venue).fill(fill))
        for event in events:
            for desk in self._roster.of_account(venue, event.account):
                self._event(desk, desk.params.route(venue).event(event), venue)

    def _fill(self, desk: Desk, fill: Fill) -> None:
        if desk.is_own(fill):
            self._last[desk.name, fill.instrument] = self._now_s(), fill.client_id
        elif desk.concerns(fill.instrument) and fill.kind != FillKind.SETTLEMENT:
            desk.pause.begin(
                f"{fill.lots:+d} lots of {fill.instrument} ({fill.kind}) by"
                f" {fill.client_id or 'somebody else'}",
                venue_of(fill.instrument),
            )
            if fill.kind == FillKind.TRADE:
                self._suspect(desk, fill.instrument, fill.client_id)
                self._echo(desk, fill)

    def _event(self, desk: Desk, event: AccountEvent, venue: str) -> None:
        if event.kind in (Happening.DEPOSIT, Happening.WITHDRAWAL):
            text = f"{event.kind} of {event.amount:+g} {event.currency}"
            desk.pause.begin(text, desk.params.route(venue).mark)
        elif event.kind is Happening.ORDER and event.instrument in desk.params.hedges:
            if desk.is_own(event):
                return
            desk.pause.begin(
                f"order {event.client_id or 'of somebody else'} for {event.lots:+d} lots of"
                f" {event.instrument}",
                venue_of(event.instrument),
            )
            self._suspect(desk, event.instrument, event.client_id)
            self._check(desk)

    def _suspect(self, desk: Desk, instrument: str, client_id: str) -> None:
        """An order id of our making that none of our books on this account has made."""
        names = (instrument, name_there(instrument))  # its own venue may be another than ours
        if not any(made_as_ours(client_id, name) for name in names):
            return
        if self._now_s() - desk.ready_s < self._grace_s:
            return  # may be an order of our own life before a lost store, still on its way
        namespace = client_id[:8]
        self._refuse(
            desk,
            f"a second hedger, of namespace {namespace}, trades {instrument} on account"
            f" {desk.params.route_of(instrument).account} (order {client_id};"
            f" ours is {self._world.store.namespace})",
        )

    def _echo(self, desk: Desk, fill: Fill) -> None:
        """A foreign trade in a hedge instrument right after one of ours."""
        last = self._last.get((desk.name, fill.instrument))
        now_s = self._now_s()
        if last is None or now_s - last[0] > ECHO_S or fill.instrument not in desk.params.hedges:
            return
        echoes = self._echoes.setdefault(desk.name, {})
        echoes[last[1]] = now_s
        for order in [order for order, at_s in echoes.items() if now_s - at_s > ECHO_MEMORY_S]:
            del echoes[order]
        if len(echoes) >= ECHOES:
            echoes.clear()
            account = desk.params.route_of(fill.instrument).account
            self._refuse(
                desk,
                f"a second hedger on account {account}: {ECHOES} times somebody"
                f" ({fill.client_id or 'without an id'}) traded {fill.instrument} within"
                f" {ECHO_S:g} s of our own order",
            )

    def _refuse(self, desk: Desk, reason: str) -> None:
        if desk.ready and desk.name not in self._refusing:
            self._refusing.add(desk.name)
            self._world.spawn(self._stop(desk, reason))

    async def _stop(self, desk: Desk, reason: str) -> None:
        """Stop the book; as long as the store does not take that, it stays paused."""
        try:
            while desk.ready:
                desk.pause.begin(reason)
                try:
                    await halt(
                        self._world.store,
                        self._world.alarms,
                        book=desk.name,
                        what=SECOND_HEDGER,
                        reason=reason,
                        stop=True,
                    )
                    await self._chronicle.event(desk, SECOND_HEDGER, reason)
                    return
                except HedgerError as error:
                    self._log.warning("stop_failed", book=desk.name, reason=str(error))
                await asyncio.sleep(RETRY_S)
        finally:
            self._refusing.discard(desk.name)
            self._check(desk)
