"""What goes on beside the ticks: seeding, reconciling, fills of the account streams, figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hedger.core.model import Fill, FillKind, venue_of
from hedger.errors import HedgerError
from hedger.service.aftermath import Aftermath
from hedger.service.blocks import Blocks
from hedger.service.feed import Listener
from hedger.service.fills import NEWS, Fills
from hedger.service.history import History
from hedger.service.reconcile import Reconciler
from hedger.service.roster import Desk, Roster
from hedger.service.transfers import Transfers
from hedger.service.world import World
from hedger.telemetry import logger

ENROL_S = 1.0
CHECKS_A_VENUE = 4
METRICS_S = 10.0
PAUSE_S = 0.1
"""First wait before a paused book is compared with its venue again."""


class Rounds:
    """The slow loops of one worker."""

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        listeners: Mapping[str, Listener],
        fills: Fills,
        history: History,
        aftermath: Aftermath,
        transfers: Transfers,
        reconciler: Reconciler,
        mark: Callable[[str], None],
        left_out: Callable[[Desk], None],
    ) -> None:
        self._world = world
        self._roster = roster
        self._listeners = listeners
        self._fills = fills
        self._history = history
        self._transfers = transfers
        self._reconciler = reconciler
        self._mark = mark
        self._left_out = left_out
        self._log = logger(worker=world.params.worker)
        self._slots = {name: asyncio.Semaphore(CHECKS_A_VENUE) for name in world.venues}
        self._under_way: set[str] = set()
        self._blocks = Blocks(
            world, fills=fills, history=history, aftermath=aftermath, done=self._gathered
        )

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs until the worker stops."""
        return [
            self._check_all(),
            self._report(),
            *(self._apply(name) for name in self._listeners),
            *(self._hear(name) for name in self._listeners),
            *(self._enrol(desk) for desk in self._roster),
        ]

    def check(self, desk: Desk) -> None:
        """Reconcile a book soon, unless that is under way."""
        if desk.name not in self._under_way:
            self._under_way.add(desk.name)
            self._world.spawn(self._check(desk))

    def _gathered(self, desk: Desk) -> None:
        self._mark(desk.name)
        self.check(desk)

    def check_venue(self, venue: str) -> None:
        """Reconcile every book of a venue soon: its stream may have told less than all."""
        for desk in self._roster:
            if desk.ready and any(route.venue == venue for route in desk.params.routes):
                self.check(desk)

    async def _check(self, desk: Desk) -> None:
        try:
            async with self._slots[desk.params.venue]:
                await self._reconciler.check(desk)
            wait_s = PAUSE_S
            while desk.pause and desk.ready:  # what came meanwhile, or could not be read
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._world.params.reconcile_ms / 1_000)
                async with self._slots[desk.params.venue]:
                    await self._reconciler.check(desk)
        finally:
            self._under_way.discard(desk.name)
            self._mark(desk.name)

    async def _check_all(self) -> None:
        """Look every book over, spread over the period."""
        period_s = self._world.params.reconcile_ms / 1_000
        while True:
            books = [desk for desk in self._roster if desk.ready]
            for desk in books:
                await asyncio.sleep(period_s / len(books))
                if desk.ready:
                    self.check(desk)
            if not books:
                await asyncio.sleep(min(period_s, ENROL_S))

    async def _enrol(self, desk: Desk) -> None:
        """Seed and compare once, then again as long as the store expects another configuration.

        A shard is claimed for the sake of any of its books. One that could not be adopted then is
        left out until it may run, and is told of for as long as it is not ready.
        """
        while True:
            if not desk.may_run:
                try:
                    await self._reconciler.enrol(desk)
                except (HedgerError, TimeoutError) as error:
                    self._world.metrics.count("enrol_retries")
                    reason = str(error) or "no answer in time"
                    self._log.warning("enrol_failed", book=desk.name, reason=reason)
            if desk.may_run and not desk.ready:
                self._left_out(desk)
            await asyncio.sleep(ENROL_S)

    async def _apply(self, venue: str) -> None:
        """Fills of the account streams into the store; what fails is found in the history."""
        listener = self._listeners[venue]
        while True:
            fill = await listener.fills.get()
            try:
                desk = await self._desk_of(venue, fill)
                if desk is not None:
                    await self._take(desk, desk.params.route(venue).fill(fill))
            except (HedgerError, TimeoutError) as error:
                reason = str(error) or "no answer in time"
                self._log.warning("fill_failed", trade=fill.trade_id, reason=reason)
                self.check_venue(venue)
            except Exception:
                self._world.metrics.count("defects")
                self._log.exception("defect", during="fill", trade=fill.trade_id)
            finally:
                listener.applied()

    async def _take(self, desk: Desk, fill: Fill) -> None:
        """One fill of a book; what is not its own is followed by a look at the venue."""
        own = desk.is_own(fill)
        if not own and not desk.pause and fill.kind != FillKind.SETTLEMENT:
            text = f"{fill.lots:+d} lots of {fill.instrument} ({fill.kind})"
            desk.pause.begin(text, venue_of(fill.instrument))
        if self._blocks.takes(desk, fill):
            return
        if await self._fills.apply(desk, fill) in NEWS:
            self._mark(desk.name)
        if not own:
            self.check(desk)

    async def _hear(self, venue: str) -> None:
        """Account events into the store; what fails is found in the history."""
        listener = self._listeners[venue]
        while True:
            event = await listener.events.get()
            try:
                for desk in self._roster.of_account(venue, event.account):
                    if desk.ready:
                        await self._transfers.take(desk, desk.params.route(venue).event(event))
                        if desk.pause:
                            self.check(desk)
            except (HedgerError, TimeoutError) as error:
                reason = str(error) or "no answer in time"
                self._log.warning("event_failed", what=event.event_id, reason=reason)
                self.check_venue(venue)
            except Exception:
                self._world.metrics.count("defects")
                self._log.exception("defect", during="event", what=event.event_id)
            finally:
                listener.applied()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(METRICS_S)
            figures = self._world.metrics.snapshot()
            figures["journal_dropped"] = self._world.store.journal_dropped
            self._log.info("metrics", **figures)

    async def _desk_of(self, venue: str, fill: Fill) -> Desk | None:
        """The book that a fill belongs to, if that book is ours; accounts may trade more."""
        desks = [desk for desk in self._roster.of_account(venue, fill.account) if desk.ready]
        for desk in desks:
            name = desk.params.route(venue).name(fill.instrument)
            if desk.is_own(fill) or name in desk.instruments:
                return desk
        for desk in desks:
            name = desk.params.route(venue).name(fill.instrument)
            if await self._history.concerns(desk, name):
                return desk
        return None
