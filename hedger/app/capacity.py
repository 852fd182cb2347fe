"""Capacity of the books of a running deployment: its store, and its venues listened to.

    async with capacity(config) as desk:
        offer = await desk.can_hedge("btc-main", +1.5, reserve=True)
        if offer.is_whole and ...:  # the risk is taken
            await desk.consume(offer)

Nothing is started here: where no store or no venue runs, nobody could hedge.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from hedger.app.attach import running_store
from hedger.app.look import QUOTES_S, attached, contracts, joint, watched
from hedger.app.translate import book_params, paper_params
from hedger.core.book import book as columns
from hedger.core.capacity import Gate
from hedger.core.market import Board
from hedger.core.model import BookState, Instrument, Offer
from hedger.errors import ConfigError, VenueUnavailable
from hedger.ports import Batch
from hedger.service.capacity import Capacity, View
from hedger.service.params import BookParams
from hedger.settings import Configuration
from hedger.venues.paper.adapter import PaperClock, PaperVenue

AGAIN_S = 0.1
"""Pause before a broken feed is listened to again; meanwhile its quotes grow old."""


@contextlib.asynccontextmanager
async def capacity(
    config: Configuration, book: str | None = None, *, gates: Sequence[Gate] = ()
) -> AsyncIterator[Capacity]:
    """Ask for all books, or one; raises `StoreUnavailable` or `VenueUnavailable`."""
    wanted = {config.book(book).name} if book else {one.name for one in config.settings.book}
    params = [one for one in book_params(config) if one.name in wanted]
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(running_store(config))
        names = dict.fromkeys(route.venue for one in params for route in one.routes)
        windows = {n: await stack.enter_async_context(_window(config, n)) for n in names}
        sources = dict.fromkeys(venue for one in params for venue in one.venues)
        for venue in (name for name in sources if name not in names):
            with contextlib.suppress(VenueUnavailable):  # its prices are then not known
                windows[venue] = await stack.enter_async_context(_window(config, venue))
        seers = {one.name: _Seer(one, windows) for one in params}
        for name, seer in seers.items():
            state = await store.load(name)
            if state is not None:
                await seer.learn(state)
        yield Capacity(store, seers, gates=gates)


async def can_hedge(
    config: Configuration, book: str, delta: float, *, reserve: bool = False
) -> Offer:
    """One question, asked once; see `hedger.service.capacity.Capacity.can_hedge`."""
    async with capacity(config, book) as desk:
        return await desk.can_hedge(book, delta, reserve=reserve)


class _Window:
    """One venue's market, kept as it comes."""

    def __init__(self, venue: PaperVenue) -> None:
        self.venue = venue
        self.board, self.clock = Board({}), PaperClock(venue)
        self._unseen: set[str] = set()
        self._moved = asyncio.Event()

    async def watch(self, instruments: Mapping[str, Instrument], accounts: list[str]) -> None:
        """Listen to these too, and wait a moment until each was shown once."""
        self.board.add(instruments)
        await self.venue.subscribe(list(instruments), accounts)
        alive = self.clock.market_ms()
        self._unseen |= {
            n for n, i in instruments.items() if not i.expiry_ms or i.expiry_ms > alive
        }
        self._unseen |= set(accounts)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUOTES_S):
                while self._unseen:
                    self._moved.clear()
                    await self._moved.wait()

    async def listen(self) -> None:
        """Take in what comes, until cancelled."""
        while True:
            with contextlib.suppress(VenueUnavailable):
                async for batch in self.venue.batches():
                    self._take(batch)
                    await self.venue.caught_up(batch.market_ms)
            await asyncio.sleep(AGAIN_S)

    def _take(self, batch: Batch) -> None:
        for account in batch.accounts:
            self.board.apply_account(account)
            self._unseen.discard(account.account)
        for quote in batch.quotes:
            self.board.apply(quote)
            self._unseen.discard(quote.instrument)
        self._moved.set()


class _Seer:
    """One book on the markets of its venues."""

    def __init__(self, params: BookParams, windows: Mapping[str, _Window]) -> None:
        self._params = params
        self._windows = windows
        self._known: dict[str, Instrument] = {}

    async def __call__(self, state: BookState) -> View:
        params = self._params
        if state.digest != params.digest:
            raise ConfigError(
                f"book {params.name}: this configuration is not the one that it is run by,"
                " expected the same file, or: hedger config apply"
            )
        held = {name for name, lots in state.positions.items() if lots}
        opened = {intent.instrument for intent in state.intents}
        if not held | opened | set(params.hedges) <= self._known.keys():
            await self.learn(state)
        book = columns(
            state,
            self._known,
            account=params.account,
            hedges=params.hedges,
            accounts=tuple(r.name(r.account) for r in params.routes[1:]),
        )
        boards = {name: window.board for name, window in self._windows.items()}
        now = self._windows[params.venue].clock.market_ms()
        return View(book, joint(params, boards), params.rules, now)

    async def learn(self, state: BookState) -> None:
        """Fetch contract data of what is held, and listen to it."""
        venues = {name: window.venue for name, window in self._windows.items()}
        found = await contracts(venues, self._params, state)
        self._known |= found
        for venue in self._params.venues:
            if venue in self._windows:
                names, accounts = watched(venue, [self._params], {self._params.name: found})
                await self._windows[venue].watch(names, accounts)


@contextlib.asynccontextmanager
async def _window(config: Configuration, name: str) -> AsyncIterator[_Window]:
    venue = await attached(paper_params(config, name))
    if venue is None:
        raise VenueUnavailable(f"the paper exchange {name} is not running, expected `hedger run`")
    window = _Window(venue)
    listening = asyncio.create_task(window.listen())
    try:
        yield window
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await venue.close()
