"""Calm, storm, calm as prices: target, regime and self-tuning together read their own forecasts.

Nothing is fed to the models here: the board makes its forecast from the index, the measures value
the book anew, the band is tuned from what was forecast, and acts are filled as they are planned.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from hedger.core.decide import decide
from hedger.core.freshness import forecast_vol
from hedger.core.model import (
    Action,
    BandRule,
    Decision,
    Readings,
    Rules,
    ScaleRule,
    Sizing,
    VolRegimeRule,
    VolTargetRule,
)
from hedger.core.risk.readings import MeasureRule, measured
from hedger.core.risk.refresh import RiskRule
from hedger.core.tuning import Evidence, tuned
from tests.core.desk import START
from tests.core.dice import changed
from tests.core.life import BASE, MINUTE_MS, Life, by_itself

BEGIN = START - START % (5 * MINUTE_MS) - 40_000
STEPS = 288
CALM, STORM = 0.4, 1.2
RISK = MeasureRule(risk=RiskRule(capital=10.0, scenarios=64))
BOTH = Sizing(vol_target=VolTargetRule(target=0.02), vol_regime=VolRegimeRule(age_ms_max=900_000))


class Tape(Life):
    """A book on a path of the index, looked at every five minutes."""

    measures: Readings = Readings()
    vol_before = 0.0

    def at(self, spot: float, vol: float, number: int) -> None:
        """The market moves; now and then it is measured, and the band is tuned."""
        # Shortly before the end of a period of five minutes, so that it has a price.
        self.desk.now = BEGIN + number * 5 * MINUTE_MS
        self.desk.index, self.desk.vol = spot, vol
        self.desk.quote_all()
        if number % 3 == 0:
            self.measures = Readings(measured=self._measured())
        made = self.decided()
        if number % 12 == 0:
            self._tune(made)
        for _ in range(400):
            if self.act is None or made.action is Action.BLOCKED:
                return
            self.desk.now += 50
            made = self.decided()

    def decided(self) -> Decision:
        """One decision, and what the service does after it."""
        book = self.desk.book(memory=self.memory, act=self.act)
        market = self.desk.board.market()
        made = decide(changed(book, readings=self.measures), market, self.rule, self.desk.now)
        self.memory, self.last = made.memory, made
        self._follow(made)
        return made

    def _measured(self) -> object:
        market = self.desk.board.market()
        return measured(self.desk.book(), market, self.rule, self.desk.now, RISK, scale=self.held)

    def _tune(self, made: Decision) -> None:
        vol = forecast_vol(self.desk.board.market(), "BTC", self.desk.now)
        evidence = Evidence(cost=0.0004, vol=vol, vol_before=self.vol_before)
        self.vol_before = vol
        found = tuned(self.rule.band, made, evidence, lot_delta=1e-4)
        if found is not None:
            self.memory = msgspec.structs.replace(self.memory, tuning=found)


def rule(*, on: bool) -> Rules:
    made = by_itself(BOTH, hold_ms=ScaleRule().hold_ms, sharpe=10.0, hold_days=365.0)
    band = BandRule(kind="cubic", tuning="on", vol="forecast", half_width_max=0.1)
    made = msgspec.structs.replace(made, band=band)
    if on:
        return made
    off = msgspec.structs.replace(made.scale, shrink="off", grow="off")
    return msgspec.structs.replace(made, scale=off)


def played(seed: int, *, on: bool) -> Tape:
    dice = np.random.default_rng(seed)
    life, spot = Tape(rule(on=on)), 60_000.0
    number = 0
    for days, vol in ((0.75, CALM), (1.25, STORM), (2.5, CALM)):
        for _ in range(int(days * STEPS)):
            step = vol * math.sqrt(1.0 / (365 * STEPS))
            spot *= math.exp(step * dice.standard_normal() - 0.5 * step * step)
            number += 1
            life.at(spot, vol, number)
    return life


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_is_at_most_one_scale_out_and_its_end_one_scale_in(seed: int) -> None:
    life = played(seed, on=True)
    assert life.ways in ([], ["out"], ["out", "in"]), [a.scale for a in life.asked]
    assert life.held <= 1.0
    assert all(abs(lots) <= abs(BASE[leg]) for leg, lots in life.desk.legs.items())


def test_with_all_off_there_is_none() -> None:
    life = played(0, on=False)
    assert (life.asked, life.held) == ([], 1.0)
    assert life.memory.resized is None
