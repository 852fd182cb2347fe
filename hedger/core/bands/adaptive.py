"""Bands made from gamma, cost and risk aversion: half-widths by kind, within floors and ceilings.

A half-width is never above half of the largest hedge that the book can need, nor above what lets
the hedge follow a delta that decays in a settlement window, nor below one lot; one band for the
whole book, from its net gamma.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core.bands import formulas, widths
from hedger.core.model import DAYS_PER_YEAR, MS_PER_YEAR, BandInputs, BandRule, Curve

WIDTHS = widths.KINDS[:3]
"""Kinds with a width: trade when delta leaves it."""
GATES = widths.KINDS[3:]
"""Kinds without one: trade to the centre, once the price or the clock has moved far enough."""
ADAPTIVE = widths.KINDS


class HalfWidths(NamedTuple):
    """Distances from the centre [coin]: where a trade is due, and where it ends.

    Both ends lie ``further`` to one side, where the options' delta is soon to rest.
    """

    edge: float
    trigger: float
    target: float
    further: float = 0.0


def half_widths(
    rule: BandRule, terms: BandInputs, curve: Curve, *, index: float, lot_delta: float
) -> HalfWidths:
    """Half-widths of a kind with a width; the least ones where gamma or vol are not known.

    Notes
    -----
    To the edge with a clip, as `formulas.clipped` says. With a fixed cost per order the trigger
    and the inner target have formulas of their own, and are at least one clip apart.
    """
    kind, order_cost = _width(rule.kind), rule.order_cost
    edge, inner = widths.formula(
        kind,
        terms.cost,
        order_cost,
        index,
        terms.gamma,
        terms.square_gamma,
        terms.vol,
        terms.horizon,
        terms.aversion_usd,
        terms.delay,
    )
    edge = widths.bounded(
        edge, curve.need, curve.settling, rule.half_width_min, rule.half_width_max, lot_delta
    )
    trigger, target = widths.ends(edge, inner, rule.clip_min, lot_delta, order_cost)
    further = formulas.unwinding(curve.to_rest, trigger, target) if order_cost else 0.0
    return HalfWidths(edge, trigger, target, further)


def _width(kind: str) -> int:
    """The number of a kind with a width."""
    if kind not in WIDTHS:
        raise ValueError(f"band kind {kind!r}: expected one of {', '.join(WIDTHS)}")
    return widths.KINDS.index(kind)


def modified_vol(rule: BandRule, terms: BandInputs, index: float) -> float:
    """Vol of the delta that the band is centred on; the book's own for most kinds, NaN for none."""
    return widths.modified_vol(
        widths.KINDS.index(rule.kind),
        terms.cost,
        rule.order_cost,
        index,
        terms.gamma,
        terms.square_gamma,
        terms.vol,
        terms.horizon,
        terms.aversion_usd,
        rule.interval_ms / MS_PER_YEAR,
    )


def modified_for(rule: BandRule, terms: BandInputs) -> float:
    """Years of a leg's life that are hedged at that vol."""
    return widths.modified_for(widths.KINDS.index(rule.kind), terms.horizon)


def least_move(rule: BandRule, vol: float) -> float:
    """Relative move of spot that makes a ``price_move`` band due; 0 for other kinds.

    In percent, or in daily standard deviations at the present vol.
    """
    if rule.kind != "price_move":
        return 0.0
    if rule.move_std:
        return rule.move_std * vol / math.sqrt(DAYS_PER_YEAR)
    return 0.01 * rule.move_pct


def gate_reach(rule: BandRule, terms: BandInputs, index: float) -> float:
    """Delta that may build up until a gate opens, by gamma and one such move [coin]."""
    move = least_move(rule, terms.vol)
    if rule.kind in ("interval", "leland"):
        move = terms.vol * math.sqrt(rule.interval_ms / MS_PER_YEAR)
    return abs(terms.gamma) * index * move


def funding_shift(rule: BandRule, terms: BandInputs, *, half_width: float, index: float) -> float:
    """Shift of the centre for funding beyond the carry of the forwards; 0 unless configured."""
    return widths.funding_shift(
        rule.funding_excess, terms.vol, terms.aversion_usd, half_width, index
    )
