"""The report on rehearsed runs, against the oracle and against what must be true of any report."""

from __future__ import annotations

import copy
import math
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hedger.backtest import Subject, history, report
from hedger.backtest.averaging import contract, legs_of, value
from hedger.core.model import BandRule, HedgeRule, Instrument, LimitRule, Rules
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.market import open_market
from hedger.venues.paper.params import PaperParams
from hedger.venues.simulator.events import Opened
from pricing import SETTLEMENT_WINDOW
from tests.oracle import judged, read_lines
from tests.story.rehearsal import ACCOUNT, HEDGE, RULES, Rehearsal, rehearse

START_MS = 1_782_453_600_000  # 2026-06-26 06:00 UTC, two hours before an expiry
BARS = 240
POSITIONS = {
    "BTC-3JUL26-57000-P": -100,
    "BTC-3JUL26-63000-C": -100,
    "BTC-10JUL26-56000-P": -100,
    "BTC-10JUL26-64000-C": -100,
    "BTC-26JUN26-60000-C": -50,
    "BTC-26JUN26-58000-C": -50,
}
WIDE = BandRule(lower=-1e6, upper=1e6)
LIMITS = LimitRule(order_max=50.0, per_minute_max=100.0, first_trade_max=50.0)
MARKET: dict[str, Any] = {"seed": 4, "start_ms": START_MS, "funding_rate_8h": 1e-3}
REQUIRED = (
    "hedges",
    "pnl_std_hedged",
    "pnl_std_unhedged",
    "pnl_worst",
    "fees",
    "spread",
    "funding",
    "outside_band_share",
    "decision_ms_p50",
    "decision_ms_p99",
)


@cache
def contracts(name: str) -> Instrument:
    return instrument(name)


def rules_of(numeraire: str, band: BandRule | None = None) -> Rules:
    return msgspec.structs.replace(
        RULES, numeraire=numeraire, band=band or RULES.band, limits=LIMITS
    )


def report_of(run: Rehearsal, rules: Rules) -> dict[str, Any]:
    events = run.events()
    opened = next(event for event in events if isinstance(event, Opened))
    market = open_market(PaperParams(name="p", socket="/x", log="/x", **MARKET))
    market.want({name: contracts(name) for name in opened.positions})
    subject = Subject(book="btc-main", account=ACCOUNT, rules=rules)
    return report(events, subject, contracts, published=market.instants())


@pytest.fixture(scope="module", params=["usd", "coin"])
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Rules, Rehearsal, dict[str, Any]]:
    rules = rules_of(request.param)
    made = rehearse(
        tmp_path_factory.mktemp(request.param), POSITIONS, rules=rules, bars=BARS, **MARKET
    )
    return rules, made, report_of(made, rules)


Run = tuple[Rules, Rehearsal, dict[str, Any]]


def test_total_is_the_sum_of_parts_that_other_code_counted(run: Run) -> None:
    _, _, found = run
    assert found["hedges"] > 20
    assert found["agreement"] <= 1e-12
    assert math.fsum(found["pnl_parts"].values()) == pytest.approx(found["pnl_accumulated"])
    assert found["pnl_total"] == pytest.approx(found["pnl_accumulated"], rel=1e-9)


def test_greeks_explain_the_moves(run: Run) -> None:
    _, _, found = run
    parts = found["pnl_parts"]
    assert parts["gamma"] < 0 < parts["theta"], "short options lose on gamma and earn theta"
    assert found["residual_share"] <= 0.05
    assert found["residual_std_share"] <= 0.10
    assert found["fees"] > 0
    assert found["spread"] > 0
    assert found["funding"] != 0


def test_every_key_is_there_and_json(run: Run) -> None:
    _, _, found = run
    assert set(REQUIRED) <= found.keys()
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def test_hedges_end_in_band_and_the_oracle_agrees(run: Run) -> None:
    rules, made, found = run
    own = {"*": {"numeraire": rules.numeraire, "base_coin": rules.base_coin}}
    verdict = judged(read_lines(str(made.log)), rules=own, decisions=made.published)
    assert verdict["violations"] == []
    account = verdict["accounts"][ACCOUNT]
    assert account["hedges"] == found["hedges"] == len(made.hedges)
    assert account["in_band"] == account["hedges"] - account.get("uncertain", 0)
    assert found["hedges_in_band_share"] == account["in_band"] / account["hedges"]
    assert found["hedges_in_band_share"] > 0.8
    assert account["settlements"] == 2


def test_hedge_unwinds_inside_the_settlement_window(run: Run) -> None:
    _, _, found = run
    (line,) = found["settlements"]
    assert line["is_whole"]
    assert line["unwound"]
    start, end = line["expiring_delta"]["start"], line["expiring_delta"]["end"]
    assert start < -3
    assert abs(end) < 0.3
    assert line["hedged_inside"] < -2


def test_a_hedge_that_stays_on_is_not_called_unwound(tmp_path: Path) -> None:
    """One hedge at the beginning, then none however far the delta goes."""
    once = msgspec.structs.replace(RULES.band, min_move_pct=50.0)
    limits = msgspec.structs.replace(LIMITS, hard_band=1_000.0)
    rules = msgspec.structs.replace(rules_of("usd", once), limits=limits)
    made = rehearse(tmp_path, POSITIONS, rules=rules, bars=150, **MARKET)
    found = report_of(made, rules)
    assert found["hedges"] == 1
    (line,) = found["settlements"]
    assert not line["unwound"]
    assert found["beyond_trigger_share"] > 0.5
    assert found["delta_worst"] > 2.0


def test_hedge_takes_the_delta_out(run: Run) -> None:
    _, _, found = run
    assert found["std_ratio_delta_1m"] < 0.4
    assert found["pnl_std_hedged"] < found["pnl_std_unhedged"]


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_unhedged_is_what_really_happens_without_hedges(tmp_path: Path, numeraire: str) -> None:
    """Other fills, same market: the part of the report that never happened is checked by doing it.

    The account of the second run never trades, so its own P&L must be the first run's unhedged.
    """
    (tmp_path / "hedged").mkdir()
    (tmp_path / "bare").mkdir()
    rules, lazy = rules_of(numeraire), rules_of(numeraire, WIDE)
    hedged = rehearse(tmp_path / "hedged", POSITIONS, rules=rules, bars=90, **MARKET)
    bare = rehearse(tmp_path / "bare", POSITIONS, rules=lazy, bars=90, **MARKET)
    first, second = report_of(hedged, rules), report_of(bare, lazy)
    assert second["hedges"] == 0
    assert second["agreement"] is None, "nothing was turned over"
    assert first["pnl_std_unhedged"] == pytest.approx(second["pnl_std_hedged"], rel=1e-9)
    assert first["pnl_unhedged_total"] == pytest.approx(second["pnl_total"], rel=1e-6)
    assert second["pnl_std_unhedged"] == pytest.approx(second["pnl_std_hedged"], rel=1e-12)


def test_effective_contracts_are_worth_what_the_exchange_marks(run: Run) -> None:
    """Averaging included: our value of each leg against the exchange's mark, bar by bar.

    The exchange's own formula takes the mean for a lognormal: it errs by 8e-3 vol^2 window.
    """
    _, made, _ = run
    past = history(made.events(), ACCOUNT, hedges=(HEDGE,), contracts=contracts)
    legs = legs_of(past)
    at = contract(past, legs)
    worth = value(at, legs.is_call).price / at.expected
    mark = past.mark[:, legs.column]
    known = np.isfinite(mark) & np.isfinite(worth) & (past.lots[:, legs.column] != 0)
    inside = known & (at.weight < 1.0)
    assert known[:, 0].sum() == past.bars
    assert inside.sum() > 40, "two legs, most of thirty minutes"
    shape = 8e-3 * at.vol**2 * SETTLEMENT_WINDOW
    assert np.all((np.abs(worth - mark) <= shape + 1e-12)[known])


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_linear_books_are_reported_too(tmp_path: Path, numeraire: str) -> None:
    hedge = "BTC_USDC-PERPETUAL"
    rules = msgspec.structs.replace(
        rules_of(numeraire), base_coin=0.0, hedge=HedgeRule(buy=hedge, sell=hedge)
    )
    names = {name.replace("BTC-", "BTC_USDC-"): lots for name, lots in POSITIONS.items()}
    positions = {n: round(lots * 0.1 / contracts(n).lot) for n, lots in names.items()}
    made = rehearse(tmp_path, positions, rules=rules, bars=120, deposit=0.0, **MARKET)
    found = report_of(made, rules)
    assert found["hedges"] > 10
    assert found["agreement"] <= 1e-12
    assert found["residual_share"] <= 0.05
    assert found["std_ratio_delta_1m"] < 0.4
    assert found["pnl_std_hedged"] < found["pnl_std_unhedged"]


# --- the oracle must be able to say no ---------------------------------------------------------


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    folder = tmp_path_factory.mktemp("log")
    return rehearse(folder, POSITIONS, rules=rules_of("usd"), bars=40, **MARKET)


@pytest.fixture(scope="module")
def log(short: Rehearsal) -> list[dict[str, Any]]:
    return read_lines(str(short.log))


def verdict(lines: list[dict[str, Any]], **more: Any) -> list[str]:
    found: list[str] = judged(lines, rules={"*": {"base_coin": 20.0}}, **more)["violations"]
    return found


def trades(lines: list[dict[str, Any]]) -> list[int]:
    return [i for i, line in enumerate(lines) if line["event"] == "Traded"]


def test_oracle_passes_the_untouched_log(log: list[dict[str, Any]]) -> None:
    assert len(trades(log)) > 5
    assert verdict(log) == []


def moved(leg: list[Any]) -> list[Any]:
    """The leg at a forward 3 % higher."""
    name, lots, forward, vol, mark = leg
    return [name, lots, forward and forward * 1.03, vol, mark]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda t: t.update(lots=-t["lots"]), "positions"),
        (lambda t: t.update(price=t["price"] * 1.01), "equity"),
        (lambda t: t.update(fee=t["fee"] + 0.001), "equity"),
        (lambda t: t.update(legs=[moved(leg) for leg in t["legs"]]), "outside the band"),
    ],
)
def test_oracle_sees_a_changed_trade(log: list[dict[str, Any]], fault: Any, said: str) -> None:
    lines = copy.deepcopy(log)
    fault(lines[trades(lines)[3]])
    assert any(said in text for text in verdict(lines))


def test_oracle_sees_a_trade_that_came_twice(log: list[dict[str, Any]]) -> None:
    lines = copy.deepcopy(log)
    at = trades(lines)[3]
    lines.insert(at, copy.deepcopy(lines[at]))
    assert any("twice" in text for text in verdict(lines))


def test_oracle_sees_an_over_hedge(log: list[dict[str, Any]]) -> None:
    """The same hedge under a second id, as a double hedge after a lost answer would be."""
    lines = copy.deepcopy(log)
    at = trades(lines)[0]
    again = copy.deepcopy(lines[at : at + 2])
    for event in again:
        event["client_id"] = "f" * 32
    again[0]["trade_id"] = "again"
    found = verdict([*lines[: at + 2], *again, *lines[at + 2 :]])
    assert any("across the band" in t or "outside the band" in t for t in found)


def test_oracle_holds_orders_against_decisions(log: list[dict[str, Any]], short: Rehearsal) -> None:
    decisions = short.published
    assert verdict(log, decisions=decisions) == []
    assert any("no decision" in t for t in verdict(log, decisions=decisions[1:]))
    other = copy.deepcopy(decisions)
    other[2]["intents"][0]["lots"] += 1
    assert any("decided" in t for t in verdict(log, decisions=other))
    tight = copy.deepcopy(decisions)
    tight[2]["intents"][0] |= {"low": 10**6, "high": 10**6}
    assert any("position" in t for t in verdict(log, decisions=tight))
    twice = [*decisions, decisions[2]]
    assert any("decided twice" in t for t in verdict(log, decisions=twice))


def test_oracle_sees_two_owners(log: list[dict[str, Any]], short: Rehearsal) -> None:
    decisions = copy.deepcopy(short.published)
    decisions[3]["worker"] = "w2"
    assert any("two owners" in t for t in verdict(log, decisions=decisions))
    decisions[3]["epoch"] = 0
    assert any("epoch 0 after 1" in t for t in verdict(log, decisions=decisions))
