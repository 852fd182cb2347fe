"""The line itself: book, market, rules, now -> `Decision`; the only place that orders the steps.

1. the data: is every number that the decision needs there, fresh and believed, beside the
   reference of several sources where the book names one;
2. exposure as an interval over everything that is not certain; 3. scalers; 4. target band;
5. which trade is certain, or what an act asks for; 6. limits; 7. plan.

Every way out is a `Decision` with a reason; "no trade" and "blocked" carry as much as a hedge.
"""

from __future__ import annotations

import math

import msgspec

from hedger.core import policy, scaled
from hedger.core.acts import acting, cancelling
from hedger.core.bands.adaptive import ADAPTIVE, modified_for
from hedger.core.bands.inputs import inputs
from hedger.core.believed import believed
from hedger.core.columns import Book, Market
from hedger.core.costs import cost
from hedger.core.exposure import black_shift, exposure
from hedger.core.freshness import (
    blocks,
    forecast_vol,
    har_forecast_vol,
    hedge_quote,
    judged,
    last_ratio,
    other_futures,
    unjudged,
    usable,
)
from hedger.core.held import held, second_opinion
from hedger.core.measured import learned
from hedger.core.model import (
    Action,
    ActKind,
    BandInputs,
    Cost,
    Decision,
    Exposure,
    Resized,
    Rules,
    Target,
)
from hedger.core.resizing import interrupted, resized
from hedger.core.trade import Draft, certain_trade, hedged, quiet, wanted


def decide(book: Book, market: Market, rules: Rules, now: int) -> Decision:
    """Decision for one book at one instant; pure, no clock, no I/O.

    Parameters
    ----------
    book : Book
        Positions, memory and open intents at one revision.
    market : Market
        Snapshot of the board.
    rules : Rules
        The book's configuration.
    now : int
        Market time [ms].

    Returns
    -------
    Decision
        ``action`` is hedge only if ``plan.lines`` is not empty.
    """
    look = believed(book, market, rules, now)
    market = look.market
    quotes = tuple(hedge_quote(market, name, now) for name in rules.hedge.hedges)
    routes = usable(book, market, rules, now)
    hedges = judged(rules, routes)
    memory = interrupted(learned(book.memory, book.samples))
    draft = Draft(
        book, market, rules, now, quotes, memory, routes, hedges, look.found, notes=look.notes
    )
    if book.act is not None and book.act.kind is ActKind.CANCEL:
        return cancelling(draft)
    faults = (*look.refusals, *blocks(book, market, rules, now, hedges))
    if faults:
        return draft.decision(Action.BLOCKED, faults[0].rule, faults[0].reason, refusals=faults)
    index = market.index[book.underlying].value
    prices = {
        q.instrument: 0.5 * (q.bid + q.ask)
        for q in quotes
        if q.bid and q.ask and q.instrument in hedges
    }
    for name in (*other_futures(book, rules, now), *unjudged(book, rules, hedges)):
        ratio = last_ratio(market, name)
        prices[name] = (1.0 if math.isnan(ratio) else ratio) * index
    seen = exposure(book, market, rules, now, prices=prices)
    if not (math.isfinite(seen.low) and math.isfinite(seen.high)):
        text = "the book's delta is not a finite number"
        return draft.decision(Action.BLOCKED, "not_finite", text)
    unit = max(
        book.instruments[name].future_delta(1, price=prices[name], index=index) for name in hedges
    )
    second = second_opinion(book, market, rules, now, seen)
    seen, faults = second.seen, second.refusals
    draft = draft._replace(seen=seen, notes=(*draft.notes, *second.notes))
    if faults:
        return draft.decision(Action.BLOCKED, faults[0].rule, faults[0].reason, refusals=faults)
    draft = _scaled(draft, seen)
    band = _band(draft, seen, unit)
    if band is None:
        text = f"costs eat all of a long book's variance: no {rules.band.kind} hedge exists"
        return draft.decision(Action.BLOCKED, "no_band", text)
    band, notes = held(book, market, rules, now, band, second.said)
    draft = draft._replace(band=band, notes=(*draft.notes, *notes))
    if book.act is not None:
        return acting(draft, seen, band, book.act, unit=unit)
    trade = certain_trade(seen, band)
    if trade.wanted == 0.0:
        return quiet(draft, seen, trade)
    return hedged(draft, seen, band, trade)


def _scaled(draft: Draft, seen: Exposure) -> Draft:
    """With what the book's scalers say; as it is for a book without any."""
    book, market, rules, now = draft.book, draft.market, draft.rules, draft.now
    found = scaled.scalings(book, market, rules, now, seen)
    if found is not None:
        memory, notes = scaled.remembered(draft.memory, found), (*draft.notes, *found.notes)
        draft = draft._replace(scaling=found, notes=notes, memory=memory)
    by_itself = resized(book, market, rules, now, found)
    if by_itself is None:
        return draft
    kept = by_itself.state if by_itself.state != Resized() else None
    memory = msgspec.structs.replace(draft.memory, resized=kept)
    return draft._replace(resize=by_itself.told, memory=memory)


def _band(draft: Draft, seen: Exposure, lot_delta: float) -> Target | None:
    """The band of this instant; None where its kind has no solution."""
    book, limit, rule = draft.book, draft.rules.limits, draft.rules.band
    rule, aside = scaled.widened(rule, draft.scaling), draft.aside
    if rule.kind not in ADAPTIVE:
        return policy.moved(policy.target(rule, limit, seen, lot_delta=lot_delta), aside)
    terms = inputs(
        rule,
        seen,
        draft.memory,
        cost=_cost(draft, seen, 0.0),
        lot_delta=lot_delta,
        forecast=forecast_vol(draft.market, book.underlying, draft.now),
        har=har_forecast_vol(draft.market, book.underlying, draft.now),
    )
    factor, shift = policy.vol_factor(rule, terms, seen), aside
    if math.isnan(factor):
        return None
    if factor != 1.0:
        years = modified_for(rule, terms)
        moved = black_shift(
            book, draft.market, draft.now, index=seen.index, factor=factor, years=years
        )
        shift += seen.ratio * moved
    made = policy.adaptive_target(rule, limit, seen, terms, lot_delta=lot_delta, shift=shift)
    deeper = _deeper(draft, seen, terms, made)
    if deeper is terms:
        return made
    return policy.adaptive_target(rule, limit, seen, deeper, lot_delta=lot_delta, shift=shift)


def _deeper(draft: Draft, seen: Exposure, terms: BandInputs, made: Target) -> BandInputs:
    """The same with the cost of what is to be traded, where the best price has less than that.

    That is the trade of this band, or the least one where none is due. The risk aversion stays.
    """
    if terms.paid is None:
        return terms
    least = made.trigger_high - made.to_high
    size = min(max(abs(wanted(seen, made)), least), draft.rules.limits.order_max)
    paid = _cost(draft, seen, size)
    if paid == terms.paid:
        return terms
    return msgspec.structs.replace(terms, cost=paid.rate * terms.tuned_cost, paid=paid)


def _cost(draft: Draft, seen: Exposure, size: float) -> Cost:
    """What so much costs [coin] at the cheapest venue that can be used."""
    return cost(
        draft.book,
        draft.market,
        draft.routes,
        {quote.instrument: quote for quote in draft.quotes},
        size=size,
        index=seen.index,
        cap=1e-4 * draft.rules.limits.slippage_bps_max,
        slippage=draft.memory.slippage,
    )
