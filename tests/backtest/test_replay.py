"""A replay: the very decisions of live, in order of time, the same each time, adding up."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedger.backtest.page import page
from hedger.backtest.replay import Terms, replayed
from hedger.backtest.trial import CHAIN, Tried, market_of, tried
from hedger.core.model import BandRule, OrderStatus
from hedger.venues.paper.tradelog import read_events
from hedger.venues.simulator.events import OrderSeen, Settled, Traded
from tests.backtest.recording import (
    ACCOUNT,
    DAY,
    MINUTE,
    RULES,
    START,
    chained,
    perpetual,
    recorded,
    trial,
    with_band,
)
from tests.story.rehearsal import rehearse

SHORT = {"BTC-26JUN26-60000-C": -50, "BTC-27JUN26-60000-P": -50}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("bars"), perpetual())


@pytest.fixture(scope="module")
def done(folder: Path) -> Tried:
    return tried(trial(folder))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chained(tmp_path_factory.mktemp("chain"))


def test_repeats_bit_for_bit_from_another_place(done: Tried, folder: Path, tmp_path: Path) -> None:
    again = tried(trial(Path(shutil.copytree(folder, tmp_path / "moved"))))
    assert msgspec.json.encode(again.found) == msgspec.json.encode(done.found)
    assert len(done.run.hedges) > 5


def test_another_seed_or_band_or_bar_is_another_run(done: Tried, tmp_path: Path) -> None:
    folder = recorded(tmp_path, perpetual(seed=4))
    others = [
        tried(trial(folder)).found["run"],
        tried(trial(folder, seed=2)).found["run"],
        tried(with_band(trial(folder), BandRule())).found["run"],
    ]
    ids = {run["id"] for run in (done.found["run"], *others)}
    assert len(ids) == 4
    assert others[0]["data_sha256"] != done.found["run"]["data_sha256"]


def test_parts_sum_to_each_days_profit(done: Tried) -> None:
    days = done.found["days"]
    gross = math.fsum(abs(v) for day in days for v in day["parts"].values())
    for day in days:
        assert math.fsum(day["parts"].values()) == pytest.approx(day["pnl"], abs=1e-9 * gross)
    assert math.fsum(day["pnl"] for day in days) == pytest.approx(done.found["pnl_total"])
    assert abs(math.fsum(day["parts"]["residual"] for day in days)) < 0.01 * gross
    parts = done.found["pnl_parts"]
    assert parts["theta"] > 0 > parts["gamma"]
    assert parts["fees"] < 0
    assert parts["spread"] < 0
    assert all(parts[part] != 0.0 for part in ("vega", "vanna", "volga", "funding"))


def test_slippage_is_what_a_thin_book_costs_beyond_the_best_price(
    done: Tried, folder: Path
) -> None:
    assert done.found["pnl_parts"]["slippage"] == 0.0
    thin = tried(trial(folder, depth_usd=10_000.0)).found["pnl_parts"]
    assert thin["slippage"] < 0.0


def test_no_decision_knows_a_later_bar(done: Tried, tmp_path: Path) -> None:
    cut = START + DAY + 200 * MINUTE
    late = [row for row in perpetual(seed=9) if row[0] + MINUTE > cut]
    rows = [row for row in perpetual() if row[0] + MINUTE <= cut] + late
    other = tried(trial(recorded(tmp_path, rows)))
    one, two = ([h for h in run.run.hedges if h.ms <= cut] for run in (done, other))
    assert one == two
    assert len(one) > 3
    assert done.run.hedges != other.run.hedges


def test_funding_is_paid_as_printed(done: Tried) -> None:
    prints = [e for e in done.run.events if type(e).__name__ == "Funded"]
    assert [e.ms for e in prints] == [START + DAY + 480 * MINUTE]


def test_nothing_happens_by_chance_and_no_rate_is_paid_beside_prints(
    done: Tried, folder: Path
) -> None:
    """Keys that the live paper exchange plays, as a configuration may have them."""
    other = tried(trial(folder, events_per_day=500.0, loss=0.5, funding_rate_8h=0.01))
    assert other.run.events == done.run.events


def test_decides_what_the_demo_decides_on_the_same_tape(week: Path, tmp_path: Path) -> None:
    """The demo without its processes, which decides until nothing is left at each instant."""
    made = trial(week, CHAIN, positions=SHORT, latency_ms=0.0)
    run = replayed(made.params, market_of(made), made.book, made.terms)
    rules = msgspec.structs.replace(RULES, config="rehearsal")
    rules = msgspec.structs.replace(rules, base_coin=50.0)
    demo = rehearse(tmp_path, SHORT, rules=rules, data=str(week), deposit=50.0)
    wanted = [
        (d.time_ms, line.instrument, line.lots, line.limit_ticks)
        for d in demo.hedges
        if d.plan
        for line in d.plan.lines
    ]
    assert [tuple(hedge) for hedge in run.hedges] == wanted
    assert len(wanted) > 10
    fills = [(e.ms, e.lots, e.price, e.fee) for e in run.events if isinstance(e, Traded)]
    told = [(e.ms, e.lots, e.price, e.fee) for e in read_events(demo.log) if isinstance(e, Traded)]
    assert fills == told


def test_the_hedge_follows_the_delta_that_settles(tmp_path: Path) -> None:
    """Over a Friday's 08:00, with a leg in the money and one so far out that its mark vanishes."""
    rows = perpetual(DAY // MINUTE + 500, start_ms=START + 3 * DAY)
    held = {"BTC-9MAY25-91000-C": -50, "BTC-9MAY25-60000-P": -50}
    made = trial(recorded(tmp_path, rows), positions=held, terms=Terms())
    done = tried(made)
    assert done.past.ms[-1] > START + 4 * DAY + 8 * 60 * MINUTE
    (line,) = done.found["settlements"]
    assert line["is_whole"]
    assert line["unwound"]
    start, end = line["expiring_delta"]["start"], line["expiring_delta"]["end"]
    assert start < -4.5
    assert abs(end) < 0.2
    assert line["hedged_inside"] < -4.0
    assert {e.instrument for e in done.run.events if isinstance(e, Settled)} == set(held)
    assert done.found["beyond_trigger_share"] < 0.05
    assert done.found["blocked"] == {}


def test_an_order_meets_the_market_of_its_arrival(folder: Path) -> None:
    slow = Terms(
        order_timeout_ms_min=600_000,
        order_timeout_ms_max=600_000,
        programme=trial(folder).terms.programme,
    )
    run = tried(trial(folder, latency_ms=300_000.0, terms=slow)).run
    first: dict[str, int] = {}
    for event in run.events:
        if isinstance(event, Traded) and not event.block:
            first.setdefault(event.client_id, event.ms)
    assert len(first) > 3
    # 75 s of each way are certain: the k-th to arrive meets no bar before the one after that in
    # which the k-th was sent
    for met, sent in zip(sorted(first.values()), run.hedges, strict=False):
        assert met >= sent.ms + MINUTE


def test_an_order_that_comes_after_its_deadline_is_refused(folder: Path) -> None:
    run = tried(trial(folder, latency_ms=60_000.0)).run
    ends = [e for e in run.events if isinstance(e, OrderSeen)]
    assert ends
    assert {e.status for e in ends} == {OrderStatus.REJECTED}
    assert all(e.reason.startswith("late") for e in ends)


def test_the_page_is_one_file_with_charts(done: Tried) -> None:
    text = page(done, RULES)
    assert text.count("<svg") == 4
    assert "polyline" in text
    assert "<rect" in text
    assert done.found["run"]["id"] in text
    assert ACCOUNT in text
    for outside in ("http://", "https://", "src=", "<script", "url(", "nan"):
        assert outside not in text.lower()


def test_result_has_every_figure_and_no_clock(done: Tried) -> None:
    wanted: dict[str, Any] = done.found["run"]
    assert {"id", "config", "data_sha256", "code_sha256", "seed", "events_sha256"} <= wanted.keys()
    assert 0.0 <= done.found["outside_band_share"] < 0.2
    assert done.found["decisions"] == sum(done.found["actions"].values())
