"""The loop of one worker: starts a step for every due book, and decides what a failure means.

Books progress side by side, at most a fixed number at once; what is slow or broken about one
delays no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from hedger.core.model import Decision, Intent
from hedger.errors import HedgerError, LeaseLost, RevisionConflict, StoreUnavailable, UnknownVersion
from hedger.service.alarms import NakedWatch
from hedger.service.feed import Listener
from hedger.service.intents import told
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk, Roster
from hedger.service.scheduler import Due, Scheduler, Trigger, data_limit_ms
from hedger.service.screening import Screening
from hedger.service.step import Stepper
from hedger.service.world import World
from hedger.telemetry import Throttle, logger

LOOK_S = 0.05
"""How often the market's clock is asked, as nobody says when it moves."""
WATCH_S = 1.0
SCREEN_MIN = 8
"""So many books due at once are screened together; fewer are stepped as they come."""
SCREEN_WAIT_S = 0.002
"""The least wait for a screen, as the books that are due may all be too soon."""
REJECT_PAUSE_S_MIN = 0.25
REJECT_PAUSE_S_MAX = 10.0
FAILURE_PAUSE_S = 0.5
STUCK_LOG_S = 1.0


class Worker:
    """Steps the due books of one worker."""

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        listeners: Mapping[str, Listener],
        ownership: Ownership,
        scheduler: Scheduler,
        screening: Screening,
        naked: NakedWatch,
    ) -> None:
        self._steps_max = world.params.steps_max
        self._clock = world.clock
        self._metrics = world.metrics
        self._spawn = world.spawn
        self._roster = roster
        self._listeners = listeners
        self._ownership = ownership
        self._scheduler = scheduler
        self._screening = screening
        self._naked = naked
        self._wake = asyncio.Event()
        self._stepping: set[str] = set()
        self._log = logger(worker=world.params.worker)
        self._throttle = Throttle(STUCK_LOG_S, world.clock.monotonic_s)
        self.stepper: Stepper
        """Set right after construction: stepper and worker tell each other of progress."""

    # --- what the other loops tell --------------------------------------------------------

    def stepping(self, book: str) -> bool:
        """Whether a step of a book is under way."""
        return book in self._stepping

    def mark(self, book: str) -> None:
        """Make a book due and wake the loop."""
        self._scheduler.mark(book)
        self._wake.set()

    def quoted(self, books: Collection[str], arrival_s: float) -> None:
        """Make books due for new quotes; what may start does so at once, not a loop turn later."""
        for book in books:
            self._scheduler.quoted(book, arrival_s)
        self._start_due()
        if self._scheduler.waiting:  # else the loop has nothing new to wait for
            self._wake.set()

    def decided(self, desk: Desk, decision: Decision) -> None:
        """Watch the book's band, and look again when an input becomes too old."""
        self._naked.see(decision)
        self._screening.see(desk, decision)
        self._scheduler.mark_at(desk.name, data_limit_ms(decision, desk.params.rules))

    def ended(self, desk: Desk) -> None:
        """An order of a book came to an end, or to the resolver: look at the book again."""
        self.mark(desk.name)
        self._progress(desk)

    def rejected(self, desk: Desk, decision: Decision, intent: Intent, reason: str) -> None:
        """The venue refused an order: write that down, and leave the book alone for a while."""
        pause_s = min(REJECT_PAUSE_S_MIN * 2**desk.rejects, REJECT_PAUSE_S_MAX)
        desk.rejects = min(desk.rejects + 1, 10)
        self._scheduler.back_off(desk.name, self._clock.monotonic_s() + pause_s)
        self._metrics.count("orders_rejected")
        self._log.warning("venue_rejected", **told(intent), reason=reason)
        self._spawn(self.stepper.note_rejection(desk, decision, intent, reason))

    # --- the loops ------------------------------------------------------------------------

    async def run(self) -> None:
        """Start a step for every due book, at most `steps_max` at once, until cancelled."""
        while True:
            self._wake.clear()
            has_room = self._start_due()
            now_s = self._clock.monotonic_s()
            wait_s = self._wait_s(now_s) if has_room else LOOK_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _start_due(self) -> bool:
        """Start what is due and fits; False where everything is full."""
        now_s, market_ms = self._clock.monotonic_s(), self._clock.market_ms()
        many = self._screen(now_s, market_ms)
        room = self._steps_max - len(self._stepping)
        for due in self._scheduler.take(
            now_s=now_s, market_ms=market_ms, limit=room, unsure=not many
        ):
            self._stepping.add(due.book)
            self._spawn(self._step(due))
        return len(self._stepping) < self._steps_max

    def _screen(self, now_s: float, market_ms: int) -> bool:
        """Pass over what surely needs no step; False where so few are due that none is needed."""
        scheduler, screening = self._scheduler, self._screening
        scheduler.ring(now_s, market_ms)
        for book in screening.overdue(market_ms):
            scheduler.mark(book, Trigger.TIMER)
        if scheduler.unsure < SCREEN_MIN:
            return False
        if screening.may_look(now_s):
            books = scheduler.undecided(now_s=now_s, market_ms=market_ms)
            quiet, flagged = screening.sift([self._roster[book] for book in books], market_ms)
            scheduler.passed(quiet, now_s=now_s)
            scheduler.flagged(flagged)
        return True

    def _wait_s(self, now_s: float) -> float:
        """Until something may be started; unsure books wait for the next screen."""
        if self._scheduler.unsure < SCREEN_MIN:
            return self._scheduler.wait_s(now_s, longest_s=LOOK_S)
        wait_s = self._scheduler.wait_s(now_s, longest_s=LOOK_S, unsure=False)
        return min(wait_s, max(self._screening.next_s - now_s, SCREEN_WAIT_S))

    async def watch(self) -> None:
        """While the store is out of reach, judge the books that were ours, for the alarm alone."""
        while True:
            await asyncio.sleep(WATCH_S)
            for desk in self._roster:
                if not self._ownership.reachable and (desk.stranded or desk.ready):
                    self._stuck(desk, "the store is out of reach")
                elif desk.stranded and self._ownership.reachable:  # another may have it by now
                    desk.stranded = False
                    self._naked.forget(desk.name)

    async def _step(self, due: Due) -> None:
        """One step, whose failure is this book's alone."""
        desk = self._roster[due.book]
        try:
            if not await self.stepper.step(desk, due):
                self._scheduler.mark(desk.name)
        except LeaseLost as error:
            self._log.info("step_dropped", book=desk.name, reason=str(error))
        except UnknownVersion as error:
            self._metrics.count("books_unreadable")
            desk.leave()
            self._log.error("book_unreadable", book=desk.name, reason=str(error))
        except RevisionConflict as error:
            self._metrics.count("revision_conflicts")
            self._log.info("revision_conflict", book=desk.name, reason=str(error))
            if str(error).startswith("stale"):
                self._scheduler.mark(desk.name)
        except StoreUnavailable as error:
            self._metrics.count("store_unavailable")
            self._stuck(desk, f"the store is out of reach: {error}")
        except (HedgerError, TimeoutError, ValueError) as error:
            self._stuck(desk, str(error) or "no answer in time")
        except Exception:
            self._metrics.count("defects")
            self._log.exception("defect", during="step", book=desk.name)
            self._stuck(desk, "the step failed, see the log")
        finally:
            self._stepping.discard(due.book)
            self._scheduler.done(due.book)
            self._wake.set()
            self._progress(desk)

    def _progress(self, desk: Desk) -> None:
        for venue in desk.params.venues:
            self._listeners[venue].progress()

    def _stuck(self, desk: Desk, reason: str) -> None:
        """A book cannot be acted on: pause, judge it from what was last read, and say so."""
        self._scheduler.back_off(desk.name, self._clock.monotonic_s() + FAILURE_PAUSE_S)
        self._scheduler.mark(desk.name)
        try:
            decision = self.stepper.judge(desk)
        except Exception:
            self._log.exception("defect", during="judge", book=desk.name)
            return
        if decision is not None:
            self._naked.see(decision, stuck=reason)
        if (times := self._throttle.passes(desk.name)) is not None:
            self._log.warning("book_stuck", book=desk.name, reason=reason, times=times)
