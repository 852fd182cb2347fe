"""What an act asks for now: the part of `decide` that takes the place of band and patience.

A close is three questions at each decision, in this order: is the delta where the rules want it
(else the hedge follows first), can a leg go, and once no option is left, can a hedge go.
"""

from __future__ import annotations

from hedger.core import limits
from hedger.core.acts import words
from hedger.core.acts.centring import centred, ending_at_centre
from hedger.core.acts.closing import next_leg
from hedger.core.acts.portions import Stage, portions, stage
from hedger.core.acts.unwinding import next_hedge
from hedger.core.model import (
    Act,
    Action,
    ActKind,
    Decision,
    Exposure,
    Plan,
    PlanLine,
    Refusal,
    Resizing,
    Scales,
    Target,
)
from hedger.core.plan import told
from hedger.core.risk.stress import growth
from hedger.core.trade import (
    Draft,
    certain_trade,
    hedged,
    quiet,
    reduces_delta,
    remembered,
    span,
)

SHRINKS = frozenset({ActKind.REDUCE, ActKind.CLOSE})
AGAIN_MS = 15_000
"""Beyond the longest pause that a worker makes after a refusal by the venue."""


def cancelling(draft: Draft) -> Decision:
    """Nothing new is sent before everything that works is gone; needs no market at all."""
    number = len(draft.book.open)
    if number:
        text = f"{number} open order{'s' if number > 1 else ''} to be cancelled"
        return draft.decision(Action.NO_TRADE, words.CANCELLING, text)
    return draft.decision(Action.NO_TRADE, words.CANCELLED, "no order is open")


def acting(draft: Draft, seen: Exposure, band: Target, act: Act, *, unit: float) -> Decision:
    """Decision of a book that somebody wants neutral, smaller or closed.

    ``unit`` is the delta of one lot of the coarsest hedge [coin].
    """
    if act.kind is ActKind.NEUTRAL:
        return _neutral(draft, seen, centred(band, least=_least(draft, unit)))
    return _closing(draft, seen, band, act, unit=unit)


def _least(draft: Draft, unit: float) -> float:
    """Delta of the least order of any hedge instrument [coin]."""
    book = draft.book
    return unit * max(max(p.instrument.min_lots, 1) for p in book.hedges)


def _neutral(draft: Draft, seen: Exposure, band: Target) -> Decision:
    trade = certain_trade(seen, band)
    if trade.reason == "inside_band":
        text = f"delta {span(seen)} is at the centre {band.centre:+.4f}"
        return draft.decision(Action.NO_TRADE, words.NEUTRAL, text)
    draft = draft._replace(band=band)
    if trade.wanted == 0.0:
        return quiet(draft, seen, trade)
    return hedged(draft, seen, band, trade)


def _closing(draft: Draft, seen: Exposure, band: Target, act: Act, *, unit: float) -> Decision:
    book, rules, now = draft.book, draft.rules, draft.now
    alive = any(ms > now for ms in book.legs.expiry_ms.tolist())
    if act.kind is ActKind.CLOSE and not alive:
        return _unwinding(draft, seen, band)
    ends = ending_at_centre(band)
    trade = certain_trade(seen, ends)
    if trade.wanted:
        made = hedged(draft._replace(band=ends), seen, ends, trade)
        return _instead(draft, seen, band, act, trade.wanted, made) or made
    if book.open:
        text = f"delta {span(seen)}, {len(book.open)} orders are open: the close goes on after them"
        return draft.decision(Action.NO_TRADE, "in_flight", text)
    goals, reason = None, words.STEP
    if act.kind is ActKind.SCALE:
        found = _stage(draft, act)
        if isinstance(found, Decision):
            return found
        if wait := _halted(draft, act):
            return wait
        goals, reason = found.goals, words.SCALE_STEP
    step = next_leg(book, draft.market, rules, now, seen=seen, band=band, goals=goals)
    if step.line is not None:
        return _sent(draft, seen, step.line, step.refusals, reason, left=step.left)
    if step.cramped:
        narrow = centred(band, least=_least(draft, unit))
        trade = certain_trade(seen, narrow)
        if trade.wanted:
            return hedged(draft._replace(band=narrow), seen, narrow, trade)
    if step.left:
        text = f"{step.left} legs left, none can be traded now: {_named(step.refusals)}"
        return draft.decision(Action.BLOCKED, words.WAITS, text, refusals=step.refusals)
    return draft.decision(Action.NO_TRADE, words.REDUCED, "every leg is as small as was asked for")


def _halted(draft: Draft, act: Act) -> Decision | None:
    """Why an act that the service asked for itself trades no option now; None where it may."""
    told = draft.resize
    if not act.cause or (told is not None and told.state is Resizing.UNDER_WAY):
        return None
    text = "nobody wants it any more" if told is None else told.text
    refusal = Refusal(rule=words.HALTED, wanted=0.0, allowed=0.0, reason=text)
    return draft.decision(Action.BLOCKED, refusal.rule, text, refusals=(refusal,))


def _instead(
    draft: Draft, seen: Exposure, band: Target, act: Act, wanted: float, made: Decision
) -> Decision | None:
    """A short leg to buy back that takes the delta home, where hedging does not get on.

    That is where a hedge cannot be sent, or was sent of late and the delta is still not home: an
    account with no margin left is refused the hedge and not the leg, which frees some. After
    `AGAIN_MS` without a hedge the hedge has its turn again, as the leg might not fill either.
    """
    if act.kind not in SHRINKS or draft.book.open:
        return None
    last = draft.memory.hedge_ms if draft.memory.hedges else -AGAIN_MS
    if made.action is Action.HEDGE and not 0 <= draft.now - last < AGAIN_MS:
        return None
    step = next_leg(
        draft.book, draft.market, draft.rules, draft.now, seen=seen, band=band, towards=wanted
    )
    if step.line is None:
        return None
    return _sent(draft, seen, step.line, step.refusals, words.STEP, left=step.left)


def _stage(draft: Draft, act: Act) -> Stage | Decision:
    """How far the legs are to go now, or why nothing is to be done."""
    book, rule = draft.book, draft.rules.scale
    legs = portions(book, rule, draft.now)
    found = stage(legs, act.scale, step=rule.step, may_grow=act.grows)
    if found is None:
        text = f"every leg is at {act.scale:g} of its base, to whole lots"
        return draft.decision(Action.NO_TRADE, words.SCALED, text)
    if found.grows and (refusal := _no_more(draft)):
        text = f"nothing is made larger: {refusal.reason}"
        return draft.decision(Action.BLOCKED, refusal.rule, text, refusals=(refusal,))
    if found.grows and (no := growth(book, draft.market, draft.rules, draft.now, found.goals)):
        refusal = Refusal(rule=no.limit, wanted=0.0, allowed=0.0, reason=no.reason)
        text = f"nothing is made larger: {no.reason}"
        return draft.decision(Action.BLOCKED, no.limit, text, refusals=(refusal,))
    return found


def _no_more(draft: Draft) -> Refusal | None:
    """Why no leg may be made larger: book, ladder, or a model of its size that cannot judge.

    Of a book without options no model can: it is let to its first stage, and judged there.
    """
    found = draft.scaling
    if (no := limits.no_more(draft.book)) or found is None or found.scaled.may_add:
        return no
    if not draft.book.legs.quantity.any():
        return None
    parts = found.scaled.parts
    blind = next(one for one in parts if one.what == Scales.BOOK and not one.is_known)
    return Refusal(rule=blind.model, wanted=0.0, allowed=0.0, reason=blind.reason)


def _unwinding(draft: Draft, seen: Exposure, band: Target) -> Decision:
    """No option is left that a hedge would be needed for."""
    book, now = draft.book, draft.now
    if book.open:
        text = f"no option is left; {len(book.open)} orders are open"
        return draft.decision(Action.NO_TRADE, "in_flight", text)
    found = next_hedge(book, draft.market, draft.rules, now, seen=seen, band=band)
    if found.line is not None:
        return _sent(draft, seen, found.line, found.refusals, words.UNWIND, left=found.left)
    if found.left:
        text = f"{found.left} positions left, none can be closed now: {_named(found.refusals)}"
        return draft.decision(Action.BLOCKED, words.WAITS, text, refusals=found.refusals)
    settling = sum(ms <= now for ms in book.legs.expiry_ms.tolist())
    rest = f"; {settling} expired legs await their settlement" if settling else ""
    text = f"nothing is held{rest}; delta {span(seen)} of the account's balance stays"
    return draft.decision(Action.NO_TRADE, words.CLOSED, text)


def _sent(
    draft: Draft,
    seen: Exposure,
    line: PlanLine,
    refusals: tuple[Refusal, ...],
    reason: str,
    *,
    left: int,
) -> Decision:
    """The order as a decision, unless the book is on hold.

    The ladder's word that nothing is added holds no act up that makes the book smaller: its own
    reduction would end half-way as soon as a measure grew old.
    """
    book = draft.book
    reduces = reduces_delta(seen, line.delta) if line.delta else False
    if back := limits.held_back(book, line.delta, reduces=reduces, why=book.hold):
        return draft.decision(Action.BLOCKED, back.rule, back.reason, refusals=(*refusals, back))
    made = Plan(
        wanted=line.delta,
        allowed=line.delta,
        slippage_bps=draft.rules.limits.slippage_bps_max if reason == words.UNWIND else 0.0,
        reduces=reduces,
        expected=(seen.low + min(line.delta, 0.0), seen.high + max(line.delta, 0.0)),
        lines=(line,),
    )
    memory = draft.memory
    if reason == words.UNWIND and draft.band is not None:
        memory = remembered(memory, made, seen.index, draft.now, draft.band, stage=0)
    text = f"{left} positions to go: {told(made.lines)}"
    return draft.decision(Action.HEDGE, reason, text, refusals=refusals, plan=made, memory=memory)


def _named(refusals: tuple[Refusal, ...]) -> str:
    """The first reasons of why nothing goes."""
    shown = "; ".join(f"{r.instrument or r.rule}: {r.reason}" for r in refusals[:3])
    return f"{shown} and {len(refusals) - 3} more" if len(refusals) > 3 else shown
