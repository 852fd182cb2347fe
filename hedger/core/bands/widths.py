"""What makes a band that follows gamma, as plain functions of floats: chosen, bounded, shifted.

`hedger.core.bands.adaptive` calls them for one book, the kernel of the screen for thousands
(`hedger.core.exposure.many_bands`): one arithmetic, so that a screen says what `decide` says. As in
`formulas` there are no objects; ``kind`` is a place in `KINDS`, ``gamma`` d(delta)/d(spot).
"""

from __future__ import annotations

import math

from hedger.core.bands.formulas import (
    accepted_risk_aversion,
    clipped,
    cubic,
    dearer,
    jitable,
    leland_vol,
    two_cost,
    whalley_wilmott,
    zakamouline,
    zakamouline_vol,
)
from hedger.core.model import DAYS_PER_YEAR

KINDS = ("cubic", "whalley_wilmott", "zakamouline", "price_move", "interval", "leland")
"""Kinds by number; the first three have a width."""
CUBIC, WHALLEY_WILMOTT, ZAKAMOULINE, PRICE_MOVE, INTERVAL, LELAND = range(6)


@jitable
def lasts(lasting: float, vol: float, index: float, lot: float) -> float:
    """Gamma that lasts, over the least that makes a default risk aversion; 0 if that is unknown."""
    return abs(lasting) * 0.5 * vol * index / (math.sqrt(DAYS_PER_YEAR) * lot) if lot > 0.0 else 0.0


@jitable
def default_aversion(
    gamma: float, lasting: float, vol: float, cost: float, index: float, lot: float
) -> float:
    """Risk aversion at which half a daily standard deviation reaches the band; 0 if unknown.

    Of the gamma that does not expire within a day: what is about to expire is many times as sharp,
    and a risk aversion frozen on it would stay too mild for all that follows. Where next to nothing
    lasts longer (`lasts` below 1) that of all gamma serves. No smaller gamma is taken than gives
    one ``lot`` of delta within such a move.
    """
    move = 0.5 * vol * index / math.sqrt(DAYS_PER_YEAR)
    if not (move > 0.0 and cost > 0.0 and lot > 0.0):
        return 0.0
    bend = lasting if lasts(lasting, vol, index, lot) >= 1.0 else gamma
    return accepted_risk_aversion(cost, index, max(abs(bend), lot / move), move)


@jitable
def formula(
    kind: int,
    cost: float,
    order_cost: float,
    index: float,
    gamma: float,
    square_gamma: float,
    vol: float,
    horizon: float,
    aversion: float,
    delay: float,
) -> tuple[float, float]:
    """Edge and inner target before any bound; 0 where an input is not known."""
    if not (vol > 0.0 and aversion > 0.0 and math.isfinite(square_gamma)):
        return 0.0, 0.0
    if kind == CUBIC and order_cost != 0.0:
        return two_cost(cost, order_cost, index, gamma, square_gamma, vol, horizon, aversion, delay)
    if kind == CUBIC:
        width = cubic(cost, index, gamma, square_gamma, vol, horizon, aversion, delay)
    elif kind == WHALLEY_WILMOTT:
        width = whalley_wilmott(cost, index, square_gamma, aversion)
    else:
        width = zakamouline(cost, index, gamma, vol, horizon, aversion)
    return width, width


@jitable
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


@jitable
def bounded(
    width: float, need: float, settling: float, least: float, most: float, lot: float
) -> float:
    """The width within what the book can need, the window, the configured bounds and one lot."""
    width = min(width, 0.5 * need)
    if most != 0.0:
        width = min(width, most)
    return max(following(width, settling), least, lot)


@jitable
def ends(
    edge: float, inner: float, clip: float, lot: float, order_cost: float
) -> tuple[float, float]:
    """Trigger and target of a bounded edge; with a fixed cost they are at least a clip apart."""
    trigger, target = clipped(edge, clip, lot)
    if order_cost == 0.0:
        return trigger, target
    return edge, max(min(inner, edge - (trigger - target)), 0.0)


@jitable
def modified_vol(
    kind: int,
    cost: float,
    order_cost: float,
    index: float,
    gamma: float,
    square_gamma: float,
    vol: float,
    horizon: float,
    aversion: float,
    interval: float,
) -> float:
    """Vol of the delta that the band is centred on; the book's own for most kinds, NaN for none."""
    if not (vol > 0.0 and gamma != 0.0):
        return vol
    if kind == LELAND:
        return leland_vol(cost, vol, interval, gamma)
    if kind == ZAKAMOULINE and aversion > 0.0:
        return zakamouline_vol(cost, index, gamma, vol, horizon, aversion)
    if kind == CUBIC and order_cost != 0.0 and aversion > 0.0:
        return vol * math.sqrt(dearer(cost, order_cost, index, gamma, square_gamma, aversion))
    return vol


@jitable
def modified_for(kind: int, horizon: float) -> float:
    """Years of a leg's life at that vol: with costs, until the horizon; all of them otherwise."""
    return horizon if kind == CUBIC else math.inf


@jitable
def funding_shift(
    excess: float, vol: float, aversion: float, half_width: float, index: float
) -> float:
    """Shift of the centre for funding beyond the carry of the forwards, if there is any.

    Notes
    -----
    -excess / (risk_aversion vol^2 spot), at most half a half-width: a carry bet and not a hedge.
    This is the only place where it enters.
    """
    if excess == 0.0 or not (vol > 0.0 and aversion > 0.0):
        return 0.0
    wanted = -excess / (aversion * vol * vol * index)
    return min(max(wanted, -0.5 * half_width), 0.5 * half_width)
