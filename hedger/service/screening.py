"""Thousands of books looked at together: which of those that are due surely need no step.

After each step a book's numbers are put on a shelf; while nothing but prices and time moves, one
vectorised screen (`hedger.core.screen`) passes over all books that are inside their bands, and only
the others are loaded and decided. Nothing is ever acted on from here: what is not passed over goes
through the ordinary step, which reads the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hedger.core.columns import Book, Ints
from hedger.core.exposure import Layout
from hedger.core.model import Action, Decision
from hedger.core.screen import REASON, screen
from hedger.core.shelf import NEVER_MS, Shelf
from hedger.service.alarms import NakedWatch
from hedger.service.feed import Listener
from hedger.service.journal import Journal
from hedger.service.roster import READ_S_MAX, Desk
from hedger.service.world import World
from hedger.telemetry import logger

SHELF_MAX = 512
"""Books on one shelf: one that changes its legs has no more than these laid out anew."""
SHARE = 4.0
"""Screens leave at least three quarters of the time to everything else."""
READS_MAX = 16
"""So many books of one screen at most are read only because `READ_S_MAX` has gone by, so that a
hedge never waits behind very many looks..."""
READ_S_LAST = 30.0
"""... and after this long each is in any case."""


@dataclass(slots=True)
class _Rack:
    """One shelf of a venue, what is laid out from it, and when its books' inputs become too old."""

    venue: str
    shelf: Shelf = field(default_factory=Shelf)
    laid_out: Layout | None = None
    limit_ms: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    soonest_ms: int = NEVER_MS


@dataclass(slots=True)
class _Place:
    """Where a book lies, as it was at its last step, and when it was last read for one."""

    rack: _Rack
    slot: int
    book: Book
    read_s: float


class Screening:
    """The shelves of one worker."""

    def __init__(
        self,
        world: World,
        *,
        listeners: Mapping[str, Listener],
        journal: Journal,
        naked: NakedWatch,
    ) -> None:
        self._clock = world.clock
        self._metrics = world.metrics
        self._listeners = listeners
        self._journal = journal
        self._naked = naked
        self._racks: list[_Rack] = []
        self._places: dict[str, _Place] = {}
        self._reads = 0
        self.next_s = float("-inf")
        """When the next screen may begin."""
        self._log = logger(worker=world.params.worker)

    def see(self, desk: Desk, decision: Decision) -> None:
        """A step decided a book; only one that was left inside its band is screened.

        It is as old as its state, which the step may have known from one before.
        """
        if desk.params.also or desk.params.sources:
            return  # a screen looks at one venue's market: these are stepped each time
        place = self._places.get(desk.name)
        inside = decision.action is Action.NO_TRADE and decision.reason == REASON
        if not inside or desk.book is None:
            if place is not None:
                place.rack.shelf.distrust(desk.name)
            return
        if place is not None and place.book is desk.book and place.rack.shelf.judges(desk.name):
            place.read_s = desk.read_s
            return
        rack = place.rack if place is not None else self._rack(desk.params.venue)
        row = self._listeners[desk.params.venue].board.market().row
        slot = rack.shelf.put(desk.book, desk.params.rules, row)
        self._places[desk.name] = _Place(rack, slot, desk.book, desk.read_s)

    def forget(self, desk: Desk) -> None:
        """The book is another worker's."""
        place = self._places.pop(desk.name, None)
        if place is not None:
            place.rack.shelf.remove(desk.name)

    def may_look(self, now_s: float) -> bool:
        """Whether enough time has gone by since the last screen, measured by what that took."""
        return now_s >= self.next_s

    def overdue(self, market_ms: int) -> list[str]:
        """Books passed over of which an input has become too old since; each is told once."""
        found: list[str] = []
        for rack in self._racks:
            if rack.soonest_ms > market_ms:
                continue
            late = rack.limit_ms <= market_ms
            slots = set(np.flatnonzero(late).tolist())
            found += [name for name, slot in rack.shelf.slots() if slot in slots]
            rack.limit_ms[late] = NEVER_MS
            rack.soonest_ms = int(rack.limit_ms.min())
        return found

    def sift(self, desks: Sequence[Desk], market_ms: int) -> tuple[list[str], list[str]]:
        """Names of those that are passed over, and of those to be stepped."""
        began_s = self._clock.monotonic_s()
        quiet: list[str] = []
        flagged: list[str] = []
        lots: dict[int, list[str]] = {}
        for desk in desks:
            place = self._places.get(desk.name)
            if place is None or place.book is not desk.book:
                flagged.append(desk.name)
            else:
                lots.setdefault(id(place.rack), []).append(desk.name)
        self._reads = 0
        for names in lots.values():
            try:
                passed = self._look(names, market_ms, began_s)
            except Exception:  # then each is stepped, as if there were no screen
                self._metrics.count("defects")
                self._log.exception("defect", during="screen")
                passed = set()
            quiet += passed
            flagged += [name for name in names if name not in passed]
        inside = set(quiet)
        self._naked.inside(inside)
        for desk in desks:
            if desk.name in inside:
                desk.measuring.inside(market_ms)
        took_s = self._clock.monotonic_s() - began_s
        self.next_s = began_s + SHARE * took_s
        self._metrics.count("screened", len(quiet))
        self._metrics.observe("screen_us", took_s * 1e6)
        return quiet, flagged

    # --- parts ----------------------------------------------------------------------------

    def _look(self, names: list[str], market_ms: int, now_s: float) -> set[str]:
        """Which of these books of one rack are passed over."""
        rack = self._places[names[0]].rack
        market = self._listeners[rack.venue].board.market()
        found = screen(rack.shelf, market, market_ms, laid_out=rack.laid_out)
        rack.laid_out = found.laid_out
        slots = np.array([self._places[name].slot for name in names])
        inside = found.quiet[slots].tolist()
        passed = {
            name
            for name, is_quiet in zip(names, inside, strict=True)
            if is_quiet and self._may_pass(name, now_s)
        }
        limit_ms = np.full(found.quiet.size, NEVER_MS)
        limit_ms[: rack.limit_ms.size] = rack.limit_ms  # of books that were not asked for
        limit_ms[slots] = found.limit_ms[slots]
        rack.limit_ms, rack.soonest_ms = limit_ms, int(limit_ms.min(initial=NEVER_MS))
        return passed

    def _may_pass(self, name: str, now_s: float) -> bool:
        """Whether what is known of a book is young enough, and nothing of it is to be written."""
        age_s = now_s - self._places[name].read_s
        if age_s < READ_S_MAX and self._journal.passes(name, REASON, now_s=now_s):
            return True
        if age_s < READ_S_LAST and self._reads >= READS_MAX:
            return self._journal.passes(name, REASON, now_s=now_s, late=True)
        self._reads += 1
        return False

    def _rack(self, venue: str) -> _Rack:
        """A rack of this venue with room, a new one if there is none."""
        for rack in self._racks:
            if rack.venue == venue and len(rack.shelf) < SHELF_MAX:
                return rack
        self._racks.append(_Rack(venue))
        return self._racks[-1]
