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
    ladder_at,
    ladder_here,
)
from hedger.core.model import Curve
from pricing.portfolio import Ladder

_LOG_MOVES = np.log(MOVES)
_NODES = np.array(formulas.SPREAD_NODES)
_WEIGHTS = np.array(formulas.SPREAD_WEIGHTS)
_DAY = 1.0 / 365.0


def curve(
    book: Book, legs: JoinedLegs, greeks: Ladder, *, ratio: float, index: float, horizon: float
) -> Curve:
    """Gamma, vol and reach of a book's options; ``horizon`` is the hedging horizon in years.

    Notes
    -----
    The gamma of a band is that of Black in either numeraire: in coin, the options' value in coin
    bends by itself, and so does the hedge, by as much the other way. Where the sign changes within
    what spot may do, the square is averaged over log spot; where that reaches beyond the ladder, as
    it does from a vol of about 50 % on, the steps out there are priced for it.
    """
    here, vol = _gammas(book, legs, greeks, MOVES, index), _vol(book.legs, legs)
    gamma = ratio * float(here[HERE])
    spread = formulas.spread(vol, horizon) if vol > 0.0 else 0.0
    steps = spread * _NODES
    # per unit of today's spot, so that the mean is of gamma and not of gamma times spot
    near = ratio * _along(book, legs, here, steps, index) * np.exp(-steps)
    changes = near.min(initial=0.0) < 0.0 < near.max(initial=0.0)
    return Curve(
        gamma=gamma,
        lasting=ratio * _lasting(book, legs, greeks, index),
        square_gamma=float(_WEIGHTS @ near**2) if changes else gamma * gamma,
        vol=vol,
        need=ratio * _need(book.legs, legs),
        settling=ratio * _settling(legs, greeks),
    )


def black_delta(book: Book, market: Market, now: int, *, index: float, factor: float) -> float:
    """Delta of the options at their vols times a factor, as Black has it, faded in a window.

    Leland and Zakamouline hedge at another vol than the market's: the difference of two of these
    is where their centre lies.
    """
    legs = joined(book, market, now, index)
    greeks = ladder_here(book, legs, legs.vol * factor)
    forward = group_forward(book, legs)
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    delta = np.where(inverse, greeks.delta[0], greeks.delta[0] * forward / index)
    return float(legs.weight @ delta) if len(delta) else 0.0


def _along(book: Book, legs: JoinedLegs, here: Floats, steps: Floats, index: float) -> Floats:
    """Slopes at log moves of spot: between those of the ladder, and priced anew beyond it."""
    found = np.interp(steps, _LOG_MOVES, here)
    beyond = (steps < _LOG_MOVES[0]) | (steps > _LOG_MOVES[-1])
    if beyond.any():
        moves = np.exp(steps[beyond])
        found[beyond] = _gammas(book, legs, ladder_at(book, legs, moves), moves, index)
    return np.asarray(found, dtype=np.float64)


def _gammas(book: Book, legs: JoinedLegs, greeks: Ladder, moves: Floats, index: float) -> Floats:
    """Slope of the Black delta in log spot at each of these moves, (moves,) [coin]."""
    slopes = _slopes(book, legs, greeks.gamma_cash, moves, index)
    return np.asarray(slopes.sum(axis=1), dtype=np.float64)


def _slopes(
    book: Book, legs: JoinedLegs, gamma_cash: Floats, moves: Floats, index: float
) -> Floats:
    """The same per group, (moves, groups) [coin]."""
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    price = np.where(inverse, group_forward(book, legs), index) * moves[:, None]
    return np.asarray(legs.weight * gamma_cash / price, dtype=np.float64)


def _lasting(book: Book, legs: JoinedLegs, greeks: Ladder, index: float) -> float:
    """Slope at spot as it is, of the expiries that are more than a day away [coin]."""
    years = np.zeros(len(book.legs.groups))
    years[book.legs.group] = legs.years
    slopes = _slopes(book, legs, greeks.gamma_cash[HERE : HERE + 1], np.ones(1), index)
    return float(slopes[0, years > _DAY].sum())


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
