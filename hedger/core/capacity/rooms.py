"""What each limit leaves for new delta: those of the book, and depth and share of its venues.

Everything that the book may itself want of the same side goes first. Of depth only what is shown
at the best price counts, less what was traded since: what lies behind is not known, and unknown is
not a yes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core import limits
from hedger.core.capacity.question import Question
from hedger.core.choices import choices, unanswered
from hedger.core.costs import cost_of
from hedger.core.freshness import hedge_quote, usable
from hedger.core.model import Hedged, Room, venue_of
from hedger.core.plan import Choice, limit_ticks

OWN = "its own venue"


class Place(NamedTuple):
    """One instrument to hedge with: how much of it [coin], at which price at worst, and why."""

    choice: Choice
    size: float
    price_bound: float
    least: float
    limit: str
    reason: str


def book_rooms(question: Question) -> tuple[Room, ...]:
    """What the book's own limits leave beside its own need."""
    book, seen, rule = question.book, question.seen, question.rules.limits
    held = (seen.hedge_low, seen.hedge_high)
    rows = list(limits.most(rule, book, buys=not question.sells, held=held, now=question.now))
    first = limits.first_most(rule, book)
    if math.isfinite(first):
        rows.append(("first_trade_max", first, f"a first trade is at most {first:g}"))
    needs = f", the book itself may need {question.need:.4f}" if question.need else ""
    return tuple(
        Room(limit=name, size=max(cap - question.need, 0.0), reason=f"{reason}{needs}")
        for name, cap, reason in rows
    )


def places(question: Question) -> tuple[Place, ...]:
    """Where the hedge could go, the best first; no venue of which an answer is awaited."""
    book, rules, now = question.book, question.rules, question.now
    quotes = {name: hedge_quote(question.market, name, now) for name in rules.hedge.hedges}
    found = choices(
        book,
        rules,
        usable(book, question.market, rules, now),
        quotes,
        size=-question.delta,
        index=question.seen.index,
        now=now,
    )
    avoided = {name for name, until_ms in book.memory.avoid if now < until_ms}
    return tuple(
        _place(question, choice)
        for choice in found
        if choice.instrument.name not in avoided and not unanswered(book, choice.instrument.name)
    )


def venue_room(question: Question, found: tuple[Place, ...]) -> Room:
    """What those venues take together, beside the book's own need."""
    if not found:
        reason = "an order has no answer yet, or the venue has lately refused one"
        return Room(limit="venue_paused", size=0.0, reason=reason)
    tight = min(found, key=lambda place: place.size)
    return Room(
        limit=tight.limit,
        size=max(sum(place.size for place in found) - question.need, 0.0),
        reason="; ".join(place.reason for place in found),
    )


def _place(question: Question, choice: Choice) -> Place:
    instrument, quote, sells = choice.instrument, choice.quote, question.sells
    unit = instrument.future_delta(1, price=choice.middle, index=question.seen.index)
    bps = question.rules.limits.slippage_bps_max
    bound = limit_ticks(instrument, choice.middle, bps=bps, buy=not sells) * instrument.tick
    least, name = unit * instrument.min_lots, instrument.name
    best = quote.bid if sells else quote.ask
    assert best is not None
    if best < bound if sells else best > bound:
        reason = f"{name}: {best:g} is beyond {bound:g}, {bps:g} bp from mid"
        return Place(choice, 0.0, bound, least, "slippage_bps_max", reason)
    row = question.market.row[name]
    shown = float((question.market.bid_size if sells else question.market.ask_size)[row])
    if not math.isfinite(shown):
        return Place(choice, 0.0, bound, least, "depth", f"{name} shows no size at {best:g}")
    # What was traded since that quote is gone from it: the next quote will show so.
    seen_ms = question.now - (quote.age_ms or 0)
    since = sum(abs(size) for ms, size in question.book.memory.recent if ms >= seen_ms)
    depth = max(math.floor(shown / instrument.lot + 1e-9) * unit - since, 0.0)
    if choice.room < depth:
        reason = f"{name}: its venue has room for {choice.room:.4f} more"
        return Place(choice, choice.room, bound, least, "share_max", reason)
    return Place(choice, depth, bound, least, "depth", f"{name} shows {depth:.4f} at {best:g}")


def hedges(
    question: Question, found: tuple[Place, ...], size: float, *, ahead: float
) -> tuple[Hedged, ...]:
    """Where a hedge of so much goes, behind what is ``ahead`` of it, and what it costs."""
    made = []
    for place in found:
        before = min(ahead, place.size)
        part = min(place.size - before, size)
        ahead, size = ahead - before, size - part
        if part > 0.0:
            made.append(_hedged(question, place, part, behind=before))
    return tuple(made)


def _hedged(question: Question, place: Place, part: float, *, behind: float) -> Hedged:
    index, instrument = question.seen.index, place.choice.instrument
    paid = cost_of(
        instrument,
        place.choice.quote,
        question.market,
        part + behind,
        index,
        1e-4 * question.rules.limits.slippage_bps_max,
        question.decision.memory.slippage,
    )
    return Hedged(
        venue=venue_of(instrument.name) or OWN,
        instrument=instrument.name,
        size=-math.copysign(part, question.delta),
        price_bound=place.price_bound,
        half_spread=paid.half_spread * part * index,
        fee=paid.fee * part * index,
        impact=max(paid.rate - paid.fee - paid.half_spread, 0.0) * part * index,
    )
