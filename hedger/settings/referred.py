"""What the table of a reference price cannot know: venues, contracts, books that name it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hedger.core.model import Kind
from hedger.errors import ConfigError
from hedger.settings.book import Book
from hedger.settings.positions import contract_of
from hedger.settings.problems import Problem, Source, close_to
from hedger.settings.reference import Reference
from hedger.venues.deribit.contracts import instrument


def referred(
    references: Mapping[str, Reference], books: Mapping[int, Book], source: Source
) -> list[str]:
    """Everything wrong with references that are valid by themselves, and with their use."""
    problems: list[str] = []
    underlyings: dict[str, str] = {}
    for name, found in references.items():
        written_on, wrong = _sources(name, found, source)
        problems += wrong
        if written_on:
            underlyings[name] = written_on
    return problems + [p.line() for p in _uses(underlyings, books, source)]


def _sources(name: str, found: Reference, source: Source) -> tuple[str, list[str]]:
    """The underlying of all sources, empty where that is not known; and what is wrong."""
    known = source.raw.get("venues")
    place = source.place(("reference", name, "sources"))
    problems: list[str] = []
    first = ""
    for feed in found.feeds:
        if isinstance(known, dict) and feed.venue not in known:
            names = ", ".join(map(str, known))
            text = f"names {feed.name}, expected one of the venues: {names}"
            problems.append(Problem(place, text).line())
        try:
            first = first or instrument(feed.instrument).underlying
            contract = contract_of(feed.instrument, place, underlying=first, whose="the others'")
        except ConfigError as error:
            hint = "" if "expected" in str(error) else ", expected a name such as BTC-PERPETUAL"
            where = "" if str(error).startswith(place) else f"{place}: "
            problems.append(f"{where}{error}{hint}")
            continue
        if contract.kind is not Kind.PERPETUAL and not feed.is_index:
            text = f"names {feed.name}, whose price is another, expected a perpetual or /index"
            problems.append(Problem(place, text).line())
    return first, problems


def _uses(
    underlyings: Mapping[str, str], books: Mapping[int, Book], source: Source
) -> Iterator[Problem]:
    """Each book that names a reference names one that is there, of its own underlying."""
    known = source.raw.get("reference")
    names = list(map(str, known)) if isinstance(known, dict) else []
    for index, book in books.items():
        name = book.reference.name
        place = source.place(("book", index, "reference", "name"))
        if name and name not in names:
            listed = ", ".join(names) or "(there is none)"
            hint = close_to(name, names) or f", expected one of: {listed}"
            yield Problem(place, f"is {name!r}, which is no [reference.{name}]{hint}")
        elif name in underlyings and underlyings[name] != book.underlying:
            text = f"is {name!r} of {underlyings[name]}, expected one of {book.underlying}"
            yield Problem(place, text)
