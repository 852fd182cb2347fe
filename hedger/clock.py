"""The only place that reads the machine's wall clock, and the plain `Clock` adapter over it."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Wall-clock time in integer milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class SystemClock:
    """The `Clock` port for live markets: market time is wall time."""

    def market_ms(self) -> int:
        """Wall-clock milliseconds, because a live market runs on the wall clock."""
        return wall_ms()

    def monotonic_s(self) -> float:
        """Machine time that never goes back."""
        return time.monotonic()
