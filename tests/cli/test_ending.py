"""Ends at odd moments: one line, the exit status, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hedger.cli.ending import Terminated, terminable
from hedger.cli.output import run_async, say


def demo(folder: Path) -> subprocess.Popen[str]:
    """A demo that has just begun to fill its folder, in no event loop."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hedger", "demo", "--seconds", "30"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30.0
    while not any(folder.glob("*/*")) and time.monotonic() < end:
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_early_leaves_nothing(tmp_path: Path, number: int) -> None:
    process = demo(tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, ""), err
    word = "interrupted" if number == signal.SIGINT else "terminated"
    assert err.splitlines()[-1] == f"hedger: {word}"
    assert list(tmp_path.iterdir()) == []


def test_the_first_signal_raises_and_later_ones_do_not_disturb() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGHUP)
            cleaned.append(True)

    with pytest.raises(Terminated), terminable():
        work()
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_loop_hears_the_signals_and_gives_them_back(number: int) -> None:
    async def ends() -> None:
        signal.raise_signal(number)
        await asyncio.sleep(10.0)

    with terminable():
        before = signal.getsignal(number)
        with pytest.raises(Terminated):
            run_async(ends)
        assert signal.getsignal(number) is before


def test_nobody_listening_stops_no_clean_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed:
        monkeypatch.setattr(sys, "stderr", closed)
        say("stopping workers")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            closed.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), closed.fileno())


@pytest.mark.parametrize(("arguments", "status"), [("config schema >&-", 0), ("nope 2>&-", 2)])
def test_a_closed_stream_is_no_defect(arguments: str, status: int) -> None:
    command = f'exec "{sys.executable}" -m hedger {arguments}'
    done = subprocess.run(
        ["sh", "-c", command], check=False, capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    code = (
        "from hedger.telemetry import logger, start_logging\n"
        "start_logging()\n"
        "for number in range(50): logger().warning('said', number=number, text='x' * 1_000)\n"
        "print('alive')"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            stdout=subprocess.PIPE,
            stderr=closed,
            timeout=30,
        )
    assert done.stdout == b"alive\n"
