"""Books through crashes: survived or not by their starting margin, the same twice."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hedger.app.trial import trial_of
from hedger.backtest.crashes import CROWD, Crash, Outcome, crashed, stage
from hedger.backtest.trial import Trial
from hedger.core.model import Order
from hedger.errors import ConfigError
from hedger.settings import load
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount

COARSE = 10_000


@pytest.fixture(scope="module")
def trial() -> Trial:
    return trial_of(load(None))


def play(trial: Trial, kind: str, **changes: object) -> Outcome:
    base = {"kind": kind, "seed": 3, "deposit": 100.0, "step_ms": COARSE}
    return crashed(trial.params, trial.book, trial.terms, Crash(**(base | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["ramp-down", "ramp-up", "v", "gap"])
def test_rich_books_survive_and_poor_ones_are_liquidated(trial: Trial, kind: str) -> None:
    rich = play(trial, kind, ratio=0.1)
    assert rich.has_survived
    assert rich.ratio == pytest.approx(0.1, rel=1e-6)
    assert rich.hedges > 0
    poor = play(trial, kind, ratio=0.95)
    assert poor.ratio == pytest.approx(0.95, rel=1e-6)
    assert not poor.has_survived
    assert poor.liquidated > 0
    assert poor.rejected > 0  # nothing is left to hedge with
    assert poor.ratio_worst > rich.ratio_worst


def test_the_same_crash_twice_is_the_same(trial: Trial) -> None:
    one, two = (play(trial, "v", ratio=0.5) for _ in range(2))
    assert one == two
    assert play(trial, "v", ratio=0.5, seed=4) != one


def test_spreads_latency_and_funding_cost(trial: Trial) -> None:
    calm = {"spread_most": 1.0, "latency": 1.0, "funding": 0.0}
    mild = play(trial, "ramp-down", ratio=0.1, **calm)
    for harsh in ({"spread_most": 10.0}, {"funding": 0.01}):
        assert play(trial, "ramp-down", ratio=0.1, **(calm | harsh)).loss_usd > mild.loss_usd


def test_a_crowd_that_goes_bankrupt_takes_the_hedge_away(trial: Trial) -> None:
    """A short put and the short perpetual that hedges it, when longs of 50 million break."""
    own = trial.params.accounts[0]
    short = PaperAccount(
        name=own.name,
        underlying="BTC",
        positions={"BTC-3JUL26-60000-P": -100, "BTC-PERPETUAL": -30_000},
    )
    params = replace(trial.params, accounts=(short,))
    crash = Crash(kind="gap", seed=1, deposit=20.0, crowd_usd=5e7, step_ms=COARSE)
    held: list[int] = []

    def seen(engine: Engine) -> None:
        held.append(engine.exchange.positions(own.name).get("BTC-PERPETUAL", 0))
        if len(held) == 1:
            assert engine.exchange.positions(CROWD)["BTC-PERPETUAL"] == 5_000_000

    found = crashed(params, trial.book, trial.terms, crash, seen)
    assert found.deleveraged == 1
    assert 0 in held
    assert found.hedges > 0  # and it is hedged again
    without = crashed(params, trial.book, trial.terms, replace(crash, crowd_usd=0.0))
    assert without.deleveraged == 0
    assert without.loss_usd < found.loss_usd


def test_whoever_gets_smaller_in_time_is_not_liquidated(trial: Trial) -> None:
    """Options bought back above a ratio, through the hook that a ladder would use."""
    name, orders = trial.book.account, iter(range(10**6))

    def smaller(engine: Engine) -> None:
        if engine.exchange.margin(name).ratio < 0.75:
            return
        for leg, lots in engine.exchange.positions(name).items():
            if leg != "BTC-PERPETUAL" and lots < 0:
                buy = Order(
                    client_id=f"smaller-{next(orders)}",
                    account=name,
                    instrument=leg,
                    lots=min(-lots, 20),
                    limit_ticks=None,
                    deadline_ms=engine.market_ms + 1,
                    reduce_only=True,
                )
                engine.place(buy, now_ms=engine.market_ms)

    crash = Crash(kind="ramp-up", seed=3, deposit=100.0, ratio=0.6, step_ms=COARSE)
    book = (trial.params, trial.book, trial.terms)
    naked, safe = crashed(*book, crash), crashed(*book, crash, smaller)
    assert not naked.has_survived
    assert safe.has_survived
    assert safe.ratio_worst < 1.0


def test_the_stage_is_a_week_before_the_first_expiry_amid_the_strikes(trial: Trial) -> None:
    start_ms, spot = stage(trial.params, trial.book)
    assert spot == 60_000.0
    assert start_ms == 1_782_432_000_000 + 8 * 3_600_000
    empty = replace(trial.params, accounts=())
    with pytest.raises(ConfigError, match="holds no positions"):
        stage(empty, trial.book)


def test_a_ratio_needs_something_that_margin_is_asked_for(trial: Trial) -> None:
    own = replace(trial.params.accounts[0], positions={"BTC-3JUL26-60000-P": 10})
    params = replace(trial.params, accounts=(own,))
    with pytest.raises(ConfigError, match="no margin is asked"):
        crashed(params, trial.book, trial.terms, Crash(kind="v", seed=1, deposit=1.0, ratio=0.5))
