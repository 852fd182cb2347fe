"""A replay day by day, in UTC: P&L and why, and where the delta was."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hedger.backtest import pnl
from hedger.backtest.attribution import PARTS, attribution
from hedger.backtest.exposure import deltas, edges
from hedger.backtest.history import History
from hedger.backtest.journalled import Told
from hedger.core.model import Rules

DAY_MS = 86_400_000


def daily(past: History, rules: Rules, known: Told) -> list[dict[str, Any]]:
    """One line per day: ``pnl`` by the exchange's equity, ``parts`` by our own count of causes.

    A day has the moves that end in it. The parts sum to P&L up to the rounding of two ways of
    counting, which a test bounds; none of them is made up from the others.
    """
    parts = attribution(past, rules.numeraire, rules.base_coin)
    own, bare = pnl.value(past, rules), pnl.unhedged(past, rules)
    book = deltas(past, rules)
    band = edges(past, rules, book.gross, known)
    outside = (book.book < band.lower) | (book.book > band.upper)
    beyond = (book.book < band.trigger_low) | (book.book > band.trigger_high)
    stood = np.diff(past.ms, append=past.ms[-1]).astype(np.float64)
    stood = np.where(np.isfinite(book.book), stood, 0.0)
    day = past.ms // DAY_MS
    orders = {order.client_id: order.ms // DAY_MS for order in past.orders}
    sent = list(orders.values())
    found = []
    before = 0
    for number in np.unique(day):
        rows = np.flatnonzero(day == number)
        last, time = int(rows[-1]), float(stood[rows].sum())
        found.append(
            {
                "day": datetime.fromtimestamp(int(number) * DAY_MS / 1_000, UTC).date().isoformat(),
                "pnl": float(own[last] - own[before]),
                "pnl_unhedged": float(bare[last] - bare[before]),
                "parts": {part: math.fsum(parts[part][rows]) for part in PARTS},
                "orders": sent.count(int(number)),
                "outside_band_share": float(stood[rows][outside[rows]].sum()) / time
                if time
                else None,
                "beyond_trigger_share": float(stood[rows][beyond[rows]].sum()) / time
                if time
                else None,
            }
        )
        before = last
    return found
