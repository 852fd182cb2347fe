"""The ladder of each book, looked at on a cadence of its own, never on the way of a quote.

Measures come finished, as numbers with their instants: whoever measures hands them in (`see`), and
what nobody hands in is not known. The drawdown of the account is measured here. What the ladder
remembers is stored with the book before anything follows from it; a rung acts through the same acts
as a person's.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import msgspec

from hedger.clock import wall_ms
from hedger.core import rungs
from hedger.core.ladder import Rung, Standing, climbed, said
from hedger.core.model import (
    Account,
    Act,
    ActKind,
    BookState,
    LadderState,
    Measure,
    Measured,
)
from hedger.errors import HedgerError, LeaseLost, RevisionConflict
from hedger.service.chronicle import Chronicle
from hedger.service.markets import Markets
from hedger.service.ownership import Ownership
from hedger.service.roster import Desk, Roster
from hedger.service.world import World
from hedger.telemetry import logger

LOOK_S = 1.0
GRACE_S = 10.0
"""After taking a book over measures need a moment; until then the book stands where it stood."""


class Ladders:
    """The ladders of one worker's books."""

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        markets: Markets,
        ownership: Ownership,
        chronicle: Chronicle,
        mark: Callable[[str], None],
    ) -> None:
        self._store = world.store
        self._clock = world.clock
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._roster = roster
        self._markets = markets
        self._ownership = ownership
        self._chronicle = chronicle
        self._mark = mark
        self._measures: defaultdict[str, dict[str, Measure]] = defaultdict(dict)
        self._log = logger(worker=world.params.worker)

    def see(self, book: str, measure: Measure) -> None:
        """Take a finished measure in; the newest of each name counts."""
        self._measures[book][measure.name] = measure

    def measured(self, desk: Desk, found: Measured) -> None:
        """Take in what a loop has measured of a book's risk; what it could not is not known."""
        rule = desk.params.readings
        for one in rungs.measures(found, loss_max=0.0 if rule is None else rule.loss_max):
            self.see(desk.name, one)

    def forget(self, book: str) -> None:
        """The book is another worker's: what was measured of it here is not to be believed."""
        self._measures.pop(book, None)

    async def run(self) -> None:
        """Look until cancelled; ends at once where no book has a ladder."""
        while any(desk.params.rules.ladder.triggers for desk in self._roster):
            await asyncio.sleep(LOOK_S)
            for desk in self._roster:
                if desk.ready and desk.params.rules.ladder.triggers:
                    await self._guarded(desk)

    async def _guarded(self, desk: Desk) -> None:
        try:
            await self.look(desk)
        except (RevisionConflict, LeaseLost) as error:  # the next look sees the book as it is
            self._log.info("ladder_waits", book=desk.name, reason=str(error))
        except (HedgerError, TimeoutError) as error:
            self._log.warning("look_failed", during="ladder", book=desk.name, reason=str(error))
        except Exception:
            self._metrics.count("defects")
            self._log.exception("defect", during="ladder", book=desk.name)

    async def look(self, desk: Desk) -> None:
        """One look: measures, rung, memory, act."""
        lease, state = self._ownership.held(desk.shard), await self._store.load(desk.name)
        if lease is None or state is None or state.digest != desk.params.digest:
            return
        now, rule = self._clock.market_ms(), desk.params.rules.ladder
        before = state.memory.ladder or LadderState()
        peaked = self._peaked(desk, state, before, now)
        closing = state.act is not None and state.act.kind is ActKind.CLOSE
        standing = climbed(
            rule,
            peaked,
            self._measures[desk.name],
            now,
            closing=closing,
            allowed=_allowed(state),
        )
        if standing.blind and self._clock.monotonic_s() - desk.ready_s < GRACE_S:
            return
        self._warn(desk, standing)
        act = None if state.stopped else wanted(desk, state, standing, now)
        after = standing.state
        if act is not None and act.kind is ActKind.REDUCE:
            after = msgspec.structs.replace(after, reduced_ms=now)
        if after != state.memory.ladder:
            memory = msgspec.structs.replace(state.memory, ladder=after)
            await self._store.note(
                lease, desk.name, seq=state.seq, facts=state.facts, memory=memory, entry=None
            )
            if after.rung != before.rung:
                self._metrics.count(f"ladder_{standing.rung.text}")
                await self._chronicle.event(desk, "ladder", said(after) or "ladder at free")
            self._mark(desk.name)
        await self._ask(desk, state, standing, act)

    async def _ask(self, desk: Desk, state: BookState, standing: Standing, act: Act | None) -> None:
        """Have the rung's act done, or end a reduction whose reason has gone."""
        lease = self._ownership.held(desk.shard)
        if act is not None:
            self._log.warning("ladder_acts", book=desk.name, act=act.text)
            await self._store.ask(desk.name, act)
            self._mark(desk.name)
        elif lease is not None and rungs.outlived(state, standing) and state.act is not None:
            await self._store.acted(
                lease, desk.name, state.act, outcome=f"the ladder is at {standing.rung.text}"
            )

    def _warn(self, desk: Desk, standing: Standing) -> None:
        if standing.wanted > Rung.FREE:
            over = "" if standing.rung is standing.wanted else f", overridden: {standing.rung.text}"
            reason = f"{standing.wanted.text}{over}: {'; '.join(standing.reasons)}"
            self._alarms.raise_("ladder", book=desk.name, reason=reason)

    def _peaked(self, desk: Desk, state: BookState, before: LadderState, now: int) -> LadderState:
        """Measure the drawdown; the state with a higher peak where there is one."""
        found = self._equity(desk, state, now)
        if found is None:
            return before
        after, fall = rungs.peaked(before, *found)
        self.see(desk.name, fall)
        return after

    def _equity(self, desk: Desk, state: BookState, now: int) -> tuple[float, int] | None:
        """Equity of all the book's accounts in its numeraire and its oldest instant.

        Without what its owner paid in since; None where a part of it is not known.
        """
        market = self._markets.of(desk)
        index = market.index.get(desk.params.underlying)
        accounts: list[Account] = []
        for route in desk.params.routes:
            account = market.accounts.get(route.name(route.account))
            if account is None:
                return None
            accounts.append(account)
        if index is None:
            return None
        paid_in = state.coins.get(desk.params.underlying, 0) * 1e-8
        equity = rungs.equity(accounts, index=index.value, rules=desk.params.rules, paid_in=paid_in)
        return equity, min(index.time_ms, *(account.time_ms for account in accounts))


def wanted(desk: Desk, state: BookState, standing: Standing, now: int) -> Act | None:
    """The act that a book's rung asks for now, if any."""
    return rungs.wanted(
        desk.params.rules.ladder,
        state,
        standing,
        now,
        hedges=desk.params.hedges,
        wall_ms=wall_ms(),
    )


def _allowed(state: BookState) -> Rung:
    """As far as a person lets the ladder go at this moment."""
    override = state.override
    if override is None or override.until_ms <= wall_ms():
        return Rung.CLOSE
    return Rung(override.rung)
