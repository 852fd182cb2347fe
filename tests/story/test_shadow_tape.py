"""A shadow over a tape does what the backtest of its policy does on that tape, trade for trade."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hedger.backtest.trial import CHAIN
from hedger.core.model import BandRule, Decision, Sizing, TailRule, VolTargetRule
from hedger.core.risk.readings import MeasureRule
from hedger.core.risk.refresh import RiskRule
from hedger.service.glimpse import Glimpse
from hedger.service.params import ReadingParams
from hedger.service.shadow import Shadow
from tests.backtest.recording import DAY, MINUTE, chained, trial, with_band
from tests.backtest.test_scaling import scaled
from tests.story.shadowed import Judged, Seen, backtested, play, shadow
from tests.venues.paper_desk import START

SHORT = {"BTC-26JUN26-60000-C": -50, "BTC-27JUN26-60000-P": -50}
POLICIES = {
    "cubic": BandRule(kind="cubic", risk_aversion=0.01),
    "wilmott": BandRule(kind="whalley_wilmott", risk_aversion=0.003),
    "threshold": BandRule(kind="fixed", lower=-0.3, upper=0.3, rehedge_to="centre"),
    "timer": BandRule(kind="interval", interval_ms=3_600_000),
}
LIVE = BandRule(kind="fixed", lower=-1.0, upper=1.0)
SIZING = Sizing(
    vol_target=VolTargetRule(target=0.01, inertia=0.0, age_ms_max=DAY),
    tail=TailRule(limit=3_000.0, inertia=0.0, age_ms_max=DAY),
)
NEAR_MS = 90 * MINUTE
READINGS = ReadingParams(
    every_ms=30 * MINUTE, measure=MeasureRule(risk=RiskRule(capital=1e6, scenarios=64))
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, dict[str, Judged]]:
    folder = chained(tmp_path_factory.mktemp("chain"))
    made = trial(folder, CHAIN, positions=SHORT, depth_usd=1e6, funding_rate_8h=1e-4)
    made = scaled(made, SIZING, READINGS)
    wanted = {name: backtested(made, band) for name, band in {**POLICIES, "live": LIVE}.items()}
    shadows = tuple(shadow(name, band, made) for name, band in POLICIES.items())
    home = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hedger.service.shadow.ORDERS_MAX", 4)  # exchanges are opened anew on the way
        patch.setattr("hedger.service.gauges.LOOK_S", 0.02)  # of real time, which here is dear
        return asyncio.run(play(home, with_band(made, LIVE), shadows, seconds=400.0)), wanted


@pytest.mark.parametrize("name", POLICIES)
def test_sends_the_same_and_pays_the_same(both: tuple[Seen, dict[str, Judged]], name: str) -> None:
    seen, wanted = both
    assert seen.trades(name) == wanted[name].trades
    assert len(seen.trades(name)) > 5
    purse = seen.kept[name].own.purse
    assert purse.fills == wanted[name].fills
    assert purse.fees_usd == pytest.approx(wanted[name].fees_usd, rel=1e-9)
    assert purse.spread_usd == pytest.approx(wanted[name].spread_usd, rel=1e-9)
    assert purse.funding_usd == pytest.approx(wanted[name].funding_usd, rel=1e-9)
    assert purse.funding_usd != 0.0


@pytest.mark.parametrize("name", POLICIES)
def test_its_scalers_say_the_same(both: tuple[Seen, dict[str, Judged]], name: str) -> None:
    """Measured at the same instants on the same market; the scales come out as in the backtest."""
    seen, wanted = both
    _, last = wanted[name].scales[-1]
    assert set(last) == {"vol_target", "value_at_risk"}
    assert max(last.values()) < 1.0
    assert dict(seen.kept[name].memory.scales) == pytest.approx(last, rel=1e-6)


def test_the_live_scalers_say_what_the_backtest_of_their_book_says(
    both: tuple[Seen, dict[str, Judged]],
) -> None:
    """Live measures now and then in real time, so at other instants of a tape as fast as this."""
    seen, wanted = both
    said = [
        (entry.time_ms, {one.model: one.factor for one in entry.scalings if one.is_known})
        for entry in seen.live
    ]
    known = [(ms, factors) for ms, factors in said if factors]
    assert known
    for ms, factors in known:
        near = [one for at, one in wanted["live"].scales if abs(at - ms) <= NEAR_MS]
        for model, factor in factors.items():
            lowest, highest = (edge(one[model] for one in near) for edge in (min, max))
            assert 0.98 * lowest <= factor <= 1.02 * highest, (ms, model)


def sleeping(self: Shadow, glimpse: Glimpse) -> list[Decision]:
    time.sleep(0.4)
    return []


def spinning(self: Shadow, glimpse: Glimpse) -> list[Decision]:
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        pass
    return []


@pytest.mark.parametrize("look", [sleeping, spinning])
def test_a_slow_one_delays_neither_hedge_nor_tape(
    look: Callable[[Shadow, Glimpse], list[Decision]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hedged is what would be without it, at the same bars, of which the worker misses none."""
    folder, begin_ms = chained(tmp_path / "data"), START + 450 * MINUTE  # before the near expiry
    made = trial(folder, CHAIN, positions=SHORT, depth_usd=1e6, start_ms=begin_ms)
    made = with_band(made, BandRule(lower=-0.05, upper=0.05, cooldown_ms=0))
    end_ms = begin_ms + 40 * MINUTE
    alone = asyncio.run(play(tmp_path / "a", made, (), until_ms=end_ms))
    monkeypatch.setattr(Shadow, "look", look)
    shadows = (shadow("slow", POLICIES["cubic"], made),)
    beside = asyncio.run(play(tmp_path / "b", made, shadows, until_ms=end_ms))
    until = [hedge for hedge in beside.hedges() if hedge[0] < end_ms]
    assert until == [hedge for hedge in alone.hedges() if hedge[0] < end_ms]
    assert len(until) > 5
    assert beside.not_waited_for == 0
    assert beside.kept == {}
