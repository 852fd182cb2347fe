"""The option legs joined with the market, and their sums per expiry on a ladder of spots.

All sums come from one call (`pricing.quoted`); legs one by one, as `joined` has them, are needed
only where some of them are in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hedger.core.bands import formulas
from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.bands.inputs import horizon
from hedger.core.columns import Book, Bools, Floats, Ints, Legs, Market
from hedger.core.model import SETTLEMENT_WINDOW_MS, Rules
from pricing.conventions import MS_PER_YEAR
from pricing.quoted import Columns, QuotedBook, Sums

MOVES = np.array([0.94, 0.97, 0.99, 1.0, 1.01, 1.03, 1.06])
HERE = 3
MEAN = np.array([formulas.SPREAD_NODES, formulas.SPREAD_WEIGHTS])
"""Nodes and weights of the mean over spot of a gamma that changes sign."""


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


def window_shares(expiry_ms: Ints, now: int) -> Floats:
    """That of many expiries."""
    left = (expiry_ms - now) / SETTLEMENT_WINDOW_MS
    return np.asarray(np.clip(left, 0.0, 1.0), dtype=np.float64)


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


def quoted(legs: Legs) -> QuotedBook:
    """What of the legs does not change from tick to tick, laid out once."""
    found: QuotedBook | None = legs.memo.get("quoted")
    if found is None:
        found = legs.memo["quoted"] = QuotedBook(
            strike=legs.strike,
            quantity=legs.quantity,
            is_call=legs.is_call,
            expiry_ms=legs.expiry_ms,
            group=legs.group,
            group_ms=np.array([expiry_ms for expiry_ms, _ in legs.groups], dtype=np.int64),
            is_inverse=np.array([inverse for _, inverse in legs.groups], dtype=np.bool_),
            moves=MOVES,
            rule=MEAN,
            window_ms=SETTLEMENT_WINDOW_MS,
        )
    return found


def columns(market: Market) -> Columns:
    """What the legs need to know of a market."""
    return Columns(market.ratio, market.vol, market.vol_ms, market.priced)


def sums(book: Book, market: Market, rules: Rules, now: int) -> Sums:
    """Sums of the book's legs; what bends only for a band that follows gamma."""
    coin, band = rules.numeraire == "coin", rules.band
    bends = band.kind in ADAPTIVE
    return quoted(book.legs).sums(
        book.legs.places(market).rows,
        columns(market),
        index=market.index[book.underlying].value,
        now_ms=now,
        age_max=rules.data.vol_age_ms_max,
        own=_OWN[coin],
        scale=rules.hedge.ratio,
        spread=formulas.spread(1.0, horizon(band)) if bends else 0.0,
        bends=bends,
        sizes=bool(rules.hedge.also) or band.unit == "gross_delta",
    )


def black_shift(
    book: Book, market: Market, now: int, *, index: float, factor: float, years: float
) -> float:
    """Black delta of the options at their vols, less that at their vols times a factor [coin].

    The factor holds for so many ``years`` of a leg's life. Leland, Zakamouline and a fixed cost an
    order make hedges at another vol than the market's: this is where their centre lies.
    """
    rows = book.legs.places(market).rows
    return quoted(book.legs).black_shift(
        rows, columns(market), index=index, now_ms=now, factor=factor, years=years
    )


def own_value(*, inverse: bool, coin: bool) -> float:
    """Delta of an option's own value [coin per coin]: what it settles in, seen in the numeraire.

    Coin moves against usd (1), usd against coin (-1), and neither against itself (0).
    """
    return float(inverse) - float(coin)


_OWN = [
    (own_value(inverse=True, coin=coin), own_value(inverse=False, coin=coin))
    for coin in (False, True)
]
"""Of inverse and of linear options, by numeraire."""
