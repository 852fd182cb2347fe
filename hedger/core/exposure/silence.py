"""What a venue that has fallen silent leaves open of a book that can be hedged at another.

Its hedges are still held and its balances still count, at prices and figures that grow old. Both
become intervals, like a leg without a price: the book goes on at the other venue, and only what is
right wherever in the interval the truth lies is traded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hedger.core.columns import Book, Market
from hedger.core.model import Doubt, Instrument, Rules
from hedger.core.orders import remaining

BASIS_WIDTH = 0.02
"""Half-width of a hedge price over the index once its basis is unknown, as a fraction."""
SLACK = 2.0
"""By so much more than its delta times the move of the index may a balance have changed since."""


def silence(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    *,
    prices: Mapping[str, float],
    reach: float,
) -> tuple[Doubt, ...]:
    """What is to be added to the book's delta at least and at most [coin], one doubt per source.

    None for a book on one venue.

    Parameters
    ----------
    prices : mapping of str to float
        Price of every hedge instrument that is held or on order.
    reach : float
        What the options' value can change by at most per unit of log index [coin].
    """
    if not rules.hedge.also:
        return ()
    index = market.index[book.underlying].value
    found = [_basis(book, market, rules, now, name, prices, index) for name in rules.hedge.hedges]
    if rules.numeraire != "coin" or book.linear:
        found += [
            _balance(book, market, rules, now, account, prices, reach)
            for account in (book.account, *book.accounts)
        ]
    return tuple(doubt for doubt in found if doubt is not None)


def _basis(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    name: str,
    prices: Mapping[str, float],
    index: float,
) -> Doubt | None:
    """A hedge whose price over the index was last seen too long ago."""
    row = market.row.get(name)
    known = row is not None and math.isfinite(market.ratio[row])
    age = now - int(market.ratio_ms[row]) if row is not None and known else None
    if age is not None and age <= rules.data.vol_age_ms_max:
        return None
    held = _largest(book, book.instruments[name], prices, index)
    if held == 0.0:
        return None
    width = BASIS_WIDTH * held
    return Doubt(
        instrument=name, low=-width, high=width, age_ms=age, reason="no price: last known basis"
    )


def _balance(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    account: str,
    prices: Mapping[str, float],
    reach: float,
) -> Doubt | None:
    """Balances that are too old move with the index since, as far as positions let them."""
    figures = market.accounts[account]
    age = now - figures.time_ms
    if age <= rules.data.forward_age_ms_max:
        return None
    seen = market.seen_at[account].get(book.underlying)
    index = market.index[book.underlying].value
    # Without an index of that time nothing is known of the move since: all of it may be wrong.
    move = abs(math.log(index / seen.value)) if seen is not None else 1.0
    held = sum(
        _largest(book, book.instruments[name], prices, index)
        for name in {p.instrument.name for p in (*book.hedges, *book.futures)}
    )
    width = SLACK * move * (held + reach)
    return Doubt(
        instrument=account, low=-width, high=width, age_ms=age, reason="balance of a silent venue"
    )


def _largest(
    book: Book, instrument: Instrument, prices: Mapping[str, float], index: float
) -> float:
    """Largest |delta| that a position may have, with what is open filled or not."""
    name = instrument.name
    held = sum(p.lots for p in (*book.hedges, *book.futures) if p.instrument.name == name)
    open_ = [remaining(intent) for intent in book.open if intent.instrument == name]
    low = held + sum(min(lots, 0) for lots in open_)
    high = held + sum(max(lots, 0) for lots in open_)
    lots = max(abs(low), abs(high))
    return abs(instrument.future_delta(lots, price=prices[name], index=index)) if lots else 0.0
