"""The ladder beside a replayed book: the very rule and acts of the live service, in virtual time.

It looks at every market instant, measures as often as the book's readings say, and keeps what it
remembers with the book. What a worker does beyond that (leases, overrides of people) is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hedger.core import rungs
from hedger.core.acts import finished
from hedger.core.columns import Market
from hedger.core.ladder import Rung, Standing, climbed, said
from hedger.core.model import (
    Act,
    Action,
    ActKind,
    BookState,
    Decision,
    Intent,
    LadderState,
    Measure,
)
from hedger.core.risk.readings import measured
from hedger.errors import ConfigError
from hedger.service.imagined import Imagined
from hedger.service.params import BookParams, ReadingParams

__all__ = ["Laddered"]

Tell = Callable[[int, str, str], None]
"""Market instant, what kind of thing happened, and what, in words."""


class Laddered:
    """One book's ladder; ``rung`` is the highest that it stood on, ``acts`` those asked for.

    Parameters
    ----------
    params
        The book, with a ladder and what it is to be measured by.
    tell
        Told of every rung and act, and of every order and refusal while one is under way.

    Raises
    ------
    ConfigError
        Where the book has no ladder.
    """

    def __init__(self, params: BookParams, tell: Tell) -> None:
        if not params.rules.ladder.triggers:
            raise ConfigError(f"book {params.name}: has no ladder, expected one to be crashed with")
        self._params, self._tell = params, tell
        self._readings: ReadingParams | None = params.readings
        self._measures: dict[str, Measure] = {}
        self._measured_ms: int | None = None
        self._waits = ""
        self.rung = Rung.FREE
        self.acts: list[Act] = []

    def look(self, book: Imagined, market: Market, now_ms: int) -> None:
        """One look: measures, rung, memory, act."""
        state, rule = book.state, self._params.rules.ladder
        self._measure(book, market, now_ms)
        before = state.memory.ladder or LadderState()
        standing = climbed(
            rule,
            self._peaked(before, market),
            self._measures,
            now_ms,
            closing=state.act is not None and state.act.kind is ActKind.CLOSE,
        )
        act = rungs.wanted(
            rule, state, standing, now_ms, hedges=self._params.hedges, wall_ms=now_ms
        )
        book.change(self._after(state, standing, act, now_ms))
        if standing.state.rung != before.rung:
            self._tell(now_ms, "ladder", said(standing.state) or "ladder at free")
        if act is not None:
            self.acts.append(act)
            self._tell(now_ms, "act", act.text)
        self.rung = max(self.rung, standing.rung)

    def decided(self, book: Imagined, decision: Decision, intents: tuple[Intent, ...]) -> None:
        """End an act that is done; tell what was sent for one, or why nothing could be."""
        act = book.state.act
        if finished(act, decision) and not book.state.intents:
            assert act is not None
            self._tell(decision.time_ms, "done", f"{act.kind}: {decision.text}")
            book.change(msgspec.structs.replace(book.state, act=None))
        elif act is not None and intents:
            self._tell(decision.time_ms, decision.reason, decision.text)
        elif decision.action is Action.BLOCKED and decision.text != self._waits:
            self._waits = decision.text
            self._tell(decision.time_ms, "blocked", f"{decision.reason}: {decision.text}")

    # --- parts ----------------------------------------------------------------------------

    def _after(
        self, state: BookState, standing: Standing, act: Act | None, now_ms: int
    ) -> BookState:
        """The book with what the ladder remembers, and with its act begun or ended."""
        memory = standing.state
        if act is not None and act.kind is ActKind.REDUCE:
            memory = msgspec.structs.replace(memory, reduced_ms=now_ms)
        under_way = None if rungs.outlived(state, standing) else state.act
        return msgspec.structs.replace(
            state,
            memory=msgspec.structs.replace(state.memory, ladder=memory),
            act=act or under_way,
        )

    def _measure(self, book: Imagined, market: Market, now_ms: int) -> None:
        rule = self._readings
        if rule is None or rule.measure is None:
            return
        if self._measured_ms is not None and now_ms - self._measured_ms < rule.every_ms:
            return
        self._measured_ms = now_ms
        found = measured(book.book(), market, self._params.rules, now_ms, rule.measure)
        for one in rungs.measures(found, loss_max=rule.loss_max):
            self._measures[one.name] = one

    def _peaked(self, before: LadderState, market: Market) -> LadderState:
        index = market.index.get(self._params.underlying)
        account = market.accounts.get(self._params.account)
        if index is None or account is None:
            return before
        found = rungs.equity((account,), index=index.value, rules=self._params.rules, paid_in=0.0)
        after, fall = rungs.peaked(before, found, min(index.time_ms, account.time_ms))
        self._measures[fall.name] = fall
        return after
