"""Trades that share a block or combo id, gathered and taken in as one event.

A block of an option and a future is hedged as it is; seen leg by leg it would be hedged twice.
While its legs are on their way the book is paused. They are waited for a moment; then the venue's
history is asked for the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hedger.core.model import Fill
from hedger.errors import HedgerError
from hedger.service.aftermath import Aftermath
from hedger.service.fills import Fills
from hedger.service.history import History
from hedger.service.roster import Desk
from hedger.service.verdict import BLOCK, Cause
from hedger.service.world import World
from hedger.telemetry import logger

WAIT_S = 0.25
OPEN_MAX = 1_000
"""Blocks gathered at a time; beyond that legs are applied as they come, and the pause remains."""


@dataclass(slots=True)
class _Gathering:
    legs: dict[str, Fill] = field(default_factory=dict)
    whole: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, fill: Fill) -> None:
        self.legs[fill.trade_id] = fill
        if 0 < fill.block_legs <= len(self.legs):
            self.whole.set()


class Blocks:
    """Gathers the blocks of one worker's books."""

    def __init__(
        self,
        world: World,
        *,
        fills: Fills,
        history: History,
        aftermath: Aftermath,
        done: Callable[[Desk], None],
    ) -> None:
        self._world = world
        self._fills = fills
        self._history = history
        self._aftermath = aftermath
        self._done = done
        self._open: dict[tuple[str, str], _Gathering] = {}
        self._log = logger(worker=world.params.worker)

    def takes(self, desk: Desk, fill: Fill) -> bool:
        """Whether a fill is a foreign block's leg, which is then kept for the others."""
        if not fill.block or desk.is_own(fill):
            return False
        key = desk.name, fill.block
        gathering = self._open.get(key)
        if gathering is None:
            if len(self._open) >= OPEN_MAX:
                return False
            gathering = self._open[key] = _Gathering()
            gathering.add(fill)
            self._world.spawn(self._gather(desk, fill, gathering))
        else:
            gathering.add(fill)
        return True

    async def _gather(self, desk: Desk, first: Fill, gathering: _Gathering) -> None:
        try:
            try:
                async with asyncio.timeout(WAIT_S):
                    await gathering.whole.wait()
            except TimeoutError:
                self._world.metrics.count("blocks_asked_for")
                for fill in await self._history.block(desk, first):
                    gathering.add(fill)
            await self._take_in(desk, first.block, list(gathering.legs.values()))
        except (HedgerError, TimeoutError) as error:  # the check that follows reads all of it
            reason = str(error) or "no answer in time"
            self._log.warning("block_failed", book=desk.name, block=first.block, reason=reason)
        except Exception:
            self._world.metrics.count("defects")
            self._log.exception("defect", during="block", book=desk.name, block=first.block)
        finally:
            self._open.pop((desk.name, first.block), None)
            self._done(desk)

    async def _take_in(self, desk: Desk, block: str, legs: list[Fill]) -> None:
        answers = [await self._fills.apply(desk, leg) for leg in legs]
        if desk.params.positions is None and any(answer != "dup" for answer in answers):
            told = ", ".join(f"{leg.lots:+d} lots of {leg.instrument}" for leg in legs)
            cause = Cause(BLOCK, f"block {block}: {told}", tuple(leg.instrument for leg in legs))
            await self._aftermath.follow(desk, [cause])
