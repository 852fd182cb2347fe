"""Bad input ends in exit status 2 and one clear line; help is quick and complete."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from hedger.cli.entry import COMMANDS
from tests.cli.conftest import Call
from tests.cli.place import HEDGED, Place

BAD = [
    (["frobnicate"], "unknown command 'frobnicate', expected one of demo"),
    (["statsu"], "unknown command 'statsu', did you mean 'status'?"),
    (["config", "shwo"], "unknown command 'config shwo', did you mean 'show'?"),
    (["status", "--jsno"], "--jsno"),
    (["--jsno", "status"], "unknown option '--jsno'"),
    (["--json"], "no command is given"),
    (["--config=", "status"], "cannot be read"),
    (["status", "extra"], "unexpected argument 'extra'"),
    (["greeks", "a", "b"], "unexpected argument 'b'"),
    (["run", "--workers", "0"], "--workers"),
    (["run", "--workers", "two"], "two"),
    (["run", "--workers", "1.5"], "'1.5' is no whole number"),
    (["run", "--seconds", "-1"], "--seconds"),
    (["demo", "--seed", "1.5"], "'1.5' is no whole number"),
    (["demo", "--start", "0001-01-01"], "--start '0001-01-01': expected an instant of the years"),
    (["demo", "--start", "9999-12-31"], "--start '9999-12-31': expected an instant of the years"),
    (["demo", "--end", "2020-01-01"], "--end 2020-01-01 00:00:00Z: expected after the market's"),
    (["decisions", "--count", "0"], "--count"),
    (["decisions", "--count"], "--count requires an argument"),
    (["explain"], "requires an argument"),
    (["resume", "btc-main", "--confirm", "nan"], "--confirm"),
    (["resume", "btc-main", "--confirm", "-3"], "--confirm"),
    (["hold", "btc-main", "--reason", " "], "--reason: is empty"),
    (["close", "btc-main", "--reason", " "], "--reason: is empty"),
    (["close"], "requires an argument"),
    (["override", "btc-main", "warn", "--minutes", "2000"], "--minutes: is 2000, expected at most"),
    (["override", "btc-main", "warn", "--minutes", "nan"], "--minutes"),
    (["override", "btc-main", "up", "--minutes", "5"], "up"),
    (["scale", "btc-main", "--to", "-0.5"], "from 0 to 100"),
    (["scale", "btc-main", "--to", "nan"], "from 0 to 100"),
    (["scale", "btc-main", "--to", "half"], "--to"),
    (["scale", "btc-main", "--reason", " "], "--reason: is empty"),
    (["status", "--config", "/nowhere/desk.toml"], "/nowhere/desk.toml: cannot be read"),
    (["greeks", "--data", "/nowhere"], "--data"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_arguments_are_one_line(hedger: Call, arguments: list[str], named: str) -> None:
    said = hedger(None, *arguments)
    assert said.status == 2
    assert said.out == ""
    assert said.err.startswith("hedger: ")
    assert said.err.count("\n") == 1, said.err
    assert named in said.err


def test_a_bad_book_is_one_line(hedger: Call, place: Place) -> None:
    place.write(HEDGED)
    for command in ("greeks", "plan"):
        said = hedger(place, command, "nope")
        assert (said.status, said.out) == (2, "")
        assert said.err.splitlines() == [
            f"hedger: {place.config}: book 'nope': unknown, expected one of btc-main"
        ]


def test_the_demo_keeps_off_the_store_of_others(
    hedger: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDGER__STORE__URL", "unix:///nowhere/store.sock")
    said = hedger(None, "demo", "--seconds", "1")
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("hedger: HEDGER__STORE__URL: is set, expected none: the demo runs")


def test_a_bad_configuration_is_one_line_and_check_shows_all(hedger: Call, place: Place) -> None:
    place.write(HEDGED | {"half": 0.0}, HEDGED | {"name": "other", "numeraire": "euro"})
    said = hedger(place, "status")
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "more; see: hedger config check" in said.err
    checked = hedger(place, "config", "check")
    assert checked.status == 2
    assert len(checked.out.splitlines()) >= 2
    assert "numeraire" in checked.out
    assert checked.err.count("\n") == 1


def test_common_options_may_lead(hedger: Call, place: Place) -> None:
    place.write(HEDGED)
    said = hedger(place, "--json", "config", "check")
    assert said.status == 0
    assert '"problems": []' in said.out


def test_help_names_every_command_quickly() -> None:
    started = time.perf_counter()
    shown = subprocess.run(
        [sys.executable, "-m", "hedger", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    print(f"hedger --help: {time.perf_counter() - started:.3f} s")
    for entry in COMMANDS:
        assert (f" {entry.name} " in shown.stdout) == entry.is_shown
    assert shown.stderr == ""


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom hedger.cli import main\nmain(['--help'])\n"
        "heavy = {'numpy', 'numba', 'scipy', 'pydantic', 'redis', 'msgspec', 'structlog'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
