"""One venue's market data, from the wire to the board: newest quote per instrument wins.

A quote never calls a decision: it marks the books that hold its instrument as due. A broken feed
leaves the board as it is, so that everything on it grows old; nothing is invented.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from hedger.core.market import Board
from hedger.core.model import AccountEvent, Fill, Instrument
from hedger.errors import VenueUnavailable
from hedger.ports import Batch
from hedger.service.world import World
from hedger.telemetry import Throttle, logger

RETRY_S_MIN = 0.1
RETRY_S_MAX = 5.0
FILLS_MAX = 10_000
REFUSED_LOG_S = 1.0
AHEAD_MS_MAX = 1_000
"""How far a quote may be dated beyond the venue's own time of the batch that it came in."""


class Listener:
    """Reads one feed for one worker.

    Parameters
    ----------
    mark
        Called with the books that a batch concerns and the time it arrived.
    quiet
        Whether nothing of these books is due or under way, so that a replay may go on.
    overflow
        Called when fills come faster than the store takes them; the history has them all.
    stirred
        Called with the fills and account events of a batch before its quotes can lead to anything.
    heard
        Called with each batch in the end.
    """

    def __init__(
        self,
        world: World,
        venue: str,
        *,
        mark: Callable[[Collection[str], float], None],
        quiet: Callable[[str], bool],
        overflow: Callable[[str], None],
        stirred: Callable[[str, Sequence[Fill], Sequence[AccountEvent]], None],
        heard: Callable[[str, Batch], None],
    ) -> None:
        self.board = Board({})
        self.fills: asyncio.Queue[Fill] = asyncio.Queue(FILLS_MAX)
        self.events: asyncio.Queue[AccountEvent] = asyncio.Queue(FILLS_MAX)
        self._venue = venue
        self._feed = world.feeds[venue]
        self._clock = world.clock
        self._metrics = world.metrics
        self._timeout_s = world.request_s
        self._mark, self._quiet, self._overflow = mark, quiet, overflow
        self._stirred, self._tell = stirred, heard
        self._by_instrument: dict[str, set[str]] = {}
        self._by_account: dict[str, set[str]] = {}
        self._heard_ms = 0
        self._told_ms = 0
        self._unapplied = 0
        self._progress = asyncio.Event()
        self._log = logger(worker=world.params.worker, venue=venue)
        self._throttle = Throttle(REFUSED_LOG_S, world.clock.monotonic_s)

    # --- what to listen to ----------------------------------------------------------------

    async def watch(self, book: str, instruments: Mapping[str, Instrument], account: str) -> None:
        """Listen to a book's instruments and account, if any; raises `VenueUnavailable`."""
        self.board.add(instruments)
        new = [name for name in instruments if name not in self._by_instrument]
        accounts = [account] if account and account not in self._by_account else []
        if new or accounts:
            await self._feed.subscribe(new, accounts)
        for name in instruments:
            self._by_instrument.setdefault(name, set()).add(book)
        if account:
            self._by_account.setdefault(account, set()).add(book)

    def unwatch(self, book: str) -> None:
        """Quotes no longer concern a book; the subscription stays, as others may come back."""
        for books in (*self._by_instrument.values(), *self._by_account.values()):
            books.discard(book)

    # --- the loop -------------------------------------------------------------------------

    async def run(self) -> None:
        """Read batches until cancelled; connect again after a pause that grows and is bounded."""
        wait_s = RETRY_S_MIN
        while True:
            heard = self._heard_ms
            try:
                async for batch in self._feed.batches():
                    self.step(batch)
                reason = "the feed ended"
            except VenueUnavailable as error:
                reason = str(error)
            except Exception as error:  # one broken feed must not end the worker
                self._log.exception("defect", during="feed")
                reason = repr(error)
            self._metrics.count("feed_breaks")
            wait_s = RETRY_S_MIN if self._heard_ms > heard else min(2 * wait_s, RETRY_S_MAX)
            if (times := self._throttle.passes("feed_broken")) is not None:
                self._log.warning("feed_broken", reason=reason, again_in_s=wait_s, times=times)
            await asyncio.sleep(wait_s)
            await self._subscribe_again()

    def step(self, batch: Batch) -> None:
        """Take one batch in: quotes and accounts to the board, fills to the queue, books to due."""
        arrival_s = self._clock.monotonic_s()
        newest = {quote.instrument: quote for quote in batch.quotes}
        latest_ms = batch.market_ms + AHEAD_MS_MAX
        books: set[str] = set()
        for quote in newest.values():
            refusal = self.board.apply(quote, latest_ms=latest_ms)
            if refusal is None:
                books |= self._by_instrument.get(quote.instrument, set())
            else:
                self._refused(quote.instrument, refusal.rule, refusal.reason)
        for account in batch.accounts:
            refusal = self.board.apply_account(account, latest_ms=latest_ms)
            if refusal is None:
                books |= self._by_account.get(account.account, set())
            else:
                self._refused(account.account, refusal.rule, refusal.reason)
        if batch.fills or batch.events:
            self._stirred(self._venue, batch.fills, batch.events)
        for event in batch.events:
            self._keep(event)
        for fill in batch.fills:
            self._queue(fill)
        self._metrics.count("quotes", len(newest))
        self._heard_ms = max(self._heard_ms, batch.market_ms)
        self._mark(books, arrival_s)
        if not self._unapplied and self._quiet(self._venue):  # else whoever is busy tells
            self._progress.set()
        self._tell(self._venue, batch)

    def applied(self) -> None:
        """A fill or event of the queues is in the store, or somebody else's."""
        self._unapplied -= 1
        self.progress()

    def progress(self) -> None:
        """Something was worked off: a replay may be waiting to hear it."""
        if self._heard_ms > self._told_ms:
            self._progress.set()

    async def pace(self) -> None:
        """Tell the feed, each time that everything heard so far is worked off."""
        while True:
            await self._progress.wait()
            self._progress.clear()
            heard_ms = self._heard_ms
            if heard_ms <= self._told_ms or self._unapplied or not self._quiet(self._venue):
                continue
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._feed.caught_up(heard_ms)
                self._told_ms = heard_ms
            except (VenueUnavailable, TimeoutError):
                self._metrics.count("caught_up_failures")

    # --- parts ----------------------------------------------------------------------------

    async def _subscribe_again(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._feed.subscribe(list(self._by_instrument), list(self._by_account))
            self._told_ms = 0  # the other end is a new one and has been told nothing
            self._progress.set()
        except (VenueUnavailable, TimeoutError) as error:
            self._log.warning("subscribe_failed", reason=str(error) or "no answer in time")

    def _queue(self, fill: Fill) -> None:
        try:
            self.fills.put_nowait(fill)
            self._unapplied += 1
        except asyncio.QueueFull:
            self._metrics.count("fills_overflow")
            self._overflow(self._venue)

    def _keep(self, event: AccountEvent) -> None:
        try:
            self.events.put_nowait(event)
            self._unapplied += 1
        except asyncio.QueueFull:
            self._metrics.count("events_overflow")
            self._overflow(self._venue)

    def _refused(self, name: str, rule: str, reason: str) -> None:
        self._metrics.count(f"refused_{rule}")
        if (times := self._throttle.passes(f"{name}:{rule}")) is not None:
            self._log.warning(
                "quote_refused", instrument=name, rule=rule, reason=reason, times=times
            )
