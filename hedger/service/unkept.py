"""Books that no living worker runs: everybody has another configuration of it, or nobody lists it.

A worker without a book decides nothing about it, so nobody would notice that it stands naked. Who
holds the lease of its shard says so, as the one who knows whether it runs the book; where nobody
holds it, whoever of the living was elected for that shard, whatever it lists itself. A book that a
person has stopped, and one that holds nothing, needs nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from hedger.core.model import BookState, Decision
from hedger.errors import HedgerError, UnknownVersion
from hedger.service.election import owner_of
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk, Roster
from hedger.service.world import World
from hedger.telemetry import logger

LOOK_S_MIN, LOOK_S_MAX = 0.5, 5.0
LOOKS = 4
"""So often within `naked_ms_max` the list of all books is gone through."""
TOLD_MAX = 20
"""Alarms of one look, those that wait longest first; of the others the number is said."""


class Unkept:
    """Raises the alarm ``naked`` for books that nobody has run for too long.

    Parameters
    ----------
    judge
        What would be decided on a book as last seen here; None where it never was.
    """

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        ownership: Ownership,
        judge: Callable[[Desk], Decision | None],
    ) -> None:
        self._worker = world.params.worker
        self._store = world.store
        self._now_s = world.clock.monotonic_s
        self._longest_s = world.params.naked_ms_max / 1_000
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._roster = roster
        self._ownership = ownership
        self._judge = judge
        self._since: dict[str, float] = {}
        self._log = logger(worker=self._worker)

    async def run(self) -> None:
        """Look until cancelled."""
        wait_s = min(max(self._longest_s / LOOKS, LOOK_S_MIN), LOOK_S_MAX)
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self.step()
            except HedgerError as error:  # of a store out of reach others tell
                self._log.warning("look_failed", during="unkept books", reason=str(error))
            except Exception:
                self._metrics.count("defects")
                self._log.exception("defect", during="unkept books")

    async def step(self) -> None:
        """Go through all books of the store once."""
        names = await self._store.books()
        owners = {i.shard: i.owner for i in await self._store.shard_info() if i.lease_ms_left > 0}
        why = {name: said for name in names if (said := self._unkept(name, owners))}
        now_s = self._now_s()
        self._since = {name: self._since.get(name, now_s) for name in why}
        late = [name for name in why if now_s - self._since[name] > self._longest_s]
        late.sort(key=self._since.__getitem__)
        told = 0
        for number, name in enumerate(late):
            told += await self._tell(name, why[name], more=len(late) - number - 1)
            if told == TOLD_MAX:
                break

    def _unkept(self, book: str, owners: Mapping[int, str]) -> str:
        """Why nobody runs a book, where it is ours to say; empty otherwise."""
        shard = self._store.shard_of(book)
        desk, owner = self._roster.get(book), owners.get(shard)
        if owner is None:
            mine = owner_of(shard, self._ownership.living) == self._worker
            return f"no worker holds its shard {shard}: {self._here(desk)}" if mine else ""
        if owner != self._worker or (desk is not None and desk.ready):
            return ""
        return f"shard {shard} is held by {owner}, which does not run it: {self._here(desk)}"

    def _here(self, desk: Desk | None) -> str:
        """How the book stands with this worker."""
        if desk is None:
            return f"worker {self._worker} does not list it"
        if desk.unreadable:
            return f"worker {self._worker} cannot read it, another release wrote it"
        if not desk.may_run:
            return f"worker {self._worker} has another configuration of it (hedger config apply)"
        return f"worker {self._worker} could not take it over yet"

    async def _tell(self, book: str, why: str, *, more: int) -> bool:
        """Raise the alarm unless nothing is held, or a person wants it to stand still."""
        try:
            state = await self._store.load(book)
        except UnknownVersion:  # it may hold anything: unknown is not zero
            state = None
        if state is not None and (state.stopped or not (_held(state) or state.intents)):
            return False
        self._alarms.raise_(
            "naked",
            book=book,
            reason=f"no living worker runs it: {why}",
            seconds=round(self._now_s() - self._since[book], 1),
            delta=self._delta(book, state),
            more=more,
        )
        return True

    def _delta(self, book: str, state: BookState | None) -> float | None:
        """The delta, where this worker knows the book as it stands now."""
        desk = self._roster.get(book)
        if desk is None or state is None or desk.state is None:
            return None
        if _held(desk.state) != _held(state):
            return None
        seen = self._judge(desk)
        return None if seen is None or seen.exposure is None else seen.exposure.book_delta


def _held(state: BookState) -> list[tuple[str, int]]:
    return sorted((name, lots) for name, lots in state.positions.items() if lots)
