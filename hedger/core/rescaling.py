"""What another scale of a book would take and bring: its stages, its cost both ways, its worth.

Pure, and for people before anything is asked for: the orders are those of the act `scale`, leg by
leg with the hedge beside them (`hedger.core.acts`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

from hedger.core.acts import Prospect, prospects
from hedger.core.acts.portions import Portion, held_scale, inside, portions, stage
from hedger.core.book import widened
from hedger.core.columns import Book, Market
from hedger.core.costs import cost
from hedger.core.exposure import moves
from hedger.core.freshness import hedge_quote, usable
from hedger.core.model import DAYS_PER_YEAR, Instrument, Record, Rules, ScaleRule

STAGES_MAX = 1_000


class Verdict(StrEnum):
    """What comes of a wish for another scale."""

    PROPOSE = "propose"
    NO_BASE = "no_base"
    INSIDE = "inside_inertia"
    UNKNOWN = "unknown"
    NOT_WORTH = "not_worth_it"


class StagePlan(Record, frozen=True, kw_only=True):
    """One stage: lots traded of each leg, and the delta that the hedge takes over [coin]."""

    level: float
    lots: tuple[tuple[str, int], ...]
    hedge_delta: float | None


class Proposal(Record, frozen=True, kw_only=True):
    """A plan for another scale and the reason for it, or the reason for none.

    ``cost`` is of going there and back again, ``worth`` of what is gained in ``hold_days``, both in
    quote currency and None where not known.
    """

    book: str
    base: tuple[tuple[str, int], ...]
    held: float | None
    wanted: float
    verdict: Verdict
    reason: str
    stages: tuple[StagePlan, ...] = ()
    grows: bool = False
    cost: float | None = None
    worth: float | None = None
    waits: tuple[tuple[str, str], ...] = ()


def proposal(
    book: Book, market: Market, rules: Rules, now: int, *, wanted: float, risk: float | None
) -> Proposal:
    """Plan of a change of scale.

    Parameters
    ----------
    book, market, rules, now
        As for `decide`.
    wanted : float
        The scale to go to, at least 0.
    risk : float
        Annual standard deviation of the book as it is held [quote currency]; None: not known.

    Notes
    -----
    A change costs half-spreads and fees of every leg and of the hedge that follows, and as much
    again on the way back. What it is worth: see `worth`.
    """
    rule = rules.scale
    legs = portions(book, rule, now)
    held = held_scale(legs)
    if held is None:
        text = "no option of the positions file is alive and held as it has it"
        return _said(book, rule, held, wanted, Verdict.NO_BASE, text)
    if inside(legs, wanted, rule.inertia):
        text = f"held at {held:.3f}: every leg is within {rule.inertia:.0%} or a lot of {wanted:g}"
        return _said(book, rule, held, wanted, Verdict.INSIDE, text)
    ends, grows, levels = _walked(legs, wanted, rule)
    if not levels:
        text = f"held at {held:.3f}: what is left is below the venue's least order"
        return _said(book, rule, held, wanted, Verdict.INSIDE, text)
    names = [leg.name for leg in legs]
    each = _moves(book, market, rules, now, names)
    stages = tuple(_stage_plan(book, level, lots, each) for level, lots in levels)
    shown = prospects(book, market, rules, now, ends)
    waits = tuple((one.instrument, one.reason) for one in shown if one.price is None)
    price = _cost(book, market, rules, now, shown, stages)
    gain = None if risk is None else worth(rule, risk=risk, held=held, wanted=wanted)
    verdict, why = _judged(price, gain, waits)
    text = f"held at {held:.3f}, wanted {wanted:g}: {why}"
    return Proposal(
        book=book.name,
        base=rule.base,
        held=held,
        wanted=wanted,
        verdict=verdict,
        reason=text,
        stages=stages,
        grows=grows,
        cost=price,
        worth=gain,
        waits=waits,
    )


def worth(rule: ScaleRule, *, risk: float, held: float, wanted: float) -> float:
    """Certainty equivalent of being at the scale that is wanted, while it lasts.

    Notes
    -----
    With a standard deviation of ``risk / held`` a year at scale 1 and the risk aversion at which
    scale 1 of a book of that Sharpe ratio is best, what is lost at another scale than the best one
    is half the risk aversion times variance times the squared distance::

        worth = 1/2 sharpe (risk / held) (held - wanted)^2 hold_days / 365

    which is one formula for out and in. Where nothing is held, ``risk`` is that of scale 1.

    Examples
    --------
    >>> round(worth(ScaleRule(), risk=365_000.0, held=1.0, wanted=0.5), 2)
    3750.0
    """
    at_one = risk / held if held > 0.0 else risk
    return 0.5 * rule.sharpe * at_one * (held - wanted) ** 2 * rule.hold_days / DAYS_PER_YEAR


def option_fee(contract: Instrument, *, amount: float, price: float, index: float) -> float:
    """Taker's fee of an option trade [quote currency], as the venue's table has it."""
    unit = index if contract.inverse else 1.0
    full = contract.fees.taker * amount * index
    if contract.fees.cap <= 0.0:
        return full
    return min(full, contract.fees.cap * price * amount * unit)


def _said(
    book: Book, rule: ScaleRule, held: float | None, wanted: float, verdict: Verdict, text: str
) -> Proposal:
    return Proposal(
        book=book.name, base=rule.base, held=held, wanted=wanted, verdict=verdict, reason=text
    )


def _walked(
    legs: tuple[Portion, ...], wanted: float, rule: ScaleRule
) -> tuple[dict[str, int], bool, list[tuple[float, dict[str, int]]]]:
    """Where the legs end, whether one grows, and lots traded at each level."""
    ends: dict[str, int] = {}
    grows, levels = False, list[tuple[float, dict[str, int]]]()
    while len(levels) < STAGES_MAX and (found := stage(legs, wanted, step=rule.step)):
        lots = {
            leg.name: found.goals[leg.name] - leg.held for leg in legs if leg.name in found.goals
        }
        legs = tuple(leg._replace(held=found.goals.get(leg.name, leg.held)) for leg in legs)
        ends |= found.goals
        grows = grows or found.grows
        levels.append((found.level, lots))
    return ends, grows, levels


def _moves(
    book: Book, market: Market, rules: Rules, now: int, names: list[str]
) -> dict[str, float]:
    """Change of delta per lot; nothing where no index was ever seen."""
    if book.underlying not in market.index:
        return {}
    wide = widened(book, names)
    each = moves(wide, market, rules, now).tolist()
    return {
        name: move * book.instruments[name].lot
        for name, move in zip(wide.legs.names, each, strict=True)
    }


def _stage_plan(
    book: Book, level: float, lots: Mapping[str, int], each: Mapping[str, float]
) -> StagePlan:
    moved = sum(count * each.get(name, math.nan) for name, count in lots.items())
    return StagePlan(
        level=level,
        lots=tuple(sorted(lots.items(), key=lambda pair: (pair[1] < 0, pair[0]))),
        hedge_delta=-moved if math.isfinite(moved) else None,
    )


def _cost(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    shown: tuple[Prospect, ...],
    stages: tuple[StagePlan, ...],
) -> float | None:
    """Half-spreads and fees of going there and back [quote currency]; None if any is unknown."""
    index = market.index.get(book.underlying)
    if index is None:
        return None
    total = 0.0
    for one in shown:
        if one.price is None:
            return None
        contract, row = book.instruments[one.instrument], market.row[one.instrument]
        bid, ask = float(market.bid[row]), float(market.ask[row])
        half = 0.5 * (ask - (0.0 if math.isnan(bid) else bid))
        amount = abs(one.goal - one.held) * contract.lot
        unit = index.value if contract.inverse else 1.0
        fee = option_fee(contract, amount=amount, price=one.price, index=index.value)
        total += half * unit * amount + fee
    deltas = [one.hedge_delta for one in stages]
    if any(delta is None for delta in deltas):
        return None
    hedged = sum(abs(delta) for delta in deltas if delta is not None)
    quotes = {name: hedge_quote(market, name, now) for name in rules.hedge.hedges}
    rate = cost(
        book,
        market,
        usable(book, market, rules, now),
        quotes,
        size=hedged / max(len(deltas), 1),
        index=index.value,
        cap=1e-4 * rules.limits.slippage_bps_max,
        slippage=book.memory.slippage,
    )
    if not rate.instrument:
        return None
    return 2.0 * (total + hedged * index.value * rate.rate)


def _judged(
    price: float | None, gain: float | None, waits: tuple[tuple[str, str], ...]
) -> tuple[Verdict, str]:
    if price is None:
        first = f": {waits[0][0]} {waits[0][1]}" if waits else ""
        return Verdict.UNKNOWN, f"what it costs is not known{first}"
    if gain is None:
        return Verdict.UNKNOWN, f"costs {price:,.0f} both ways, what it is worth is not known"
    if gain <= price:
        return Verdict.NOT_WORTH, f"costs {price:,.0f} both ways and is worth {gain:,.0f}"
    return Verdict.PROPOSE, f"worth {gain:,.0f}, costs {price:,.0f} both ways"
