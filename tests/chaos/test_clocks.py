"""A moved clock is moved in the process that it is meant for, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hedger.store import embedded
from tests.chaos.clocks import ShiftedClock, Unavailable, library
from tests.store import servers

LOOK = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return library(tmp_path_factory.mktemp("shift"))
    except Unavailable as error:
        pytest.skip(str(error))


def test_the_wall_clock_moves_and_monotonic_time_does_not(shifted: Path, tmp_path: Path) -> None:
    clock = ShiftedClock(shifted, tmp_path / "clock")
    process = subprocess.Popen(
        [sys.executable, "-c", LOOK],
        env={**os.environ, **clock.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        for seconds in (0.0, 5.0, -5.0):
            clock.move(seconds)
            process.stdin.write("look\n")
            process.stdin.flush()
            wall, monotonic = map(float, process.stdout.readline().split())
            assert abs(wall - time.time() - seconds) < 0.5
            assert abs(monotonic - time.monotonic()) < 0.5
        process.stdin.close()


def test_the_servers_clock_moves(shifted: Path, tmp_path: Path) -> None:
    clock = ShiftedClock(shifted, tmp_path / "clock")
    with servers.Group(tmp_path) as group:
        port = servers.free_port()
        group.start(port, environ=clock.environ)
        for seconds in (0.0, 60.0, -60.0):
            clock.move(seconds)
            at = servers.client(port).time()
            assert abs(at[0] - time.time() - seconds) < 2.0, embedded.server_program()
