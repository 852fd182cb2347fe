"""The last part of a close: hedges and futures go, once no option is left that they hedge."""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core import limits
from hedger.core.acts.closing import ROOM
from hedger.core.columns import Book, Market
from hedger.core.freshness import hedge_quote, untradable
from hedger.core.model import Exposure, Instrument, PlanLine, Refusal, Rules, Target
from hedger.core.plan import bounds, limit_ticks
from hedger.core.trade import reduces_delta


class Unwind(NamedTuple):
    """One order, or none; what was refused; how many positions are left to go."""

    line: PlanLine | None
    refusals: tuple[Refusal, ...]
    left: int


class _Held(NamedTuple):
    instrument: Instrument
    lots: int
    middle: float
    delta: float


def next_hedge(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    *,
    seen: Exposure,
    band: Target,
) -> Unwind:
    """The next order that takes a hedge or a future away; call it with nothing open.

    One position goes within the limits of any hedge. Of several that stand against each other the
    one goes first that leaves the delta nearest to what it is to be in the end, in steps that stay
    inside the hard band.
    """
    held, refusals = _held(book, market, rules, now, seen)
    if not held:
        return Unwind(None, tuple(refusals), len(refusals))
    end = seen.book_delta - sum(one.delta for one in held)
    room = math.inf
    if len(held) > 1:
        room = ROOM * min(band.centre - band.hard_low, band.hard_high - band.centre)
    found: list[tuple[float, PlanLine]] = []
    for one in held:
        lots, cuts = _lots(book, rules, now, one, seen=seen, room=room)
        refusals += cuts
        if lots:
            line = _line(book, rules, one, lots)
            found.append((abs(seen.book_delta + line.delta - end), line))
    left = len(held) + sum(r.rule == "close_stale_hedge" for r in refusals)
    if not found:
        return Unwind(None, tuple(refusals), left)
    return Unwind(min(found, key=lambda pair: pair[0])[1], tuple(refusals), left)


def _held(
    book: Book, market: Market, rules: Rules, now: int, seen: Exposure
) -> tuple[list[_Held], list[Refusal]]:
    """What can be unwound now, and what cannot for want of a fresh market."""
    found, refusals = [], []
    for position in (*book.hedges, *book.futures):
        one, lots = position.instrument, position.lots
        if not lots or (one.expiry_ms and one.expiry_ms <= now):
            continue
        quote = hedge_quote(market, one.name, now)
        if fault := untradable(market, one.name, rules, now):
            text = f"not closed now: {fault.reason}"
            refusals.append(_refused(one.name, "close_stale_hedge", text, quote.age_ms))
            continue
        assert quote.bid is not None
        assert quote.ask is not None
        middle = 0.5 * (quote.bid + quote.ask)
        delta = one.future_delta(lots, price=middle, index=seen.index)
        found.append(_Held(one, lots, middle, delta))
    return found, refusals


def _lots(
    book: Book, rules: Rules, now: int, one: _Held, *, seen: Exposure, room: float
) -> tuple[int, list[Refusal]]:
    """Signed lots of the order, and what the limits cut."""
    least = max(one.instrument.min_lots, 1)
    if abs(one.lots) < least:
        text = f"{abs(one.lots)} lots are fewer than the venue's least order, {least}"
        return 0, [_refused(one.instrument.name, "close_too_few", text)]
    wanted, unit = -one.delta, abs(one.delta / one.lots)
    size, cuts, _ = limits.allowed(
        rules.limits,
        book,
        wanted=wanted,
        held=(seen.hedge_low, seen.hedge_high),
        reduces=reduces_delta(seen, wanted),
        now=now,
    )
    size = min(abs(size), max(room, least * unit))
    lots = abs(one.lots) if size >= abs(wanted) else math.floor(size / unit + 1e-9)
    if lots < least:
        return 0, list(cuts)
    return (-lots if one.lots > 0 else lots), list(cuts)


def _line(book: Book, rules: Rules, one: _Held, lots: int) -> PlanLine:
    bps = rules.limits.slippage_bps_max
    ticks = limit_ticks(one.instrument, one.middle, bps=bps, buy=lots > 0)
    low, high = bounds(book, one.instrument, lots)
    return PlanLine(
        instrument=one.instrument.name,
        lots=lots,
        limit_ticks=ticks,
        limit_price=ticks * one.instrument.tick,
        delta=lots * one.delta / one.lots,
        low=low,
        high=high,
    )


def _refused(name: str, rule: str, reason: str, age: int | None = None) -> Refusal:
    return Refusal(rule=rule, wanted=0.0, allowed=0.0, reason=reason, instrument=name, age_ms=age)
