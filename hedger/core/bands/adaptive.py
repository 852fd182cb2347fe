"""Bands made from gamma, cost and risk aversion: half-widths by kind, within floors and ceilings.

A half-width is never above half of the largest hedge that the book can need, nor above what lets
the hedge follow a delta that decays in a settlement window, nor below one lot; one band for the
whole book, from its net gamma.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core.bands import formulas
from hedger.core.bands.inputs import MS_PER_DAY, MS_PER_YEAR
from hedger.core.model import BandInputs, BandRule, Curve

WIDTHS = ("cubic", "whalley_wilmott", "zakamouline")
"""Kinds with a width: trade when delta leaves it."""
GATES = ("price_move", "interval", "leland")
"""Kinds without one: trade to the centre, once the price or the clock has moved far enough."""
ADAPTIVE = (*WIDTHS, *GATES)


class HalfWidths(NamedTuple):
    """Distances from the centre [coin]: where a trade is due, and where it ends."""

    edge: float
    trigger: float
    target: float


def half_widths(
    rule: BandRule, terms: BandInputs, curve: Curve, *, index: float, lot_delta: float
) -> HalfWidths:
    """Half-widths of a kind with a width; the least ones where gamma or vol are not known.

    Notes
    -----
    To the edge with a clip, as `formulas.clipped` says. With a fixed cost per order the trigger
    and the inner target have formulas of their own, and are at least one clip apart.
    """
    edge, inner = _formula(rule, terms, index)
    edge = _bounded(edge, rule, curve, lot_delta)
    trigger, target = formulas.clipped(edge, rule.clip_min, lot_delta)
    if not rule.order_cost:
        return HalfWidths(edge, trigger, target)
    gap = trigger - target
    return HalfWidths(edge, edge, max(min(inner, edge - gap), 0.0))


def _formula(rule: BandRule, terms: BandInputs, index: float) -> tuple[float, float]:
    """Edge and inner target before any bound; 0 where an input is not known."""
    if not (terms.vol > 0.0 and terms.aversion_usd > 0.0 and math.isfinite(terms.square_gamma)):
        return 0.0, 0.0
    cost, aversion, vol, horizon = terms.cost, terms.aversion_usd, terms.vol, terms.horizon
    match rule.kind:
        case "whalley_wilmott":
            width = formulas.whalley_wilmott(cost, index, terms.square_gamma, aversion)
        case "zakamouline":
            width = formulas.zakamouline(cost, index, terms.gamma, vol, horizon, aversion)
        case "cubic" if rule.order_cost:
            return formulas.two_cost(
                cost,
                rule.order_cost,
                index,
                terms.gamma,
                terms.square_gamma,
                vol,
                horizon,
                aversion,
                terms.delay,
            )
        case "cubic":
            width = formulas.cubic(
                cost, index, terms.gamma, terms.square_gamma, vol, horizon, aversion, terms.delay
            )
        case _:
            raise ValueError(f"band kind {rule.kind!r}: expected one of {', '.join(WIDTHS)}")
    return width, width


def _bounded(width: float, rule: BandRule, curve: Curve, lot_delta: float) -> float:
    """The width within what the book can need, the window, the configured bounds and one lot."""
    width = min(width, 0.5 * curve.need)
    if rule.half_width_max:
        width = min(width, rule.half_width_max)
    width = following(width, curve.settling)
    return max(width, rule.half_width_min, lot_delta)


def following(width: float, settling: float) -> float:
    """Half-width inside a settlement window: a quarter of the delta that decays, if narrower.

    ``settling`` is that delta as it was before the window, 0 outside one. Where it fits into the
    band as a whole nothing has to follow it; between one and 1.6 half-widths the two are joined.

    Examples
    --------
    >>> following(1.0, 0.5), following(1.0, 2.0), following(1.0, 8.0)
    (1.0, 0.5, 1.0)
    """
    return min(width, max(0.25 * settling, 2.0 * width - settling))


def modified_vol(rule: BandRule, terms: BandInputs, index: float) -> float:
    """Vol of the delta that the band is centred on; the book's own for most kinds, NaN for none."""
    if not (terms.vol > 0.0 and terms.gamma):
        return terms.vol
    if rule.kind == "leland":
        return formulas.leland_vol(
            terms.cost, terms.vol, rule.interval_ms / MS_PER_YEAR, terms.gamma
        )
    if rule.kind == "zakamouline" and terms.aversion_usd > 0.0:
        return formulas.zakamouline_vol(
            terms.cost, index, terms.gamma, terms.vol, terms.horizon, terms.aversion_usd
        )
    return terms.vol


def least_move(rule: BandRule, vol: float) -> float:
    """Relative move of spot that makes a ``price_move`` band due; 0 for other kinds.

    In percent, or in daily standard deviations at the present vol.
    """
    if rule.kind != "price_move":
        return 0.0
    if rule.move_std:
        return rule.move_std * vol * math.sqrt(MS_PER_DAY / MS_PER_YEAR)
    return 0.01 * rule.move_pct


def gate_reach(rule: BandRule, terms: BandInputs, index: float) -> float:
    """Delta that may build up until a gate opens, by gamma and one such move [coin]."""
    move = least_move(rule, terms.vol)
    if rule.kind in ("interval", "leland"):
        move = terms.vol * math.sqrt(rule.interval_ms / MS_PER_YEAR)
    return abs(terms.gamma) * index * move


def funding_shift(rule: BandRule, terms: BandInputs, *, half_width: float, index: float) -> float:
    """Shift of the centre for funding beyond the carry of the forwards; 0 unless configured.

    Notes
    -----
    -funding_excess / (risk_aversion vol^2 spot), at most half a half-width: a carry bet and not a
    hedge. This is the only place where it enters.
    """
    if not rule.funding_excess or not (terms.vol > 0.0 and terms.aversion_usd > 0.0):
        return 0.0
    wanted = -rule.funding_excess / (terms.aversion_usd * terms.vol**2 * index)
    return min(max(wanted, -0.5 * half_width), 0.5 * half_width)
