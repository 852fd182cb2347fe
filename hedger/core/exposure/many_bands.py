"""Where the adaptive bands of a whole shelf ask for a trade: one kernel call for all its books.

As `hedger.core.policy.adaptive_target` has it for one book, with the very functions that it calls
(`hedger.core.bands.widths`); NaN where a number is not known or cannot be told from its sign.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hedger.core.bands import widths
from hedger.core.columns import Floats, Ints, Market
from hedger.core.exposure.legs import MEAN, window_shares
from hedger.core.exposure.many import PRESENT, Deltas, Layout
from pricing._kernel_cache import compiled
from pricing.bends import bends

_GIVEN = (
    "aversion", "cost", "order_cost", "horizon", "delay", "interval",
    "width_min", "width_max", "clip_min", "funding",
)  # fmt: skip
"""Numbers of a card that the kernel reads, in its order."""
_UNSURE = 1e-6


class Triggers(NamedTuple):
    """Per slot: delta at which a trade is due; how far rounding may have moved them [coin]."""

    low: Floats
    high: Floats
    error: Floats


def triggers(
    cards: NDArray[Any], laid_out: Layout, market: Market, now: int, seen: Deltas
) -> Triggers:
    """Triggers of every adaptive band of a shelf; what they are for other slots means nothing.

    Parameters
    ----------
    cards, laid_out, market, now
        As for `hedger.core.exposure.deltas`.
    seen : Deltas
        Deltas of the same instant.
    """
    ratio, index = cards["ratio"], seen.index
    shares = window_shares(laid_out.group_expiry_ms, now)
    ahead, spot = seen.forward[laid_out.group_row], index[laid_out.group_slot]
    found = bends(
        seen.legs,
        seen.forward,
        starts=laid_out.starts,
        by_strike=laid_out.by_strike,
        shares=shares,
        units=1.0 / np.where(laid_out.group_inverse, ahead, spot),
        rule=MEAN,
        spreads=cards["spread"].copy(),
    )
    market_terms = (
        index,
        np.where(cards["coin"], index, 1.0),
        ratio * found.gamma / index,
        (ratio / index) ** 2 * found.square_gamma,
        found.vol,
        ratio * found.need,
        ratio * np.abs(_settling(laid_out, seen, shares)),
        seen.lot_delta,
        _cost(cards, market),
        ratio * found.lasting / index,
    )
    out = np.empty((3, laid_out.slots))
    _widths(cards["kind"].copy(), np.array([*market_terms, *(cards[n] for n in _GIVEN)]), out)
    half, factor, centre = out
    if (moved := (factor != 1.0) & (cards["kind"] >= 0)).any():
        years = np.where(cards["kind"] == widths.CUBIC, cards["horizon"], np.inf)
        centre = centre + np.where(
            moved, ratio * _shift(laid_out, seen, factor, years, shares), 0.0
        )
    error = 1e-7 * (half + np.abs(centre) + seen.lot_delta + ratio * found.need)
    return Triggers(centre - half, centre + half, error)


@compiled("void(int64[::1], float64[:,::1], float64[:,::1])")
def _widths(kinds: Ints, terms: Floats, out: Floats) -> None:
    """Half the distance of the triggers, vol of the centre over the market's, funding shift."""
    for s in range(kinds.size):
        kind = kinds[s]
        index, unit, gamma, square, vol, need, settling, lot, measured, lasting = terms[:10, s]
        aversion, cost, order_cost, horizon, delay, interval, least, most, clip, excess = terms[
            10:, s
        ]
        if cost == 0.0:
            cost = measured
        if aversion == 0.0:
            aversion = unit * widths.default_aversion(gamma, lasting, vol, cost, index, lot)
            if abs(widths.lasts(lasting, vol, index, lot) - 1.0) < _UNSURE:
                square = np.nan  # rounding decides which gamma serves
        aversion /= unit
        edge = trigger = lot
        if kind < widths.PRICE_MOVE:
            edge, inner = widths.formula(
                kind, cost, order_cost, index, gamma, square, vol, horizon, aversion, delay
            )
            edge = widths.bounded(edge, need, settling, least, most, lot)
            trigger, _ = widths.ends(edge, inner, clip, lot, order_cost)
        there = widths.modified_vol(
            kind, cost, order_cost, index, gamma, square, vol, horizon, aversion, interval
        )
        out[0, s] = trigger if np.isfinite(square) else np.nan
        out[1, s] = there / vol if vol > 0.0 or np.isnan(there) else 1.0
        out[2, s] = widths.funding_shift(excess, vol, aversion, edge, index)


def _settling(laid_out: Layout, seen: Deltas, shares: Floats) -> Floats:
    """Delta that the present settlement window takes away, as it was before."""
    return laid_out.by_slot(seen.black, (shares > 0.0) & (shares < 1.0))


def _cost(cards: NDArray[Any], market: Market) -> Floats:
    """One-way cost of the dearer hedge, as `hedger.core.costs` has it for a trade of no size.

    What depth adds at the size to be traded makes a band no narrower, so that what is inside here
    is inside there.
    """
    rates = []
    for hedge in (cards["buy"], cards["sell"]):
        bid, ask = market.bid[hedge["row"]], market.ask[hedge["row"]]
        half_spread = (ask - bid) / (ask + bid)
        rates.append(
            np.maximum(hedge["fee"], 0.0) + np.minimum(half_spread + cards["beyond"], cards["cap"])
        )
    return np.asarray(np.maximum(*rates), dtype=np.float64)


def _shift(laid_out: Layout, seen: Deltas, factor: Floats, years: Floats, shares: Floats) -> Floats:
    """Black delta of the options, less that at their vols times each book's factor [coin].

    That factor holds for so many years of a leg's life at most.
    """
    lives, more = seen.legs.time_to_expiry, factor[laid_out.leg_slot] ** 2 - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(lives > 0.0, np.minimum(years[laid_out.leg_slot] / lives, 1.0), 1.0)
    legs = seen.legs.updated(vol=seen.legs.vol * np.sqrt(1.0 + more * part))
    there = legs.ladder(seen.forward, PRESENT)
    ahead, spot = seen.forward[laid_out.group_row], seen.index[laid_out.group_slot]
    unit = np.where(laid_out.group_inverse, 1.0, ahead / spot)
    moved = unit * (seen.black - there.delta[0])
    return laid_out.by_slot(shares * moved, shares > 0.0)
