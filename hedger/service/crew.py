"""The parts of one worker, made and joined; and what happens when a shard comes or goes."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hedger.clock import wall_ms
from hedger.core.model import BandRule, Decision
from hedger.errors import StoreError
from hedger.ports import Lease
from hedger.service.acts import Acts
from hedger.service.aftermath import Aftermath
from hedger.service.alarms import NakedWatch
from hedger.service.answers import AnswerFits
from hedger.service.chronicle import Chronicle
from hedger.service.execution import Execution
from hedger.service.feed import Listener
from hedger.service.fills import Fills
from hedger.service.gauges import Gauges
from hedger.service.history import History
from hedger.service.journal import Journal
from hedger.service.ladder import Ladders
from hedger.service.markets import Markets
from hedger.service.ownership import Ownership
from hedger.service.reconcile import Reconciler
from hedger.service.references import References
from hedger.service.resolver import Resolver
from hedger.service.roster import Desk, Roster
from hedger.service.rounds import Rounds
from hedger.service.scheduler import Scheduler
from hedger.service.screening import Screening
from hedger.service.shadows import Shadows
from hedger.service.smiles import SmileFits
from hedger.service.step import Stepper
from hedger.service.strangers import Strangers
from hedger.service.transfers import Transfers
from hedger.service.tuner import Tuner
from hedger.service.unkept import Unkept
from hedger.service.venue_clock import VenueClocks
from hedger.service.worker import Worker
from hedger.service.world import World
from hedger.telemetry import logger


class Crew:
    """Everything that one worker process runs, joined by callbacks; `loops` are its tasks."""

    def __init__(self, world: World) -> None:
        params, now_s = world.params, world.clock.monotonic_s
        self.world = world
        self.roster = Roster(params.books, world.store)
        self.ownership = Ownership(
            world,
            wanted=self.roster.wanted,
            partial=self.roster.partial,
            claimed=self._claimed,
            lost=self._lost,
            idle=self._idle,
        )
        self.scheduler = Scheduler(
            min_interval_s=params.min_interval_ms / 1_000,
            time_trigger_s=params.time_trigger_ms / 1_000,
        )
        self.naked = NakedWatch(
            alarms=world.alarms, longest_s=params.naked_ms_max / 1_000, now_s=now_s
        )
        self.journal = Journal(worker=params.worker, wall_ms=wall_ms, now_s=now_s)
        self.chronicle = Chronicle(world, ownership=self.ownership, journal=self.journal)
        self.aftermath = Aftermath(world, ownership=self.ownership, chronicle=self.chronicle)
        self.strangers = Strangers(
            world,
            roster=self.roster,
            chronicle=self.chronicle,
            check=lambda desk: self.rounds.check(desk),  # noqa: PLW0108
        )
        self.transfers = Transfers(world, aftermath=self.aftermath, chronicle=self.chronicle)
        self.fills = Fills(world, aftermath=self.aftermath)
        self.clocks = VenueClocks(world)
        self.listeners = {name: self._listener(name) for name in world.feeds}
        self.screening = Screening(
            world, listeners=self.listeners, journal=self.journal, naked=self.naked
        )
        self.worker = Worker(
            world,
            roster=self.roster,
            listeners=self.listeners,
            ownership=self.ownership,
            scheduler=self.scheduler,
            screening=self.screening,
            naked=self.naked,
        )
        self._join_orders()
        self._join_books()
        self._join_onlookers()
        self._log = logger(worker=params.worker)
        self._adopting: set[tuple[str, int]] = set()

    def _listener(self, venue: str) -> Listener:
        # Worker and rounds are made after the listeners, hence the late look-ups.
        return Listener(
            self.world,
            venue,
            mark=lambda books, arrival_s: self.worker.quoted(books, arrival_s),  # noqa: PLW0108
            quiet=self._quiet,
            overflow=lambda venue: self.rounds.check_venue(venue),  # noqa: PLW0108
            stirred=self.strangers.hear,
            heard=lambda venue, batch: self.shadows.heard(venue, batch),  # noqa: PLW0108
        )

    def _join_orders(self) -> None:
        self.execution = Execution(
            self.world,
            ownership=self.ownership,
            fills=self.fills,
            unknown=lambda desk, intent: self.resolver.add(desk, intent),  # noqa: PLW0108
            rejected=self.worker.rejected,
            ended=self.worker.ended,
            turned=self.aftermath.turned_away,
        )
        self.resolver = Resolver(
            self.world,
            ownership=self.ownership,
            execution=self.execution,
            read_clock=self.clocks.read,
            ended=self.worker.ended,
        )

    def _join_books(self) -> None:
        history = History(
            self.world,
            listeners=self.listeners,
            ownership=self.ownership,
            fills=self.fills,
            transfers=self.transfers,
        )
        self.reconciler = Reconciler(
            self.world,
            history=history,
            ownership=self.ownership,
            resolver=self.resolver,
            aftermath=self.aftermath,
            in_flight=self.in_flight,
        )
        self.rounds = Rounds(
            self.world,
            roster=self.roster,
            listeners=self.listeners,
            fills=self.fills,
            history=history,
            aftermath=self.aftermath,
            transfers=self.transfers,
            reconciler=self.reconciler,
            mark=self.worker.mark,
            left_out=self._left_out,
        )
        self.markets = Markets(self.listeners)  # one, as legs remember their places in its rows
        self.tuner = Tuner(self.world, markets=self.markets, chronicle=self.chronicle)
        self.worker.stepper = Stepper(
            self.world,
            markets=self.markets,
            ownership=self.ownership,
            execution=self.execution,
            journal=self.journal,
            chronicle=self.chronicle,
            acts=Acts(self.world, execution=self.execution, mark=self.worker.mark),
            learn=history.learn,
            orphaned=self.resolver.add,
            decided=self._decided,
            check=self.rounds.check,
            doubt=self.clocks.doubt,
            turned=self.aftermath.turned_away,
        )

    def _join_onlookers(self) -> None:
        self.ladders = Ladders(
            self.world,
            roster=self.roster,
            markets=self.markets,
            ownership=self.ownership,
            chronicle=self.chronicle,
            mark=self.worker.mark,
        )
        self.unkept = Unkept(
            self.world,
            roster=self.roster,
            ownership=self.ownership,
            judge=self.worker.stepper.judge,
        )
        self.gauges = Gauges(
            self.world,
            roster=self.roster,
            markets=self.markets,
            traffic=self.execution.traffic,
            told=self.ladders.measured,
        )
        self.references = References(self.world, roster=self.roster, listeners=self.listeners)
        self.shadows = Shadows(
            self.world,
            roster=self.roster,
            listeners=self.listeners,
            markets=Markets(self.listeners),
            ownership=self.ownership,
            journal=self.journal,
            quiet=lambda venue: self.scheduler.quiet(self.roster.of_venue(venue)),
        )

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs until the worker stops."""
        listeners = self.listeners.values()
        return [
            self.ownership.run(),
            self.worker.run(),
            self.worker.watch(),
            self.unkept.run(),
            self.ladders.run(),
            self.clocks.run(),
            *(listener.run() for listener in listeners),
            *(listener.pace() for listener in listeners),
            *self.rounds.loops(),
            *([SmileFits(self.world, listeners).run()] if self._wants_smiles() else []),
            *([AnswerFits(self.world, listeners).run()] if self._wants_answers() else []),
            *([self.shadows.run()] if self.shadows.wanted else []),
            *([self.gauges.run()] if self.gauges.wanted else []),
            *([self.references.run()] if self.references.wanted else []),
        ]

    def _bands(self) -> list[BandRule]:
        """Of the books and of their shadows."""
        books = [desk.params for desk in self.roster]
        shadows = [shadow.band for book in books for shadow in book.shadows]
        return [book.rules.band for book in books] + shadows

    def _wants_smiles(self) -> bool:
        return any(band.delta.startswith("sticky") for band in self._bands())

    def _wants_answers(self) -> bool:
        """Whether a band's answer of vols is not configured."""
        return any(
            band.delta == "minimum_variance" and not any(band.answer) for band in self._bands()
        )

    # --- what the supervisor asks ---------------------------------------------------------

    def is_settled(self) -> bool:
        """Whether what was free has been claimed, and what was claimed is ready."""
        known = all(desk.is_known for desk in self.roster)
        return known and self.ownership.has_looked(self.roster.wanted()) and not self._adopting

    def is_idle(self) -> bool:
        """Whether nothing at all is in flight."""
        return not any(self.worker.stepping(d.name) or self.in_flight(d.name) for d in self.roster)

    # --- what the parts ask and tell ------------------------------------------------------

    def in_flight(self, book: str) -> bool:
        """Whether an order of a book has no recorded end yet."""
        return self.execution.sending[book] > 0 or self.resolver.busy(book)

    def _decided(self, desk: Desk, decision: Decision) -> None:
        self.worker.decided(desk, decision)
        self.shadows.decided(desk)
        self.tuner.see(desk, decision)
        self.references.see(desk, decision)

    def _idle(self, shard: int) -> bool:
        return not any(
            self.worker.stepping(desk.name) or self.in_flight(desk.name)
            for desk in self.roster.of_shard(shard)
        )

    def _quiet(self, venue: str) -> bool:
        books = self.roster.of_venue(venue)
        sending = (book for book, orders in self.execution.sending.items() if orders)
        if not self.scheduler.quiet(books) or any(book in books for book in sending):
            return False
        if not self.shadows.keep_up(venue):
            return False
        desks = (self.roster[book] for book in books)
        return not any(desk.pause and desk.ready for desk in desks)

    def _claimed(self, lease: Lease) -> None:
        for desk in self.roster.of_shard(lease.shard):
            desk.ready = False
            self._begin(desk, lease)

    def _left_out(self, desk: Desk) -> None:
        """A book may run that was not ready to when its shard was claimed."""
        lease = self.ownership.held(desk.shard)
        if lease is not None:
            self._begin(desk, lease)

    def _begin(self, desk: Desk, lease: Lease) -> None:
        """Take a book over, unless that is under way."""
        task = desk.name, lease.epoch
        if task not in self._adopting:
            self._adopting.add(task)
            if desk.params.sources:
                self.world.spawn(self.references.listen(desk))
            self.world.spawn(self._take_over(desk, lease))

    async def _take_over(self, desk: Desk, lease: Lease) -> None:
        try:
            if await self.reconciler.adopt(desk, lease):
                self.scheduler.add(desk.name, now_s=self.world.clock.monotonic_s())
                self.worker.mark(desk.name)
                self.rounds.check(desk)
                await self._reconciled(lease)
        except Exception:
            self.world.metrics.count("defects")
            self._log.exception("defect", during="take over", book=desk.name)
            self.world.alarms.raise_("defect", book=desk.name, reason="take-over failed, see log")
        finally:
            self._adopting.discard((desk.name, lease.epoch))

    async def _reconciled(self, lease: Lease) -> None:
        """Spare the next owner the wait for an earlier server, once all books of a shard agree."""
        if not all(desk.ready for desk in self.roster.of_shard(lease.shard)):
            return
        try:
            await self.world.store.reconciled(lease)
        except StoreError as error:  # then whoever comes next waits again
            self._log.warning("mark_failed", shard=lease.shard, reason=str(error))

    def _lost(self, shard: int) -> None:
        for desk in self.roster.of_shard(shard):
            desk.stranded = (desk.ready or desk.stranded) and not self.ownership.reachable
            desk.ready = False
            self.scheduler.remove(desk.name)
            self.screening.forget(desk)
            self.shadows.forget(desk)
            self.tuner.forget(desk)
            self.gauges.forget(desk)
            self.references.forget(desk)
            self.journal.forget(desk.name)
            desk.measuring.forget()
            self.ladders.forget(desk.name)
            for listener in self.listeners.values():
                listener.unwatch(desk.name)
                listener.progress()
            if not desk.stranded:
                self.naked.forget(desk.name)
