"""What follows from an event of the account once positions are right: alarm, journal, policy."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hedger.core.model import FillKind, Intent, Memory, venue_of
from hedger.service.alarms import halt
from hedger.service.chronicle import Chronicle
from hedger.service.roster import Desk
from hedger.service.verdict import Cause
from hedger.service.world import World

AVOID_MS = 8 * 3_600_000
"""How long (market time) an instrument is not hedged with after its positions were deleveraged:
the venue ranks by profit and leverage, so whoever builds the same position again is next again."""
TURNED = "venue_avoided"
TURNED_MS = 30_000
"""How long (market time) a venue that refused an order or left it unanswered goes last."""
QUIET = frozenset((FillKind.SETTLEMENT.value, FillKind.EXERCISE.value))
"""What is expected by everybody: journalled, but no alarm."""


class Aftermath:
    """Carries out the policy of each named event."""

    def __init__(self, world: World, *, chronicle: Chronicle) -> None:
        self._store = world.store
        self._clock = world.clock
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._chronicle = chronicle
        self._spawn = world.spawn

    async def follow(self, desk: Desk, causes: Iterable[Cause], *, expected: bool = False) -> None:
        """Alarm (unless ``expected``), journal, and what the event's policy asks for."""
        for cause in causes:
            self._metrics.count(f"event_{cause.name}")
            if cause.name not in QUIET and not expected:
                self._alarms.raise_(cause.name, book=desk.name, reason=cause.text)
            if cause.name == FillKind.LIQUIDATION:
                # What the venue sold for want of margin is not bought again without a person.
                await halt(
                    self._store,
                    self._alarms,
                    book=desk.name,
                    what=cause.name,
                    reason=f"liquidated: {cause.text}",
                    stop=True,
                )
            change = None
            if cause.name == FillKind.DELEVERAGING:
                until_ms = self._clock.market_ms() + AVOID_MS
                change = _Avoiding(cause.instruments, until_ms)
            await self._chronicle.event(desk, cause.name, cause.text, change=change)

    def turned_away(self, desk: Desk, intent: Intent, reason: str) -> None:
        """A venue refused an order or gave no answer: for a while the others go first.

        A book on one venue has no choice, and nothing is written for it.
        """
        if not desk.params.also:
            return
        mark = venue_of(intent.instrument)
        names = tuple(name for name in desk.params.hedges if venue_of(name) == mark)
        change = _Avoiding(names, self._clock.market_ms() + TURNED_MS)
        text = f"{intent.venue}: {reason}; other venues go first for {TURNED_MS // 1_000} s"
        self._spawn(self._chronicle.event(desk, TURNED, text, change=change))


class _Avoiding:
    """A memory that also avoids these instruments."""

    def __init__(self, instruments: tuple[str, ...], until_ms: int) -> None:
        self._more = tuple((name, until_ms) for name in instruments)

    def __call__(self, memory: Memory) -> Memory:
        new = {name for name, _ in self._more}
        kept = tuple(entry for entry in memory.avoid if entry[0] not in new)
        return msgspec.structs.replace(memory, avoid=(*kept, *self._more))
