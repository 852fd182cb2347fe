"""By how much trading one coin of an option leg moves the book's delta; NaN where nobody can say.

Needed where legs are traded, never on the way of a quote.
"""

from __future__ import annotations

import numpy as np

from hedger.core.columns import Book, Floats, Market
from hedger.core.exposure.legs import joined, own_value
from hedger.core.model import Rules
from pricing import black


def moves(book: Book, market: Market, rules: Rules, now: int) -> Floats:
    """Change of the book's delta per coin of each leg bought at its value, (n,) [coin per coin].

    Notes
    -----
    With m the moving part of a leg, c its value in coin and s = `own_value`, the book's delta has
    r (m + s c) of the leg and -s c of the account, whose equity a trade at value leaves as it is:
    r m + (r - 1) s c. NaN for legs that were never priced or have expired.
    """
    index, columns = market.index[book.underlying].value, book.legs
    legs = joined(book, market, now, index)
    found = np.full(len(columns.names), np.nan)
    known = legs.known
    if not known.any():
        return found
    forward, group = legs.forward[known], columns.group[known]
    greeks = black(
        forward=forward,
        strike=columns.strike[known],
        time_to_expiry=legs.years[known],
        vol=legs.vol[known],
        is_call=columns.is_call[known],
    )
    inverse = columns.inverse[known]
    unit = np.where(inverse, 1.0, forward / index)
    value = unit * np.asarray(greeks.price) / forward
    moving = legs.weight[group] * (unit * np.asarray(greeks.delta) - np.where(inverse, value, 0.0))
    coin, ratio = rules.numeraire == "coin", rules.hedge.ratio
    own = np.where(inverse, own_value(inverse=True, coin=coin), own_value(inverse=False, coin=coin))
    found[known] = ratio * moving + (ratio - 1.0) * own * value
    return found


def option_move(
    book: Book, market: Market, rules: Rules, now: int, *, name: str, lots: int
) -> tuple[float, float]:
    """Least and most that so many lots of an option, filled, move the book's delta [coin].

    Where its delta is not known, all that an option can have: to its strike over the index.
    """
    contract = book.instruments[name]
    amount = lots * contract.lot
    if amount == 0.0 or contract.expiry_ms <= now:
        return 0.0, 0.0
    if name in book.legs.names:
        each = float(moves(book, market, rules, now)[book.legs.names.index(name)])
        if np.isfinite(each):
            return amount * each, amount * each
    index = market.index[book.underlying].value
    most = max(1.0, contract.strike / index) * rules.hedge.ratio * amount
    end = most if contract.is_call else -most
    return min(end, 0.0), max(end, 0.0)
