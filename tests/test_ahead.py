"""What a run begins ahead is what the test is told, and ends with the run."""

from __future__ import annotations

import os
import time

import pytest

from tests import ahead


def test_a_test_is_told_what_was_begun_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    once, other = ("-c", "import os; print(os.getpid())"), ("-c", "raise SystemExit(3)")
    monkeypatch.setattr(ahead, "WANTED", {"tests/a.py::": once})
    mine = ahead.Ahead()
    mine.begin(["tests/a.py::test_one", "tests/b.py::test_two"])
    assert mine.done(once).stdout == mine.done(once).stdout, "run once"
    assert mine.done(other).returncode == 3, "not begun, so it is run now"
    mine.end()


def test_nothing_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = ("-c", "import time; time.sleep(600)")
    monkeypatch.setattr(ahead, "WANTED", {"tests/a.py::": endless})
    mine = ahead.Ahead()
    mine.begin(["tests/a.py::test_one"])
    end_s = time.monotonic() + 30.0
    while mine._running is None and time.monotonic() < end_s:
        time.sleep(0.01)
    running = mine._running
    assert running is not None
    mine.end()
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
