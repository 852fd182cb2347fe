"""The demo as people run it: a process of its own, its output, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import judged, read_lines
from tests.story.fleet import fleet
from tests.story.marked import HAS_PROC, Mark
from tests.story.test_report import REQUIRED

RULES = {"*": {"base_coin": 20.0}}
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
UP_S, DOWN_S = 40.0, 20.0

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no recorded data beside the checkout")


class Demo:
    """A running `hedger demo`, and everything that it has said so far."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.mark = Mark.new()
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("HEDGER")}
        environ = clean | self.mark.environ | {"TMPDIR": str(folder)}
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hedger", "demo", *options],
                stdout=out,
                stderr=err,
                env=environ,
            )

    def until(self, words: str, within_s: float = UP_S) -> None:
        end_s = time.monotonic() + within_s
        while not re.search(words, self.stderr.read_text()):
            assert self.process.poll() is None, self.stderr.read_text()
            assert time.monotonic() < end_s, f"{words!r} never said: {self.stderr.read_text()}"
            time.sleep(0.05)

    def status(self, within_s: float) -> int:
        return self.process.wait(within_s)

    def leaves_nothing(self, folders: set[Path], temporary: Path) -> None:
        assert not [folder for folder in folders if folder.exists()]
        assert not list(temporary.glob("hedger-demo-*")), "the demo's own folder is still there"
        end_s = time.monotonic() + 2.0  # a process of the system's may need a moment to be reaped
        while (left := self.mark.processes()) and time.monotonic() < end_s:
            time.sleep(0.05)
        assert not left


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[list[Demo]]:
    """Demos of one test; what is left of them after a failure is ended by its process id."""
    started: list[Demo] = []
    yield started
    for demo in started:
        for pid in demo.mark.processes() if HAS_PROC else ():
            os.kill(pid, signal.SIGKILL)
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


def judge(kept: Path) -> dict[str, Any]:
    lines, decisions = (
        read_lines(str(kept / "trades.jsonl")),
        read_lines(str(kept / "decisions.jsonl")),
    )
    found = judged(lines, rules=RULES, decisions=decisions)
    assert found["violations"] == []
    account: dict[str, Any] = found["accounts"]["btc-main"]
    return account


def checked(found: dict[str, Any]) -> None:
    """What holds for every run."""
    assert set(REQUIRED) <= found.keys()
    assert found["agreement"] <= 1e-9
    assert found["residual_share"] <= 0.05
    assert found["hedges_in_band_share"] > 0.9
    assert found["decision_ms_p50"] > 0.0
    for line in found["settlements"]:
        assert line["unwound"], line


def test_short_demo_on_the_simulated_market(tmp_path: Path, demos: list[Demo]) -> None:
    kept = tmp_path / "kept"
    demo = Demo(tmp_path, "--json", "--seconds", "4", "--speed", "3000", "--keep", str(kept))
    demos.append(demo)
    demo.until("workers are ready")
    folders = demo.mark.folders() if HAS_PROC else set()
    assert folders or not HAS_PROC
    assert demo.status(UP_S) == 0, demo.stderr.read_text()
    found = json.loads(demo.stdout.read_text())
    checked(found)
    assert found["hedges"] >= 5
    assert found["settlements"], "an expiry falls into the last quarter of the run"
    account = judge(kept)
    assert account["hedges"] == found["hedges"]
    assert account["equity_gap"] <= 1e-12
    assert json.loads((kept / "report.json").read_text()) == found
    demo.leaves_nothing(folders, tmp_path)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_interrupted_demo_leaves_nothing(
    tmp_path: Path, demos: list[Demo], number: signal.Signals
) -> None:
    demo = Demo(tmp_path, "--seconds", "60")
    demos.append(demo)
    demo.until("hedges [1-9]")
    folders = demo.mark.folders() if HAS_PROC else set()
    demo.process.send_signal(number)
    assert demo.status(DOWN_S) == 130, demo.stderr.read_text()
    assert demo.stdout.read_text() == ""
    assert "Traceback" not in demo.stderr.read_text()
    demo.leaves_nothing(folders, tmp_path)


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc to find the worker")
def test_failed_demo_says_why_and_leaves_nothing(tmp_path: Path, demos: list[Demo]) -> None:
    demo = Demo(tmp_path, "--seconds", "60")
    demos.append(demo)
    demo.until("workers are ready")
    folders = demo.mark.folders()
    worker = next(pid for pid, line in demo.mark.processes().items() if " _worker " in line)
    os.kill(worker, signal.SIGKILL)
    assert demo.status(DOWN_S) == 1, demo.stderr.read_text()
    last = demo.stderr.read_text().splitlines()[-1]
    assert last.startswith("hedger: ")
    assert "ended with status -9" in last
    assert "Traceback" not in demo.stderr.read_text()
    demo.leaves_nothing(folders, tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "/no/such/folder"], "/no/such/folder"),
        (["--seconds", "-1"], "seconds"),
        (["--start", "yesterday"], "--start"),
        (["--end", "2026-06-28T08:00", "--start", "2026-06-28T09:00"], "--start"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, options: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hedger", "demo", *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=UP_S,
        env={k: v for k, v in os.environ.items() if not k.startswith("HEDGER")},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr


@pytest.mark.long
def test_demo_of_a_configuration_of_ones_own(tmp_path: Path, demos: list[Demo]) -> None:
    path = fleet(tmp_path, books=2, lease_s=5.0, latency_ms=1.0)
    kept = tmp_path / "kept"
    options = ("--json", "--config", str(path), "--seconds", "3", "--speed", "3000")
    demo = Demo(tmp_path, *options, "--keep", str(kept))
    demos.append(demo)
    assert demo.status(UP_S) == 0, demo.stderr.read_text()
    found = json.loads(demo.stdout.read_text())
    assert found["book"] == "book-00"
    assert found["hedges"] >= 5
    checked(found)


@needs_data
def test_recorded_hours_with_a_settlement(tmp_path: Path, demos: list[Demo]) -> None:
    kept = tmp_path / "kept"
    hours = ("--start", "2026-06-29T06:30", "--end", "2026-06-29T09:00")
    demo = Demo(tmp_path, "--json", "--data", str(DATA), *hours, "--keep", str(kept))
    demos.append(demo)
    assert demo.status(60.0) == 0, demo.stderr.read_text()
    found = json.loads(demo.stdout.read_text())
    checked(found)
    (line,) = found["settlements"]
    assert line["is_whole"]
    assert abs(line["hedged_inside"]) > 1.0, "the hedge follows the leg inside the window"
    assert judge(kept)["settlements"] >= 1


@needs_data
@pytest.mark.long
def test_recorded_week(tmp_path: Path, demos: list[Demo]) -> None:
    kept = tmp_path / "kept"
    demo = Demo(tmp_path, "--json", "--data", str(DATA), "--keep", str(kept))
    demos.append(demo)
    assert demo.status(1_200.0) == 0, demo.stderr.read_text()
    found = json.loads(demo.stdout.read_text())
    checked(found)
    assert found["bars"] > 9_000
    assert found["std_ratio_1m"] <= 0.30
    assert abs(found["slope_1h"]) <= found["band_half_width"]
    assert found["residual_share"] <= 0.05
    assert found["residual_std_share"] <= 0.05
    assert found["hedges_in_band_share"] == 1.0
    assert len(found["settlements"]) == 2
    kinds = {line["expiry"]: line["expiring_delta"]["start"] for line in found["settlements"]}
    assert min(kinds.values()) < -4.5, "one leg ends in the money"
    assert max(kinds.values()) > -3.5, "one is pinned"
    account = judge(kept)
    assert account["in_band"] == account["hedges"] == found["hedges"]
    demo.leaves_nothing(set(), tmp_path)
