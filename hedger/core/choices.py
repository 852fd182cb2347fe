"""What to hedge a trade with: instruments of the venues that can be used, the best first.

Each venue offers one instrument for the direction. Where there is another, none is used that is to
be avoided: its positions were just taken from us by deleveraging, or its venue refused an order or
has left one without an answer, and the next may end like that one. Nor, if there is another still,
one of a venue whose answer is awaited. Of the rest the cheapest goes first, up to its share of the
position limit; the next one gets what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hedger.core.columns import Book
from hedger.core.model import HedgeQuote, HedgeRoute, Intent, IntentState, Rules, venue_of
from hedger.core.plan import Choice, bounds


def choices(
    book: Book,
    rules: Rules,
    routes: Sequence[HedgeRoute],
    quotes: Mapping[str, HedgeQuote],
    *,
    size: float,
    index: float,
    now: int,
) -> tuple[Choice, ...]:
    """Choices for a signed trade [coin] at these venues; ``quotes`` has those of their instruments.

    A book on one venue has exactly one, with room for everything.
    """
    avoided = {name for name, until_ms in book.memory.avoid if now < until_ms}
    found = []
    for route in routes:
        name = _instrument(route, avoided, size)
        room = float("inf")
        if rules.hedge.also:
            most = route.share_max * rules.limits.position_max
            room = max(most - _standing(book, route, quotes, size=size, index=index), 0.0)
        found.append(Choice(book.instruments[name], quotes[name], room))
    ranks = [_rank(choice.instrument.name, book, avoided) for choice in found]
    best = [choice for choice, rank in zip(found, ranks, strict=True) if rank == min(ranks)]
    return tuple(sorted(best, key=lambda choice: choice.cost_bps))


def _rank(name: str, book: Book, avoided: set[str]) -> tuple[int, int]:
    """Least for the best: nothing open there, an order under way, the later the better, the rest.

    Whatever was asked first has been waited for longest.
    """
    if name in avoided or unanswered(book, name):
        return 2, 0
    there = _there(book, name)
    return (1, -min(intent.seq for intent in there)) if there else (0, 0)


def unanswered(book: Book, name: str) -> bool:
    """Whether an order at this instrument's venue is without an answer."""
    return any(intent.state is IntentState.UNKNOWN for intent in _there(book, name))


def _there(book: Book, name: str) -> list[Intent]:
    """What is open at an instrument's venue."""
    return [intent for intent in book.open if venue_of(intent.instrument) == venue_of(name)]


def _instrument(route: HedgeRoute, avoided: set[str], size: float) -> str:
    """What to hedge with there: the other one where this one is avoided."""
    first, other = (route.sell, route.buy) if size < 0 else (route.buy, route.sell)
    return other if first in avoided and other not in avoided else first


def _standing(
    book: Book,
    route: HedgeRoute,
    quotes: Mapping[str, HedgeQuote],
    *,
    size: float,
    index: float,
) -> float:
    """How far a venue's hedges may already stand in the direction of a trade [coin]."""
    total = 0.0
    for name in route.names:
        instrument = book.instruments[name]
        low, high = bounds(book, instrument, 0)
        lots = high if size > 0 else -low
        price = Choice(instrument, quotes[name], 0.0).middle
        total += instrument.future_delta(lots, price=price, index=index)
    return total
