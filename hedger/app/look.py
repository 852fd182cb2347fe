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
from dataclasses import replace
from typing import NamedTuple

import msgspec

from hedger.app.attach import running_store
from hedger.app.deployment import IDLE_EXIT_S
from hedger.app.ground import ground
from hedger.app.translate import book_params, paper_params
from hedger.core.book import book as columns
from hedger.core.columns import Book, Market
from hedger.core.joined import joined, rows
from hedger.core.market import Board
from hedger.core.model import BookState, Instrument, Reading, Readings, name_there
from hedger.core.sources import told
from hedger.errors import ConfigError, StoreUnavailable, VenueUnavailable
from hedger.service.params import BookParams
from hedger.service.readings import failed, measured
from hedger.settings import Configuration
from hedger.venues.deribit.contracts import instrument as contract
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
    stored, signals = await _stored(config, books)
    async with contextlib.AsyncExitStack() as stack:
        names = dict.fromkeys(venue for params in books for venue in params.venues)
        found = [await stack.enter_async_context(_venue(config, name)) for name in names]
        venues = {venue.name: venue for venue, _ in found}
        states = {params.name: await _state(params, stored, venues) for params in books}
        instruments = {p.name: await contracts(venues, p, states[p.name]) for p in books}
        boards = {
            name: await _board(venues[name], *watched(name, books, instruments)) for name in names
        }
    await loading
    sights = []
    for params in books:
        book = columns(
            states[params.name],
            instruments[params.name],
            account=params.account,
            hedges=params.hedges,
            accounts=tuple(r.name(r.account) for r in params.routes[1:]),
        )
        market = joint(params, {name: board for name, (board, _) in boards.items()})
        now, signal = boards[params.venue][1], signals.get(params.name, Reading())
        book = replace(book, readings=_readings(params, book, market, now, signal))
        origin = "store" if params.name in stored else _configured(params, config)
        sights.append(Sight(params, book, market, now, origin))
    return Look(tuple(sights), " and ".join(market_from for _, market_from in found))


def joint(params: BookParams, boards: Mapping[str, Board]) -> Market:
    """What a book sees: its venue's market, or those of all its venues as one; and its sources."""
    parts = [(route.mark, boards[route.venue].market()) for route in params.routes]
    market = parts[0][1] if len(parts) == 1 else joined(parts, row=rows(parts))
    if not params.sources:
        return market
    there = {name: board.market() for name, board in boards.items()}
    return replace(market, sources=told(params.sources, there))


def watched(
    venue: str, books: Sequence[BookParams], instruments: Mapping[str, Mapping[str, Instrument]]
) -> tuple[dict[str, Instrument], list[str]]:
    """What is to be seen of one venue, by its own names: instruments and accounts."""
    names: dict[str, Instrument] = {}
    accounts: set[str] = set()
    for params in books:
        for route in params.routes:
            if route.venue == venue:
                accounts.add(route.account)
                mine = (route.there(i) for n, i in instruments[params.name].items() if route.has(n))
                names |= {instrument.name: instrument for instrument in mine}
        wanted = (feed.instrument for feed in params.sources if feed.venue == venue)
        names |= {name: contract(name) for name in wanted}
    return names, sorted(accounts)


async def _stored(
    config: Configuration, books: Sequence[BookParams]
) -> tuple[dict[str, BookState], dict[str, Reading]]:
    """The books that a running store knows, and their signals; no book where no store runs."""
    sources = {params.name: params.readings.signal for params in books if params.readings}
    wanted = {book: signal for book, signal in sources.items() if signal}
    try:
        async with running_store(config) as store:
            states = [await store.load(params.name) for params in books]
            keys = {b: s.removeprefix("key:") for b, s in wanted.items() if s.startswith("key:")}
            told = await store.signals(sorted(set(keys.values()))) if keys else {}
    except StoreUnavailable:
        lacking = Reading(reason="no store runs, so nobody has told of a signal")
        return {}, dict.fromkeys(wanted, lacking)
    found = {book: told[name] for book, name in keys.items()}
    asked = Reading(reason="a registered signal is asked by workers alone")
    known = {state.book: state for state in states if state is not None}
    return known, {book: found.get(book, asked) for book in wanted}


def _readings(
    params: BookParams, book: Book, market: Market, now: int, signal: Reading
) -> Readings:
    """What the book's scalers read, measured now; of the way to a venue nothing is known here."""
    rule = params.readings
    if rule is None or rule.measure is None:
        return Readings(signal=signal)
    try:
        found = measured(book, market, params.rules, now, rule.measure)
    except Exception as error:
        found = failed(now, error)
    return Readings(signal=signal, measured=found)


async def _state(
    params: BookParams, stored: Mapping[str, BookState], venues: Mapping[str, PaperVenue]
) -> BookState:
    """The book as stored, else as it would be seeded."""
    if params.name in stored:
        return stored[params.name]
    held = params.positions
    if held is None:
        held = {}
        for route in params.routes:
            there = await venues[route.venue].positions(route.account)
            held |= {route.name(name): lots for name, lots in there.items()}
    return BookState(book=params.name, seq=0, digest=params.digest, positions=dict(held))


def _configured(params: BookParams, config: Configuration) -> str:
    if params.positions is None:
        return " and ".join(f"account {r.account} at {r.venue}" for r in params.routes)
    return config.book(params.name).positions


@contextlib.asynccontextmanager
async def _venue(config: Configuration, name: str) -> AsyncIterator[tuple[PaperVenue, str]]:
    """The running paper exchange, else a temporary one."""
    params = paper_params(config, name)
    venue = await attached(params)
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


async def attached(params: PaperParams) -> PaperVenue | None:
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


async def contracts(
    venues: Mapping[str, PaperVenue], params: BookParams, state: BookState
) -> dict[str, Instrument]:
    """Contract data of everything a book holds and of its hedges; each must be listed."""
    held = (name for name, lots in state.positions.items() if lots)
    opened = (intent.instrument for intent in state.intents)
    names = {*held, *opened, *params.hedges, *params.instruments}
    found: dict[str, Instrument] = {}
    for route in params.routes:
        wanted = {name_there(name) for name in names if route.has(name)}
        listed = await venues[route.venue].instruments(wanted)
        missing = sorted(wanted - listed.keys())
        if missing:
            raise ConfigError(
                f"book {params.name}: {route.venue} does not list {', '.join(missing)}, expected "
                "instruments of its market"
            )
        found |= {route.name(name): route.instrument(one) for name, one in listed.items()}
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
