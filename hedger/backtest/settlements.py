"""Whether the hedge of an expiring leg was unwound while it settled, and not after."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from hedger.backtest.averaging import legs_of
from hedger.backtest.exposure import Deltas, Edges
from hedger.backtest.history import History
from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.core.model import Kind

AFTER_MS = 15 * 60_000


def settlements(history: History, book: Deltas, band: Edges) -> list[dict[str, object]]:
    """One line per expiry that settled option legs; deltas in coin.

    ``unwound`` says that at the last instant before the expiry the book, with the expiring legs
    faded as far as they were by then, lay within the triggers of its band: the hedge had followed.
    ``left_over`` is the book's delta then without what was left of those legs. ``hedged_inside`` is
    the hedges' change over the window, ``hedged_after`` over the 15 minutes that follow.
    """
    expiries = sorted(
        {
            it.expiry_ms
            for it in history.instruments
            if it.kind is Kind.OPTION and any(s.instrument == it.name for s in history.settled)
        }
    )
    return [_line(history, book, band, expiry_ms) for expiry_ms in expiries]


def _line(history: History, book: Deltas, band: Edges, expiry_ms: int) -> dict[str, object]:
    legs = legs_of(history)
    mine = legs.expiry_ms == expiry_ms
    expiring = book.fading[:, mine].sum(axis=1)
    start = _row(history, expiry_ms - WINDOW_MS)
    middle = _row(history, expiry_ms - WINDOW_MS // 2)
    end = _row(history, expiry_ms - 1)
    after = _row(history, expiry_ms + AFTER_MS)
    delta = float(book.book[end])
    return {
        "expiry": datetime.fromtimestamp(expiry_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
        "legs": {
            s.instrument: {"lots": -s.lots, "delivery": s.delivery, "value": s.value}
            for s in history.settled
            if s.ms >= expiry_ms and history_expiry(history, s.instrument) == expiry_ms
        },
        "expiring_delta": {
            "start": float(expiring[start]),
            "middle": float(expiring[middle]),
            "end": float(expiring[end]),
        },
        "hedge_delta": {
            "start": float(book.hedge[start]),
            "middle": float(book.hedge[middle]),
            "end": float(book.hedge[end]),
            "after": float(book.hedge[after]),
        },
        "hedged_inside": float(book.hedge[end] - book.hedge[start]),
        "hedged_after": float(book.hedge[after] - book.hedge[end]),
        "left_over": delta - float(expiring[end]),
        "is_whole": bool(history.ms[0] <= expiry_ms - WINDOW_MS),
        "unwound": bool(band.trigger_low[end] <= delta <= band.trigger_high[end]),
    }


def history_expiry(history: History, name: str) -> int:
    """Expiry of an instrument of the history."""
    return next(it.expiry_ms for it in history.instruments if it.name == name)


def _row(history: History, ms: int) -> int:
    """Last row at or before an instant, the first at the earliest."""
    return max(int(np.searchsorted(history.ms, ms, "right")) - 1, 0)
