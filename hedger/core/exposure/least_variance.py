"""How a vol that answers to its forward changes a book's delta: Hull and White's quadratic.

Call and put of a strike have one vol, so both answer by the delta of the call.
"""

from __future__ import annotations

import numpy as np

from hedger.core.columns import Book, Market, VolAnswer
from hedger.core.exposure.legs import joined
from hedger.core.model import BandRule, Rules
from pricing import MinimumVariance, black, minimum_variance_delta

ANSWER_MS_MAX = 7_200_000
"""What was fitted longer ago is not known to hold."""


def vol_answer(rule: BandRule, market: Market, underlying: str, now: int) -> VolAnswer | None:
    """The coefficients as configured, else as fitted of late; None where there are none."""
    if any(rule.answer):
        return VolAnswer(*rule.answer, changes=0, time_ms=now)
    found = market.answers.get(underlying)
    if found is None or not 0 <= now - found.time_ms <= ANSWER_MS_MAX:
        return None
    return found


def least_variance_shift(
    book: Book, market: Market, rules: Rules, now: int
) -> tuple[float, str, VolAnswer | None]:
    """By how much the book's delta at fixed vols is above that at vols that answer [coin].

    Then the underlying without an answer of its vols, or the first living leg without a vol; empty
    where there is none. Then nothing is known of the whole.
    """
    columns, index = book.legs, market.index[book.underlying].value
    answer = vol_answer(rules.band, market, book.underlying, now)
    if answer is None:
        return 0.0, book.underlying, None
    legs = joined(book, market, now, index)
    unpriced = np.flatnonzero(legs.alive & ~legs.known)
    if unpriced.size:
        return 0.0, columns.names[unpriced[0]], None
    here = np.flatnonzero(legs.alive)
    forward, years = legs.forward[here], legs.years[here]
    unit = black(
        forward=forward,
        strike=columns.strike[here],
        time_to_expiry=years,
        vol=legs.vol[here],
        is_call=True,  # and the put of that strike moves by the same vol
    )
    moved = minimum_variance_delta(
        delta=unit.delta,
        vega=unit.vega,
        spot=forward,
        time_to_expiry=years,
        fitted=MinimumVariance(answer.a, answer.b, answer.c, 0.0, answer.changes),
    ).value
    coin = columns.quantity[here] * np.where(columns.inverse[here], 1.0, forward / index)
    weight = legs.weight[columns.group[here]]
    total = float((weight * coin * (np.asarray(unit.delta) - moved)).sum())
    if not np.isfinite(total):
        return 0.0, columns.names[0], None
    return rules.hedge.ratio * total, "", answer
