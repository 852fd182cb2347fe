"""Two independent deltas of each leg: ours and its venue's, and what they leave open.

The venue's is its own number of its own instant, with the decay of a settlement window in it. Only
legs count here of which both are known and fresh: what is not is a doubt already, or no opinion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.core.columns import Book, Bools, Floats, Market
from hedger.core.exposure.legs import JoinedLegs, joined
from hedger.core.model import Doubt, Rules
from pricing import black


class Opinions(NamedTuple):
    """Unit deltas of the legs, (n,); ``theirs`` NaN where no fresh one is known.

    ``coin`` turns a unit delta into the book's delta in coin, hedge ratio and all.
    """

    ours: Floats
    theirs: Floats
    coin: Floats
    legs: JoinedLegs

    @property
    def wanting(self) -> Bools:
        """Living legs without a delta of the venue's."""
        return np.asarray(self.legs.alive & ~np.isfinite(self.theirs), dtype=np.bool_)


def opinions(book: Book, market: Market, rules: Rules, now: int) -> Opinions | None:
    """Both deltas of every leg; None where the venue tells of none."""
    if not book.legs.names:
        return None
    rows = book.legs.places(market).rows
    theirs = market.delta.take(rows)
    if not np.isfinite(theirs).any():
        return None
    index = market.index[book.underlying].value
    legs, columns = joined(book, market, now, index), book.legs
    age = now - np.minimum(market.quote_ms.take(rows), market.vol_ms.take(rows))
    fresh = legs.known & market.priced.take(rows) & (age <= rules.data.vol_age_ms_max)
    good = fresh & np.isfinite(theirs)
    unit = black(
        forward=legs.forward,
        strike=columns.strike,
        time_to_expiry=legs.years,
        vol=legs.vol,
        is_call=columns.is_call,
    )
    ours = np.where(good, unit.delta * legs.weight[columns.group], np.nan)
    unit_coin = np.where(columns.inverse, 1.0, legs.forward / index)
    coin = rules.hedge.ratio * columns.quantity * unit_coin
    return Opinions(ours, np.where(good, theirs, np.nan), coin, legs)


def disagreements(
    book: Book, market: Market, rules: Rules, now: int, seen: Opinions
) -> tuple[Doubt, ...]:
    """Legs whose two deltas differ by more than is allowed, the largest first.

    ``low`` and ``high`` are what the venue's would add to the book's delta: one of them is 0.
    """
    gap = seen.theirs - seen.ours
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero(np.abs(gap) > rules.data.delta_gap_max)
    if not wrong.size:  # the common case
        return ()
    moved = gap * seen.coin
    order = wrong[np.argsort(-np.abs(moved[wrong]), kind="stable")]
    ages = now - market.quote_ms.take(book.legs.places(market).rows)
    return tuple(
        Doubt(
            instrument=book.legs.names[i],
            low=min(float(moved[i]), 0.0),
            high=max(float(moved[i]), 0.0),
            age_ms=int(ages[i]),
            reason=f"the venue's delta is {seen.theirs[i]:+.4f} a unit, ours {seen.ours[i]:+.4f}",
        )
        for i in order.tolist()
    )


def venue_shift(seen: Opinions) -> float:
    """By how much the book's delta at ours is above that at the venue's [coin]."""
    alive = seen.legs.alive
    return float(((seen.ours - seen.theirs) * seen.coin)[alive].sum())
