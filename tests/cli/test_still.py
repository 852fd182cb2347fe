"""Where nothing runs: who only looks starts nothing, and a look on the market leaves nothing."""

from __future__ import annotations

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from hedger.app.translate import paper_params
from hedger.settings import load
from tests.cli.conftest import Call, left_over
from tests.cli.place import BLOCKED, HEDGED, Place

LOOKERS = [
    ["status"],
    ["decisions"],
    ["explain", "last"],
    ["hold", "btc-main"],
    ["resume", "btc-main"],
    ["cancel", "btc-main", "--yes"],
    ["close", "btc-main"],
]


@pytest.mark.parametrize("arguments", LOOKERS, ids=[a[0] for a in LOOKERS])
def test_no_store_is_one_line_and_starts_none(
    hedger: Call, place: Place, arguments: list[str]
) -> None:
    place.write(HEDGED)
    said = hedger(place, *arguments, "--json")
    assert (said.status, said.out) == (1, "")
    assert said.err == (
        "hedger: deployment desk: its embedded store is not running, "
        "expected `hedger run` to be running\n"
    )
    assert not (place.folder / "s").exists()


def test_a_store_by_address_that_is_away_is_one_line(hedger: Call, place: Place) -> None:
    place.write(HEDGED)
    text = place.config.read_text()
    place.config.write_text(f'{text}[store]\nurl = "unix:///nowhere/redis.sock"\n')
    said = hedger(place, "status")
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert "/nowhere/redis.sock" in said.err


def test_config_needs_no_store(hedger: Call, place: Place) -> None:
    place.write(HEDGED, BLOCKED)
    assert hedger(place, "config", "check").status == 0
    shown = json.loads(hedger(place, "config", "show", "--json").out)
    half = next(line for line in shown if line["key"] == "book[btc-main].band.upper")
    assert (half["value"], half["origin"]) == (0.25, str(place.config))
    assert "book[btc-main].band.upper" in hedger(place, "config", "show").out
    schema = json.loads(hedger(place, "config", "schema").out)
    assert "venues" in schema["properties"]
    assert not (place.folder / "s").exists()


def test_config_init_and_the_file_of_the_working_directory(
    hedger: Call, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place.folder / "new"
    assert hedger(None, "config", "init", str(folder)).status == 0
    again = hedger(None, "config", "init", str(folder))
    assert (again.status, again.err.count("\n")) == (2, 1)
    monkeypatch.delenv("HEDGER_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    assert hedger(None, "config", "check").out == "hedger.toml: no problem found\n"
    monkeypatch.setenv("HEDGER_CONFIG", str(place.folder / "other.toml"))
    assert "other.toml" in hedger(None, "config", "check").out


def test_apply_starts_the_store_for_the_moment(hedger: Call, place: Place) -> None:
    place.write(HEDGED)
    first = json.loads(hedger(place, "config", "apply", "--json").out)
    assert [(a["book"], a["result"]) for a in first] == [("btc-main", "seeded")]
    place.write(HEDGED | {"half": 0.5})
    assert hedger(place, "config", "apply").out == "btc-main: applied\n"
    assert hedger(place, "config", "apply").out == "btc-main: unchanged\n"
    assert left_over(place) == []


def test_plan_on_a_market_for_the_moment(place: Place) -> None:
    place.write(HEDGED)
    before = set(Path("/tmp").glob("hedger-*"))
    done = place.run("plan", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["books"][0]
    assert found["positions_from"] == str(place.folder / "positions.csv")
    assert found["decisions"]["usd"]["exposure"]["legs"] == 4
    assert "a temporary paper exchange" in done.stderr
    assert left_over(place) == []
    assert {p for p in set(Path("/tmp").glob("hedger-*")) - before if _is_ours(p)} == set()
    assert not (place.folder / "s").exists()


SCALING = """
[book.scaling]
capital = 100_000.0
[book.scaling.vol_target]
use = "on"
target = 0.01
[book.scaling.signal]
use = "on"
source = "key:trend"
capital = 1.0
"""


def test_plan_measures_what_the_scalers_read_and_says_what_it_cannot_know(place: Place) -> None:
    place.write(HEDGED)
    place.config.write_text(place.config.read_text() + SCALING)
    done = place.run("plan")
    assert done.returncode == 0, done.stderr
    assert "vol_target (book x 0." in done.stdout
    assert "target 0.01 a year over risk" in done.stdout
    assert "signal (centre +0.0000 coin): cannot judge: " in done.stdout
    assert "no store runs, so nobody has told of a signal" in done.stdout


def test_an_instrument_that_the_market_does_not_list(hedger: Call, place: Place) -> None:
    place.write(HEDGED)
    (place.folder / "positions.csv").write_text("instrument,quantity\nBTC-27MAR20-9000-C,-1\n")
    said = hedger(place, "greeks")
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "account 'btc-main': BTC-27MAR20-9000-C has expired" in said.err


def test_interrupted_while_looking_leaves_nothing(place: Place) -> None:
    place.write(HEDGED)
    before = set(Path("/tmp").glob("hedger-*"))
    process = place.start("greeks")
    end = time.monotonic() + 20.0
    while not set(Path("/tmp").glob("hedger-*")) - before and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "hedger: interrupted\n")
    time.sleep(0.1)
    assert {p for p in set(Path("/tmp").glob("hedger-*")) - before if _is_ours(p)} == set()


def _is_ours(folder: Path) -> bool:
    """Whether a temporary folder belongs to the deployment of these tests."""
    return (folder / "hedger" / "desk").exists()


def test_a_market_that_does_not_answer_is_not_replaced_by_another(
    hedger: Call, place: Place
) -> None:
    place.write(HEDGED)
    found = load(place.config, environ=place.environ)
    path = Path(paper_params(found, "paper").socket)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(path))
        frozen.listen()
        for command in ("greeks", "plan"):
            said = hedger(place, command)
            assert (said.status, said.out) == (1, "")
            assert "the paper exchange runs but does not answer" in said.err
            assert said.err.count("\n") == 1
