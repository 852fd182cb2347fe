"""A desk whose book scales itself: what a decision asks for becomes its act, which is filled."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from hedger.core.acts import finished
from hedger.core.acts.portions import held_scale, portions, share
from hedger.core.decide import decide
from hedger.core.model import (
    Act,
    Action,
    ActKind,
    BandRule,
    Decision,
    LimitRule,
    Measured,
    Memory,
    Readings,
    Resized,
    Resizing,
    Rules,
    ScaleRule,
    Sizing,
    TailRule,
    VolTargetRule,
)
from tests.core.desk import PERPETUAL, Desk, option, rules
from tests.core.dice import changed

CALL, CALL_WING = option(64_000.0, 30, True), option(70_000.0, 30, True)
PUT, PUT_WING = option(56_000.0, 30, False), option(50_000.0, 30, False)
BASE = {CALL: -40, CALL_WING: 40, PUT: -40, PUT_WING: 40}
CAPITAL = 1e3
"""In coin, as the book's numeraire is."""
HOLD_MS, CAP_HOLD_MS = 3_600_000, 60_000
MINUTE_MS = 60_000
LIMIT = 1e5
BOTH = Sizing(vol_target=VolTargetRule(target=0.2), tail=TailRule(limit=LIMIT))


def by_itself(sizing: Sizing | None = BOTH, **change: Any) -> Rules:
    rule = ScaleRule(
        base=tuple((leg.name, lots) for leg, lots in BASE.items()),
        **({"shrink": "on", "grow": "on", "step": 0.5, "hold_ms": HOLD_MS} | change),
    )
    made = rules(
        band=BandRule(lower=-5.0, upper=5.0),
        limits=LimitRule(
            first_trade_max=1e3, order_max=1e3, per_minute_max=1e6, close_spread_bps_max=1e4
        ),
    )
    return msgspec.structs.replace(made, scale=rule, sizing=sizing)


class Life:
    """One book decided on and on; ``asked`` has every act that it asked for by itself."""

    def __init__(self, rule: Rules | None = None, *, held: float = 1.0) -> None:
        self.rule = rule or by_itself()
        self.desk = Desk({leg: share(lots, held) for leg, lots in BASE.items()})
        self.memory, self.act, self.hold = Memory(), None, ""
        self.asked: list[Act] = []
        self.states: Counter[str] = Counter()
        self.last: Decision | None = None
        self._number = 0

    @property
    def held(self) -> float:
        legs = portions(self.desk.book(), self.rule.scale, self.desk.now)
        return held_scale(legs) or 0.0

    @property
    def resized(self) -> Resized:
        return self.memory.resized or Resized()

    def person(self, kind: ActKind, scale: float = 1.0, *, who: str = "anna", **more: Any) -> None:
        self._number += 1
        self.act = Act(
            kind=kind, who=who, reason="so", asked_ms=self._number, scale=scale, grows=True, **more
        )

    def look(
        self, *, risk: float | None = 0.2, loss: float | None = 0.0, age_ms: int = 0
    ) -> Decision:
        """One decision on measures of the base book, as a loop would have made them."""
        held = self.held
        measured = Measured(
            time_ms=self.desk.now - age_ms,
            risk=None if risk is None else risk * held,
            loss=None if loss is None else loss * held,
            scale=held,
            capital=CAPITAL,
        )
        self.desk.quote_all()
        book = self.desk.book(memory=self.memory, act=self.act, hold=self.hold)
        book = changed(book, readings=Readings(measured=measured))
        made = decide(book, self.desk.board.market(), self.rule, self.desk.now)
        self.memory, self.last = made.memory, made
        if made.resize is not None:
            self.states[made.resize.state] += 1
        self._follow(made)
        return made

    def _follow(self, made: Decision) -> None:
        """What the service does after a decision."""
        for line in made.plan.lines if made.plan is not None else ():
            if line.instrument == PERPETUAL.name:
                self.desk.hedge_lots += line.lots
            else:
                self.desk.legs[self.desk.instruments[line.instrument]] += line.lots
        if made.action is Action.HEDGE:
            return
        told = made.resize
        if self.act is None and told is not None and told.ask is not None:
            self.person(ActKind.SCALE, told.ask, who="the scalers", cause=told.cause)
            self.act = msgspec.structs.replace(self.act, grows=told.grows)
            self.asked.append(self.act)
        elif self.act is not None:
            withdrawn = told is not None and told.state is Resizing.WITHDRAWS
            if finished(self.act, made) or (self.act.cause and withdrawn):
                self.act = None

    def run(self, minutes: float, *, each_ms: int = 0, **measures: Any) -> None:
        """So long of one market, looked at 20 times or so; an act is worked off at once."""
        each_ms = each_ms or (5 if minutes <= 100 else 20 if minutes <= 600 else 100) * MINUTE_MS
        for _ in range(round(minutes * MINUTE_MS / each_ms)):
            self.desk.now += each_ms
            self.look(**measures)
            for _ in range(200):
                if self.act is None:
                    break
                self.desk.now += 100
                made = self.look(**measures)
                if made.action is Action.BLOCKED:
                    break

    @property
    def ways(self) -> list[str]:
        return ["in" if act.grows else "out" for act in self.asked]
