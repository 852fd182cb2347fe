"""An index by periods: the squares of its log returns, bounded, with gaps left as gaps.

What the index did while nobody looked is not known, and is no zero: a period without its end, or
after one without, has no return.
"""

from __future__ import annotations

import math
from collections import deque

PERIOD_MS = 300_000
PERIODS_MAX = 2_016
"""A week of five minutes."""
LATE_MS_MAX = 60_000
"""A last price from longer before the end of a period does not stand for its end."""


class Returns:
    """Closes of one index, as squared returns of each period."""

    __slots__ = ("_close", "_last", "_last_ms", "end_ms", "squares")

    def __init__(self) -> None:
        self.squares: deque[float] = deque(maxlen=PERIODS_MAX)
        self.end_ms = 0
        """End of the last period that is in ``squares``."""
        self._close = self._last = math.nan
        self._last_ms = 0

    def see(self, value: float, time_ms: int) -> bool:
        """Take a price; whether a period ended before it."""
        start = time_ms - time_ms % PERIOD_MS
        if time_ms < self._last_ms:
            return False
        ended = bool(self._last_ms) and start > self._last_ms
        if ended:
            self._end(start)
        self._last, self._last_ms = value, time_ms
        return ended

    def _end(self, start: int) -> None:
        """Close every period up to the one that begins at ``start``."""
        first_end = self._last_ms - self._last_ms % PERIOD_MS + PERIOD_MS
        fresh = first_end - self._last_ms <= LATE_MS_MAX
        close = self._last if fresh else math.nan
        known = math.isfinite(close) and math.isfinite(self._close)
        self.squares.append(math.log(close / self._close) ** 2 if known else math.nan)
        missed = (start - first_end) // PERIOD_MS
        self.squares.extend([math.nan] * min(missed, PERIODS_MAX))
        self._close = math.nan if missed else close
        self.end_ms = start
