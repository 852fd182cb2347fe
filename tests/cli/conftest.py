"""A place of its own for each test, and one deployment that really runs, shared by a module."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.place import BLOCKED, COIN, HEDGED, Place, Said, call

Call = Callable[..., Said]


def new_place() -> Iterator[Place]:
    # Short, for the sockets' sake.
    folder = Path(tempfile.mkdtemp(prefix="hc-", dir="/tmp"))
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place() -> Iterator[Place]:
    yield from new_place()


@pytest.fixture
def hedger(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call a command in this process: ``hedger(place, "status", "--json")``."""

    def run(place: Place | None, *arguments: str) -> Said:
        return call(place, capsys, monkeypatch, *arguments)

    return run


@pytest.fixture(scope="module")
def desk() -> Iterator[Place]:
    """A running deployment of three books: one hedged, one quiet, one blocked."""
    for place in new_place():
        place.write(HEDGED, COIN, BLOCKED)
        log = place.folder / "run.log"
        pid = _spawn(place, log)
        try:
            _until(3, pid, log)
            yield place
        finally:
            os.kill(pid, signal.SIGTERM)
            _, code = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(code) == 0, log.read_text()[-2000:]
        assert left_over(place) == []


def processes(place: Place) -> list[tuple[int, str]]:
    """Processes that have something to do with a place, by their command lines."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(place.folder) in line and int(entry.name) != os.getpid():
            found.append((int(entry.name), line))
    return found


def left_over(place: Place) -> list[str]:
    """Command lines of the processes that are still there."""
    return [line for _, line in processes(place)]


def _spawn(place: Place, log: Path) -> int:
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "hedger", "run", "--config", str(place.config)],
            env=place.environ,
            stdout=subprocess.DEVNULL,
            stderr=file,
        )
    return process.pid


def _until(hedges: int, pid: int, log: Path, within_s: float = 40.0) -> None:
    end = time.monotonic() + within_s
    while log.read_text().count('"action": "hedge"') < hedges:
        assert os.waitpid(pid, os.WNOHANG) == (0, 0), log.read_text()[-2000:]
        assert time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.05)
