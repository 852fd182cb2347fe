"""From settings to the records of their receivers: nothing is lost, mixed up or misscaled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from hedger.app import (
    apply,
    book_params,
    paper_params,
    rules,
    store_params,
    worker_params,
)
from hedger.core.model import BookState, ReferenceRule, ReferenceUse, Rules, ScenarioRule
from hedger.errors import ConfigError
from hedger.settings import Book, Configuration, load
from hedger.settings.band import Band
from hedger.settings.leaves import ANY, leaves
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import check
from tests.settings.desk import ENVIRON, POSITIONS, book, loaded, put, right, write

# Every leaf away from its default, so that one that is forgotten or swapped is seen.
ODD: dict[tuple[str, ...], Any] = {
    ("store", "url"): "redis://10.0.0.5:7000/1",
    ("store", "replicas"): 2,
    ("store", "shards"): 64,
    ("store", "memory_mb"): 333,
    ("store", "timeout_s"): 0.75,
    ("worker", "lease_s"): 7.5,
    ("worker", "margin_ms"): 111,
    ("worker", "order_timeout_s_min"): 0.25,
    ("worker", "order_timeout_s_max"): 2.5,
    ("worker", "min_interval_ms"): 33,
    ("worker", "time_trigger_ms"): 444,
    ("worker", "request_timeout_s"): 1.25,
    ("worker", "reconcile_s"): 12.5,
    ("worker", "drain_s"): 6.5,
    ("worker", "naked_s_max"): 45.5,
    ("worker", "mode"): "attended",
    ("worker", "shadow_interval_s"): 2.25,
    ("venues", ANY, "speed"): 60.5,
    ("venues", ANY, "data"): ".",
    ("venues", ANY, "seed"): 77,
    ("venues", ANY, "deposit"): 12.5,
    ("venues", ANY, "half_spread_bps"): 1.5,
    ("venues", ANY, "depth_usd"): 2.5e5,
    ("venues", ANY, "depth_levels"): 9,
    ("venues", ANY, "latency_ms"): 8.5,
    ("venues", ANY, "loss"): 0.125,
    ("venues", ANY, "funding_rate_8h"): 0.0005,
    ("venues", ANY, "events_per_day"): 2.5,
    ("venues", ANY, "spread_most"): 8.5,
    ("venues", ANY, "order_rate"): 5.5,
    ("venues", ANY, "order_burst"): 15.5,
    ("venues", ANY, "margin"): "crossed",
    ("book", ANY, "account"): "sub.1",
    ("book", ANY, "numeraire"): "coin",
    ("book", ANY, "base_coin"): 2.5,
    ("book", ANY, "hedge", "buy"): "BTC-3JUL26",
    ("book", ANY, "hedge", "sell"): "BTC-10JUL26",
    ("book", ANY, "unexplained"): "stop",
    ("book", ANY, "transfers"): "hedge",
    ("book", ANY, "hedge", "ratio"): 0.875,
    ("book", ANY, "hedge", "also"): "BTC-PERPETUAL@west/sub.2",
    ("book", ANY, "hedge", "share_max"): 0.625,
    ("book", ANY, "band", "unit"): "usd",
    ("book", ANY, "band", "target"): 0.5,
    ("book", ANY, "band", "lower"): -1.5,
    ("book", ANY, "band", "upper"): 2.25,
    ("book", ANY, "band", "rehedge_to"): "target",
    ("book", ANY, "band", "clip_min"): 0.375,
    ("book", ANY, "band", "cooldown_s"): 6.25,
    ("book", ANY, "band", "min_move_pct"): 0.625,
    ("book", ANY, "limits", "order_max"): 3.5,
    ("book", ANY, "limits", "per_minute_max"): 33.5,
    ("book", ANY, "limits", "position_max"): 44.5,
    ("book", ANY, "limits", "slippage_bps_max"): 11.5,
    ("book", ANY, "limits", "hard_band"): 4.5,
    ("book", ANY, "limits", "first_trade_max"): 7.5,
    ("book", ANY, "limits", "close_spread_bps_max"): 55.5,
    ("book", ANY, "data", "option_quote_age_s_max"): 7.25,
    ("book", ANY, "ladder", "margin_ratio"): "0.5/0.4 - - 0.9/0.8",
    ("book", ANY, "ladder", "liquidation_distance"): "0.3/0.4 - - 0.1/0.2",
    ("book", ANY, "ladder", "drawdown"): "0.1/0.05 - - 0.3/0.2",
    ("book", ANY, "ladder", "scenario_loss"): "1.0/0.8 - - 2.0/1.5",
    ("book", ANY, "ladder", "hold_s"): 44.5,
    ("book", ANY, "ladder", "age_s_max"): 3.5,
    ("book", ANY, "ladder", "reduce_to"): 0.25,
    ("book", ANY, "data", "hedge_quote_age_s_max"): 1.1,
    ("book", ANY, "data", "forward_age_s_max"): 2.2,
    ("book", ANY, "data", "vol_age_s_warn"): 33.3,
    ("book", ANY, "data", "vol_age_s_max"): 444.4,
    ("book", ANY, "data", "vol_width"): 0.2,
    ("book", ANY, "data", "delta_gap"): "widen",
    ("book", ANY, "data", "delta_gap_max"): 0.125,
    ("book", ANY, "reference", "index"): "reference",
    ("book", ANY, "reference", "jumps"): "venue",
    ("book", ANY, "reference", "guard"): "warn",
    ("book", ANY, "reference", "missing"): "refuse",
    ("reference", ANY, "sources"): "BTC-PERPETUAL@paper/index, BTC-PERPETUAL@paper"
    ", BTC_USDC-PERPETUAL@west, BTC-8JAN27@west/index",
    ("reference", ANY, "weights"): "2, 0.5, 1, 4",
    ("reference", ANY, "sources_min"): 3,
    ("reference", ANY, "age_s_max"): 2.5,
    ("reference", ANY, "deviation_max"): 0.015,
    ("reference", ANY, "weight_max"): 0.625,
    ("reference", ANY, "depeg_max"): 0.0075,
    ("reference", ANY, "guard_max"): 0.035,
    ("book", ANY, "scale", "scale"): 0.75,
    ("book", ANY, "scale", "inertia"): 0.05,
    ("book", ANY, "scale", "step"): 0.2,
    ("book", ANY, "scale", "sharpe"): 1.5,
    ("book", ANY, "scale", "hold_days"): 12.5,
    ("book", ANY, "scale", "shrink"): "on",
    ("book", ANY, "scale", "grow"): "on",
    ("book", ANY, "scale", "grow_day_max"): 0.125,
    ("book", ANY, "scale", "apart"): 0.35,
    ("book", ANY, "scale", "hold_s"): 1_234.5,
    ("book", ANY, "scale", "cap_hold_s"): 77.5,
    ("book", ANY, "scenario", "moves"): "-0.3 0.3",
    ("book", ANY, "scenario", "vols"): "0 1",
    ("book", ANY, "scenario", "loss_max"): 1.5,
    ("book", ANY, "scenario", "share_max"): 0.25,
    ("book", ANY, "scenario", "ratio_max"): 0.75,
    ("book", ANY, "scenario", "initial_max"): 0.5,
    ("book", ANY, "scenario", "collateral"): "crossed",
}

BAND_ODD: dict[str, Any] = {
    "risk_aversion": 1e-6,
    "daily_cost": 120.0,
    "daily_std": 2_000.0,
    "horizon_days": 14.5,
    "delay_s": 7.5,
    "cost_bps": 4.5,
    "order_cost": 0.75,
    "interval_s": 3600.5,
    "move_pct": 1.25,
    "move_std": 0.5,
    "half_width_min": 0.01,
    "half_width_max": 2.75,
    "funding_excess": 0.1,
    "vol": "blend",
    "delta": "venue",
    "minimum_variance_a": -0.25,
    "minimum_variance_b": 0.1,
    "minimum_variance_c": 0.05,
    "tuning": "on",
}
"""Of the other kinds of band, which no configuration could name all together."""


@pytest.fixture
def odd(tmp_path: Path) -> Configuration:
    raw = right()
    raw["venues"]["west"] = {"kind": "paper"}
    for path, value in ODD.items():
        where = {"venues": "paper", "book": 0, "reference": "btc"}[path[0]] if ANY in path else None
        put(raw, tuple(where if key == ANY else key for key in path), value)  # type: ignore[misc]
    # For the ladder, and for what is scaled by itself.
    tables = {"tail": {"limit": 1e5}, "vol_regime": {"use": "on"}}
    raw["book"][0]["scaling"] = {"capital": 1e6} | tables
    raw["book"][0]["reference"]["name"] = "btc"
    return loaded(tmp_path, raw)


def test_all_leaves_are_odd() -> None:
    fixed = {"config_version", "deployment", "kind", "name", "venue", "underlying", "positions"}
    others = {("book", ANY, "band", key) for key in BAND_ODD}
    apart = {path for path in leaves() if path[0] == "policy" or path[-1] == "shadows"}
    apart |= {path for path in leaves() if path[2:3] == ("scaling",)}  # see test_scalers
    assert {path for path in leaves() if path[-1] not in fixed} - apart == ODD.keys() | others
    assert all(leaves()[path].default != BAND_ODD[path[-1]] for path in others)
    assert all(leaves()[path].default != value for path, value in ODD.items())


def test_a_reference_reaches_the_decision_and_those_who_listen(odd: Configuration) -> None:
    (made,) = book_params(odd)
    assert made.rules.reference == ReferenceUse(
        name="btc",
        venue="paper",
        rule=ReferenceRule(
            sources_min=3,
            age_ms_max=2_500,
            deviation_max=0.015,
            weight_max=0.625,
            depeg_max=0.0075,
            guard_max=0.035,
        ),
        is_index=True,
        confirms=False,
        guard="warn",
        is_required=True,
    )
    names = ("BTC-PERPETUAL@paper/index", "BTC-PERPETUAL@paper", "BTC_USDC-PERPETUAL@west")
    assert tuple(feed.name for feed in made.sources) == (*names, "BTC-8JAN27@west/index")
    assert [feed.quote for feed in made.sources] == ["USD", "USD", "USDC", "USD"]
    assert [feed.weight for feed in made.sources] == [2.0, 0.5, 1.0, 4.0]
    assert [feed.is_index for feed in made.sources] == [True, False, False, True]
    assert made.venues == ("paper", "west")


def assert_same(table: Any, record: Any, *, renamed: dict[str, str] | None = None) -> None:
    """Every key of a table stands in the record, seconds as milliseconds."""
    fields = set(record.__struct_fields__)
    for key, value in table.model_dump().items():
        name = (renamed or {}).get(key, key)
        if key == "also":
            assert [f"{route.buy}/sub.2" for route in record.also] == [value]
        elif name in fields:
            assert getattr(record, name) == value, key
        else:
            scaled = f"{name}_".replace("_s_", "_ms_").removesuffix("_")
            assert getattr(record, scaled) == round(value * 1000), key
            assert isinstance(getattr(record, scaled), int)


@pytest.mark.parametrize("kind", ["cubic", "leland"])
def test_the_keys_of_every_kind_of_band(kind: str) -> None:
    table = Band.model_construct(kind=kind, **BAND_ODD)
    made = rules(Book.model_validate(book("main")).model_copy(update={"band": table}), "digest")
    assert_same(table, made.band)
    for key, value in BAND_ODD.items():
        assert key.endswith("_s") or getattr(made.band, key) == value


def test_a_relative_band_is_in_units_of_the_gross_delta() -> None:
    raw = book("main", band={"kind": "relative", "lower": -0.1, "upper": 0.2})
    made = rules(Book.model_validate(raw), "digest").band
    assert (made.kind, made.unit, made.lower, made.upper) == ("fixed", "gross_delta", -0.1, 0.2)


def test_rules(odd: Configuration) -> None:
    found = odd.settings.book[0]
    made = rules(found, "digest")
    for name in ("hedge", "band", "limits", "data"):
        record = getattr(made, name)
        assert_same(getattr(found, name), record)
        assert len(record.__struct_fields__) == len(type(getattr(found, name)).model_fields)
    assert (made.config, made.numeraire, made.base_coin) == ("digest", "coin", 2.5)
    assert found.scaling.used == ("vol_regime",)
    assert_same(found.scale, made.scale)
    assert made.scale.base == (), "which comes with the positions"
    assert made.reference is None, "what is made of it comes with the configuration"
    assert made.scenario == ScenarioRule(
        moves=(-0.3, 0.3),
        vols=(0.0, 1.0),
        loss_max=1.5,
        share_max=0.25,
        ratio_max=0.75,
        initial_max=0.5,
        crossed=True,
    )
    assert len(Rules.__struct_fields__) == 12, "a new field must come from somewhere"


def test_books_and_workers(odd: Configuration) -> None:
    (one,) = book_params(odd)
    assert (one.name, one.venue, one.account, one.underlying) == (
        "btc-main",
        "paper",
        "sub.1",
        "BTC",
    )
    assert one.digest == one.rules.config == odd.digests["btc-main"]
    assert one.positions == {"BTC-3JUL26-64000-C": -100, "BTC-PERPETUAL": -6000}
    assert one.rules.scale.base == (("BTC-3JUL26-64000-C", -100),), "the hedge is no part of it"
    worker = worker_params(odd, worker="w1")
    assert (worker.worker, worker.deployment, worker.books) == ("w1", "desk", (one,))
    assert_same(odd.settings.worker, worker)


def test_store(odd: Configuration) -> None:
    found = store_params(odd, temporary=True)
    assert_same(odd.settings.store, found)
    assert found.temporary
    assert found.state_dir == "/home/nobody/.local/state/hedger/desk"
    assert found.runtime_dir == str(odd.places.runtime)


def test_paper(odd: Configuration, tmp_path: Path) -> None:
    found = check(paper_params(odd, "paper"))
    expected = odd.settings.venues["paper"]
    assert expected.data == str(tmp_path)
    assert (expected.margin, found.margin) == ("crossed", margin_rules(crossed=True))
    changes = {"kind": "paper", "margin": found.margin}
    assert_same(expected.model_copy(update=changes), found, renamed={"kind": "name"})
    (account,) = found.accounts
    assert (account.name, account.underlying, account.deposit) == ("sub.1", "BTC", None)
    assert account.positions == {"BTC-3JUL26-64000-C": -100, "BTC-PERPETUAL": -6000}
    source = "BTC-PERPETUAL"  # of the book's reference
    assert found.instruments == ("BTC-10JUL26", "BTC-3JUL26", source)
    assert found.socket.startswith("/tmp/hedger-")


def test_a_book_that_is_linear_throughout_is_funded_in_quote_currency(tmp_path: Path) -> None:
    raw = right()
    (account,) = paper_params(loaded(tmp_path, raw), "paper").accounts
    assert account.currency == ""
    linear = {"buy": "BTC_USDC-PERPETUAL", "sell": "BTC_USDC-PERPETUAL"}
    raw["book"][0] |= {"hedge": linear, "positions": "account"}
    (account,) = paper_params(loaded(tmp_path, raw), "paper").accounts
    assert account.currency == "USDC"
    raw["book"][0]["hedge"] = linear | {"sell": "BTC-PERPETUAL"}
    (account,) = paper_params(loaded(tmp_path, raw), "paper").accounts
    assert account.currency == ""


def test_defaults_mean_the_same_on_both_sides(tmp_path: Path) -> None:
    """A record built by hand and an empty table must not differ in what they allow."""
    made = rules(loaded(tmp_path).settings.book[0], "")
    for record in (made.band, made.limits, made.data):
        assert record == type(record)()
    worker = worker_params(loaded(tmp_path), worker="w")
    default = type(worker)(worker="w", deployment="desk", books=worker.books)
    assert worker == default


@pytest.mark.parametrize(
    ("url", "made"),
    [
        ("redis://h:1/0", "redis://:p%40%3A%2F%20@h:1/0"),
        ("rediss://user@h", "rediss://user:p%40%3A%2F%20@h"),
        ("unix:///run/x.sock?db=1", "unix://:p%40%3A%2F%20@/run/x.sock?db=1"),
        ("redis://u:own@h", "redis://u:own@h"),
        ("", ""),
    ],
)
def test_the_password_enters_the_address(tmp_path: Path, url: str, made: str) -> None:
    found = loaded(tmp_path, HEDGER__STORE__URL=url, HEDGER_SECRET_STORE_PASSWORD="p@:/ ")
    assert store_params(found).url == made
    if "own" not in made and url:
        assert unquote(urlsplit(made).password or "") == "p@:/ "


class TestApply:
    """``config apply`` against a store."""

    def apply(self, found: Configuration, server: MemoryServer, **arguments: Any) -> list[str]:
        done = asyncio.run(apply(found, MemoryStore(server), **arguments))
        return [f"{one.book} {one.result}" for one in done]

    def state(self, server: MemoryServer, name: str) -> BookState:
        state = asyncio.run(MemoryStore(server).load(name))
        assert state is not None
        return state

    def test_seeds_then_leaves_alone_then_applies(self, tmp_path: Path) -> None:
        server = MemoryServer()
        raw = right()
        raw["book"].append(book("other", positions="account"))
        found = loaded(tmp_path, raw)
        assert self.apply(found, server) == ["btc-main seeded", "other seeded"]
        assert self.state(server, "btc-main").positions == found.positions["btc-main"]
        assert self.state(server, "other").positions == {}
        assert self.apply(found, server) == ["btc-main unchanged", "other unchanged"]

        changed = loaded(tmp_path, raw, HEDGER__BOOK__0__BAND__UPPER="0.5")
        assert self.apply(changed, server) == ["btc-main applied", "other unchanged"]
        assert self.state(server, "btc-main").digest == changed.digests["btc-main"]

    def test_positions_only_when_asked(self, tmp_path: Path) -> None:
        server = MemoryServer()
        before = loaded(tmp_path)
        self.apply(before, server)
        path = write(tmp_path, right(), POSITIONS.replace(",-10", ",-20"))
        after = load(path, environ=ENVIRON)
        assert self.apply(after, server) == ["btc-main applied"]
        held = self.state(server, "btc-main").positions
        assert held["BTC-3JUL26-64000-C"] == -100
        assert self.apply(after, server, positions=True) == ["btc-main applied"]
        held = self.state(server, "btc-main").positions
        assert held["BTC-3JUL26-64000-C"] == -200

    def test_chosen_books(self, tmp_path: Path) -> None:
        raw = right()
        raw["book"].append(book("other", positions="account"))
        found, server = loaded(tmp_path, raw), MemoryServer()
        assert self.apply(found, server, books=["other"]) == ["other seeded"]
        with pytest.raises(ConfigError, match="book 'none': unknown, expected one of btc-main, "):
            self.apply(found, server, books=["btc-main", "none"])
        assert asyncio.run(MemoryStore(server).load("btc-main")) is None


def test_json_round_trip(odd: Configuration) -> None:
    """Records travel to other processes as JSON."""
    found = paper_params(odd, "paper")
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
