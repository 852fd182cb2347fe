"""What happened to a book beside its decisions, written into its journal with a name.

An event is journalled as a decision that trades nothing: its ``reason`` is the event's name, its
``text`` the words.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hedger.core.model import Action, Decision, Intent, Memory
from hedger.errors import HedgerError, RevisionConflict
from hedger.service.journal import Journal
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk
from hedger.service.world import World
from hedger.telemetry import logger

TRIES = 3


class Chronicle:
    """Writes entries that no step makes; one that cannot be written is logged, and missed."""

    def __init__(self, world: World, *, ownership: Ownership, journal: Journal) -> None:
        self._store = world.store
        self._clock = world.clock
        self._ownership = ownership
        self._journal = journal
        self._log = logger(worker=world.params.worker)

    async def event(
        self, desk: Desk, name: str, text: str, *, change: Callable[[Memory], Memory] | None = None
    ) -> None:
        """Journal an event under its name; ``change`` is made to the memory stored with it."""
        decision = Decision(
            book=desk.name,
            time_ms=self._clock.market_ms(),
            seq=0,
            config=desk.params.digest,
            action=Action.NO_TRADE,
            reason=name,
            text=text,
        )
        self._log.warning("event", book=desk.name, what=name, text=text)
        await self.note(desk, decision, change=change)

    async def note(
        self,
        desk: Desk,
        decision: Decision,
        *,
        intents: tuple[Intent, ...] = (),
        change: Callable[[Memory], Memory] | None = None,
    ) -> None:
        """Journal a decision beside the steps, at whatever revision the book is by now."""
        for _ in range(TRIES):
            lease = self._ownership.held(desk.shard)
            try:
                state = await self._store.load(desk.name)
                if lease is None or state is None:
                    return
                entry_id = self._journal.next_id(desk.name, lease.epoch)
                memory = state.memory if change is None else change(state.memory)
                said = msgspec.structs.replace(decision, seq=state.seq)
                entry = self._journal.entry(
                    said, entry_id=entry_id, epoch=lease.epoch, intents=intents
                )
                await self._store.note(
                    lease,
                    desk.name,
                    seq=state.seq,
                    facts=state.facts,
                    memory=memory,
                    entry=entry,
                )
                return
            except RevisionConflict:
                continue
            except HedgerError as error:
                self._log.warning("note_failed", book=desk.name, reason=str(error))
                return
