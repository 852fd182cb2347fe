"""From a trade that is certain to a decision: patience, limits, choice, plan; and the draft.

What a band asks for and what an act asks for take this one way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec

from hedger.core import limits
from hedger.core.choices import choices
from hedger.core.columns import Book, Market
from hedger.core.freshness import doubt_refusal, warnings
from hedger.core.ladder import said
from hedger.core.model import (
    Action,
    Decision,
    Exposure,
    HedgeQuote,
    HedgeRoute,
    Memory,
    Plan,
    Reference,
    Refusal,
    Resize,
    Rules,
    Scaling,
    Target,
)
from hedger.core.paced import paced, shortage
from hedger.core.plan import Choice, plan, slippage_bps, told
from hedger.core.risk.stress import allowed, stress, unknown
from hedger.core.scaled import Scalings, waiting


class Trade(NamedTuple):
    """What the band asks for: signed coin (0 for none) and the reason."""

    wanted: float
    reason: str
    text: str


class Draft(NamedTuple):
    """What every decision of this call shares."""

    book: Book
    market: Market
    rules: Rules
    now: int
    quotes: tuple[HedgeQuote, ...]
    memory: Memory
    routes: tuple[HedgeRoute, ...]
    hedges: tuple[str, ...]
    found: Reference | None = None
    seen: Exposure | None = None
    band: Target | None = None
    notes: tuple[str, ...] = ()
    scaling: Scalings | None = None
    paces: tuple[Scaling, ...] = ()
    resize: Resize | None = None

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
            hold=limits.restraint(limits.hold(book), stopped=book.stopped),
            act="" if book.act is None else book.act.text,
            rung=said(book.memory.ladder),
            scale=None if found is None else found.scale,
            reference=self.found,
            resize=self.resize,
        )


def wanted(seen: Exposure, band: Target) -> float:
    """Trade that is right under every value of the interval, to the nearest end of the band."""
    if seen.low > band.trigger_high:
        return band.to_high - seen.low
    if seen.high < band.trigger_low:
        return band.to_low - seen.high
    return 0.0


def certain_trade(seen: Exposure, band: Target) -> Trade:
    """That trade and why it is due, or why none is."""
    size = wanted(seen, band)
    if size < 0.0:
        text = f"delta {span(seen)} above trigger {band.trigger_high:+.4f}"
        return Trade(size, "above_band", text)
    if size > 0.0:
        text = f"delta {span(seen)} below trigger {band.trigger_low:+.4f}"
        return Trade(size, "below_band", text)
    if band.trigger_low <= seen.low and seen.high <= band.trigger_high:
        text = f"delta {span(seen)} inside [{band.trigger_low:+.4f}, {band.trigger_high:+.4f}]"
        return Trade(0.0, "inside_band", text)
    if seen.doubts:
        return Trade(0.0, "delta_uncertain", f"delta {span(seen)} is not surely outside the band")
    return Trade(0.0, "in_flight", f"delta {span(seen)} depends on what is still open")


def quiet(draft: Draft, seen: Exposure, trade: Trade) -> Decision:
    """Decision where no trade is certain: inside, in flight, or blocked by doubt."""
    if trade.reason != "delta_uncertain":
        return draft.decision(Action.NO_TRADE, trade.reason, trade.text)
    doubts = tuple(doubt_refusal("delta_uncertain", d) for d in seen.doubts)
    names = ", ".join(d.instrument for d in seen.doubts[:3])
    text = f"{trade.text}; in doubt: {names}"
    return draft.decision(Action.BLOCKED, trade.reason, text, refusals=doubts)


def hedged(draft: Draft, seen: Exposure, band: Target, trade: Trade) -> Decision:
    """Patience, limits and plan for a trade that is certain."""
    book, rules, now = draft.book, draft.rules, draft.now
    wanted, memory = trade.wanted, draft.memory
    hard = seen.low > band.hard_high or seen.high < band.hard_low
    urgent = hard or book.act is not None
    draft, wait = _patience(draft, seen, band, wanted, hard=urgent)
    if wait:
        return draft.decision(Action.NO_TRADE, wait.rule, wait.reason, refusals=(wait,))
    reduces = reduces_delta(seen, wanted)
    held = (seen.hedge_low, seen.hedge_high)
    size, cuts, room = _scenario(
        draft,
        limits.allowed(rules.limits, book, wanted=wanted, held=held, reduces=reduces, now=now),
        reduces=reduces,
    )
    if size == 0.0:
        return draft.decision(Action.BLOCKED, cuts[-1].rule, cuts[-1].reason, refusals=cuts)
    draft, picked = _picked(draft, seen, size, urgent=urgent)
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
    later = remembered(memory, made, seen.index, now, band, stage=stage + 1 if hard else 0)
    text = f"{trade.text}: {told(made.lines)}"
    return draft.decision(Action.HEDGE, trade.reason, text, refusals=cuts, plan=made, memory=later)


def _scenario(draft: Draft, found: limits.Allowance, *, reduces: bool) -> limits.Allowance:
    """What the scenario limit leaves of a trade that might add risk; an act takes risk away."""
    book, rules = draft.book, draft.rules
    if reduces or not found.size or book.act is not None or not rules.scenario.stresses:
        return found
    held = stress(book, draft.market, rules, draft.now)
    most = unknown(held) if isinstance(held, Refusal) else allowed(held, found.size)
    if most is None:
        return found
    size = math.copysign(min(abs(found.size), most.size), found.size)
    cut = Refusal(rule=most.limit, wanted=found.size, allowed=size, reason=most.reason)
    return limits.Allowance(size, (*found.refusals, cut), min(found.room, most.size))


def _patience(
    draft: Draft, seen: Exposure, band: Target, wanted: float, *, hard: bool
) -> tuple[Draft, Refusal | None]:
    """Why the trade waits, of the band's patience and of the venue's congestion."""
    book, rules = draft.book, draft.rules
    wait = limits.patience(
        rules.band,
        draft.memory,
        wanted=wanted,
        index=seen.index,
        now=draft.now,
        hard=hard,
        move=band.move,
    )
    if wait:
        return draft, wait
    pace, wait = waiting(book, rules, seen, wanted=wanted, urgent=hard)
    return draft._replace(paces=() if pace is None else (pace,)), wait


def _picked(
    draft: Draft, seen: Exposure, size: float, *, urgent: bool
) -> tuple[Draft, tuple[Choice, ...]]:
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
    picked, pace = paced(
        draft.book,
        draft.market,
        draft.rules,
        found,
        size=size,
        index=seen.index,
        now=draft.now,
        urgent=urgent,
    )
    return draft._replace(paces=(*draft.paces, *pace)), picked


def reduces_delta(seen: Exposure, trade: float) -> bool:
    """Whether |delta + trade| < |delta| for every delta in the interval."""
    return seen.low > -0.5 * trade if trade < 0 else seen.high < -0.5 * trade


def remembered(
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


def span(seen: Exposure) -> str:
    """The book's delta in words: one number, or both ends."""
    if seen.low == seen.high:
        return f"{seen.low:+.4f}"
    return f"[{seen.low:+.4f}, {seen.high:+.4f}]"
