"""What the boards of several venues tell of one underlying, as the sources of a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hedger.core.columns import Market
from hedger.core.model import Source, SourceFeed

NEVER_MS = -1


def told(feeds: Sequence[SourceFeed], markets: Mapping[str, Market]) -> tuple[Source, ...]:
    """One source per feed, in their order; markets by venue.

    What a venue has never shown, or shows on one side alone, is a source without a price: who
    judges them says so by name.
    """
    return tuple(_source(feed, markets.get(feed.venue)) for feed in feeds)


def _source(feed: SourceFeed, market: Market | None) -> Source:
    price, time_ms = math.nan, NEVER_MS
    if market is not None and feed.is_index:
        seen = market.index.get(feed.underlying)
        if seen is not None:
            price, time_ms = seen.value, seen.time_ms
    elif market is not None and feed.instrument in market.row:
        row = market.row[feed.instrument]
        price = 0.5 * float(market.bid[row] + market.ask[row])
        time_ms = int(market.quote_ms[row])
    return Source(feed.name, price, time_ms, feed.weight, feed.quote, feed.venue)
