"""The loop of the shadows of one worker, off every path that hedges.

What a worker knows is noted down at most once in `shadow_interval_ms` of market time, by reference
and after the live decision, into a queue of bounded length: what finds no room is dropped and
counted. Shadows look at it one after the other, in a thread, while nothing is due; what they come
to is stored with each of their hedges and every ten seconds, under the book's lease. A shadow that
fails goes on from where it last was, one that is slow misses glimpses, and neither is noticed by
whoever hedges. A replay alone, whose market stands still meanwhile, waits for shadows that are
behind.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import msgspec

from hedger.core.model import AccountEvent, Decision, Fill
from hedger.errors import HedgerError, LeaseLost
from hedger.ports import Batch, JournalEntry, Lease
from hedger.service.feed import Listener
from hedger.service.glimpse import Glimpse, Live, middles
from hedger.service.imagined import OrderTerms
from hedger.service.journal import Journal
from hedger.service.kept import Kept, kept_from
from hedger.service.markets import Markets
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk, Roster
from hedger.service.shadow import Shadow
from hedger.service.world import World
from hedger.telemetry import Throttle, logger

T = TypeVar("T")
QUEUE_MAX = 64
NEWS_MAX = 10_000
ENTRIES_MAX = 100
SAVE_S = 10.0
SLOW_S = 0.2
"""Nobody waits for a look that takes longer, not even a replay."""
NAPS_MAX, NAP_S = 50, 0.001
"""Longest wait for whoever hedges; a look takes about a millisecond."""
LOG_S = 10.0


@dataclass(slots=True)
class _Watch:
    """One book that is watched: its news since the last glimpse, and glimpses not looked at."""

    desk: Desk
    marks: dict[str, float] = field(default_factory=dict)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=NEWS_MAX))
    events: deque[AccountEvent] = field(default_factory=lambda: deque(maxlen=NEWS_MAX))
    queue: deque[Glimpse] = field(default_factory=deque)
    next_ms: int = 0
    epoch: int = 0
    live: Live | None = None
    shadows: dict[str, Shadow] = field(default_factory=dict)
    entries: deque[JournalEntry] = field(default_factory=lambda: deque(maxlen=ENTRIES_MAX))
    saved_s: float = 0.0

    def forget(self) -> None:
        """The book is another worker's."""
        self.queue.clear()
        self.fills.clear()
        self.events.clear()
        self.entries.clear()
        self.shadows.clear()
        self.epoch, self.next_ms = 0, 0


class Shadows:
    """Runs the shadows of all books of one worker.

    Parameters
    ----------
    quiet
        Whether nothing of the books of a venue is due or under way.
    """

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        listeners: Mapping[str, Listener],
        markets: Markets,
        ownership: Ownership,
        journal: Journal,
        quiet: Callable[[str], bool],
    ) -> None:
        self._params, self._store = world.params, world.store
        self._clock, self._metrics = world.clock, world.metrics
        self._listeners, self._markets, self._ownership = listeners, markets, ownership
        self._journal, self._quiet = journal, quiet
        self._watches = {desk.name: _Watch(desk) for desk in roster if desk.params.shadows}
        self._venues: dict[str, list[_Watch]] = {}
        for watch in self._watches.values():
            self._venues.setdefault(watch.desk.params.venue, []).append(watch)
        self._wake = asyncio.Event()
        self._slow = False
        self._log = logger(worker=world.params.worker)
        self._throttle = Throttle(LOG_S, world.clock.monotonic_s)

    @property
    def wanted(self) -> bool:
        """Whether any book has one."""
        return bool(self._watches)

    # --- what the hot path tells: noted down and no more ----------------------------------

    def heard(self, venue: str, batch: Batch) -> None:
        """A batch is on the board: keep its news, and note the market down if it is time."""
        for watch in self._venues.get(venue, ()):
            try:
                self._hear(watch, batch)
            except Exception as error:  # the feed goes on
                self._metrics.count("defects")
                self._failed(watch.desk.name, repr(error))

    def decided(self, desk: Desk) -> None:
        """A book was decided; the first time there may be no further batch to wait for."""
        watch = self._watches.get(desk.name)
        if watch is not None:
            self._note(watch, self._clock.market_ms())

    def keep_up(self, venue: str) -> bool:
        """Whether a replay need not wait for the shadows: for a slow one nobody does."""
        queues = (len(watch.queue) for watch in self._venues.get(venue, ()))
        return self._slow or max(queues, default=0) < QUEUE_MAX // 2

    def forget(self, desk: Desk) -> None:
        """The book is another worker's."""
        watch = self._watches.get(desk.name)
        if watch is not None:
            watch.forget()

    def _hear(self, watch: _Watch, batch: Batch) -> None:
        params = watch.desk.params
        for quote in batch.quotes:
            if quote.mark and quote.instrument in params.hedges:
                watch.marks[quote.instrument] = quote.mark
        watch.fills.extend(fill for fill in batch.fills if fill.account == params.account)
        watch.events.extend(event for event in batch.events if event.account == params.account)
        if batch.quotes:
            self._note(watch, batch.market_ms)

    def _note(self, watch: _Watch, now_ms: int) -> None:
        desk = watch.desk
        interval_ms = self._params.shadow_interval_ms
        if not desk.ready or desk.state is None or 0 < watch.next_ms - now_ms <= interval_ms:
            return
        if len(watch.queue) >= QUEUE_MAX:  # its news go into the next one that finds room
            self._metrics.count("shadow_glimpses_dropped")
            return
        market = self._markets.of(desk)
        glimpse = Glimpse(
            now_ms=now_ms,
            market=market,
            marks=middles(market, desk.params.hedges) | watch.marks,
            state=desk.state,
            contracts=dict(desk.instruments),
            fills=tuple(watch.fills),
            events=tuple(watch.events),
            readings=desk.readings,
        )
        if not glimpse.is_whole(desk.params):
            return
        watch.next_ms = now_ms + interval_ms
        watch.queue.append(glimpse)
        watch.fills.clear()
        watch.events.clear()
        self._wake.set()

    # --- the loop -------------------------------------------------------------------------

    async def run(self) -> None:
        """Look at what was noted down until cancelled; nothing that goes wrong ends it."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for watch in self._watches.values():
                if watch.queue:
                    try:
                        await self.step(watch)
                    except HedgerError as error:
                        self._failed(watch.desk.name, str(error))
                    except Exception as error:
                        self._metrics.count("defects")
                        self._failed(watch.desk.name, repr(error))
                if watch.queue:
                    self._wake.set()

    async def save(self, *, longest_s: float) -> None:
        """Store where every shadow is, before the leases go; within a time, or not at all."""
        try:
            async with asyncio.timeout(longest_s):
                for watch in self._watches.values():
                    lease = self._ownership.held(watch.desk.shard)
                    if lease is not None and watch.epoch == lease.epoch:
                        await self._save(watch, lease, at_once=True)
        except (HedgerError, TimeoutError) as error:
            self._log.warning("shadows_not_saved", reason=str(error) or "no answer in time")
        except Exception:  # the leases are given back all the same
            self._metrics.count("defects")
            self._log.exception("defect", during="saving shadows")

    async def step(self, watch: _Watch) -> None:
        """Let every shadow of one book look at the oldest glimpse, and store what is due."""
        glimpse, desk = watch.queue.popleft(), watch.desk
        lease = self._ownership.held(desk.shard)
        if lease is None or not desk.ready:
            watch.forget()
            return
        if watch.epoch != lease.epoch:
            await self._load(watch, lease)
        live = watch.live
        assert live is not None
        judged = await self._looked(desk, "live", partial(live.decision, glimpse))
        glimpse = glimpse._replace(live=judged)
        for shadow in tuple(watch.shadows.values()):
            before = shadow.kept
            done = await self._looked(desk, shadow.name, partial(shadow.look, glimpse))
            if done is None:  # whatever it was in the middle of is not to be trusted
                watch.shadows[shadow.name] = self._made(desk, shadow.name, before)
            watch.entries.extend(self._entries(desk, lease, done or []))
        await self._save(watch, lease)
        self._listeners[desk.params.venue].progress()

    async def _looked(self, desk: Desk, name: str, look: Callable[[], T]) -> T | None:
        """What comes of a look, in a thread and while nothing is due; None where it failed."""
        for _ in range(NAPS_MAX):
            if self._quiet(desk.params.venue):
                break
            await asyncio.sleep(NAP_S)
        begun_s = self._clock.monotonic_s()
        task = asyncio.create_task(asyncio.to_thread(look))
        try:
            done, _ = await asyncio.wait({task}, timeout=SLOW_S)
            if not done:
                self._slow = True
                self._listeners[desk.params.venue].progress()
            found = await task
            self._slow = not done
            return found
        except Exception as error:
            self._metrics.count("shadow_failures")
            self._failed(f"{desk.name}/{name}", repr(error))
            return None
        finally:
            task.cancel()  # where the worker ends meanwhile, nobody asks what came of it
            self._metrics.observe("shadow_look_us", 1e6 * (self._clock.monotonic_s() - begun_s))

    # --- what lasts -----------------------------------------------------------------------

    async def _load(self, watch: _Watch, lease: Lease) -> None:
        """Begin under a lease: every shadow where the store has it, the others anew."""
        desk = watch.desk
        stored = await self._store.shadows(desk.name)
        watch.live = Live(desk.params)
        watch.shadows = {}
        for shadow in desk.params.shadows:
            raw = stored.get(shadow.name)
            kept = None if raw is None else kept_from(raw)
            watch.shadows[shadow.name] = self._made(desk, shadow.name, kept)
        watch.entries.clear()
        watch.epoch, watch.saved_s = lease.epoch, self._clock.monotonic_s()

    def _made(self, desk: Desk, name: str, kept: Kept | None) -> Shadow:
        params = self._params
        terms = OrderTerms(
            order_timeout_ms_min=params.order_timeout_ms_min,
            order_timeout_ms_max=params.order_timeout_ms_max,
            open_max=params.open_max,
        )
        shadow = next(one for one in desk.params.shadows if one.name == name)
        interval_ms = params.shadow_interval_ms
        return Shadow(desk.params, shadow, terms, interval_ms=interval_ms, kept=kept)

    def _entries(self, desk: Desk, lease: Lease, done: list[Decision]) -> Iterator[JournalEntry]:
        for decision in done:
            entry_id = self._journal.next_id(desk.name, lease.epoch)
            yield self._journal.entry(decision, entry_id=entry_id, epoch=lease.epoch)

    async def _save(self, watch: _Watch, lease: Lease, *, at_once: bool = False) -> None:
        """Store with each hedge, and now and then; what finds no store waits for the next time."""
        now_s = self._clock.monotonic_s()
        if not (at_once or watch.entries) and now_s - watch.saved_s < SAVE_S:
            return
        # Taken out at once: the end of the worker saves too, while this one waits for its answer.
        entries = list(watch.entries)
        watch.entries.clear()
        kept = {name: shadow.kept for name, shadow in watch.shadows.items() if shadow.kept}
        watch.saved_s = now_s
        try:
            await self._store.keep(
                lease,
                watch.desk.name,
                shadows={name: msgspec.json.encode(one) for name, one in kept.items()},
                entries=entries,
            )
        except LeaseLost:
            watch.forget()
            return
        except BaseException:
            watch.entries.extendleft(reversed(entries))
            raise

    def _failed(self, what: str, reason: str) -> None:
        if (times := self._throttle.passes(what)) is not None:
            self._log.warning("shadow_failed", shadow=what, reason=reason, times=times)
