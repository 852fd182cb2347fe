"""The long runs in their shortest form: a few faults each, the same rig, the same judge."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.__main__ import play
from tests.chaos.judge import take_overs
from tests.chaos.rig import ROOT, Kill
from tests.chaos.run import runs
from tests.chaos.table import append, finished, table
from tests.story.marked import HAS_PROC, Mark

SECONDS = {"kill": 4.0, "pause": 4.0, "server-everysec": 6.0}
LEAST_PROCESSES = 7
"""Command, exchange, nursery and four workers; the server overwrites what the mark stands in."""
LEAST = {"kill": "SIGKILL", "pause": "SIGSTOP", "server-everysec": "server SIGKILL"}


@pytest.mark.parametrize("name", list(SECONDS))
def test_a_few_faults_of_each_kind_do_no_harm(name: str, tmp_path: Path) -> None:
    run = runs()[name]
    scale = SECONDS[name] / 60.0 / run.minutes
    line = asyncio.run(play(run, seed=3, scale=scale))
    # How fast it is again is for the long form: the short one shares its cores with other tests.
    slow = ("take-over: ", "figure: ")
    assert [text for text in line.wrong if not text.startswith(slow)] == []
    assert line.faults[LEAST[name]] >= 1
    assert line.orders >= 100
    file = tmp_path / "result.jsonl"
    append(file, line)
    file.open("ab").write(b'{"run": "cut sh')
    assert finished(file, seed=3, scale=scale) == {name: line}
    assert finished(file, seed=4, scale=scale) == {}
    append(file, line)
    assert finished(file, seed=3, scale=scale) == {name: line}, "after a line cut short"
    assert f"| {name} |" in table([line])


def test_a_book_that_nobody_takes_over_in_time_is_named() -> None:
    kills = [Kill(1_000, "w1", ("a", "b", "c")), Kill(2_000, "w2", ())]
    made = {"a": 2_900, "b": 4_500}
    decisions = [{"book": book, "wall_ms": ms} for book, ms in made.items()]
    found, slow = take_overs(decisions, kills, [])
    assert found == [1_900.0, 3_500.0]
    assert [text[0] for text in slow] == ["b", "c"]
    assert [text[0] for text in take_overs(decisions, kills, [(3_000, 3_100)])[1]] == ["c"]


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_an_interrupt_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = Mark.new()
    words = ["--only", "kill", "--minutes", "1", "--result", str(tmp_path / "result.jsonl")]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **mark.environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end_s = time.monotonic() + 60.0
    while len(mark.processes()) < LEAST_PROCESSES and time.monotonic() < end_s:
        time.sleep(0.05)
    assert len(mark.processes()) >= LEAST_PROCESSES
    (folder,) = mark.folders()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert mark.processes() == {}
    assert not folder.exists()
    assert not [line for line in command_lines() if str(folder) in line], "the server"


def command_lines() -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(place.read_bytes().replace(b"\0", b" ").decode())
    return found
