"""The long runs in their shortest form: a few faults each, the same rig, the same judge."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from tests.chaos import clock, clocks, kill, partition, pause, server, stale, venue
from tests.chaos.__main__ import play
from tests.chaos.books import Setting
from tests.chaos.judge import once, take_overs
from tests.chaos.lines import behind_lines
from tests.chaos.rig import ROOT, Kill, Rig
from tests.chaos.run import Run
from tests.chaos.table import append, finished, table
from tests.story.marked import HAS_PROC, Mark

PHASE_S = 4.0
STOPS = (1.2, 2.0)
"""Leases that a worker stands still, here: the phase after it waits for the last one."""
NEEDS_CC = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler for a shifted clock")
LEAST_PROCESSES = 7
"""Command, exchange, nursery and four workers; the server overwrites what the mark stands in."""


@contextlib.asynccontextmanager
async def lines_and_clocks(rig: Rig) -> AsyncIterator[None]:
    async with behind_lines(rig, more=6), clock.told(rig):
        yield


async def one_after_the_other(rig: Rig, rng: Random) -> None:
    """Deaths; stops and a server that dies; lines, exchange and clocks; a server of earlier."""
    for phase in ((kill,), (pause, server), (partition, venue, clock), (stale,)):
        rig.end_s = time.monotonic() + PHASE_S
        await asyncio.gather(*(harm.inject(rig, Random(rng.random())) for harm in phase))


@NEEDS_CC
def test_a_few_faults_of_every_kind_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One rig suffers them all, as starting one costs more than harming it."""
    monkeypatch.setattr(pause, "LEASES", STOPS)
    run = Run(
        name="short",
        figure="0 over, 0 lost",
        minutes=4 * PHASE_S / 60.0,
        inject=one_after_the_other,
        setting=Setting(
            books=16,
            shards=16,
            serve=clock.shifted,
            lines=lines_and_clocks,
            patch=f"{__name__}:stops_and_follows",
        ),
        least={
            **{"SIGKILL": 2, "SIGSTOP": 1, "server SIGKILL": 1},
            **{"partitions": 3, "venue faults": 5, "clock jumps": 2, "stale server": 1},
        },
        orders=50,
    )
    line = asyncio.run(play(run, seed=3, scale=1.0))
    # How fast it is again is for the long form: the short one shares its cores with other tests.
    assert [text for text in line.wrong if not text.startswith("take-over: ")] == []
    file = tmp_path / "result.jsonl"
    append(file, line)
    file.open("ab").write(b'{"run": "cut sh')
    assert finished(file, seed=3, scale=1.0) == {"short": line}
    assert finished(file, seed=4, scale=1.0) == {}
    append(file, line)
    assert finished(file, seed=3, scale=1.0) == {"short": line}, "after a line cut short"
    assert "| short |" in table([line])


def stops_and_follows() -> None:
    """In a worker process: both of what the harms need of it."""
    pause.stops_itself()
    clocks.follow()


def test_a_book_that_nobody_takes_over_in_time_is_named() -> None:
    kills = [Kill(1_000, "w1", ("a", "b", "c")), Kill(2_000, "w2", ())]
    made = {"a": 2_900, "b": 4_500}
    decisions = [{"book": book, "wall_ms": ms} for book, ms in made.items()]
    found, slow = take_overs(decisions, kills, [])
    assert found == [1_900.0, 3_500.0]
    assert [text[0] for text in slow] == ["b", "c"]
    assert [text[0] for text in take_overs(decisions, kills, [(3_000, 3_100)])[1]] == ["c"]


def test_of_two_decisions_of_one_id_that_stands_whose_order_was_sent() -> None:
    def entry(one: str, lots: int) -> dict[str, object]:
        return {"id": one, "action": "hedge", "intents": [{"id": "x", "lots": lots}]}

    both = [entry("first", 3), entry("second", -2)]
    sent = {"event": "OrderSeen", "client_id": "x", "lots": 3}
    assert once([sent], both) == ([both[0]], 1)
    assert once([], both) == ([both[1]], 1)
    assert once([{**sent, "lots": 7}], both) == ([both[1]], 1), "which the oracle then objects to"
    twins = [entry("one", 3), entry("one", -2)]
    assert once([sent], twins) == ([twins[0]], 1), "ids of decisions made with clocks that were set"


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
