"""``hedger sweep`` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hedger.cli.entry import main
from tests.backtest.recording import perpetual, recorded
from tests.cli.test_backtest import CONFIG, PROGRAMME

VARIANTS = """\
[[variant]]
name = "as configured"
[[variant]]
name = "threshold"
band = { lower = -0.5, upper = 0.5, rehedge_to = "centre" }
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    recorded(tmp_path / "data", perpetual(1_440 + 20))
    (tmp_path / "b.toml").write_text(CONFIG.format(latency=""))
    (tmp_path / "p.toml").write_text(PROGRAMME)
    (tmp_path / "v.toml").write_text(VARIANTS)
    files = {"--config": "b.toml", "--data": "data", "--programme": "p.toml", "--keep": "kept"}
    named = (w for k, name in files.items() for w in (k, str(tmp_path / name)))
    return ["sweep", str(tmp_path / "v.toml"), *named]


def test_runs_keeps_and_reads(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == 0
    told = capsys.readouterr()
    assert "0 of 2 results are there" in told.err
    configured, threshold = json.loads(told.out)["variants"]
    assert (configured["name"], threshold["name"]) == ("as configured", "threshold")
    for line in (configured, threshold):
        kept = json.loads((tmp_path / "kept" / f"{line['run']}.json").read_text())
        assert line["pnl_total"] == kept["pnl_total"]
        assert line["cost"] == pytest.approx(
            -sum(kept["pnl_parts"][part] for part in ("fees", "spread", "slippage"))
        )
    band = json.loads((tmp_path / "kept" / f"{threshold['run']}.json").read_text())["run"]["config"]
    assert band["book"]["rules"]["band"]["lower"] == -0.5
    assert main([*arguments, "--json"]) == 0
    again = capsys.readouterr()
    assert "2 of 2 results are there" in again.err
    assert again.out == told.out
    assert main(arguments) == 0
    assert "threshold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "variant"),
        ("variant = []", "0 variants, expected 1"),
        ("[[variant]]", "name"),
        ("[[variant]]\nname = ''", "name is ''"),
        ('[[variant]]\nname = "a\\nb"', "printable"),
        ("[[variant]]\nname = 'a'\n[[variant]]\nname = 'a'", "'a' is given twice"),
        ("[[variant]]\nname = 'a'\nwidth = 1", "width"),
        ("[[variant]]\nname = 'a'\nband = 3", "band"),
        ("[[variant]]\nname = 'a'\nband = { lower = 'wide' }", "lower"),
        ("[[variant]]\nname = 'a'\nband = { widht = 1.0 }", "widht"),
        ("[[variant]]\nname = 'a'\nband = { lower = 1.0, upper = -1.0 }", "lower"),
        ("[[variant]]\nname = 'a'\nband = { lower = nan }", "lower"),
        ("[[variant", "[[variant]]"),
        ("x = " + "[" * 5_000, "[[variant]]"),
    ],
)
def test_bad_variants_are_one_line(
    arguments: list[str], text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(arguments[1]).write_text(text)
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert words in told.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--processes", "0"], "expected 1 to"),
        (["--keep", "/dev/null/x"], "expected a folder for results"),
        (["--dask", "nonsense"], "expected a running Dask scheduler"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--dask" in more:
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    assert main([*arguments[:-2], *more]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err.splitlines()[-1]


def test_bytes_that_are_no_text_are_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(arguments[1]).write_bytes(b"\xff\xfe\x00")
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
