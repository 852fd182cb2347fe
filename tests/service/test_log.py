"""Nobody reads the log: nothing waits, what was dropped is counted, and the end is bounded."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from hedger.telemetry import Spool

ROOT = Path(__file__).resolve().parents[2]
LINES = 20_000
PROGRAM = f"""
import sys
from hedger.telemetry import logger, start_logging
start_logging(detached=True, worker="w1")
for number in range({LINES}):
    logger().info("line", number=number, filling="x" * 500)
sys.stdout.write("done\\n")
sys.stdout.flush()
sys.stdin.readline()
logger().info("last")
"""


def start() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(20.0, process.kill)
    watchdog.start()
    try:
        assert process.stdout.readline() == "done\n", "it waited for a reader"
    finally:
        watchdog.cancel()
    return process


def test_a_log_that_nobody_reads_delays_nothing_and_tells_what_it_dropped() -> None:
    process = start()
    _, err = process.communicate("\n", timeout=20)
    said = [json.loads(line) for line in err.splitlines()]
    assert process.returncode == 0
    kept = [line["number"] for line in said if line["event"] == "line"]
    dropped = sum(line["lines"] for line in said if line["event"] == "log_dropped")
    assert kept == sorted(kept)
    assert len(kept) + dropped in (LINES, LINES + 1)
    assert dropped > LINES / 4


def test_a_process_whose_log_nobody_reads_still_ends() -> None:
    process = start()
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    began_s = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - began_s < 5.0
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


def test_a_spool_is_bounded_and_keeps_the_order() -> None:
    gate, written = threading.Event(), []

    def write(data: bytes) -> None:
        gate.wait(5.0)
        written.append(data)

    spool = Spool(write, lines_max=10)
    for number in range(100):
        spool.write(f"{number}\n")
    assert spool.dropped >= 89
    gate.set()
    spool.close()
    assert written[0] == b"0\n"
    assert b'"lines": %d' % spool.dropped in written[1]
    assert written[2:] == [b"%d\n" % number for number in range(1, len(written) - 1)]
