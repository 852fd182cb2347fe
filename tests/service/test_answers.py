"""Answers of vols, fitted to what a worker's boards showed: found, gated, bounded, and told."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hedger.core.columns import Index, Market
from hedger.core.model import BandRule
from hedger.service import answers
from hedger.service.answers import PERIOD_MS, PERIODS_MIN, AnswerFits, VolWatch
from hedger.telemetry import Metrics
from pricing import black
from pricing.conventions import MS_PER_YEAR
from tests.core.desk import START, Desk, option
from tests.service.room import Room, book_params, book_rules, in_room

A, B, C = -0.3, 0.2, 0.1
LEGS = {option(k, d, True): 1 for d in (25.0, 60.0) for k in (50e3, 55e3, 60e3, 65e3, 72e3)}
BEGIN = START - START % PERIOD_MS


class Walk:
    """An index that walks and vols that answer to it, with a little of their own."""

    def __init__(self, noise: float = 2e-4) -> None:
        self.desk, self.noise = Desk(LEGS), noise
        self.rng = np.random.default_rng(7)
        self.index, self.now = 60_000.0, BEGIN
        market = self.desk.board.market()
        self.rows = np.array([market.row[leg.name] for leg in LEGS])
        self.vol = np.full(len(LEGS), 0.6)
        self.strike = np.array([leg.strike for leg in LEGS])
        self.expiry_ms = np.array([leg.expiry_ms for leg in LEGS])

    def step(self, sign: float = 1.0, periods: int = 1) -> Market:
        move = 0.004 * self.rng.standard_normal()
        years = (self.expiry_ms - self.now) / MS_PER_YEAR
        delta = np.asarray(
            black(
                forward=self.index,
                strike=self.strike,
                time_to_expiry=years,
                vol=self.vol,
                is_call=True,
            ).delta
        )
        answer = sign * (A + B * delta + C * delta**2) / np.sqrt(years)
        self.vol = self.vol + answer * move + self.noise * self.rng.standard_normal(delta.size)
        self.index *= math.exp(move)
        self.now += periods * PERIOD_MS
        return self.market()

    def market(self) -> Market:
        known = self.desk.board.market()
        vol, ratio = known.vol.copy(), known.ratio.copy()
        vol[self.rows], ratio[self.rows] = self.vol, 1.0
        seen = np.full_like(known.vol_ms, self.now)
        return replace(
            known, vol=vol, ratio=ratio, vol_ms=seen, index={"BTC": Index(self.index, self.now)}
        )


def watched(walk: Walk, periods: int, watch: VolWatch, sign: float = 1.0) -> Any:
    found = None
    for _ in range(periods):
        found = watch.see(walk.step(sign), walk.desk.instruments, walk.now).get("BTC")
    return found


def test_the_answer_of_the_vols_is_found_and_not_before_a_day_of_changes() -> None:
    walk, watch = Walk(), VolWatch()
    assert watched(walk, PERIODS_MIN, watch) is None, "one instant more than changes"
    found = watched(walk, 30, watch)
    for d in (0.2, 0.5, 0.8):
        wanted = A + B * d + C * d * d
        assert found.a + found.b * d + found.c * d * d == pytest.approx(wanted, abs=0.03)
    assert found.time_ms == walk.now
    assert found.changes > PERIODS_MIN * len(LEGS) * 0.5
    assert watch.see(walk.market(), walk.desk.instruments, walk.now) == {}, "one a period"


def test_what_would_not_have_served_later_is_no_answer() -> None:
    walk, watch = Walk(), VolWatch()
    watched(walk, PERIODS_MIN // 2, watch)
    assert watched(walk, PERIODS_MIN // 2 + 1, watch, sign=-1.0) is None


def test_gaps_are_no_changes_and_the_past_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    walk, watch = Walk(), VolWatch()
    watched(walk, 3, watch)
    watch.see(walk.step(periods=5), walk.desk.instruments, walk.now)
    assert len(watch._changes["BTC"]) == 2
    assert watch._changes["BTC"].maxlen == answers.PERIODS_MAX
    watch.see(walk.step(periods=-3), walk.desk.instruments, walk.now)
    assert len(watch._changes["BTC"]) == 2, "a replay that begins anew"
    monkeypatch.setattr(answers, "OPTIONS_MAX", 4)
    watched(walk, 1, watch)
    assert 0 < watch._changes["BTC"][-1].columns.shape[1] <= 4
    walk.now += 61_000 + PERIOD_MS
    old = replace(walk.market(), vol_ms=np.full(len(walk.desk.instruments), BEGIN))
    assert watch.see(old, walk.desk.instruments, walk.now) == {}
    assert len(watch._changes["BTC"]) == 3


def test_a_board_is_told() -> None:
    walk, watch = Walk(), VolWatch()
    watched(walk, PERIODS_MIN + 1, watch)
    walk.step()
    board = walk.desk.board
    listener: Any = SimpleNamespace(
        board=SimpleNamespace(
            market=walk.market, instruments=walk.desk.instruments, take_answers=board.take_answers
        )
    )
    clock, metrics = SimpleNamespace(market_ms=lambda: walk.now), Metrics()
    params = SimpleNamespace(worker="w")
    world: Any = SimpleNamespace(clock=clock, metrics=metrics, params=params)
    asyncio.run(AnswerFits(world, [listener]).step(listener, watch))
    assert board.market().answers["BTC"].time_ms == walk.now


@pytest.mark.parametrize(("given", "fits"), [(0.0, True), (-0.25, False)])
def test_a_worker_fits_where_nothing_is_configured(
    given: float, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def see(self: Any, market: Any, instruments: Any, now: int) -> Any:
        seen.append(now)
        return {}

    monkeypatch.setattr(VolWatch, "see", see)
    band = BandRule(
        lower=-0.25, upper=0.25, delta="minimum_variance", minimum_variance_a=given, cooldown_ms=0
    )

    async def body(room: Room) -> None:
        await room.start(books=(book_params(rules=book_rules(band=band)),))
        await room.hedged()
        await asyncio.sleep(6)
        entries = [entry for entry in room.journal() if entry.target]
        text = "held at Black's delta: no fresh answer of vol for BTC"
        assert all((text in entry.warnings) is fits for entry in entries)
        assert entries

    in_room(body)
    assert bool(seen) is fits
