"""One step of one book: read, decide, record, send; the only writer of decisions.

A quote alone is decided on the state as it was last read, under the same lease and with nothing
open: BEGIN and NOTE refuse what was decided on a book that has changed since, whoever changed it,
and then it is read again. Whatever else makes a book due has it read: a timer every second too, but
for books that a screen passes over, which are read every `READ_S_MAX` seconds.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec

from hedger.core.book import book as columns
from hedger.core.decide import decide
from hedger.core.model import Action, BookState, Decision, Intent, Memory, Plan, Refusal
from hedger.ports import Lease
from hedger.service.acts import Acts
from hedger.service.chronicle import Chronicle
from hedger.service.entry import Timings
from hedger.service.execution import Execution
from hedger.service.journal import Journal
from hedger.service.markets import Markets
from hedger.service.ownership import Ownership
from hedger.service.roster import READ_S_MAX, Desk
from hedger.service.scheduler import Due
from hedger.service.world import World
from hedger.telemetry import logger


class Stepper:
    """Makes and records decisions.

    Parameters
    ----------
    learn
        Fetches contract data that a state names and the desk does not have.
    orphaned
        Given an open intent that nobody here is sending: its outcome is unknown.
    decided
        Told of every decision, written down or not.
    check
        Compares a book with its venue soon.
    doubt
        Why no deadline may be set at a venue now; empty where one may.
    """

    def __init__(
        self,
        world: World,
        *,
        markets: Markets,
        ownership: Ownership,
        execution: Execution,
        journal: Journal,
        chronicle: Chronicle,
        acts: Acts,
        learn: Callable[[Desk, BookState], Awaitable[None]],
        orphaned: Callable[[Desk, Intent], None],
        decided: Callable[[Desk, Decision], None],
        check: Callable[[Desk], None],
        doubt: Callable[[str], str],
        turned: Callable[[Desk, str, str], None],
    ) -> None:
        self._open_max = world.params.open_max
        self._store = world.store
        self._clock = world.clock
        self._metrics = world.metrics
        self._markets = markets
        self._ownership = ownership
        self._execution = execution
        self._journal = journal
        self._chronicle = chronicle
        self._acts = acts
        self._learn, self._orphaned, self._decided = learn, orphaned, decided
        self._check, self._doubt, self._turned = check, doubt, turned
        self._log = logger(worker=world.params.worker)

    async def step(self, desk: Desk, due: Due) -> bool:
        """Load, decide, record; False where a decision to trade found no room in the lease."""
        lease = self._ownership.lease(desk.shard)
        if lease is None or not desk.ready:
            return True
        started_s = self._clock.monotonic_s()
        known, desk.known = desk.known, None  # whatever fails from here on has it read again
        young = started_s - desk.read_s < READ_S_MAX
        if known is not None and due.only_quotes and young and known[0] == lease.epoch:
            state = known[1]
        else:
            found = await self._read(desk)
            if found is None:
                return True
            state = found
        loaded_s = self._clock.monotonic_s()
        decision = self._unless_paused(desk, self._decide(desk, state), state)
        decided_s = self._clock.monotonic_s()
        timings = Timings(
            quote_us=None if math.isnan(due.arrival_s) else _us(started_s - due.arrival_s),
            load_us=_us(loaded_s - started_s),
            decide_us=_us(decided_s - loaded_s),
        )
        try:
            if decision.action is Action.HEDGE and len(state.intents) < self._open_max:
                return await self._hedge(desk, lease, state, decision, due, timings)
            changed = await self._note(desk, lease, state, decision, timings)
            await self._acts.follow(desk, lease, state, decision)
        finally:  # whoever watches is told after the order, and of what could not be written too
            self._metrics.observe("load_us", timings.load_us)
            self._metrics.observe("decide_us", timings.decide_us)
            self._decided(desk, decision)
        if not (state.intents or changed) and state.act is None:
            desk.known = (lease.epoch, state)
        return True

    def judge(self, desk: Desk) -> Decision | None:
        """What would be decided on the revision last read; never acted on."""
        if desk.book is None:
            return None
        market = self._markets.of(desk)
        return decide(desk.book, market, desk.params.rules, self._clock.market_ms())

    async def note_rejection(
        self, desk: Desk, decision: Decision, intent: Intent, reason: str
    ) -> None:
        """Write down that the venue refused an order, beside the decision that wanted it."""
        said = msgspec.structs.replace(
            decision, action=Action.BLOCKED, reason="venue_rejected", text=reason
        )
        await self._chronicle.note(desk, said, intents=(intent,))

    # --- parts ----------------------------------------------------------------------------

    async def _read(self, desk: Desk) -> BookState | None:
        """The book as the store has it now; None where it must not be decided here."""
        desk.read_s = self._clock.monotonic_s()
        state = await self._store.load(desk.name)
        if state is None or not self._same_config(desk, state):
            return None
        if state.intents and not self._execution.sending[desk.name]:
            for intent in state.intents:
                self._orphaned(desk, intent)
        if not desk.needs(state) <= set(desk.instruments):
            await self._learn(desk, state)
        if desk.state is not None and desk.state.stopped and not state.stopped:
            # A person lets it go on; what the venue did meanwhile is not known yet.
            desk.pause.begin("resumed after a stop", *(r.mark for r in desk.params.routes))
            self._check(desk)
        return state

    def _decide(self, desk: Desk, state: BookState) -> Decision:
        if desk.book is None or (state is not desk.state and state != desk.state):
            held = {name: lots for name, lots in state.positions.items() if lots}
            desk.book = columns(
                msgspec.structs.replace(state, positions=held),
                desk.instruments,
                account=desk.params.account,
                hedges=desk.params.hedges,
                previous=desk.book,
                accounts=tuple(r.name(r.account) for r in desk.params.routes[1:]),
            )
            desk.state = state
        if desk.book.samples != desk.measuring.samples:
            desk.book = replace(desk.book, samples=desk.measuring.samples)
        if desk.book.readings is not desk.readings:
            desk.book = replace(desk.book, readings=desk.readings)
        market = self._markets.of(desk)
        decision = decide(desk.book, market, desk.params.rules, self._clock.market_ms())
        desk.measuring.see(decision)
        return decision

    def _unless_paused(self, desk: Desk, decision: Decision, state: BookState) -> Decision:
        """A hedge waits while something has moved that is not known well enough yet."""
        if decision.action is not Action.HEDGE or decision.plan is None:
            return decision
        if desk.pause:
            text = f"paused until positions have been read again: {desk.pause.reason}"
        elif moved_ms := self._behind(desk):
            text = f"paused until balances contain the transfer of market instant {moved_ms}"
        elif doubt := self._doubtful(desk, decision.plan):
            text = f"paused until deadlines can be relied on again: {doubt}"
        else:
            return decision
        refusal = Refusal(rule="paused", wanted=decision.plan.wanted, allowed=0.0, reason=text)
        return msgspec.structs.replace(
            decision,
            action=Action.BLOCKED,
            reason="paused",
            text=text,
            refusals=(*decision.refusals, refusal),
            plan=msgspec.structs.replace(decision.plan, lines=()),
            memory=state.memory,
        )

    def _doubtful(self, desk: Desk, plan: Plan) -> str:
        """Why no deadline may be set at a venue that the plan goes to; empty where one may.

        Of several venues the others go first from then on.
        """
        for line in plan.lines:
            if doubt := self._doubt(desk.params.route_of(line.instrument).venue):
                self._turned(desk, line.instrument, doubt)
                return doubt
        return ""

    def _behind(self, desk: Desk) -> int:
        """The last transfer that the balances last seen do not contain yet; 0 for none."""
        if not desk.moved_ms:
            return 0
        known = self._markets.of(desk).accounts
        late = [ms for n, ms in desk.moved_ms.items() if n in known and known[n].time_ms < ms]
        return max(late, default=0)

    async def _hedge(
        self,
        desk: Desk,
        lease: Lease,
        state: BookState,
        decision: Decision,
        due: Due,
        timings: Timings,
    ) -> bool:
        """Record the intents, then send them; nothing is sent that is not recorded."""
        entry_id = self._journal.next_id(desk.name, lease.epoch)
        intents = self._execution.intents(desk, decision, lease=lease, decision_id=entry_id)
        if not intents:
            self._metrics.count("no_room_in_lease")
            return False
        entry = self._journal.entry(
            decision, entry_id=entry_id, epoch=lease.epoch, intents=intents, timings=timings
        )
        begun_s = self._clock.monotonic_s()
        await self._store.begin(
            lease,
            desk.name,
            seq=decision.seq,
            facts=state.facts,
            intents=intents,
            reduces=decision.plan is not None and decision.plan.reduces,
            memory=decision.memory,
            entry=entry,
        )
        recorded_s = self._clock.monotonic_s()
        self._execution.dispatch(desk, intents, decision)
        if desk.book is not None:
            desk.measuring.taken(desk.book.samples)
        self._journal.written(decision)
        self._metrics.observe("begin_us", _us(recorded_s - begun_s))
        if not math.isnan(due.arrival_s):
            self._metrics.observe("quote_to_intent_us", _us(recorded_s - due.arrival_s))
        self._tell(decision, entry_id, lease, [intent.id for intent in intents])
        return True

    async def _note(
        self, desk: Desk, lease: Lease, state: BookState, decision: Decision, timings: Timings
    ) -> bool:
        """Write the decision down if it says something new; a quiet tick writes nothing.

        Returns whether the book's memory is another one now.
        """
        repeats = self._journal.repeats(decision)
        memory = _remembering(state.memory, decision)
        if not repeats and memory is state.memory:
            return False
        repeats = repeats or 1
        entry_id = self._journal.next_id(desk.name, lease.epoch)
        entry = self._journal.entry(
            decision, entry_id=entry_id, epoch=lease.epoch, timings=timings, repeats=repeats
        )
        await self._store.note(
            lease,
            desk.name,
            seq=decision.seq,
            facts=state.facts,
            memory=memory,
            entry=entry,
        )
        self._journal.written(decision)
        self._tell(decision, entry_id, lease, [])
        return memory is not state.memory

    def _same_config(self, desk: Desk, state: BookState) -> bool:
        desk.stored_digest = state.digest
        if not desk.may_run:
            desk.ready = False
            self._log.error(
                "config_differs", book=desk.name, stored=state.digest, mine=desk.params.digest
            )
        return desk.may_run

    def _tell(self, decision: Decision, entry_id: str, lease: Lease, intents: list[str]) -> None:
        self._metrics.count(f"decisions_{decision.action}")
        exposure = decision.exposure
        self._log.info(
            "decision",
            book=decision.book,
            epoch=lease.epoch,
            decision=entry_id,
            action=decision.action,
            reason=decision.reason,
            text=decision.text,
            hold=decision.hold,
            act=decision.act,
            market_ms=decision.time_ms,
            delta=None if exposure is None else exposure.book_delta,
            intents=intents,
        )


def _remembering(memory: Memory, decision: Decision) -> Memory:
    """What is to be kept of a decision that sends nothing: what scalers said, if that is new.

    A level of a grid is passed once, whether or not that led to a trade, and a wish for another
    scale is as old as it is.
    """
    scales, resized = decision.memory.scales, decision.memory.resized
    if (scales, resized) == (memory.scales, memory.resized):
        return memory
    return msgspec.structs.replace(memory, scales=scales, resized=resized)


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
