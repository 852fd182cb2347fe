"""``hedger sweep`` as people call it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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


SCALED = """\
[book.scaling]
capital = 1_000_000.0
measure_s = 300.0
age_s_max = 600.0
[book.scaling.vol_target]
target = 0.01
"""
SCALERS = """\
[[variant]]
name = "off"
scalers = []
[[variant]]
name = "<target>"
scalers = ["vol_target"]
resize = "out"
"""


def test_scalers_on_and_off_beside_each_other(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "v.toml").write_text(SCALERS)
    config = tmp_path / "b.toml"
    config.write_text(config.read_text().replace("[policy.never]", f"{SCALED}[policy.never]"))
    page = tmp_path / "scale.html"
    assert main([*arguments, "--json", "--report", str(page)]) == 0
    off, on = json.loads(capsys.readouterr().out)["variants"]
    assert off["scaling"]["scale"] is None
    assert off["scaling"]["held"]["lowest"] == 1.0
    assert off["scaling"]["risk"]["mean"] > 0.01
    assert on["scaling"]["targets"] == {"risk": 0.01}
    assert on["scaling"]["scale"]["lowest"] < 0.5
    assert "path" not in on["scaling"]
    text = page.read_text()
    assert text.count("<svg") == 3
    assert "&lt;target&gt;" in text
    assert "<target>" not in text
    assert main(arguments) == 0
    assert "risk is of scenarios" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[variant]]\nname = 'a'\nscalers = 3", "scalers"),
        ("[[variant]]\nname = 'a'\nscalers = ['luck']", "'luck': unknown, expected one of static"),
        ("[[variant]]\nname = 'a'\nscalers = ['vol_target']", "capital is 0"),
        ("[[variant]]\nname = 'a'\nresize = 'up'", "resize"),
        ("[[variant]]\nname = 'a'\nresize = 'out'", "expected a model that scales the book"),
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


def test_a_failure_is_one_line_whatever_there_is_to_notice_of_each_variant(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEDGER_SECRET_STORE_PASSWORD", "used by nobody here")
    assert main([*arguments[:-2], "--keep", "/dev/null/x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bytes_that_are_no_text_are_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(arguments[1]).write_bytes(b"\xff\xfe\x00")
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def left_over(folder: Path) -> list[int]:
    """Processes that work in a folder: it is in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"SWEEP_MARK={folder}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_half_way_it_leaves_nobody_and_goes_on(
    arguments: list[str],
    number: signal.Signals,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever ends it: what was done by then is read, the rest is run."""
    four = "".join(f"[[variant]]\nname = '{w}'\nband = {{ upper = {w} }}\n" for w in (1, 2, 3, 4))
    Path(arguments[1]).write_text(four)
    recorded(tmp_path / "data", perpetual(1_440 + 120))
    process = subprocess.Popen(
        [sys.executable, "-m", "hedger", *arguments],
        env=os.environ | {"SWEEP_MARK": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300.0
    while not list((tmp_path / "kept").glob("*.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    told = process.communicate(timeout=120)[1]
    assert "Traceback" not in told
    while left_over(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = {path.name: path.read_bytes() for path in (tmp_path / "kept").glob("*.json")}
    assert 1 <= len(done) < 4
    assert main([*arguments, "--json"]) == 0
    again = capsys.readouterr()
    assert f"{len(done)} of 4 results are there" in again.err
    assert len(json.loads(again.out)["variants"]) == 4
    kept = {path.name: path.read_bytes() for path in (tmp_path / "kept").glob("*.json")}
    assert done.items() <= kept.items()
    assert len(kept) == 4
