"""Bands as the journal tells them, for kinds that follow gamma and cannot be read from the rules.

Between two entries the earlier band stands: every hedge has one, a quiet book one now and then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from hedger.backtest.history import Floats, Ints
from hedger.core.model import Target
from hedger.service.entry import Entry


class Told(NamedTuple):
    """Instants of decisions and their bands, (n,) each, in the order of time."""

    ms: Ints
    lower: Floats
    upper: Floats
    trigger_low: Floats
    trigger_high: Floats

    def at(self, ms: Ints) -> Told:
        """The band in force at each instant: the last told, the first before that, else NaN."""
        if not self.ms.size:
            nothing = np.full(ms.shape, np.nan)
            return Told(ms, nothing, nothing, nothing, nothing)
        row = np.maximum(np.searchsorted(self.ms, ms, "right") - 1, 0)
        return Told(ms, *(column[row] for column in self[1:]))


def told(entries: Iterable[Entry]) -> Told:
    """Bands of a book's journal entries, in any order; those without one are passed over."""
    found: list[tuple[int, Target]] = [
        (entry.time_ms, entry.target) for entry in entries if entry.target is not None
    ]
    found.sort(key=lambda pair: pair[0])
    columns = (
        [getattr(target, name) for _, target in found]
        for name in ("lower", "upper", "trigger_low", "trigger_high")
    )
    ms = np.array([ms for ms, _ in found], dtype=np.int64)
    return Told(ms, *(np.array(column, dtype=np.float64) for column in columns))
