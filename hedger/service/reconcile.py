"""A book and its venue brought to agree: on taking it over, and lightly from then on.

The venue's history is applied and positions are compared before the first decision: a store that
was lost or replaced must not hedge a second time what is hedged. Positions are compared only with
nothing in flight, and must differ twice before anything follows: one difference may be a fill on
its way, but a delta that rests on a position which the venue denies is no delta. What a lasting
difference means, and whether the store is corrected or the book stopped, `verdict` says.

A server that has come back may have forgotten orders that are on their way. Under one that is new
to a shard, nothing of its books is read before whatever an earlier one allowed has passed its
deadline; that this was done is recorded with the shard, by whoever did it to the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hedger.core.model import venue_of
from hedger.errors import HedgerError, LeaseLost, OutOfStep, UnknownVersion
from hedger.ports import BookSeed, Changes, Lease
from hedger.service.aftermath import Aftermath, stop_of
from hedger.service.alarms import halt
from hedger.service.history import History
from hedger.service.ownership import Ownership
from hedger.service.resolver import Resolver
from hedger.service.roster import Desk
from hedger.service.verdict import verdict
from hedger.service.world import World
from hedger.store.keys import first_seq
from hedger.telemetry import logger

RETRY_S_MIN = 0.1
RETRY_S_MAX = 2.0
SECOND_LOOK_S = 0.5
QUIET_S = 0.25
QUIET_TRIES = 20
"""A busy book is watched this often, and so many times, for a moment with nothing in flight."""
TURNS = 16
"""So many books of one venue are enrolled or adopted at once: thousands that ask the store together
would wait longer for a connection than an answer may take, and fail all of them."""


class Reconciler:
    """Brings the store and the venues of one worker's books to agree."""

    def __init__(
        self,
        world: World,
        *,
        history: History,
        ownership: Ownership,
        resolver: Resolver,
        aftermath: Aftermath,
        in_flight: Callable[[str], bool],
    ) -> None:
        self._store = world.store
        self._lease_ms = world.params.lease_ms
        self._now_s = world.clock.monotonic_s
        self._market_ms = world.clock.market_ms
        self._outlasts_s = world.params.order_timeout_ms_max / 1_000 + world.margin_s
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._history = history
        self._ownership = ownership
        self._resolver = resolver
        self._aftermath = aftermath
        self._in_flight = in_flight
        self._turns = {name: asyncio.Semaphore(TURNS) for name in world.venues}
        self._log = logger(worker=world.params.worker)

    async def enrol(self, desk: Desk) -> None:
        """Seed a new book; learn under which configuration the store keeps it."""
        async with self._turns[desk.params.venue]:
            await self._enrol(desk)

    async def _enrol(self, desk: Desk) -> None:
        try:
            known = await self._store.load(desk.name)
        except UnknownVersion as error:
            self._leave(desk, error)
            return
        desk.unreadable = False
        if desk.params.also:
            # Before this worker wants the book: another may know these while a venue is silent.
            await self._history.hedges(desk)
        if known is not None:
            digest = known.digest
        else:
            positions = desk.params.positions
            if positions is None:
                positions = await self._history.opening(desk)
            since_ms = max(self._market_ms(), 1)
            seed = BookSeed(desk.name, desk.params.digest, positions, since_ms)
            digest = await self._store.seed(seed)
        if digest not in (desk.params.digest, desk.stored_digest):
            self._log.error(
                "config_differs",
                book=desk.name,
                stored=digest,
                mine=desk.params.digest,
                expected="the same digest; `hedger config apply` adopts a configuration",
            )
        desk.stored_digest = digest

    async def adopt(self, desk: Desk, lease: Lease) -> bool:
        """Make a claimed book ready; tried again until it is, or that lease has ended.

        False also where the book may not run here now: not in the store, or stored under another
        configuration or version. Enrolment sees when that has changed.
        """
        wait_s, since_s = RETRY_S_MIN, self._now_s()
        while self._ownership.keeps(lease):
            try:
                await self._outlast(lease, since_s)
                async with self._turns[desk.params.venue]:
                    return self._ownership.keeps(lease) and await self._adopt(desk, lease)
            except UnknownVersion as error:
                self._leave(desk, error)
                return False
            except LeaseLost as error:  # for now, or for good: then the loop ends
                self._log.info("adopt_waits", book=desk.name, reason=str(error))
            except (HedgerError, TimeoutError, ValueError) as error:
                self._metrics.count("adopt_retries")
                self._alarms.raise_(
                    "not_ready", book=desk.name, reason=str(error) or "no answer in time"
                )
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RETRY_S_MAX)
        return False

    def _leave(self, desk: Desk, error: UnknownVersion) -> None:
        if not desk.unreadable:
            self._log.error("book_unreadable", book=desk.name, reason=str(error))
        desk.leave()

    async def _outlast(self, lease: Lease, since_s: float) -> None:
        """Wait until no order that an earlier incarnation of the server allowed can be alive."""
        if await self._is_settled(lease):
            return
        left_s = since_s + self._outlasts_s - self._now_s()
        if left_s > 0.0:
            await asyncio.sleep(left_s)

    async def _is_settled(self, lease: Lease) -> bool:
        """Whether this incarnation of the server is the first, or has been reckoned with."""
        return lease.run_id == self._store.born or await self._store.is_reconciled(lease)

    async def _renumber(self, desk: Desk, lease: Lease) -> None:
        """Under a new incarnation, use numbers that no forgotten order can have.

        The history tells the numbers of orders that filled. One that was forgotten and never filled
        may still be known to the venue, as cancelled, and would answer for the next of its number.
        """
        await self._store.fast_forward(lease, desk.name, seq=first_seq(lease.epoch))

    async def _adopt(self, desk: Desk, lease: Lease) -> bool:
        state = await self._store.load(desk.name)
        if state is None or state.digest != desk.params.digest:
            desk.stored_digest = state.digest if state is not None else ""
            return False
        heard = desk.pause.events
        # A server that may have forgotten fills is trusted only where every venue was read.
        settled = await self._is_settled(lease)
        await self._history.catch_up(desk, state, whole=True, partly=settled)
        if not settled:
            await self._renumber(desk, lease)
        state = await self._store.load(desk.name) or state
        await self._history.learn(desk, state)
        await self._compare(desk, lease, heard)
        if not self._still(lease):
            raise LeaseLost(f"shard {lease.shard} is not surely held, or on its way out")
        for intent in state.intents:
            self._resolver.add(desk, intent)
        desk.ready, desk.stranded, desk.ready_s = True, False, self._now_s()
        self._log.info(
            "book_ready", book=desk.name, epoch=lease.epoch, seq=state.seq, open=len(state.intents)
        )
        return True

    def _still(self, lease: Lease) -> bool:
        now = self._ownership.lease(lease.shard)
        return now is not None and now.epoch == lease.epoch

    async def check(self, desk: Desk) -> None:
        """Apply what was missed, then compare positions."""
        try:
            await self._check(desk)
        except LeaseLost as error:
            self._log.info("check_stops", book=desk.name, reason=str(error))
        except (HedgerError, TimeoutError) as error:  # the next round looks again
            self._metrics.count("check_failures")
            self._log.warning("check_failed", book=desk.name, reason=str(error) or "no answer")
        except Exception:
            self._metrics.count("defects")
            self._log.exception("defect", during="check", book=desk.name)

    async def _check(self, desk: Desk) -> None:
        state = await self._store.load(desk.name)
        lease = self._ownership.lease(desk.shard)
        if state is None or not desk.ready or lease is None:
            return
        heard = desk.pause.events
        await self._history.catch_up(desk, state, whole=False, partly=True)
        if desk.unwatched:
            await self._history.learn(desk, state)
        for _ in range(QUIET_TRIES):
            if await self._compare(desk, lease, heard):
                return
            await asyncio.sleep(QUIET_S)

    async def _compare(self, desk: Desk, lease: Lease, heard: int) -> bool:
        """Correct or stop a book whose positions differ twice; False while it cannot be compared.

        A comparison that came to an end also ends the pause for everything that was ``heard``
        before the history was read for it. A stopped book is left to whoever will resume it. The
        second look offers every fill again, and counts only if the lease still holds after it: a
        server that restarts between the looks forgets fills, which the next take-over brings.
        """
        state = await self._store.load(desk.name)
        if state is not None and not state.stopped:
            differences = await self._differences(desk)
            if differences:
                await asyncio.sleep(SECOND_LOOK_S)
                await self._history.catch_up(desk, state, whole=True, partly=True)
                differences = await self._differences(desk, surely=True)
            if differences is None:
                return False
            if differences:
                await self._store.renew(lease, lease_ms=self._lease_ms)
                await self._judge(desk, lease, differences)
        desk.pause.end(heard, silent=desk.silent)
        return True

    async def _differences(self, desk: Desk, *, surely: bool = False) -> Changes | None:
        """What the store holds and what the venue does, where they differ; None while in motion.

        ``surely`` reads the history once more after the positions: what moved between the two
        readings shows there, and then nothing is said.
        """
        before = await self._store.load(desk.name)
        if before is None or before.intents or self._in_flight(desk.name):
            return None
        held = await self._history.held(desk)
        if surely:
            await self._history.catch_up(desk, before, whole=False, partly=True)
        after = await self._store.load(desk.name)
        if after is None or (after.seq, after.positions) != (before.seq, before.positions):
            return None
        pairs = {
            name: (after.positions.get(name, 0), held.get(name, 0))
            for name in sorted({*after.positions, *held})
            if venue_of(name) not in desk.silent
        }
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    async def _judge(self, desk: Desk, lease: Lease, differences: Changes) -> None:
        """Make the store agree with the venue and say why, or stop the book."""
        self._metrics.count("positions_differ")
        params = desk.params
        found = verdict(differences, desk.foreign, hedges=params.hedges, policy=params.unexplained)
        if found.stop:
            where = " and ".join(f"account {r.account} at {r.venue}" for r in params.routes)
            await halt(
                self._store,
                self._alarms,
                book=desk.name,
                what="positions_differ",
                reason=f"positions differ from {where}: {found.stop}",
                stop=True,
            )
            return
        state = await self._store.load(desk.name)
        if state is None:
            raise OutOfStep(f"book {desk.name} is not in the store any more")
        why = "; ".join(cause.text for cause in found.causes)
        self._aftermath.warn(desk, found.causes)
        await self._store.correct(
            lease,
            desk.name,
            seq=state.seq,
            facts=state.facts,
            changes=found.changes,
            why=why,
            memory=self._aftermath.memory(state.memory, found.causes),
            stop=stop_of(found.causes),
        )
        desk.foreign.explained(found.fills)
        await self._aftermath.follow(desk, found.causes)
