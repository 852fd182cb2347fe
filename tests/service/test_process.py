"""A worker as a real process on the real clock: its signals, its exit status, its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, sys
from hedger.telemetry import start_logging
from tests.service.process import main
start_logging(worker="w1")
asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, getattr(request, "param", "fill")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        assert process.stdout.readline() == b"executed\n"
        yield process
    finally:
        process.kill()
        process.wait()


def lines(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(
    worker: subprocess.Popen[bytes], number: int, tmp_path: Path
) -> None:
    worker.send_signal(number)
    assert worker.wait(5) == 0
    said = lines(tmp_path)
    assert all(line["worker"] == "w1" for line in said)
    assert [line["event"] for line in said][-1] == "stopped"
    (hedge,) = [line for line in said if line.get("action") == "hedge"]
    assert hedge["book"] == "main"
    assert str(hedge["decision"]).startswith("main.")
    assert hedge["epoch"]
    order = next(line for line in said if line["event"] == "order")
    assert order["decision"] == hedge["decision"]


@pytest.mark.parametrize("worker", ["deaf"], indirect=True)
def test_a_second_signal_ends_it_at_once(worker: subprocess.Popen[bytes]) -> None:
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert worker.poll() is None, "an order is in flight: it waits"
    began_s = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(5) == 128 + signal.SIGTERM
    assert time.monotonic() - began_s < 1.0
