"""``hedger shadow`` and the journal of shadows, of a deployment that runs."""

from __future__ import annotations

import json
import time
from typing import Any

from hedger.app.shadowed import ShadowStanding, Side, suggestion
from tests.cli.conftest import Call
from tests.cli.place import Place


def side(**change: Any) -> Side:
    usual: dict[str, Any] = {
        "hedges": 9, "fills": 9, "turnover_usd": 1e6, "fees_usd": 60.0, "spread_usd": 40.0,
        "cost_usd": 100.0, "funding_usd": 0.0, "pnl_usd": -100.0, "outside_share": 0.0,
        "std_1h": 10.0, "samples": 200, "gaps": 0, "lots": {},
    }  # fmt: skip
    return Side(**(usual | change))


def test_each_shadow_stands_beside_the_live_policy(hedger: Call, desk: Place) -> None:
    end = time.monotonic() + 40.0
    while True:
        said = hedger(desk, "shadow", "btc-main", "--json")
        assert said.status == 0, said.err
        (book,) = json.loads(said.out)
        tight, never = book["shadows"]
        if tight["own"] and tight["own"]["fills"] and never["own"] and never["own"]["samples"]:
            break
        assert time.monotonic() < end, said.out
        time.sleep(0.3)
    assert (tight["kind"], never["own"]["fills"]) == ("fixed", 0)
    assert tight["own"]["turnover_usd"] > 0.0 < tight["own"]["fees_usd"]
    assert tight["own"]["hedges"] >= never["own"]["hedges"] == 0
    assert never["own"]["outside_share"] == 0.0
    assert tight["own"]["std_1h"] is None or tight["own"]["std_1h"] > 0.0
    text = hedger(desk, "shadow").out
    assert all(word in text for word in ("live", "tight", "never", "btc-main"))


def test_its_journal_tells_what_it_would_have_done_and_can_be_explained(
    hedger: Call, desk: Place
) -> None:
    entries = json.loads(hedger(desk, "decisions", "--shadows", "--json").out)
    assert entries
    assert {entry["reason"] for entry in entries} == {"shadow"}
    assert all(entry["text"].startswith("shadow tight: ") for entry in entries)
    assert "fees" in entries[0]["text"]
    said = hedger(desk, "explain", entries[0]["id"])
    assert said.status == 0
    assert "shadow tight: " in said.out
    live = json.loads(hedger(desk, "decisions", "--json", "--count", "500").out)
    assert "shadow" not in {entry["reason"] for entry in live}


def test_a_book_without_and_one_that_is_not_there_are_one_line(hedger: Call, desk: Place) -> None:
    for name, words in (("btc-coin", "has no shadows"), ("nope", "expected one of btc-main")):
        said = hedger(desk, "shadow", name)
        assert said.status == 2
        assert words in said.err
        assert said.err.count("\n") == 1


def test_suggested_is_what_costs_clearly_less_and_hedges_no_worse() -> None:
    def of(live: Side, own: Side) -> str:
        return suggestion(ShadowStanding(name="wide", kind="fixed", own=own, live=live))

    cheap = side(cost_usd=60.0, std_1h=9.5)
    assert "wide (fixed) cost 40 % less" in of(side(), cheap)
    assert not of(side(), side(cost_usd=95.0))
    assert not of(side(), side(cost_usd=60.0, std_1h=10.5))
    assert not of(side(), side(cost_usd=60.0, std_1h=9.5, samples=10))
    assert not of(side(cost_usd=0.0), cheap)
    assert not suggestion(ShadowStanding(name="wide", kind="fixed"))
