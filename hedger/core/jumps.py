"""One price path and the question whether its last step was a jump that needs a second source.

A step is a jump beyond 6 standard deviations of the path's own recent variance or beyond 2 %.
Until another source has moved with it the path keeps its old reference, so a bad print that goes
away again leaves no trace, and a real move is confirmed by whichever source arrives next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from hedger.core.model import MS_PER_YEAR

DEVIATIONS = 6.0
MOVE_MAX = 0.02
WINDOW_MS = 250
_VARIANCE_START = 0.8**2 / MS_PER_YEAR
_VARIANCE_FLOOR = 0.2**2 / MS_PER_YEAR
_DECAY = 0.94
_SHORTEST_MS = 1_000
_HISTORY = 64


class Track:
    """A price path: last accepted reference, its variance per millisecond, the newest price.

    ``level`` names what paths that should show the same price have in common.
    """

    __slots__ = (
        "_anchors",
        "_history",
        "_last",
        "_level",
        "_ref",
        "_ref_ms",
        "_variance",
        "jumped",
        "limit",
        "move",
        "time_ms",
    )

    def __init__(self, level: str) -> None:
        self._level = level
        self._history: list[tuple[int, float]] = []
        self._anchors: dict[str, float] = {}
        self._ref = self._last = math.nan
        self._ref_ms = self.time_ms = 0
        self._variance = _VARIANCE_START
        self.move = 0.0
        self.limit = MOVE_MAX
        self.jumped = False

    def see(self, price: float, time_ms: int) -> None:
        """Take the newest price; an ordinary step becomes the reference.

        Within a second the reference stays, so that many small steps count together.
        """
        if time_ms == self.time_ms and price == self._last:
            return
        self._last, self.time_ms = price, time_ms
        self._keep(time_ms, price)
        if math.isnan(self._ref):
            self._ref, self._ref_ms = price, time_ms
            return
        elapsed = max(time_ms - self._ref_ms, _SHORTEST_MS)
        self.move = math.log(price / self._ref)
        self.limit = min(MOVE_MAX, DEVIATIONS * math.sqrt(self._variance * elapsed))
        self.jumped = abs(self.move) > self.limit
        if not self.jumped and time_ms - self._ref_ms >= _SHORTEST_MS:
            self._learn(elapsed)

    def anchor(self, others: Mapping[str, Track]) -> None:
        """Note, once per jump, where the other sources stood when this one was last believed."""
        if not self._anchors:
            self._anchors = {name: t.price_at(self._ref_ms) for name, t in others.items()}

    def agrees(self, name: str, other: Track) -> bool:
        """Whether another source, not 250 ms away, moved the same way by half to twice as much.

        One of the same level may also just stand there, at least twice as near as the step was
        wide: that frees a path whose reference was a bad print or was lost in an outage.
        """
        if abs(other.time_ms - self.time_ms) > WINDOW_MS:
            return False
        size = abs(self.move)
        if other._level == self._level and abs(math.log(self._last / other._last)) <= 0.5 * size:
            return True
        moved = math.log(other._last / self._anchors.get(name, math.nan))
        return moved * self.move > 0.0 and 0.5 * size <= abs(moved) <= 2.0 * size

    def price_at(self, time_ms: int) -> float:
        """Newest price at or before an instant; NaN if that is not known any more."""
        return next((p for when, p in reversed(self._history) if when <= time_ms), math.nan)

    def _keep(self, time_ms: int, price: float) -> None:
        """Remember a price; the older, the wider apart, so that a few reach far back."""
        self._history.append((time_ms, price))
        if len(self._history) > _HISTORY:
            half = _HISTORY // 2
            self._history = self._history[:half:2] + self._history[half:]

    def accept(self) -> None:
        """A second source confirmed the jump: it is the new reference."""
        self._learn(max(self.time_ms - self._ref_ms, _SHORTEST_MS))
        self.jumped = False

    def _learn(self, elapsed: int) -> None:
        sample = min(self.move**2, MOVE_MAX**2) / elapsed
        if self.time_ms > self._ref_ms:
            self._variance = max(_DECAY * self._variance + (1.0 - _DECAY) * sample, _VARIANCE_FLOOR)
        self._ref, self._ref_ms = self._last, self.time_ms
        self._anchors = {}
