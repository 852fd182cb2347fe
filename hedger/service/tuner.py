"""Lets bands that allow it follow what is measured: a look an hour, a change a day, journalled.

What is allowed is `hedger.core.tuning`'s to say. A change goes into the book's memory together with
its journal entry, so that whoever takes the book over keeps it, and the limits with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from hedger.core.freshness import forecast_vol
from hedger.core.model import Decision, Memory, Tuning
from hedger.core.tuning import Evidence, measured_cost, tuned
from hedger.service.chronicle import Chronicle
from hedger.service.markets import Markets
from hedger.service.roster import Desk
from hedger.service.world import World
from hedger.telemetry import logger

LOOK_MS = 3_600_000
REASON = "tuned"


@dataclass(slots=True)
class _Seen:
    """The forecast vol at the last look, and when that was."""

    at_ms: int
    vol: float


class Tuner:
    """Looks at the decisions of one worker's books."""

    def __init__(self, world: World, *, markets: Markets, chronicle: Chronicle) -> None:
        self._spawn, self._metrics = world.spawn, world.metrics
        self._markets, self._chronicle = markets, chronicle
        self._seen: dict[str, _Seen] = {}
        self._log = logger(worker=world.params.worker)

    def see(self, desk: Desk, decision: Decision) -> None:
        """Take a look if the book's band may be tuned and an hour of market time has passed."""
        if desk.params.rules.band.tuning != "on":
            return
        try:
            self._look(desk, decision)
        except Exception:  # a band that is not tuned is as good as it was
            self._metrics.count("defects")
            self._log.exception("defect", during="tuning", book=desk.name)

    def forget(self, desk: Desk) -> None:
        """The book is another worker's: what vol was here is not known there."""
        self._seen.pop(desk.name, None)

    def _look(self, desk: Desk, decision: Decision) -> None:
        if desk.book is None:
            return
        before, now_ms = self._seen.get(desk.name), decision.time_ms
        if before is not None and 0 <= now_ms - before.at_ms < LOOK_MS:
            return
        vol = forecast_vol(self._markets.of(desk), desk.params.underlying, now_ms)
        self._seen[desk.name] = _Seen(now_ms, vol)
        fresh = before is not None and 0 <= now_ms - before.at_ms < 2 * LOOK_MS
        evidence = Evidence(
            cost=measured_cost(desk.book, decision),
            vol=vol,
            vol_before=before.vol if before is not None and fresh else 0.0,
        )
        found = tuned(
            desk.params.rules.band, decision, evidence, lot_delta=_lot_delta(desk, decision)
        )
        if found is not None:
            self._metrics.count("bands_tuned")
            self._spawn(self._write(desk, decision.memory.tuning, found, evidence))

    async def _write(self, desk: Desk, before: Tuning, after: Tuning, evidence: Evidence) -> None:
        def change(memory: Memory) -> Memory:
            return replace(memory, tuning=after) if memory.tuning == before else memory

        text = (
            f"cost x {before.cost:.4g} -> {after.cost:.4g}, vol x {before.vol:.4g} -> "
            f"{after.vol:.4g}: measured cost {1e4 * evidence.cost:.3g} bp, forecast vol "
            f"{100.0 * evidence.vol:.1f} % (an hour before {100.0 * evidence.vol_before:.1f} %)"
        )
        await self._chronicle.event(desk, REASON, text, change=change)


def _lot_delta(desk: Desk, decision: Decision) -> float:
    """Delta of one lot of the coarser hedge, as `decide` has it."""
    book, seen = desk.book, decision.exposure
    assert book is not None
    if seen is None:
        return 0.0
    return max(
        (
            book.instruments[q.instrument].future_delta(
                1, price=0.5 * (q.bid + q.ask), index=seen.index
            )
            for q in decision.quotes
            if q.bid and q.ask
        ),
        default=0.0,
    )
