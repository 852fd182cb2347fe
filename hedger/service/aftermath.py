"""What follows from an event of the account: alarm, journal, and the policy of each named event.

What a policy asks of the store goes into the same call as the change of positions, or before it:
a store or a worker that fails between two calls must not leave a book that hedges as if nothing
had happened. The journal comes last; an entry that cannot be written is missed and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hedger.core.model import Fill, FillKind, Memory
from hedger.service.chronicle import Chronicle
from hedger.service.ownership import Ownership
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

    def __init__(self, world: World, *, ownership: Ownership, chronicle: Chronicle) -> None:
        self._store = world.store
        self._clock = world.clock
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._ownership = ownership
        self._chronicle = chronicle
        self._spawn = world.spawn

    def warn(self, desk: Desk, causes: Iterable[Cause]) -> None:
        """Raise the alarms; it needs no store, so it comes first."""
        for cause in causes:
            if cause.name not in QUIET:
                self._alarms.raise_(cause.name, book=desk.name, reason=cause.text)

    async def follow(self, desk: Desk, causes: Iterable[Cause]) -> None:
        """Count and journal what has been taken in."""
        for cause in causes:
            self._metrics.count(f"event_{cause.name}")
            await self._chronicle.event(desk, cause.name, cause.text)

    def memory(self, memory: Memory, causes: Iterable[Cause]) -> Memory:
        """What is to be remembered of causes that have just been found."""
        until_ms = self._clock.market_ms() + AVOID_MS
        for cause in causes:
            if cause.name == FillKind.DELEVERAGING:
                memory = _avoiding(memory, cause.instruments, until_ms)
        return memory

    async def foresee(self, desk: Desk, fill: Fill) -> None:
        """Store what must be remembered of a fill, before it moves a position.

        What is remembered depends on the fill alone, so that it may be stored any number of times:
        whoever takes the book over is told of every fill again. Raises what the store raises; the
        fill is then left to the next reading of the history.
        """
        until_ms = fill.time_ms + AVOID_MS
        if fill.kind != FillKind.DELEVERAGING or until_ms <= self._clock.market_ms():
            return
        lease, state = self._ownership.held(desk.shard), await self._store.load(desk.name)
        if lease is None or state is None:
            return
        if until_ms > dict(state.memory.avoid).get(fill.instrument, 0):
            memory = _avoiding(state.memory, (fill.instrument,), until_ms)
            await self._store.note(
                lease, desk.name, seq=state.seq, facts=state.facts, memory=memory, entry=None
            )

    def turned_away(self, desk: Desk, instrument: str, reason: str) -> None:
        """A venue refused an order, gave no answer or cannot be sent one: now others go first.

        A book on one venue has no choice, and nothing is written for it; of several the same one
        is written down once in that time.
        """
        if not desk.params.also:
            return
        route = desk.params.route_of(instrument)
        names = tuple(name for name in desk.params.hedges if route.has(name))
        now_ms = self._clock.market_ms()
        until_ms = now_ms + TURNED_MS
        if desk.turned_ms.get(route.mark, 0) > now_ms:
            return
        desk.turned_ms[route.mark] = until_ms
        text = f"{route.venue}: {reason}; other venues go first for {TURNED_MS // 1_000} s"

        def change(memory: Memory) -> Memory:
            return _avoiding(memory, names, until_ms)

        self._spawn(self._chronicle.event(desk, TURNED, text, change=change))


def stop_of(causes: Iterable[Cause]) -> str:
    """Why a book must stop; empty where nothing asks for it.

    What the venue sold for want of margin is not bought again without a person.
    """
    sold = [cause.text for cause in causes if cause.name == FillKind.LIQUIDATION]
    return f"liquidated: {'; '.join(sold)}" if sold else ""


def _avoiding(memory: Memory, instruments: tuple[str, ...], until_ms: int) -> Memory:
    """A memory that also avoids these instruments."""
    kept = tuple(entry for entry in memory.avoid if entry[0] not in instruments)
    more = tuple((name, until_ms) for name in instruments)
    return msgspec.structs.replace(memory, avoid=(*kept, *more))
