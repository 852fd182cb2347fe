"""A shadow over a tape does what the backtest of its policy does on that tape, trade for trade."""

from __future__ import annotations

import asyncio

import pytest

from hedger.backtest.trial import CHAIN
from hedger.core.model import BandRule
from tests.backtest.recording import chained, trial, with_band
from tests.story.shadowed import Judged, Seen, backtested, play, shadow

SHORT = {"BTC-26JUN26-60000-C": -50, "BTC-27JUN26-60000-P": -50}
POLICIES = {
    "cubic": BandRule(kind="cubic", risk_aversion=0.01),
    "wilmott": BandRule(kind="whalley_wilmott", risk_aversion=0.003),
    "threshold": BandRule(kind="fixed", lower=-0.3, upper=0.3, rehedge_to="centre"),
    "timer": BandRule(kind="interval", interval_ms=3_600_000),
}
LIVE = BandRule(kind="fixed", lower=-1.0, upper=1.0)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seen, dict[str, Judged]]:
    folder = chained(tmp_path_factory.mktemp("chain"))
    made = trial(folder, CHAIN, positions=SHORT, depth_usd=1e6, funding_rate_8h=1e-4)
    wanted = {name: backtested(made, band) for name, band in POLICIES.items()}
    shadows = tuple(shadow(name, band, made) for name, band in POLICIES.items())
    home = tmp_path_factory.mktemp("run")
    return asyncio.run(play(home, with_band(made, LIVE), shadows)), wanted


@pytest.mark.parametrize("name", POLICIES)
def test_sends_the_same_and_pays_the_same(both: tuple[Seen, dict[str, Judged]], name: str) -> None:
    seen, wanted = both
    assert seen.trades(name) == wanted[name].trades
    assert len(seen.trades(name)) > 5
    purse = seen.kept[name].own.purse
    assert purse.fills == wanted[name].fills
    assert purse.fees_usd == pytest.approx(wanted[name].fees_usd, rel=1e-9)
    assert purse.spread_usd == pytest.approx(wanted[name].spread_usd, rel=1e-9)
