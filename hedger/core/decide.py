"""The line itself: book, market, rules, now -> `Decision`; the only place that orders the steps.

1. the data: is every number that the decision needs there, fresh and believed;
2. exposure as an interval over everything that is not certain; 3. scalers;
4. target band; 5. which trade is certain; 6. limits; 7. plan.

Every way out is a `Decision` with a reason; "no trade" and "blocked" carry as much as a hedge.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from hedger.core import limits, policy, scaled
from hedger.core.bands.adaptive import ADAPTIVE, modified_for
from hedger.core.bands.inputs import inputs
from hedger.core.choices import choices
from hedger.core.columns import Book, Market
from hedger.core.costs import cost
from hedger.core.exposure import black_shift, exposure
from hedger.core.freshness import (
    blocks,
    doubt_refusal,
    forecast_vol,
    hedge_quote,
    judged,
    last_ratio,
    other_futures,
    unjudged,
    usable,
    warnings,
)
from hedger.core.held import held, second_opinion
from hedger.core.measured import learned
from hedger.core.model import (
    Action,
    BandInputs,
    Cost,
    Decision,
    Exposure,
    HedgeQuote,
    HedgeRoute,
    Memory,
    Plan,
    Refusal,
    Rules,
    Scaling,
    Target,
)
from hedger.core.paced import paced, shortage
from hedger.core.plan import Choice, plan, slippage_bps
from hedger.core.wording import order_text, span


class _Trade(NamedTuple):
    """What the band asks for: signed coin (0 for none) and the reason."""

    wanted: float
    reason: str
    text: str


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
    quotes = tuple(hedge_quote(market, name, now) for name in rules.hedge.hedges)
    routes = usable(book, market, rules, now)
    hedges = judged(rules, routes)
    memory = learned(book.memory, book.samples)
    draft = _Draft(book, market, rules, now, quotes, memory, routes, hedges)
    faults = blocks(book, market, rules, now, hedges)
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
    look = second_opinion(book, market, rules, now, seen)
    seen, faults = look.seen, look.refusals
    draft = draft._replace(seen=seen, notes=look.notes)
    if faults:
        return draft.decision(Action.BLOCKED, faults[0].rule, faults[0].reason, refusals=faults)
    draft = _scaled(draft, seen)
    band = _band(draft, seen, unit)
    if band is None:
        text = f"costs eat all of a long book's variance: no {rules.band.kind} hedge exists"
        return draft.decision(Action.BLOCKED, "no_band", text)
    band, notes = held(book, market, rules, now, band, look.said)
    draft = draft._replace(band=band, notes=(*draft.notes, *notes))
    trade = _certain_trade(seen, band)
    if trade.wanted == 0.0:
        return _quiet(draft, seen, trade)
    return _hedge(draft, seen, band, trade)


def _scaled(draft: _Draft, seen: Exposure) -> _Draft:
    """With what the book's scalers say; as it is for a book without any."""
    found = scaled.scalings(draft.book, draft.market, draft.rules, draft.now, seen)
    if found is None:
        return draft
    return draft._replace(
        scaling=found,
        notes=(*draft.notes, *found.notes),
        memory=scaled.remembered(draft.memory, found),
    )


def _band(draft: _Draft, seen: Exposure, lot_delta: float) -> Target | None:
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


def _deeper(draft: _Draft, seen: Exposure, terms: BandInputs, made: Target) -> BandInputs:
    """The same with the cost of what is to be traded, where the best price has less than that.

    That is the trade of this band, or the least one where none is due. The risk aversion stays.
    """
    if terms.paid is None:
        return terms
    least = made.trigger_high - made.to_high
    size = min(max(abs(_wanted(seen, made)), least), draft.rules.limits.order_max)
    paid = _cost(draft, seen, size)
    if paid == terms.paid:
        return terms
    return msgspec.structs.replace(terms, cost=paid.rate * terms.tuned_cost, paid=paid)


def _cost(draft: _Draft, seen: Exposure, size: float) -> Cost:
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


def _wanted(seen: Exposure, band: Target) -> float:
    """Trade that is right under every value of the interval, to the nearest end of the band."""
    if seen.low > band.trigger_high:
        return band.to_high - seen.low
    if seen.high < band.trigger_low:
        return band.to_low - seen.high
    return 0.0


def _certain_trade(seen: Exposure, band: Target) -> _Trade:
    """That trade and why it is due, or why none is."""
    wanted = _wanted(seen, band)
    if wanted < 0.0:
        text = f"delta {span(seen)} above trigger {band.trigger_high:+.4f}"
        return _Trade(wanted, "above_band", text)
    if wanted > 0.0:
        text = f"delta {span(seen)} below trigger {band.trigger_low:+.4f}"
        return _Trade(wanted, "below_band", text)
    if band.trigger_low <= seen.low and seen.high <= band.trigger_high:
        text = f"delta {span(seen)} inside [{band.trigger_low:+.4f}, {band.trigger_high:+.4f}]"
        return _Trade(0.0, "inside_band", text)
    if seen.doubts:
        return _Trade(0.0, "delta_uncertain", f"delta {span(seen)} is not surely outside the band")
    return _Trade(0.0, "in_flight", f"delta {span(seen)} depends on what is still open")


def _quiet(draft: _Draft, seen: Exposure, trade: _Trade) -> Decision:
    if trade.reason != "delta_uncertain":
        return draft.decision(Action.NO_TRADE, trade.reason, trade.text)
    doubts = tuple(doubt_refusal("delta_uncertain", d) for d in seen.doubts)
    names = ", ".join(d.instrument for d in seen.doubts[:3])
    text = f"{trade.text}; in doubt: {names}"
    return draft.decision(Action.BLOCKED, trade.reason, text, refusals=doubts)


def _hedge(draft: _Draft, seen: Exposure, band: Target, trade: _Trade) -> Decision:
    """Patience, limits and plan for a trade that is certain."""
    book, rules, now = draft.book, draft.rules, draft.now
    wanted, memory = trade.wanted, draft.memory
    hard = seen.low > band.hard_high or seen.high < band.hard_low
    wait = limits.patience(
        rules.band, memory, wanted=wanted, index=seen.index, now=now, hard=hard, move=band.move
    )
    if wait:
        return draft.decision(Action.NO_TRADE, wait.rule, wait.reason, refusals=(wait,))
    said, waits = scaled.waiting(book, rules, seen, wanted=wanted, urgent=hard)
    draft = draft._replace(paces=() if said is None else (said,))
    if waits:
        return draft.decision(Action.NO_TRADE, waits.rule, waits.reason, refusals=(waits,))
    reduces = _reduces(seen, wanted)
    held = (seen.hedge_low, seen.hedge_high)
    size, cuts, room = limits.allowed(
        rules.limits, book, wanted=wanted, held=held, reduces=reduces, now=now
    )
    if size == 0.0:
        return draft.decision(Action.BLOCKED, cuts[-1].rule, cuts[-1].reason, refusals=cuts)
    draft, picked = _picked(draft, seen, size, urgent=hard)
    most = sum(choice.room for choice in picked)
    if most < abs(size):
        cut = shortage(draft.paces, size, most)
        cuts, size = (*cuts, cut), math.copysign(most, size)
        if most == 0.0:
            action = Action.BLOCKED if cut.rule == "share_max" else Action.NO_TRADE
            return draft.decision(action, cut.rule, cut.reason, refusals=cuts)
    stage = memory.stage if hard else 0
    made = plan(
        book,
        picked,
        band,
        interval=(seen.low, seen.high),
        wanted=wanted,
        allowed=size,
        room=room,
        reduces=reduces,
        bps=slippage_bps(rules.limits, hard=hard, stage=stage),
        index=seen.index,
    )
    if not made.lines:
        names = ", ".join(choice.instrument.name for choice in picked)
        text = f"{size:+.6f} {book.underlying} is below the minimum order of {names}"
        return draft.decision(Action.NO_TRADE, "below_minimum", text, refusals=cuts, plan=made)
    later = _remember(memory, made, seen.index, now, band, stage=stage + 1 if hard else 0)
    text = f"{trade.text}: {order_text(made)}"
    return draft.decision(Action.HEDGE, trade.reason, text, refusals=cuts, plan=made, memory=later)


def _picked(
    draft: _Draft, seen: Exposure, size: float, *, urgent: bool
) -> tuple[_Draft, tuple[Choice, ...]]:
    """What to hedge with, the best first, and how much of it now."""
    found = choices(
        draft.book,
        draft.rules,
        draft.routes,
        {quote.instrument: quote for quote in draft.quotes},
        size=size,
        index=seen.index,
        now=draft.now,
    )
    picked, said = paced(
        draft.book,
        draft.market,
        draft.rules,
        found,
        size=size,
        index=seen.index,
        now=draft.now,
        urgent=urgent,
    )
    return draft._replace(paces=(*draft.paces, *said)), picked


def _reduces(seen: Exposure, trade: float) -> bool:
    """Whether |delta + trade| < |delta| for every delta in the interval."""
    return seen.low > -0.5 * trade if trade < 0 else seen.high < -0.5 * trade


def _remember(
    memory: Memory, made: Plan, index: float, now: int, band: Target, *, stage: int
) -> Memory:
    """Memory after this hedge; the first one freezes a default risk aversion."""
    terms = band.inputs
    traded = sum(line.delta for line in made.lines)
    return msgspec.structs.replace(
        memory,
        hedges=memory.hedges + 1,
        hedge_ms=now,
        hedge_price=index,
        stage=stage,
        recent=limits.recent(memory, now, abs(traded)),
        avoid=tuple(entry for entry in memory.avoid if now < entry[1]),
        risk_aversion=terms.risk_aversion
        if terms and terms.source == "now"
        else memory.risk_aversion,
    )


class _Draft(NamedTuple):
    """What every decision of this call shares."""

    book: Book
    market: Market
    rules: Rules
    now: int
    quotes: tuple[HedgeQuote, ...]
    memory: Memory
    routes: tuple[HedgeRoute, ...]
    hedges: tuple[str, ...]
    seen: Exposure | None = None
    band: Target | None = None
    notes: tuple[str, ...] = ()
    scaling: scaled.Scalings | None = None
    paces: tuple[Scaling, ...] = ()

    @property
    def aside(self) -> float:
        """How far scalers move the centre [coin]."""
        return 0.0 if self.scaling is None else self.scaling.scaled.shift

    def decision(
        self,
        action: Action,
        reason: str,
        text: str,
        *,
        refusals: tuple[Refusal, ...] = (),
        plan: Plan | None = None,
        memory: Memory | None = None,
    ) -> Decision:
        """Decision with this call's inputs filled in; memory as it was but for samples."""
        book, index = self.book, self.market.index.get(self.book.underlying)
        found = self.scaling
        return Decision(
            book=book.name,
            time_ms=self.now,
            seq=book.seq,
            config=self.rules.config,
            action=action,
            reason=reason,
            text=text,
            quotes=self.quotes,
            index_age_ms=None if index is None else self.now - index.time_ms,
            positions=tuple((p.instrument.name, p.lots) for p in book.hedges),
            open_intents=len(book.open),
            exposure=self.seen,
            target=self.band,
            scalings=() if found is None else (*found.scaled.parts, *self.paces),
            refusals=refusals if found is None else (*refusals, *found.refusals),
            warnings=(
                *warnings(book, self.market, self.rules, self.now, self.hedges),
                *self.notes,
            ),
            plan=plan,
            memory=self.memory if memory is None else memory,
            hold=limits.restraint(book.hold, stopped=book.stopped),
            scale=None if found is None else found.scale,
        )
