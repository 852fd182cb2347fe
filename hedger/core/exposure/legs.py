"""The option legs joined with the market, and their sums per expiry on a ladder of spots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hedger.core.columns import Book, Bools, Floats, Ints, Market
from hedger.core.model import SETTLEMENT_WINDOW_MS
from pricing.conventions import MS_PER_YEAR
from pricing.portfolio import Ladder, ladder

MOVES = np.array([0.94, 0.97, 0.99, 1.0, 1.01, 1.03, 1.06])
HERE = 3


@dataclass(frozen=True, slots=True)
class JoinedLegs:
    """The book's legs joined with the market, (n,) each; NaN where nothing is known.

    ``weight`` is per group: the share of the settlement window still to run, 1 before it.
    """

    rows: Ints
    alive: Bools
    known: Bools
    forward: Floats
    vol: Floats
    years: Floats
    weight: Floats


def window_share(expiry_ms: int, now: int) -> float:
    """Share of the 30-minute settlement window still to run: 1 before it, 0 at expiry."""
    return min(max((expiry_ms - now) / SETTLEMENT_WINDOW_MS, 0.0), 1.0)


def joined(book: Book, market: Market, now: int, index: float) -> JoinedLegs:
    """Legs with what the market knows of them at this instant."""
    columns = book.legs
    count = len(columns.names)
    rows = np.fromiter((market.row.get(n, -1) for n in columns.names), np.int64, count)
    alive = columns.expiry_ms > now
    ratio, vol = market.ratio[rows], market.vol[rows]
    shares = [window_share(expiry, now) for expiry, _ in columns.groups]
    return JoinedLegs(
        rows=rows,
        alive=alive,
        known=alive & np.isfinite(vol) & np.isfinite(ratio),
        forward=np.where(np.isfinite(ratio), ratio, 1.0) * index,
        vol=vol,
        years=(columns.expiry_ms - now) / MS_PER_YEAR,
        weight=np.array(shares, dtype=np.float64),
    )


def sums(book: Book, legs: JoinedLegs) -> Ladder:
    """Book Greeks per group, (moves, groups) each."""
    return _ladder(book, legs, book.legs.quantity, MOVES)


def _ladder(book: Book, legs: JoinedLegs, quantity: Floats, moves: Floats) -> Ladder:
    """Book Greeks per group on a spot ladder; legs that are not known contribute nothing."""
    return ladder(
        forward=legs.forward,
        strike=book.legs.strike,
        time_to_expiry=np.where(legs.known, legs.years, 1.0),
        vol=np.where(legs.known, legs.vol, 1.0),
        is_call=book.legs.is_call,
        quantity=np.where(legs.known, quantity, 0.0),
        group=book.legs.group,
        groups=len(book.legs.groups),
        moves=moves,
    )


def by_group(
    book: Book, legs: JoinedLegs, greeks: Ladder, *, coin: bool, index: float
) -> tuple[Floats, Floats]:
    """Numeraire delta and its slope in log spot, (moves, groups) each."""
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    weight, spot = legs.weight, index * MOVES[:, None]
    net = greeks.delta - greeks.coin_value
    forward = group_forward(book, legs) * MOVES[:, None]
    curve = weight * greeks.gamma_cash / forward
    coined, linear = own_value(inverse=True, coin=coin), own_value(inverse=False, coin=coin)
    delta = np.where(
        inverse,
        weight * net + coined * greeks.coin_value,
        (weight * greeks.delta_cash + linear * greeks.value) / spot,
    )
    gamma = np.where(
        inverse,
        curve - weight * net + coined * net,
        (weight * greeks.gamma_cash + linear * (greeks.delta_cash - greeks.value)) / spot,
    )
    return delta, gamma


def own_value(*, inverse: bool, coin: bool) -> float:
    """Delta of an option's own value [coin per coin]: what it settles in, seen in the numeraire.

    Coin moves against usd (1), usd against coin (-1), and neither against itself (0).
    """
    return float(inverse) - float(coin)


def group_forward(book: Book, legs: JoinedLegs) -> Floats:
    """Forward of each group."""
    forward = np.ones(len(book.legs.groups))
    forward[book.legs.group] = legs.forward
    return forward


def gross(book: Book, legs: JoinedLegs) -> float:
    """Sum of the legs' absolute Black deltas, the size that a relative band refers to [coin].

    A leg never priced counts in full, so that its band is not too narrow.
    """
    size = np.abs(book.legs.quantity)
    signed = np.where(book.legs.is_call, size, -size)
    priced = _ladder(book, legs, signed, np.ones(1)).delta.sum()
    return float(priced + size[legs.alive & ~legs.known].sum())
