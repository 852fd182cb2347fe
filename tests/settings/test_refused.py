"""Wrong configurations by hand: each line names the place and what was expected there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hedger.errors import ConfigError
from hedger.settings import load
from tests.settings.desk import ENVIRON, book, clear_lines, put, refused, right, write

BAND = ("book", 0, "band")
CASES: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("sotre",), {}, "sotre: unknown key, did you mean 'store'?"),
    (("store", "ulr"), "", "store.ulr: unknown key, did you mean 'url'?"),
    (("store", "zzz"), 1, "store.zzz: unknown key, expected one of url, replicas, shards,"),
    (("store", "url"), "http://x", "store: url is no such address, expected redis://"),
    (("store", "url"), "redis://h:99999", "store: url is no such address, expected redis://"),
    (("store",), 3, "store: is 3, expected a table with the keys url, "),
    (("store", "shards"), 0, "store.shards: is 0, expected a whole number from 1 to 1024"),
    (("store", "shards"), 2.0, "store.shards: is 2.0, expected a whole number"),
    (("deployment",), "Desk", "deployment: is 'Desk', expected a name of 1 to 40 characters"),
    (("worker", "lease_s"), "5", "worker.lease_s: is '5', expected a number from 0.5 to 60"),
    (("worker", "lease_s"), 1.0, "order_timeout_s_max is 3, expected less than lease_s - 2 x"),
    (("worker", "margin_ms"), 1001, "worker: lease_s is 5, expected at least 5 x margin_ms"),
    (("worker", "order_timeout_s_min"), 4.0, "order_timeout_s_min is 4, expected at most"),
    (("venues",), {}, "venues: is a table, expected at least one table [venues.NAME]"),
    (("venues", "paper", "kind"), "papre", "venues.paper.kind: is 'papre', expected 'paper'"),
    (("venues", "paper", "loss"), 1.0, "loss: is 1.0, expected a number at least 0, below 1"),
    (("venues", "paper", "speed"), 0, "speed: is 0, expected a number above 0, at most 100000"),
    (("venues", "paper", "data"), "no\n", "venues.paper.data: is '"),
    (("venues", "A b"), {"kind": "paper"}, "venues.'A b': is no name, expected a name of 1 to 20"),
    (("book",), [], "book: is an array, expected 1 to 10000 tables [[book]]"),
    (("book",), 1, "book: is 1, expected 1 to 10000 tables [[book]]"),
    (("book", 0), 1, "book[0]: is 1, expected a table with the keys name, venue,"),
    (("book", 0, "name"), "BTC", "book[0].name: is 'BTC', expected a name of 1 to 40"),
    (("book", 0, "name"), "x\ny", r"book[0].name: is 'x\ny', expected a name"),
    (
        ("book", 0, "venue"),
        "papr",
        "book[btc-main].venue: is 'papr', expected one of the venues: p",
    ),
    (("book", 0, "numeraire"), "eur", "numeraire: is 'eur', expected one of 'usd', 'coin'"),
    (("book", 0, "base_coin"), float("nan"), "base_coin: is nan, expected a number from -1e+09"),
    (("book", 0, "positions"), "none.csv", "none.csv: cannot be read (No such file or directory)"),
    (("book", 0, "hedge", "buy"), "BTC-27DEC24-1000-C", "hedge.buy: BTC-27DEC24-1000-C is an op"),
    (("book", 0, "hedge", "buy"), "ETH-PERPETUAL", "hedge.buy: ETH-PERPETUAL is written on ETH"),
    (("book", 0, "hedge", "sell"), "BTC-PERP", "hedge.sell: instrument 'BTC-PERP': not a Deribit"),
    (("book", 0, "hedge", "ratio"), 1.6, "hedge.ratio: is 1.6, expected a number from 0 to 1.5"),
    ((*BAND, "lower"), 0.25, "band: lower is 0.25, expected a number below upper (0.25)"),
    ((*BAND, "target"), 0.3, "band: target is 0.3, expected a number from lower (-0.25) to"),
    ((*BAND, "kind"), "wide", "book[btc-main].band.kind: is 'wide', expected one of 'cubic', "),
    (
        BAND,
        {"kind": "cubic", "lower": -0.3},
        "band: lower is given with kind cubic, expected it only with fixed",
    ),
    ((*BAND, "risk_aversion"), 1e-6, "risk_aversion is given with kind fixed, expected it only"),
    ((*BAND, "horizon_days"), 6, "band.horizon_days: is 6, expected a number from 7 to 3650"),
    (BAND, {"kind": "interval"}, "band: interval_s is 0, expected at least 1 with kind interval"),
    (BAND, {"kind": "price_move"}, "band: expected one of move_pct and move_std with kind price_"),
    (BAND, {"daily_cost": 5.0}, "band: expected daily_cost and daily_std together"),
    (
        BAND,
        {"daily_cost": 5.0, "daily_std": 9.0, "risk_aversion": 1.0},
        "band: expected either risk_aversion or daily_cost and daily_std",
    ),
    (
        BAND,
        {"half_width_min": 2.0, "half_width_max": 1.0},
        "band: half_width_min is 2, expected at most half_width_max (1)",
    ),
    ((*BAND, "upper"), float("inf"), "book[btc-main].band.upper: is inf, expected a number"),
    ((*BAND, "upper"), 10**400, "band.upper: is a huge whole number, expected a number from"),
    ((*BAND, "widht"), 1, "book[btc-main].band.widht: unknown key, "),
    (("book", 0, "limits", "order_max"), -5, "limits.order_max: is -5, expected a number above 0"),
    (("book", 0, "data", "vol_age_s_warn"), 400, "vol_age_s_warn is 400, expected at most"),
]


@pytest.mark.parametrize(("path", "value", "line"), CASES, ids=[c[2][:40] for c in CASES])
def test_one_fault_one_line(
    tmp_path: Path, path: tuple[str | int, ...], value: Any, line: str
) -> None:
    raw = right()
    put(raw, path, value)
    (found,) = refused(tmp_path, raw)
    assert line in found
    assert found.startswith(str(tmp_path))


@pytest.mark.parametrize("key", ["name", "venue", "underlying", "positions", "hedge"])
def test_missing_keys(tmp_path: Path, key: str) -> None:
    raw = right()
    del raw["book"][0][key]
    (line,) = refused(tmp_path, raw)
    name = "0" if key == "name" else "btc-main"
    assert f"book[{name}].{key}: missing, expected " in line


def test_duplicate_names(tmp_path: Path) -> None:
    raw = right()
    raw["book"].append(book("btc-main", account="other"))
    (line,) = refused(tmp_path, raw)
    assert "book[1].name: is 'btc-main' as in book[0], expected a name of its own" in line


@pytest.mark.parametrize("account", ["btc-main", "shared"])
def test_two_books_on_one_account_and_underlying(tmp_path: Path, account: str) -> None:
    raw = right()
    raw["book"][0]["account"] = "" if account == "btc-main" else account
    raw["book"].append(book("second", account=account))
    (line,) = refused(tmp_path, raw)
    assert "book[second].account: " in line
    assert "expected one book per account and underlying" in line


def test_books_on_two_venues(tmp_path: Path) -> None:
    """Each paper exchange has a market clock of its own."""
    raw = right()
    raw["venues"]["other"] = {"kind": "paper"}
    raw["book"].append(book("second", venue="other"))
    (line,) = refused(tmp_path, raw)
    assert "book[second].venue: is 'other', expected 'paper' like the books above" in line


def test_a_paper_account_holds_one_coin(tmp_path: Path) -> None:
    raw = right()
    hedge = {"buy": "ETH-PERPETUAL", "sell": "ETH-PERPETUAL"}
    extra = book("eth", account="btc-main", underlying="ETH", positions="account", hedge=hedge)
    raw["book"].append(extra)
    (line,) = refused(tmp_path, raw)
    assert "holds BTC; a paper account holds one coin, expected another" in line


@pytest.mark.parametrize(
    "path",
    [
        ("password",),
        ("store", "password"),
        ("venues", "paper", "api_key"),
        ("venues", "paper", "client_secret"),
        ("book", 0, "token"),
        ("book", 0, "hedge", "Credentials"),
    ],
)
def test_secrets_in_the_file_are_refused_and_not_repeated(
    tmp_path: Path, path: tuple[str | int, ...]
) -> None:
    raw = right()
    put(raw, path, "hunter2")
    (line,) = refused(tmp_path, raw)
    assert "looks like a secret, expected none in a file" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@host:6379/0",
        "rediss://user:hunter2@host",
        "unix:///run/x.sock?password=hunter2",
        "redis://user:hunter2@[::1",
        "http://user:hunter2@host",
    ],
)
def test_passwords_in_addresses_are_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    raw = right()
    raw["store"]["url"] = url
    (line,) = refused(tmp_path, raw)
    assert "store.url: carries a password, expected none in a file" in line
    assert "hunter2" not in line


def test_all_problems_at_once(tmp_path: Path) -> None:
    raw = right()
    raw["sotre"] = 1
    raw["venues"]["paper"]["speed"] = -1
    raw["book"][0]["band"]["lower"] = 9
    raw["book"].append(book("eth", venue="nowhere", positions="none.csv"))
    raw["book"].append(book("bad", numeraire=3, positions="gone.csv"))
    lines = refused(tmp_path, raw, HEDGER__STORE__ULR="x", HEDGER_SECRET_X="y")
    expected = ["sotre", "speed", "band", "[eth].venue", "none.csv", "[bad].numeraire", "gone.csv"]
    for part in (*expected, "HEDGER__STORE__ULR", "HEDGER_SECRET_X"):
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == 9


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a = ", "is not TOML (Invalid value (at end of document)), expected"),
        (b"\xff\xfe", "byte 0 is not UTF-8 text, expected a TOML configuration file"),
        (b"a = " + b"[" * 100_000, "nested too deeply, expected TOML"),
        (b"a = " + b"9" * 5_000, "is not TOML (Exceeds the limit"),
        (b"#" * 4_000_001, "is larger than 4 MB, expected a TOML configuration file"),
        (b"", "config_version: missing, expected `config_version = 1`"),
        (b"a = 1\na = 2", "is not TOML (Cannot overwrite a value"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "desk.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, environ=ENVIRON)
    (found,) = clear_lines(caught.value)
    assert line in found


@pytest.mark.parametrize("name", ["", "none.toml", "a\0b", "x" * 5_000, "none\n.toml"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load(tmp_path / name, environ=ENVIRON)
    assert str(caught.value).isprintable()


def test_a_byte_order_mark_is_tolerated(tmp_path: Path) -> None:
    path = write(tmp_path, right())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path, environ=ENVIRON).settings.deployment == "desk"


def test_unknown_book(tmp_path: Path) -> None:
    found = load(write(tmp_path, right()), environ=ENVIRON)
    with pytest.raises(ConfigError, match="book 'x': unknown, expected one of btc-main"):
        found.book("x")
