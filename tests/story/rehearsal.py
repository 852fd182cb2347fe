"""The demo without its processes: the same market, exchange and decisions in one loop.

What takes two workers minutes of real time takes this seconds, so a test can look at a whole week.
It says nothing about stores, leases or sockets; the real demo does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hedger.core.book import book as columns
from hedger.core.columns import Book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Action,
    BookState,
    Decision,
    HedgeRule,
    Intent,
    Memory,
    Order,
    PlanLine,
    Rules,
)
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.paper.tradelog import read_events
from hedger.venues.simulator.events import Event

HEDGE = "BTC-PERPETUAL"
ACCOUNT = "btc-main"
RULES = Rules(
    config="rehearsal",
    numeraire="usd",
    base_coin=20.0,
    hedge=HedgeRule(buy=HEDGE, sell=HEDGE),
)


class Rehearsal(NamedTuple):
    log: Path
    hedges: list[Decision]
    blocked: list[Decision]
    published: list[dict[str, Any]]
    """The hedges as the journal would hold them."""

    def events(self) -> list[Event]:
        return list(read_events(self.log))


def rehearse(
    folder: Path,
    positions: dict[str, int],
    *,
    rules: Rules = RULES,
    bars: int | None = None,
    **market: object,
) -> Rehearsal:
    """Play a market from its start; `market` are further `PaperParams`."""
    deposit = float(market.pop("deposit", 20.0))  # type: ignore[arg-type]
    params = PaperParams(
        name="paper",
        socket=str(folder / "x.sock"),
        log=str(folder / "trades.jsonl"),
        accounts=(PaperAccount(name=ACCOUNT, deposit=deposit, positions=positions),),
        instruments=tuple(sorted({rules.hedge.buy, rules.hedge.sell})),
        **market,  # type: ignore[arg-type]
    )
    engine = Engine(params)
    player = _Player(engine, rules)
    try:
        player.look()
        while (bars is None or engine.bars < bars) and engine.advance():
            player.look()
    finally:
        engine.log.close()
    return Rehearsal(Path(params.log), player.hedges, player.blocked, player.published)


class _Player:
    def __init__(self, engine: Engine, rules: Rules) -> None:
        self._engine, self._rules = engine, rules
        held = engine.exchange.positions(ACCOUNT)
        names = {*held, rules.hedge.buy, rules.hedge.sell}
        self._contracts = {name: instrument(name) for name in names}
        self._board = Board(self._contracts)
        self._memory, self._seq = Memory(), 0
        self._book: Book | None = None
        self.published: list[dict[str, Any]] = []
        self.hedges: list[Decision] = []
        self.blocked: list[Decision] = []

    def look(self) -> None:
        """Decide until nothing is left to do at this instant."""
        for quote in self._engine.quotes(list(self._contracts)):
            self._board.apply(quote)
        for _ in range(10):
            account = self._engine.account(ACCOUNT)
            assert account is not None
            self._board.apply_account(account)
            decision = self._decision()
            if decision.action is Action.BLOCKED:
                self.blocked.append(decision)
            if decision.action is not Action.HEDGE:
                return
            self._send(decision)
        raise AssertionError("ten hedges at one instant")

    def _decision(self) -> Decision:
        state = BookState(
            book=ACCOUNT,
            seq=self._seq,
            digest="",
            positions=self._engine.exchange.positions(ACCOUNT),
            memory=self._memory,
        )
        hedges = {self._rules.hedge.buy, self._rules.hedge.sell}
        self._book = columns(
            state, self._contracts, account=ACCOUNT, hedges=hedges, previous=self._book
        )
        return decide(self._book, self._board.market(), self._rules, self._engine.market_ms)

    def _send(self, decision: Decision) -> None:
        assert decision.plan is not None
        self._seq += 1
        self._memory = decision.memory
        self.hedges.append(decision)
        intents = [self._intent(number, line) for number, line in enumerate(decision.plan.lines)]
        self.published.append(
            {
                **msgspec.to_builtins(decision),
                "id": f"{ACCOUNT}.{self._seq}.0",
                "worker": "w1",
                "epoch": 1,
                "intents": [msgspec.to_builtins(intent) for intent in intents],
            }
        )
        for intent in intents:
            order = Order(
                client_id=intent.id,
                account=ACCOUNT,
                instrument=intent.instrument,
                lots=intent.lots,
                limit_ticks=intent.limit_ticks,
                deadline_ms=intent.deadline_ms,
            )
            self._engine.place(order, now_ms=1)

    def _intent(self, number: int, line: PlanLine) -> Intent:
        return Intent(
            id=f"{self._seq:028x}{number:04x}",
            book=ACCOUNT,
            venue="paper",
            account=ACCOUNT,
            instrument=line.instrument,
            lots=line.lots,
            limit_ticks=line.limit_ticks,
            deadline_ms=10,
            low=line.low,
            high=line.high,
            seq=self._seq,
            market_ms=self._engine.market_ms,
        )
