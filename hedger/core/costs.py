"""What a hedge costs at a venue that can be used: fee, half-spread, depth and recent slippage.

Fractions of price, one way. What the depth shown would cost beyond the best price, and what fills
were beyond it lately, are two views of one thing: the larger counts. Nothing is paid beyond the
price cap, as no order goes further from mid than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from hedger.core.columns import Book, Market
from hedger.core.model import Cost, HedgeQuote, HedgeRoute, Instrument

NOWHERE = Cost(instrument="", rate=0.0, fee=0.0, half_spread=0.0, depth=None, slippage=0.0)


def cost(
    book: Book,
    market: Market,
    routes: Iterable[HedgeRoute],
    quotes: Mapping[str, HedgeQuote],
    *,
    size: float,
    index: float,
    cap: float,
    slippage: float,
) -> Cost:
    """Cost of a trade of so many coin at the cheapest of these venues, its dearer instrument.

    Which venue is hedged at first `hedger.core.choices` says, from fee and half-spread alone.

    Parameters
    ----------
    routes : iterable of HedgeRoute
        Venues that can be used now.
    quotes : mapping of str to HedgeQuote
        The hedge instruments' markets.
    size : float
        Unsigned [coin].
    cap : float
        Price cap as a fraction of mid.
    slippage : float
        Mean of recent fills beyond the half-spread, as a fraction of mid.
    """
    found = []
    for route in routes:
        rates = [
            cost_of(book.instruments[name], quotes[name], market, size, index, cap, slippage)
            for name in route.names
        ]
        found.append(max(rates, key=lambda one: one.rate))
    return min(found, key=lambda one: one.rate, default=NOWHERE)


def cost_of(
    instrument: Instrument,
    quote: HedgeQuote,
    market: Market,
    size: float,
    index: float,
    cap: float,
    slippage: float,
) -> Cost:
    """Cost of so many coin of one instrument; the parameters are those of `cost`."""
    if not (quote.bid and quote.ask):
        return NOWHERE
    middle, fee = 0.5 * (quote.bid + quote.ask), max(instrument.fees.taker, 0.0)
    half = 0.5 * (quote.ask - quote.bid) / middle
    row = market.row[instrument.name]
    sizes = float(market.bid_size[row]), float(market.ask_size[row])
    amount = size / instrument.future_delta(1, price=middle, index=index) * instrument.lot
    step = max(half, instrument.tick / middle)
    known = math.isfinite(sum(sizes))
    depth = min(beyond_best(amount, min(sizes), step), cap) if known else None
    beyond = max(depth or 0.0, slippage, 0.0)
    return Cost(
        instrument=instrument.name,
        rate=fee + min(half + beyond, cap),
        fee=fee,
        half_spread=half,
        depth=depth,
        slippage=slippage,
    )


def beyond_best(amount: float, shown: float, step: float) -> float:
    """Mean distance from the best price of an amount that walks the book.

    Only the best level is known: each further one is taken to show as much again, a step further.

    Examples
    --------
    >>> [round(beyond_best(size, 2.0, 0.1), 12) for size in (1.0, 6.0)]
    [0.0, 0.1]
    >>> beyond_best(1.0, 0.0, 0.1)
    inf
    """
    if amount <= shown:
        return 0.0
    if shown <= 0.0:
        return math.inf
    whole = math.floor(amount / shown)
    passed = 0.5 * whole * (whole - 1) * shown + whole * (amount - whole * shown)
    return step * passed / amount
