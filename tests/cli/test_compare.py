"""``hedger compare`` from arguments to output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.backtest.desk import CALL
from tests.cli.conftest import Call

KEYS = [
    "name",
    "certainty_equivalent",
    "standard_error",
    "mean_cost",
    "std",
    "es95",
    "mean_variance",
    "max_path_weight",
    "trades",
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    text = (
        CALL.read_text()
        .replace("steps = 720", "steps = 48")
        .replace("paths = 50000", "paths = 500")
    )
    path.write_text(text)
    return path


def test_json_has_exactly_the_keys_of_the_exchange(hedger: Call, study: Path) -> None:
    said = hedger(None, "compare", str(study), "--json")
    assert said.status == 0, said.err
    policies = json.loads(said.out)["policies"]
    assert [list(found) for found in policies] == [KEYS] * 6
    assert policies[0]["name"] == "optimum"
    assert hedger(None, "compare", str(study), "--json").out == said.out


def test_table_and_page(hedger: Call, study: Path, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    said = hedger(None, "compare", str(study), "--plot", str(page))
    assert said.status == 0, said.err
    assert "cubic band (default)" in said.out
    text = page.read_text()
    assert text.count("<polyline") == 5
    assert "http" not in text.replace("http-equiv", "")


def test_bad_input_is_one_line(hedger: Call, study: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.toml"
    recorded.write_text(study.read_text().replace('"gbm"', '"recorded"'))
    for arguments, words in (
        ([str(tmp_path / "none.toml")], "cannot be read"),
        ([str(study), "--plot", str(tmp_path)], "is a folder"),
        ([str(study), "--plot", str(tmp_path / "no" / "a.html")], "its folder does not exist"),
        ([str(recorded)], "expected --data DIR"),
        ([str(recorded), "--data", str(tmp_path)], "no file with columns"),
    ):
        said = hedger(None, "compare", *arguments)
        assert (said.status, said.out) == (2, "")
        assert said.err.count("\n") == 1
        assert words in said.err


@pytest.mark.parametrize(
    "bars", ["1,0", "x,1", "1,-5", "1", "", "1,nan", "99999999999999999999,1"], ids=repr
)
def test_bad_bars_are_one_line(hedger: Call, study: Path, tmp_path: Path, bars: str) -> None:
    study.write_text(study.read_text().replace('"gbm"', '"recorded"'))
    (tmp_path / "bars.csv").write_text(f"open_time_ms,close\n{bars}\n")
    said = hedger(None, "compare", str(study), "--data", str(tmp_path))
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "bars.csv" in said.err
