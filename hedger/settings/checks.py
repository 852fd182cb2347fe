"""What one table alone cannot know: rules between books, contracts, positions files, folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from hedger.core.model import Instrument, Kind
from hedger.errors import ConfigError
from hedger.settings.book import Book
from hedger.settings.document import is_folder
from hedger.settings.models import PaperVenue
from hedger.settings.positions import contract_of, positions
from hedger.settings.problems import Problem, Source, close_to, shown
from hedger.settings.table import Table
from hedger.settings.texts import ACCOUNT, PositionsFile, Underlying
from hedger.venues.deribit.contracts import instrument

LIVE = "live"
"""What a book's own policy is called beside its shadows."""


class _Orphan(Table):
    """What a positions file can be checked by, of a book that is wrong elsewhere."""

    positions: PositionsFile
    underlying: Underlying


class Checked(NamedTuple):
    """Positions in lots by book (None: they follow the account), and everything found wrong."""

    positions: dict[str, dict[str, int] | None]
    problems: list[str]


def checked(books: Mapping[int, Book], venues: Mapping[str, PaperVenue], source: Source) -> Checked:
    """Check all books and venues that are valid by themselves."""
    apart = (
        *_folders(venues, source),
        *_venues(books, source),
        *_duplicates(books, source),
        *_shadows(books, source),
    )
    problems = [p.line() for p in apart]
    holdings: dict[str, dict[str, int] | None] = {}
    for index, book in books.items():
        legs, wrong = _positions(book.positions, book.underlying)
        hedges, refused = _hedges(index, book, source)
        contracts = hedges + [instrument(name) for name in legs or {}]
        found = _inverse(index, book, contracts, source)
        problems += [*wrong, *refused, *(p.line() for p in found)]
        holdings[book.name] = legs
    return Checked(holdings, problems + _orphans(books, source))


def _orphans(books: Mapping[int, Book], source: Source) -> list[str]:
    """Return what is wrong with the positions of books that are wrong themselves."""
    problems = []
    found = source.raw.get("book")
    for index, raw in enumerate(found if isinstance(found, list) else []):
        if index in books or not isinstance(raw, dict):
            continue
        try:
            part = _Orphan.model_validate({key: raw.get(key) for key in _Orphan.model_fields})
        except ValidationError:
            continue  # has its line already
        problems += _positions(part.positions, part.underlying)[1]
    return problems


def _venues(books: Mapping[int, Book], source: Source) -> Iterator[Problem]:
    """One venue for all books' own: each paper exchange has a market clock of its own."""
    known = source.raw.get("venues")
    if not isinstance(known, dict) or not known:
        return  # has its line already
    first: str | None = None
    for index, book in books.items():
        place = source.place(("book", index, "venue"))
        if book.venue not in known:
            names = ", ".join(map(str, known))
            yield Problem(place, f"is {book.venue!r}, expected one of the venues: {names}")
            continue
        first = first or book.venue
        if book.venue != first:
            text = f"is {book.venue!r}, expected {first!r} like the books above: one venue for all"
            yield Problem(place, text)
        yield from _elsewhere(index, book, known, source)


def _elsewhere(
    index: int, book: Book, known: Mapping[str, object], source: Source
) -> Iterator[Problem]:
    """Each further hedge is at a venue of its own, which is configured."""
    place = source.place(("book", index, "hedge", "also"))
    seen = {book.venue}
    for other in book.hedge.elsewhere:
        text = f"names {other.instrument}@{other.venue}, expected"
        if other.venue not in known:
            yield Problem(place, f"{text} one of the venues: {', '.join(map(str, known))}")
        elif other.venue in seen:
            yield Problem(place, f"{text} one hedge at each venue other than the book's own")
        seen.add(other.venue)


def _folders(venues: Mapping[str, PaperVenue], source: Source) -> Iterator[Problem]:
    for name, venue in venues.items():
        if venue.data and not is_folder(venue.data):
            text = f"is {shown(venue.data)}, expected an existing folder, or nothing"
            yield Problem(source.place(("venues", name, "data")), text)


def _shadows(books: Mapping[int, Book], source: Source) -> Iterator[Problem]:
    """Each names a policy, once; one venue alone can be imagined."""
    known = source.raw.get("policy")
    policies = known if isinstance(known, dict) else {}
    for index, book in books.items():
        place, seen = source.place(("book", index, "shadows")), set[str]()
        for name in book.shadow_names:
            if name in seen:
                yield Problem(place, f"names {name} twice, expected each policy once")
            elif name == LIVE:
                yield Problem(place, f"names {name}, expected a policy beside the live one")
            elif name not in policies:
                names = ", ".join(map(str, policies)) or "(there is none)"
                hint = close_to(name, map(str, policies)) or f", expected one of: {names}"
                yield Problem(place, f"names {name}, which is no [policy.{name}]{hint}")
            seen.add(name)
        if book.shadows and book.hedge.also:
            text = "is given for a book hedged at several venues, expected it with one venue alone"
            yield Problem(place, text)


def _duplicates(books: Mapping[int, Book], source: Source) -> Iterator[Problem]:
    names: dict[str, int] = {}
    accounts: dict[tuple[str, str, str], str] = {}
    coins: dict[tuple[str, str], str] = {}
    for index, book in books.items():
        other = names.setdefault(book.name, index)
        if other != index:
            text = f"is {book.name!r} as in book[{other}], expected a name of its own"
            yield Problem(f"{source.file}: book[{index}].name", text)
            continue
        for venue, account in book.accounts.items():
            key = ("account",) if venue == book.venue else ("hedge", "also")
            place = source.place(("book", index, *key))
            owner = accounts.setdefault((venue, account, book.underlying), book.name)
            if owner != book.name:
                text = (
                    f"is {account!r} at {venue} with {book.underlying} like "
                    f"book[{owner}], expected one book per account and underlying: "
                    "use a sub-account"
                )
                yield Problem(place, text)
            coin = coins.setdefault((venue, account), book.underlying)
            if coin != book.underlying:
                text = f"is {account!r}, which holds {coin}; a paper account holds one coin"
                yield Problem(place, f"{text}, expected another")


def _positions(path: str, underlying: str) -> tuple[dict[str, int] | None, list[str]]:
    """Return lots by instrument (None: they follow the account), and what is wrong."""
    if path == ACCOUNT:
        return None, []
    try:
        return positions(Path(path), underlying=underlying), []
    except ConfigError as error:
        return None, str(error).splitlines()


def _hedges(index: int, book: Book, source: Source) -> tuple[list[Instrument], list[str]]:
    """Return the valid hedge instruments, and what is wrong with the others."""
    found: list[Instrument] = []
    problems: list[str] = []
    others = [("also", other.instrument) for other in book.hedge.elsewhere]
    for side, name in (("buy", book.hedge.buy), ("sell", book.hedge.sell), *others):
        place = source.place(("book", index, "hedge", side))
        try:
            contract = contract_of(name, place, underlying=book.underlying)
        except ConfigError as error:
            problems += str(error).splitlines()
            continue
        found.append(contract)
        if contract.kind is Kind.OPTION:
            text = f"{name} is an option, expected a future or perpetual"
            problems.append(Problem(place, text).line())
    return found, problems


def _inverse(
    index: int, book: Book, contracts: list[Instrument], source: Source
) -> Iterator[Problem]:
    """A wrong guess would sell the whole coin holding of an inverse account: nothing is guessed."""
    inverse = next((contract for contract in contracts if contract.inverse), None)
    if inverse is None:
        return
    wanted = {"numeraire": "'usd' or 'coin'", "base_coin": "the coin that is not to be hedged"}
    for key, expected in wanted.items():
        if key not in book.model_fields_set:
            text = f"missing, expected {expected}: {inverse.name} makes the account inverse"
            yield Problem(source.place(("book", index, key)), text)
