"""How a book's delta bends: gamma and vol for its band, the largest hedge it can need.

Of what is known alone: a leg that was never priced adds nothing to gamma, and its doubt is the
delta's own (`hedger.core.exposure.doubt`).
"""

from __future__ import annotations

import numpy as np

from hedger.core.bands import formulas
from hedger.core.columns import Book, Floats, Legs, Market
from hedger.core.exposure.legs import (
    HERE,
    MOVES,
    JoinedLegs,
    group_forward,
    joined,
    ladder_here,
)
from hedger.core.model import Curve
from pricing.portfolio import Ladder

_LOG_MOVES = np.log(MOVES)
_NODES = np.array(formulas.SPREAD_NODES)
_WEIGHTS = np.array(formulas.SPREAD_WEIGHTS)


def curve(
    book: Book, legs: JoinedLegs, greeks: Ladder, *, ratio: float, index: float, horizon: float
) -> Curve:
    """Gamma, vol and reach of a book's options; ``horizon`` is the hedging horizon in years.

    Notes
    -----
    The gamma of a band is that of Black in either numeraire: in coin, the options' value in coin
    bends by itself, and so does the hedge, by as much the other way. Where the sign changes within
    what spot may do, the square is averaged over log spot; beyond the ladder its last step stands.
    """
    here, vol = _gammas(book, legs, greeks, index), _vol(book.legs, legs)
    gamma = ratio * float(here[HERE])
    spread = formulas.spread(vol, horizon) if vol > 0.0 else 0.0
    steps = spread * _NODES
    # per unit of today's spot, so that the mean is of gamma and not of gamma times spot
    near = ratio * np.interp(steps, _LOG_MOVES, here) * np.exp(-steps)
    changes = near.min(initial=0.0) < 0.0 < near.max(initial=0.0)
    return Curve(
        gamma=gamma,
        square_gamma=float(_WEIGHTS @ near**2) if changes else gamma * gamma,
        vol=vol,
        need=ratio * _need(book.legs, legs),
        settling=ratio * _settling(legs, greeks),
    )


def black_shift(book: Book, market: Market, now: int, *, index: float, factor: float) -> float:
    """Black delta of the options at their vols, less that at their vols times a factor [coin].

    Leland and Zakamouline hedge at another vol than the market's: this is where their centre lies.
    """
    legs = joined(book, market, now, index)
    forward = group_forward(book, legs)
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    deltas = []
    for vol in (legs.vol, legs.vol * factor):
        black = ladder_here(book, legs, vol).delta[0]
        delta = np.where(inverse, black, black * forward / index)
        deltas.append(float(legs.weight @ delta) if len(delta) else 0.0)
    return deltas[0] - deltas[1]


def _gammas(book: Book, legs: JoinedLegs, greeks: Ladder, index: float) -> Floats:
    """Slope of the Black delta in log spot along the ladder, (moves,) [coin]."""
    if not book.legs.groups:
        return np.zeros(MOVES.size)
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    price = np.where(inverse, group_forward(book, legs), index) * MOVES[:, None]
    return np.asarray((legs.weight * greeks.gamma_cash / price).sum(axis=1), dtype=np.float64)


def _vol(columns: Legs, legs: JoinedLegs) -> float:
    """Mean vol of the legs, each weighted by the size of its gamma; 0 where none is known."""
    good = legs.known & (legs.vol > 0.0)
    if not good.any():
        return 0.0
    vol, deviation = legs.vol[good], legs.vol[good] * np.sqrt(legs.years[good])
    distance = np.log(legs.forward[good] / columns.strike[good]) / deviation + 0.5 * deviation
    # in logs against the largest, so that a book of far wings alone still has weights
    size = -0.5 * distance**2 - np.log(deviation) + np.log(np.abs(columns.quantity[good]))
    weight = np.exp(size - size.max())
    return float(weight @ vol / weight.sum())


def _need(columns: Legs, legs: JoinedLegs) -> float:
    """Largest |delta| that the options can have anywhere: the slopes of their payoff.

    Below all strikes every put counts, and each strike that is passed adds its quantity; a delta
    before expiry is a mean of these slopes. Outside settlement windows nothing but the legs counts,
    so that it is worked out once.
    """
    whole = bool(legs.alive.all()) and bool((legs.weight == 1.0).all())
    if whole and "need" in columns.memo:
        return float(columns.memo["need"])
    weight = legs.weight[columns.group] if columns.groups else np.empty(0)
    quantity = np.where(legs.alive, weight * columns.quantity, 0.0)
    below = -float(quantity[~columns.is_call].sum())
    passed = below + np.cumsum(quantity[np.argsort(columns.strike, kind="stable")])
    need = max(abs(below), float(np.abs(passed).max(initial=0.0)))
    if whole:
        columns.memo["need"] = need
    return need


def _settling(legs: JoinedLegs, greeks: Ladder) -> float:
    """Size of the delta that the present settlement window takes away, as it was before."""
    inside = (legs.weight < 1.0) & (legs.weight > 0.0)
    if not inside.any():
        return 0.0
    return abs(float(greeks.delta[HERE][inside].sum()))
