"""From a recorded intent to its end: send once, apply the fills, close.

What has no certain answer is marked unknown and handed to the resolver; nothing here sends an
order twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from hedger.core.model import Decision, Intent, IntentState, OrderReport, OrderStatus
from hedger.core.orders import IntentEvent, transition
from hedger.errors import (
    HedgerError,
    LeaseLost,
    OutcomeUnknown,
    StoreError,
    VenueRejected,
)
from hedger.ports import Lease
from hedger.service.fills import Fills, in_time
from hedger.service.intents import Acks, intents_of, order_of, told
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk
from hedger.service.traffic import TrafficMeter
from hedger.service.world import World
from hedger.telemetry import logger

HISTORY_SLACK_MS = 60_000
ENDS = {
    OrderStatus.FILLED: IntentEvent.TERMINAL,
    OrderStatus.CANCELLED: IntentEvent.TERMINAL,
    OrderStatus.REJECTED: IntentEvent.REJECTED,
}
"""Reports that end an order; `OPEN` and `NOT_FOUND` end nothing by themselves."""


class Execution:
    """Sends the orders of one worker and records what became of them."""

    def __init__(
        self,
        world: World,
        *,
        ownership: Ownership,
        fills: Fills,
        unknown: Callable[[Desk, Intent], None],
        rejected: Callable[[Desk, Decision, Intent, str], None],
        ended: Callable[[Desk], None],
        turned: Callable[[Desk, str, str], None],
    ) -> None:
        self._params = world.params
        self._request_s = world.request_s
        self._store = world.store
        self._venues = world.venues
        self._ownership = ownership
        self._fills = fills
        self._clock = world.clock
        self._metrics = world.metrics
        self._spawn = world.spawn
        self._unknown, self._rejected, self._ended = unknown, rejected, ended
        self._turned = turned
        self.traffic = TrafficMeter(world.clock.monotonic_s)
        self._acks: dict[str, Acks] = {name: Acks() for name in world.venues}
        self._log = logger(worker=world.params.worker)
        self.sending: Counter[str] = Counter()
        """Orders of each book that are on their way and not answered yet."""

    def timeout_ms(self, venue: str, lease: Lease) -> int:
        """How long an order may live at the venue; 0 where the lease leaves no room for one."""
        params = self._params
        wanted = self._acks[venue].timeout_ms(
            least=params.order_timeout_ms_min, largest=params.order_timeout_ms_max
        )
        room = int(self._ownership.left_s(lease) * 1_000) - params.margin_ms
        return min(wanted, room) if room > params.margin_ms else 0

    def intents(
        self, desk: Desk, decision: Decision, *, lease: Lease, decision_id: str
    ) -> tuple[Intent, ...]:
        """The plan as intents; empty where the lease leaves no time to send them."""
        lines = () if decision.plan is None else decision.plan.lines
        deadlines_ms = {}
        for venue in {desk.params.route_of(line.instrument).venue for line in lines}:
            timeout_ms = self.timeout_ms(venue, lease)
            if timeout_ms == 0:
                return ()
            deadlines_ms[venue] = self._venues[venue].venue_ms() + timeout_ms
        return intents_of(
            decision,
            desk.params,
            namespace=self._store.namespace,
            epoch=lease.epoch,
            decision_id=decision_id,
            deadlines_ms=deadlines_ms,
        )

    def dispatch(self, desk: Desk, intents: tuple[Intent, ...], decision: Decision) -> None:
        """Send recorded intents side by side; from now on they count as on their way."""
        for intent in intents:
            self.sending[desk.name] += 1
            self._spawn(self._send(desk, intent, decision))

    async def _send(self, desk: Desk, intent: Intent, decision: Decision) -> None:
        """Send one recorded intent; whatever happens, it is closed or in the resolver's hands."""
        try:
            report = await self.place(intent, desk)
            if not await self.settle(desk, intent, report):
                self._unknown(desk, intent)
            elif report.status is OrderStatus.REJECTED:
                self._rejected(desk, decision, intent, report.reason)
                self._turned(desk, intent.instrument, report.reason)
            else:
                desk.rejects = 0
                desk.measuring.filled(intent, decision, report)
        except LeaseLost as error:
            self._log.warning("lease_lost", **told(intent), reason=str(error))
        except (HedgerError, TimeoutError) as error:
            await self._no_answer(desk, intent, error)
        except Exception:
            self._log.exception("defect", during="send", **told(intent))
            self._unknown(desk, intent)
        finally:
            self.sending[desk.name] -= 1
            self._ended(desk)

    async def place(self, intent: Intent, desk: Desk) -> OrderReport:
        """Send, if lease and deadline still allow it; a refusal by the venue is a report too.

        Raises `LeaseLost` before anything is sent, `OutcomeUnknown` where no answer came in time.
        """
        venue = self._venues[intent.venue]
        lease = self._ownership.held(desk.shard)
        if lease is None or lease.epoch != intent.epoch:
            raise LeaseLost(f"shard {desk.shard} is not held under epoch {intent.epoch} any more")
        left_ms = intent.deadline_ms - venue.venue_ms()
        if left_ms <= 0:
            raise OutcomeUnknown("not sent: its deadline passed before it could be")
        started_s, answered = self._clock.monotonic_s(), False
        try:
            async with asyncio.timeout((left_ms + self._params.margin_ms) / 1_000):
                report = await venue.place(order_of(intent))
            answered = True
        except VenueRejected as error:
            answered = True
            report = OrderReport(
                client_id=intent.id, status=OrderStatus.REJECTED, reason=str(error)
            )
        except TimeoutError:
            raise OutcomeUnknown(
                f"no answer {self._params.margin_ms} ms after the deadline"
            ) from None
        finally:
            # A time-out counts as what it lasted, so that the next deadline is more patient.
            ack_ms = (self._clock.monotonic_s() - started_s) * 1_000
            self._acks[intent.venue].see(ack_ms)
            self.traffic.see(intent.venue, ack_ms, answered=answered)
        self._metrics.observe("ack_ms", ack_ms)
        self._log.info(
            "order",
            **told(intent),
            instrument=intent.instrument,
            lots=intent.lots,
            filled=report.filled,
            status=report.status,
            reason=report.reason,
        )
        return report

    async def settle(self, desk: Desk, intent: Intent, report: OrderReport) -> bool:
        """Apply an order's fills and close it; False where its end is not proven yet."""
        route = desk.params.route(intent.venue)
        for fill in report.fills:
            await self._fills.apply(desk, route.fill(fill))
        event = ENDS.get(report.status)
        if event is None:
            return False
        if await self.close(desk, intent, event, filled=report.filled):
            return True
        venue, since_ms = self._venues[intent.venue], max(intent.market_ms - HISTORY_SLACK_MS, 0)
        pages = in_time(venue.fills(intent.account, since_ms), page_s=self._request_s)
        history = [fill async for page in pages for fill in page if fill.client_id == intent.id]
        # The store says that it lacks some: what this worker applied once proves nothing, as a
        # server that has come back or been replaced may have forgotten it.
        for fill in (*report.fills, *history):
            await self._fills.apply(desk, route.fill(fill), trusting=False)
        return await self.close(desk, intent, event, filled=report.filled)

    async def close(self, desk: Desk, intent: Intent, event: IntentEvent, *, filled: int) -> bool:
        """Close an intent; False where the store has not seen all the fills the venue counts."""
        lease = self._ownership.held(desk.shard)
        if lease is None:
            raise LeaseLost(f"shard {desk.shard} is not held")
        state = transition(intent.state, event)
        outcome = await self._store.close(lease, desk.name, intent.id, filled=filled, state=state)
        if outcome.result == "fill_gap":
            self._log.warning("fill_gap", **told(intent), venue=filled, recorded=outcome.recorded)
            return False
        self._metrics.count(f"closed_{state}")
        return True

    async def _no_answer(self, desk: Desk, intent: Intent, error: Exception) -> None:
        """Record that the outcome is unknown, as far as the store allows, and resolve it."""
        self._metrics.count("orders_unknown")
        self._log.warning("outcome_unknown", **told(intent), reason=str(error) or repr(error))
        lease = self._ownership.held(desk.shard)
        try:
            if lease is not None and intent.state is IntentState.PENDING:
                await self._store.unknown(lease, desk.name, intent.id)
        except StoreError as failure:
            self._log.warning("mark_failed", **told(intent), reason=str(failure))
        self._turned(desk, intent.instrument, str(error) or "no answer in time")
        self._unknown(desk, intent)
