"""The one path for orders of unknown outcome: time-out, crash, take-over and restart alike.

Ask the venue by client order id. An answer that ends the order is final at any time; "not found"
means nothing before the order's deadline has surely passed at the venue. Nothing is ever sent
under a new id; only where a venue's ids are unique for ever may the same order go out again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from hedger.core.model import Intent, IntentState, OrderStatus, VenueClass, name_there
from hedger.core.orders import IntentEvent
from hedger.errors import HedgerError, LeaseLost, OutcomeUnknown, RateLimited
from hedger.ports import ClockReading, Lease, Venue
from hedger.service.alarms import halt
from hedger.service.execution import Execution
from hedger.service.intents import told
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk
from hedger.service.world import World
from hedger.telemetry import logger

RETRY_S_MIN = 0.05
RETRY_S_MAX = 2.0
TRIES_QUIET = 6
"""Failed tries before a person is told; with the pauses between them about three seconds."""


class Resolver:
    """Resolves the open intents of the books that this worker owns, each once at a time."""

    def __init__(
        self,
        world: World,
        *,
        ownership: Ownership,
        execution: Execution,
        read_clock: Callable[[str], Awaitable[ClockReading]],
        ended: Callable[[Desk], None],
    ) -> None:
        self._world = world
        self._store = world.store
        self._venues = world.venues
        self._ownership = ownership
        self._execution = execution
        self._read_clock = read_clock
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._ended = ended
        self._log = logger(worker=world.params.worker)
        self._under_way: dict[str, str] = {}

    def add(self, desk: Desk, intent: Intent) -> None:
        """Resolve an intent unless that is under way."""
        if intent.id not in self._under_way:
            self._under_way[intent.id] = desk.name
            self._world.spawn(self._run(desk, intent))

    def busy(self, book: str) -> bool:
        """Whether an intent of a book is being resolved."""
        return book in self._under_way.values()

    async def _run(self, desk: Desk, intent: Intent) -> None:
        try:
            intent = await self._as_unknown(desk, intent)
            await self._until_closed(desk, intent)
            self._metrics.count("resolved")
        except LeaseLost:
            self._log.info("resolver_stops", **told(intent), reason="lease lost")
        except Exception:
            self._log.exception("defect", during="resolve", **told(intent))
            self._alarms.raise_("defect", book=desk.name, reason="the resolver failed")
        finally:
            del self._under_way[intent.id]
            self._ended(desk)

    async def _as_unknown(self, desk: Desk, intent: Intent) -> Intent:
        """Record what a pending intent of another epoch, or one without an answer, is: unknown."""
        if intent.state is IntentState.PENDING:
            try:
                await self._store.unknown(self._lease(desk), desk.name, intent.id)
            except LeaseLost:
                raise
            except HedgerError as error:
                self._log.warning("mark_failed", **told(intent), reason=str(error))
        return msgspec.structs.replace(intent, state=IntentState.UNKNOWN)

    async def _until_closed(self, desk: Desk, intent: Intent) -> None:
        tries, wait_s = 0, RETRY_S_MIN
        while True:
            self._lease(desk)
            reason, is_past, wait_s = "", True, min(2 * wait_s, RETRY_S_MAX)
            try:
                is_past = await self._is_past(intent)
                if await self._try(desk, intent, past_deadline=is_past):
                    self._log.info("resolved", **told(intent))
                    return
            except LeaseLost:
                raise
            except RateLimited as error:
                reason, wait_s = str(error), max(wait_s, error.retry_after_s)
            except (HedgerError, TimeoutError) as error:
                reason = str(error) or "no answer in time"
            left_s = self._deadline_left_ms(intent) / 1_000
            if left_s > 0.0 or not is_past:
                await asyncio.sleep(min(left_s, wait_s) if left_s > 0.0 else RETRY_S_MIN)
                continue
            tries += 1
            if tries >= TRIES_QUIET:
                await self._stuck(desk, intent, reason or "the venue's answers do not add up")
            await asyncio.sleep(wait_s)

    async def _is_past(self, intent: Intent) -> bool:
        """Whether the venue itself says, before it is asked, that an order's deadline is over.

        Our estimate of its clock proves nothing: either clock may have been set since.
        """
        if self._deadline_left_ms(intent) > 0:
            return False
        reading = await self._read_clock(intent.venue)
        return reading.venue_ms > intent.deadline_ms + self._world.params.margin_ms

    async def _try(self, desk: Desk, intent: Intent, *, past_deadline: bool) -> bool:
        """One question to the venue; True once the intent is closed."""
        venue = self._venues[intent.venue]
        async with asyncio.timeout(self._world.request_s):
            report = await venue.query(intent.account, intent.id)
            if report.status is OrderStatus.OPEN and past_deadline:
                report = await venue.cancel(intent.account, intent.id)
        if report.status is OrderStatus.NOT_FOUND:
            return past_deadline and await self._not_found(desk, intent, venue)
        return await self._execution.settle(desk, intent, report)

    async def _not_found(self, desk: Desk, intent: Intent, venue: Venue) -> bool:
        """What "never heard of it" proves depends on what the venue is known to honour."""
        conduct = venue.conduct(name_there(intent.instrument))
        if conduct.venue_class is VenueClass.A:
            return await self._execution.close(desk, intent, IntentEvent.NOT_FOUND, filled=0)
        if conduct.venue_class is not VenueClass.B:
            raise OutcomeUnknown(
                f"{intent.venue} does not know the order, and neither its deadlines nor its ids"
                f" prove that it never will: {conduct.evidence}"
            )
        state = await self._store.load(desk.name)
        if state is None or all(one.id != intent.id for one in state.intents):
            return True  # it was closed, and only the answer to that was lost
        lease = self._lease(desk)
        timeout_ms = self._execution.timeout_ms(intent.venue, lease)
        if timeout_ms == 0:
            return False
        # The same id and size: whichever of the two arrives first is the only one that counts.
        again = msgspec.structs.replace(
            intent, epoch=lease.epoch, deadline_ms=venue.venue_ms() + timeout_ms
        )
        self._metrics.count("orders_sent_again")
        report = await self._execution.place(again, desk)
        if report.status is OrderStatus.REJECTED:
            # That says nothing of the copy sent before, which no deadline keeps from arriving.
            raise OutcomeUnknown(f"sent again, and refused: {report.reason}")
        return await self._execution.settle(desk, intent, report)

    async def _stuck(self, desk: Desk, intent: Intent, reason: str) -> None:
        """Hold the book and tell a person; the questions go on."""
        text = (
            f"order {intent.id} ({intent.lots:+d} lots of {intent.instrument} at {intent.venue})"
            f" has no known outcome: {reason}"
        )
        try:
            await halt(
                self._store, self._alarms, book=desk.name, what="order_unresolved", reason=text
            )
        except HedgerError as error:
            self._log.warning("hold_failed", book=desk.name, reason=str(error))

    def _deadline_left_ms(self, intent: Intent) -> int:
        now_ms = self._venues[intent.venue].venue_ms()
        return intent.deadline_ms + self._world.params.margin_ms - now_ms + 1

    def _lease(self, desk: Desk) -> Lease:
        lease = self._ownership.held(desk.shard)
        if lease is None:
            raise LeaseLost(f"shard {desk.shard} is not held")
        return lease
