"""The option legs joined with the market, and their sums per expiry on a ladder of spots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hedger.core.columns import Book, Bools, Floats, Ints, Legs, Market
from hedger.core.model import SETTLEMENT_WINDOW_MS
from pricing.conventions import MS_PER_YEAR
from pricing.portfolio import Ladder
from pricing.prepared import PreparedBook

MOVES = np.array([0.94, 0.97, 0.99, 1.0, 1.01, 1.03, 1.06])
HERE = 3


@dataclass(frozen=True, slots=True)
class JoinedLegs:
    """The book's legs joined with the market, (n,) each; NaN where nothing is known.

    ``whole`` says that every leg is known, the common case. ``weight`` is per group: the share of
    the settlement window still to run, 1 before it.
    """

    rows: Ints
    alive: Bools
    known: Bools
    whole: bool
    forward: Floats
    vol: Floats
    years: Floats
    weight: Floats


def window_share(expiry_ms: int, now: int) -> float:
    """Share of the 30-minute settlement window still to run: 1 before it, 0 at expiry."""
    return min(max((expiry_ms - now) / SETTLEMENT_WINDOW_MS, 0.0), 1.0)


def joined(book: Book, market: Market, now: int, index: float) -> JoinedLegs:
    """Legs with what the market knows of them at this instant."""
    columns, rows = book.legs, book.legs.places(market).rows
    left_ms = columns.expiry_ms - now
    alive = left_ms > 0
    ratio, vol = market.ratio.take(rows), market.vol.take(rows)
    known = alive & np.isfinite(vol) & np.isfinite(ratio)
    whole = bool(known.all())
    return JoinedLegs(
        rows=rows,
        alive=alive,
        known=known,
        whole=whole,
        forward=(ratio if whole else np.where(np.isfinite(ratio), ratio, 1.0)) * index,
        vol=vol,
        years=left_ms / MS_PER_YEAR,
        weight=_weights(columns, now),
    )


def _weights(legs: Legs, now: int) -> Floats:
    """Window share of each group; the groups stand in the order of their expiries."""
    if legs.groups and legs.groups[0][0] - now >= SETTLEMENT_WINDOW_MS:
        return np.ones(len(legs.groups))
    return np.array([window_share(expiry, now) for expiry, _ in legs.groups], dtype=np.float64)


def sums(book: Book, legs: JoinedLegs) -> Ladder:
    """Book Greeks per group, (moves, groups) each."""
    return _ladder(book, legs, None, MOVES)


def _ladder(book: Book, legs: JoinedLegs, quantity: Floats | None, moves: Floats) -> Ladder:
    """Book Greeks per group on a spot ladder; legs that are not known contribute nothing.

    The book's own quantities where none are given.
    """
    years, vol = legs.years, legs.vol
    if not legs.whole:
        years, vol = np.where(legs.known, years, 1.0), np.where(legs.known, vol, 1.0)
        quantity = np.where(legs.known, book.legs.quantity if quantity is None else quantity, 0.0)
    fresh = _prepared(book.legs).updated(vol=vol, time_to_expiry=years, quantity=quantity)
    return fresh.ladder(legs.forward, moves)


def ladder_here(book: Book, legs: JoinedLegs, vol: Floats) -> Ladder:
    """Book Greeks per group at spot as it is, (1, groups) each, with other vols."""
    return _ladder(book, replace(legs, vol=vol), book.legs.quantity, np.ones(1))


def ladder_at(book: Book, legs: JoinedLegs, moves: Floats) -> Ladder:
    """Book Greeks per group at spots moved by these factors, (moves, groups) each."""
    return _ladder(book, legs, None, moves)


def _prepared(legs: Legs) -> PreparedBook:
    """What of the legs does not change from tick to tick, laid out once; each has its forward."""
    found: PreparedBook | None = legs.memo.get("prepared")
    if found is None:
        count = len(legs.names)
        found = legs.memo["prepared"] = PreparedBook(
            strike=legs.strike,
            time_to_expiry=np.ones(count),
            vol=np.ones(count),
            is_call=legs.is_call,
            quantity=legs.quantity,
            group=legs.group,
            groups=len(legs.groups),
            expiry=np.arange(count),
            expiries=count,
        )
    return found


def by_group(
    book: Book, legs: JoinedLegs, greeks: Ladder, ahead: Floats, *, coin: bool, index: float
) -> tuple[Floats, Floats]:
    """Numeraire delta and its slope in log spot, (moves, groups) each; `ahead`: the forwards."""
    weight, forward = legs.weight, ahead * MOVES[:, None]
    own = own_value(inverse=True, coin=coin)
    net = greeks.delta - greeks.coin_value
    moving = weight * net
    delta = moving + own * greeks.coin_value
    gamma = weight * greeks.gamma_cash / forward - moving + own * net
    if all(inverse for _, inverse in book.legs.groups):
        return delta, gamma
    inverse = np.array([inv for _, inv in book.legs.groups], dtype=np.bool_)
    own, spot = own_value(inverse=False, coin=coin), index * MOVES[:, None]
    linear_delta = (weight * greeks.delta_cash + own * greeks.value) / spot
    linear_gamma = (weight * greeks.gamma_cash + own * (greeks.delta_cash - greeks.value)) / spot
    return np.where(inverse, delta, linear_delta), np.where(inverse, gamma, linear_gamma)


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
