"""``hedger backtest`` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hedger.cli.entry import main
from tests.backtest.recording import perpetual, recorded

CONFIG = """\
config_version = 1
deployment = "study"
[venues.paper]
kind = "paper"
deposit = 50.0
{latency}
[[book]]
name = "b"
venue = "paper"
underlying = "BTC"
numeraire = "usd"
base_coin = 50.0
positions = "account"
[book.hedge]
buy = "BTC-PERPETUAL"
sell = "BTC-PERPETUAL"
[book.band]
risk_aversion = 0.01
[policy.never]
lower = -900
upper = 900
"""
PROGRAMME = '[[leg]]\nkind = "straddle"\ndays = 4\ncoin = -5.0\n'


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    recorded(tmp_path / "data", perpetual(1_440 + 120))
    (tmp_path / "b.toml").write_text(CONFIG.format(latency="latency_ms = 20.0"))
    (tmp_path / "p.toml").write_text(PROGRAMME)
    files = {"--config": "b.toml", "--data": "data", "--programme": "p.toml"}
    return ["backtest", *(w for k, name in files.items() for w in (k, str(tmp_path / name)))]


def test_reports_and_repeats(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for _ in range(2):
        page = tmp_path / "report.html"
        assert main([*arguments, "--json", "--report", str(page)]) == 0
        said.append(capsys.readouterr().out)
        assert "<svg" in page.read_text()
    assert said[0] == said[1]
    found = json.loads(said[0])
    assert found["hedges"] > 0
    assert found["run"]["config"]["exchange"]["latency_ms"] == 20.0
    assert str(tmp_path) not in said[0]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for words in ("vanna", "slippage", "2025-05-06", found["run"]["events_sha256"]):
        assert words in text


def test_a_policy_stands_in_for_the_books_own_band(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--policy", "never", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hedges"] == 0
    assert found["run"]["config"]["book"]["rules"]["band"]["upper"] == 900.0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--market", "chain"], "deals options by a vol model, expected bars"),
        (["--report", "/nowhere/at/all.html"], "its folder does not exist"),
        (["--start", "soon"], "expected UTC"),
        (["--end", "2025-05-01T00:00"], "leave less than two to play"),
        (["--programme", "/nowhere.toml"], "expected a programme"),
        (["--data", "/nowhere"], "/nowhere"),
        (["--policy", "other"], "policy 'other': unknown, expected one of never"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = dict(zip(arguments[1::2], arguments[2::2], strict=True))
    taken |= dict(zip(more[::2], more[1::2], strict=True))
    assert main(["backtest", *(w for pair in taken.items() for w in pair)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err.splitlines()[-1]


def test_a_book_that_holds_nothing_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments[:5]) == 2
    assert "holds no positions" in capsys.readouterr().err
