"""A history reckoned once, for every table and page: P&L and why, the delta and its band."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.backtest import pnl
from hedger.backtest.attribution import attribution
from hedger.backtest.exposure import Deltas, Edges, deltas, edges
from hedger.backtest.history import Floats, History, Ints
from hedger.backtest.journalled import Told
from hedger.core.model import Rules


class Reckoning(NamedTuple):
    """Columns beside a history's rows.

    Attributes
    ----------
    parts
        P&L by cause: the move to a row, and that row's costs.
    own, bare
        The account's value, and what it were without its hedge.
    book, band
        Deltas after the fills of each row, and the band that was in force.
    stood
        Market time until the next row [ms]; 0 where the delta is not known.
    """

    parts: dict[str, Floats]
    own: Floats
    bare: Floats
    book: Deltas
    band: Edges
    stood: Floats

    def shares(self, rows: slice | Ints = slice(None)) -> dict[str, float | None]:
        """Shares of market time outside the band and beyond its triggers; None without any."""
        delta, band, stood = self.book.book[rows], self.band, self.stood[rows]
        outside = (delta < band.lower[rows]) | (delta > band.upper[rows])
        beyond = (delta < band.trigger_low[rows]) | (delta > band.trigger_high[rows])
        whole = float(stood.sum())
        return {
            "outside_band_share": float(stood[outside].sum()) / whole if whole else None,
            "beyond_trigger_share": float(stood[beyond].sum()) / whole if whole else None,
        }


def reckoned(past: History, rules: Rules, known: Told) -> Reckoning:
    """Reckon a history; ``known`` are the bands that were in force."""
    book = deltas(past, rules)
    time = np.diff(past.ms, append=past.ms[-1]).astype(np.float64)
    return Reckoning(
        parts=attribution(past, rules.numeraire, rules.base_coin),
        own=pnl.value(past, rules),
        bare=pnl.unhedged(past, rules),
        book=book,
        band=edges(past, rules, book.gross, known),
        stood=np.where(np.isfinite(book.book), time, 0.0),
    )
