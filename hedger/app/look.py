"""One look at books and their market, for commands that send nothing.

Positions come from the store where it runs and knows the book, else from the configuration; the
market comes from the paper exchange that runs, else from one that is started on the same data for
the moment and stopped again. Where each came from is said, never guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from hedger.app.attach import running_store
from hedger.app.deployment import IDLE_EXIT_S
from hedger.app.ground import ground, the_venue
from hedger.app.translate import book_params, paper_params
from hedger.core.book import book as columns
from hedger.core.columns import Book, Market
from hedger.core.market import Board
from hedger.core.model import BookState, Instrument
from hedger.errors import ConfigError, StoreUnavailable, VenueUnavailable
from hedger.service.params import BookParams
from hedger.settings import Configuration
from hedger.venues.paper import launch
from hedger.venues.paper.adapter import PaperClock, PaperVenue
from hedger.venues.paper.params import PaperParams

REQUEST_S = 5.0
_HEAVY = "hedger.core.decide"
QUOTES_S = 2.0
"""Longest wait until every instrument was shown once; what is missing then is unknown."""


class Sight(NamedTuple):
    """One book and its market at one instant; ``positions_from`` says where the holdings stood."""

    params: BookParams
    book: Book
    market: Market
    now: int
    positions_from: str


class Look(NamedTuple):
    """What was seen, and on which market."""

    sights: tuple[Sight, ...]
    market_from: str


async def look(config: Configuration, name: str | None = None) -> Look:
    """All books, or one, on the market as it stands now.

    Raises
    ------
    ConfigError
        For an unknown book, or an instrument that the venue does not list.
    VenueUnavailable
        Where the market could not be seen.
    """
    wanted = {config.book(name).name} if name else {book.name for book in config.settings.book}
    books = [params for params in book_params(config) if params.name in wanted]
    # Loading the pricing kernels takes a second: it is done while the exchange starts.
    loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, _HEAVY))
    stored = await _stored(config, books)
    async with _venue(config) as (venue, market_from):
        states = {params.name: await _state(params, stored, venue) for params in books}
        instruments = await _instruments(venue, books, states)
        board, now = await _board(venue, instruments, sorted({p.account for p in books}))
    await loading
    sights = tuple(
        Sight(
            params,
            columns(
                states[params.name],
                instruments,
                account=params.account,
                hedges=params.hedges,
            ),
            board.market(),
            now,
            "store" if params.name in stored else _configured(params, config),
        )
        for params in books
    )
    return Look(sights, market_from)


async def _stored(config: Configuration, books: Sequence[BookParams]) -> dict[str, BookState]:
    """The books that a running store knows; none where no store runs."""
    try:
        async with running_store(config) as store:
            states = [await store.load(params.name) for params in books]
    except StoreUnavailable:
        return {}
    return {state.book: state for state in states if state is not None}


async def _state(
    params: BookParams, stored: Mapping[str, BookState], venue: PaperVenue
) -> BookState:
    """The book as stored, else as it would be seeded."""
    if params.name in stored:
        return stored[params.name]
    held = params.positions
    if held is None:
        held = await venue.positions(params.account)
    return BookState(book=params.name, seq=0, digest=params.digest, positions=dict(held))


def _configured(params: BookParams, config: Configuration) -> str:
    if params.positions is None:
        return f"account {params.account} at {params.venue}"
    return config.book(params.name).positions


@contextlib.asynccontextmanager
async def _venue(config: Configuration) -> AsyncIterator[tuple[PaperVenue, str]]:
    """The running paper exchange, else a temporary one."""
    params = paper_params(config, the_venue(config))
    venue = await _attached(params)
    if venue is not None:
        try:
            yield venue, f"the running paper exchange {params.name}"
        finally:
            await venue.close()
        return
    with ground(config, temporary=True) as place:
        own = paper_params(place.config, params.name)
        launched = await launch.launch(msgspec.structs.replace(own, idle_exit_s=IDLE_EXIT_S))
        try:
            venue = PaperVenue(own.name, own.socket, request_s_max=REQUEST_S, client="look")
            try:
                what = f"data of {own.data}" if own.data else "its simulated market"
                yield venue, f"a temporary paper exchange {own.name} at the start of {what}"
            finally:
                await venue.close()
        finally:
            await launched.stop()


async def _attached(params: PaperParams) -> PaperVenue | None:
    """The exchange on the configured socket, or None; `VenueUnavailable` if it does not answer.

    The start of another market would not do instead: the books stand at this one.
    """
    if not await launch.is_listening(params.socket):
        return None
    venue = PaperVenue(params.name, params.socket, request_s_max=1.0, client="look")
    try:
        await venue.status()
    except VenueUnavailable as error:
        await venue.close()
        raise VenueUnavailable(f"the paper exchange runs but does not answer: {error}") from None
    return venue


async def _instruments(
    venue: PaperVenue, books: Sequence[BookParams], states: Mapping[str, BookState]
) -> dict[str, Instrument]:
    """Contract data of everything held and of the hedges; each must be listed."""
    found: dict[str, Instrument] = {}
    for params in books:
        held = (name for name, lots in states[params.name].positions.items() if lots)
        opened = (intent.instrument for intent in states[params.name].intents)
        names = {*held, *opened, *params.hedges, *params.instruments}
        listed = await venue.instruments(names)
        missing = sorted(names - listed.keys())
        if missing:
            raise ConfigError(
                f"book {params.name}: {venue.name} does not list {', '.join(missing)}, expected "
                "instruments of its market"
            )
        found |= listed
    return found


async def _board(
    venue: PaperVenue, instruments: Mapping[str, Instrument], accounts: Sequence[str]
) -> tuple[Board, int]:
    """Board with the newest quote of everything, as far as it comes in time; and market time."""
    board, clock = Board(instruments), PaperClock(venue)
    await venue.subscribe(list(instruments), accounts)
    alive = clock.market_ms()
    missing = {n for n, i in instruments.items() if not i.expiry_ms or i.expiry_ms > alive}
    unseen = set(accounts)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(QUOTES_S):
            async for batch in venue.batches():
                # An account first: index and equity of one instant belong together.
                for account in batch.accounts:
                    board.apply_account(account)
                    unseen.discard(account.account)
                for quote in batch.quotes:
                    board.apply(quote)
                    missing.discard(quote.instrument)
                await venue.caught_up(batch.market_ms)
                if not missing and not unseen:
                    break
    return board, clock.market_ms()
