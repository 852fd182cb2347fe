"""A replay day by day, in UTC: P&L and why, and where the delta was."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hedger.backtest.attribution import PARTS
from hedger.backtest.history import History
from hedger.backtest.reckoning import Reckoning

DAY_MS = 86_400_000


def daily(past: History, seen: Reckoning) -> list[dict[str, Any]]:
    """One line per day: ``pnl`` by the exchange's equity, ``parts`` by our own count of causes.

    A day has the moves that end in it. The parts sum to P&L up to the rounding of two ways of
    counting, which a test bounds; none of them is made up from the others.
    """
    day = past.ms // DAY_MS
    sent = Counter({order.client_id: order.ms // DAY_MS for order in past.orders}.values())
    found = []
    before = 0
    for number in np.unique(day).tolist():
        rows = np.flatnonzero(day == number)
        last = int(rows[-1])
        found.append(
            {
                "day": datetime.fromtimestamp(number * DAY_MS / 1_000, UTC).date().isoformat(),
                "pnl": float(seen.own[last] - seen.own[before]),
                "pnl_unhedged": float(seen.bare[last] - seen.bare[before]),
                "parts": {part: math.fsum(seen.parts[part][rows]) for part in PARTS},
                "orders": sent[number],
                **seen.shares(rows),
            }
        )
        before = last
    return found
