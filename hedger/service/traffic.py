"""How it goes at each venue: how long orders took of late to be answered, and how many were not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from hedger.core.model import Traffic

SAMPLES_MAX = 200
SAMPLES_MIN = 3
"""Of fewer nothing is said: one slow answer is no congestion."""
WINDOW_S = 60.0


class TrafficMeter:
    """The orders of one worker within the last minute, by venue."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._orders: dict[str, deque[tuple[float, float, bool]]] = {}

    def see(self, venue: str, ack_ms: float, *, answered: bool) -> None:
        """Take one order: how long it took, and whether an answer came."""
        orders = self._orders.setdefault(venue, deque(maxlen=SAMPLES_MAX))
        orders.append((self._now_s(), ack_ms, answered))

    def of(self, venues: Iterable[str]) -> Traffic:
        """The worst of some venues; nothing is said of those without orders of late."""
        since_s = self._now_s() - WINDOW_S
        latency_ms = error_rate = None
        for venue in venues:
            late = [order for order in self._orders.get(venue, ()) if order[0] >= since_s]
            if len(late) < SAMPLES_MIN:
                continue
            mean = sum(ack_ms for _, ack_ms, _ in late) / len(late)
            errors = sum(not answered for _, _, answered in late) / len(late)
            latency_ms = max(latency_ms or 0.0, mean)
            error_rate = max(error_rate or 0.0, errors)
        return Traffic(latency_ms=latency_ms, error_rate=error_rate)
