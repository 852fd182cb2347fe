"""The market that each book is decided on: its venue's board, or several boards as one.

Beside it stand the sources of the book's reference price, as the boards of their venues have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hedger.core.columns import Market
from hedger.core.joined import joined, rows
from hedger.core.sources import told
from hedger.service.feed import Listener
from hedger.service.roster import Desk

_Key = tuple[tuple[str, str], ...]


class Markets:
    """Markets of one worker; books with the same venues share one, made anew when one moves."""

    def __init__(self, listeners: Mapping[str, Listener]) -> None:
        self._listeners = listeners
        self._joined: dict[_Key, tuple[tuple[Market, ...], Market]] = {}
        self._sourced: dict[str, tuple[tuple[Market, ...], Market]] = {}

    def of(self, desk: Desk) -> Market:
        """What is known now of everything that a book may look at."""
        market, feeds = self._seen(desk), desk.params.sources
        if not feeds:
            return market
        boards = {feed.venue: self._listeners[feed.venue].board.market() for feed in feeds}
        key = (market, *boards.values())
        known = self._sourced.get(desk.name)
        if known is not None and all(a is b for a, b in zip(known[0], key, strict=True)):
            return known[1]
        found = replace(market, sources=told(feeds, boards))
        self._sourced[desk.name] = key, found
        return found

    def _seen(self, desk: Desk) -> Market:
        """What its venues show."""
        if not desk.params.also:
            return self._listeners[desk.params.venue].board.market()
        routes = desk.params.routes
        boards = tuple(self._listeners[route.venue].board.market() for route in routes)
        key = tuple((route.mark, route.venue) for route in routes)
        known = self._joined.get(key)
        if known is not None and all(a is b for a, b in zip(known[0], boards, strict=True)):
            return known[1]
        parts = [(route.mark, board) for route, board in zip(routes, boards, strict=True)]
        # The table of rows is replaced only if one of its own is: legs remember their places in it.
        same = known is not None and all(
            a.row is b.row for a, b in zip(known[0], boards, strict=True)
        )
        market = joined(parts, row=known[1].row if known is not None and same else rows(parts))
        self._joined[key] = boards, market
        return market
