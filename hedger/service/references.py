"""Reference prices at the edge: listen to their sources, and tell a person what is wrong with them.

Sources hold no book up: they are asked for beside its steps, and a venue that does not answer is
asked again. What a decision found of its reference is counted, and a currency off its peg, or a
reference without which nothing may be decided, raises an alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hedger.core.believed import depeg_text, shortage
from hedger.core.model import Decision
from hedger.errors import VenueUnavailable
from hedger.service.feed import Listener
from hedger.service.roster import Desk, Roster
from hedger.service.world import World
from hedger.telemetry import Throttle, logger

LOOK_S = 0.5
"""How soon a book that was just taken over is looked for, and a silent venue asked again."""
LOG_S = 60.0


class References:
    """The sources of the books of one worker."""

    def __init__(self, world: World, *, roster: Roster, listeners: Mapping[str, Listener]) -> None:
        self._world, self._roster, self._listeners = world, roster, listeners
        self._heard: set[tuple[str, str]] = set()
        self._log = logger(worker=world.params.worker)
        self._throttle = Throttle(LOG_S, world.clock.monotonic_s)

    @property
    def wanted(self) -> bool:
        """Whether any book has a reference."""
        return any(desk.params.sources for desk in self._roster)

    def forget(self, desk: Desk) -> None:
        """The book is another worker's."""
        self._heard = {entry for entry in self._heard if entry[0] != desk.name}

    async def run(self) -> None:
        """Ask for what is not heard yet, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_S)

    async def step(self) -> None:
        """Ask once at every venue that a book of ours is to hear and does not."""
        for desk in self._roster:
            if desk.ready:
                await self.listen(desk)

    async def listen(self, desk: Desk) -> None:
        """Ask for what one book does not hear; also while it is taken over.

        So that its first decision knows its reference where the venues answer in time.
        """
        venues = dict.fromkeys(feed.venue for feed in desk.params.sources)
        deaf = [venue for venue in venues if (desk.name, venue) not in self._heard]
        await asyncio.gather(*(self._listen(desk, venue) for venue in deaf))

    async def _listen(self, desk: Desk, venue: str) -> None:
        names = {feed.instrument for feed in desk.params.sources if feed.venue == venue}
        try:
            async with asyncio.timeout(self._world.request_s):
                found = await self._world.venues[venue].instruments(names)
                await self._listeners[venue].watch(desk.name, found, "")
            missing = ", ".join(sorted(names - found.keys()))
            reason = f"{venue} lists no {missing}" if missing else ""
        except (VenueUnavailable, TimeoutError) as error:
            reason = str(error) or "no answer in time"
        except Exception:  # a reference that is short is a state; a worker that ends is none
            self._world.metrics.count("defects")
            self._log.exception("defect", during="references", book=desk.name)
            return
        if not reason:
            if desk.ready:  # else it may not come to that: asked again once it has
                self._heard.add((desk.name, venue))
        elif (times := self._throttle.passes(f"{desk.name}:{venue}")) is not None:
            self._log.warning(
                "source_unheard", book=desk.name, venue=venue, reason=reason, times=times
            )

    def see(self, desk: Desk, decision: Decision) -> None:
        """Count what a decision was held to, and raise what a person has to know."""
        use, found = desk.params.rules.reference, decision.reference
        if use is None or found is None:
            return
        metrics, alarms = self._world.metrics, self._world.alarms
        if found.price is None:
            metrics.count("reference_short")
            if use.is_required:
                alarms.raise_("no_reference", book=desk.name, reason=shortage(found))
        else:
            metrics.observe("reference_spread_bps", 1e4 * found.spread)
        for text in depeg_text(found, use.rule.base):
            metrics.count("reference_depegs")
            alarms.raise_("depeg", book=desk.name, reason=text)
        for refusal in decision.refusals:
            if refusal.rule in ("jump_refused", "doubtful_index", "doubtful_mark"):
                metrics.count(f"reference_{refusal.rule}")
