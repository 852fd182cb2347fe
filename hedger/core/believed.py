"""A market held to the reference price of several sources, before anything is decided on it.

The reference does what the book's rules say: it is the index that decisions value by, it confirms
or refuses a jump that the venue alone shows, and it names an index or a hedge too far from it as
doubtful. Where there is none to believe that is unknown, never a number: either nothing is decided,
or the venue's own index is used as without any, and the decision says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import msgspec

from hedger.core.columns import Book, Index, Market, Suspect, index_name
from hedger.core.freshness import FUTURE_MS_MAX, hedge_quote
from hedger.core.model import Instrument, Kind, Reference, ReferenceUse, Refusal, Rules, venue_of
from hedger.core.reference import mark_fault, reference

NEARNESS = 0.5
"""A jump is confirmed by who stands at least twice as near to the new price as the step was wide:
as between two sources of one venue (`hedger.core.jumps`)."""
_REFUSES = "refuse"


class Believed(NamedTuple):
    """The market as it may be decided on, the reference, and what follows from it."""

    market: Market
    found: Reference | None = None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def believed(book: Book, market: Market, rules: Rules, now: int) -> Believed:
    """The market held to the book's reference; as it is for a book that names none."""
    use = rules.reference
    if use is None:
        return Believed(market)
    found = reference(market.sources, use.rule, now)
    found = msgspec.structs.replace(found, name=use.name)
    notes = tuple(depeg_text(found, use.rule.base))
    if found.price is None or found.time_ms is None:
        return _without(book, market, use, found, notes)
    suspects, said = _judged(book, market, use, found)
    doubted = dict(_doubtful(book, market, rules, now, use, found))
    if use.guard != _REFUSES:
        notes, doubted = (*notes, *doubted.values()), {}
    index = dict(market.index)
    if use.is_index:
        index[book.underlying] = Index(found.price, found.time_ms)
    held = replace(market, index=index, suspects=suspects, doubted=doubted)
    return Believed(held, found, (), (*notes, *said))


def depeg_text(found: Reference, base: str) -> Iterator[str]:
    """Each currency that has left its peg, in words."""
    for depeg in found.depegs:
        yield f"{depeg.currency} is worth {depeg.rate:.4f} {base}, known by {depeg.known_by}"


def shortage(found: Reference) -> str:
    """Why there is no reference: what is missing, and each source with what is wrong about it."""
    left_out = "; ".join(f"{row.name} {row.reason}" for row in found.left_out)
    return f"no reference {found.name}: {found.reason}" + (f" ({left_out})" if left_out else "")


def _without(
    book: Book, market: Market, use: ReferenceUse, found: Reference, notes: tuple[str, ...]
) -> Believed:
    """What it means that there is none: nothing is decided, or the venue is believed alone."""
    text = shortage(found)
    if not use.is_required:
        return Believed(market, found, (), (*notes, f"{text}; the venue's own index is used"))
    refusal = Refusal(
        rule="no_reference",
        wanted=0.0,
        allowed=0.0,
        reason=text,
        instrument=index_name(book.underlying),
    )
    return Believed(market, found, (refusal,), notes)


# --- jumps ----------------------------------------------------------------------------------------


def _judged(
    book: Book, market: Market, use: ReferenceUse, found: Reference
) -> tuple[Mapping[str, Suspect], tuple[str, ...]]:
    """Jumps that are still not believed, those refused with the reason; and what was confirmed."""
    if not (use.confirms and market.suspects):
        return market.suspects, ()
    kept, said = {}, []
    for name, suspect in market.suspects.items():
        price, venue = _jumped(book, market, name)
        if not price > 0.0:
            kept[name] = suspect
            continue
        by = _witnesses(found, use, price, venue, suspect.move)
        if by:
            said.append(f"{name}: jump of {100.0 * suspect.move:+.2f} % confirmed by {by}")
        else:
            of = ", ".join(found.used)
            kept[name] = replace(
                suspect, refused=f"refused by the reference {found.price:g} ({of})"
            )
    return kept, tuple(said)


def _jumped(book: Book, market: Market, name: str) -> tuple[float, str]:
    """Price that jumped and the venue that shows it, empty for the own; NaN where it is no level.

    A dated future stands at a basis of its own, which no reference of the underlying knows.
    """
    if name == index_name(book.underlying) and book.underlying in market.index:
        seen = market.index[book.underlying]
        return seen.value, seen.venue
    contract = book.instruments.get(name)
    if contract is None or contract.kind is not Kind.PERPETUAL or name not in market.row:
        return math.nan, ""
    row = market.row[name]
    return 0.5 * float(market.bid[row] + market.ask[row]), venue_of(name)


def _witnesses(found: Reference, use: ReferenceUse, price: float, venue: str, move: float) -> str:
    """Sources of other venues that stand at the new price; none unless the reference does too."""
    near = min(use.rule.guard_max, NEARNESS * abs(move))
    assert found.price is not None
    if abs(math.log(price / found.price)) > near:
        return ""
    others = (part for part in found.parts if part.venue != (venue or use.venue))
    return ", ".join(p.name for p in others if abs(math.log(price / p.price)) <= near)


# --- what the venue itself shows ------------------------------------------------------------------


def _doubtful(
    book: Book, market: Market, rules: Rules, now: int, use: ReferenceUse, found: Reference
) -> Iterator[tuple[str, str]]:
    """Index and perpetuals too far from the reference; what is old is refused for its age."""
    if use.guard == "off":
        return
    name, seen = index_name(book.underlying), market.index.get(book.underlying)
    age = math.inf if seen is None else now - seen.time_ms
    if seen is not None and -FUTURE_MS_MAX <= age <= rules.data.forward_age_ms_max:
        fault = mark_fault(name, seen.value, found, use.rule)
        if fault:
            yield name, fault
    for hedge in rules.hedge.hedges:
        contract, quote = book.instruments[hedge], hedge_quote(market, hedge, now)
        if contract.kind is not Kind.PERPETUAL or quote.bid is None or quote.ask is None:
            continue
        fresh = quote.age_ms is not None and quote.age_ms <= rules.data.hedge_quote_age_ms_max
        middle = 0.5 * (quote.bid + quote.ask) * _rate(contract, found)
        if fresh and (fault := mark_fault(hedge, middle, found, use.rule)):
            yield hedge, fault


def _rate(contract: Instrument, found: Reference) -> float:
    """What its quote currency is worth, where that has left its peg."""
    return next((depeg.rate for depeg in found.depegs if depeg.currency == contract.quote), 1.0)
