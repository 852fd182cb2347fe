"""What a run begins ahead is what the test is told, and ends with the run."""

from __future__ import annotations

import os
import time

import pytest

from tests import ahead


def test_every_kernel_compiles() -> None:
    done = ahead.AHEAD.done(ahead.KERNELS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("start", ahead.WANTED)
def test_whoever_is_to_ask_for_it_exists(start: str) -> None:
    path, _, name = start.partition("::")
    text = (ahead.ROOT / path).read_text(encoding="utf-8")
    assert f"def {name}" in text
    assert "AHEAD.done(" in text


def test_a_test_is_told_what_was_begun_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    once, other = ("-c", "import os; print(os.getpid())"), ("-c", "raise SystemExit(3)")
    monkeypatch.setattr(ahead, "WANTED", {"tests/a.py::": once})
    monkeypatch.delenv(ahead.FOLDER, raising=False)
    mine = ahead.Ahead()
    mine.begin(["tests/a.py::test_one", "tests/b.py::test_two"])
    assert mine.done(once).stdout == mine.done(once).stdout, "run once"
    assert mine.done(other).returncode == 3, "not begun, so it is run now"
    mine.end()


def test_other_processes_find_what_one_began(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("-c", "import os, sys; print(os.getpid()); sys.exit(3)")
    monkeypatch.setattr(ahead, "WANTED", {"tests/a.py::": words})
    monkeypatch.delenv(ahead.FOLDER, raising=False)
    one, other = ahead.Ahead(), ahead.Ahead()
    one.begin_for_all()
    other.begin(["tests/a.py::test_one"])
    told = other.done(words)
    assert (told.returncode, told.stdout) == (3, one.done(words).stdout)
    folder = os.environ[ahead.FOLDER]
    one.end()
    assert not os.path.exists(folder)


def test_what_takes_too_long_fails_and_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LONGEST_S", 0.5)
    mine = ahead.Ahead()
    with pytest.raises(TimeoutError, match="not in 0"):
        mine.done(("-c", "import time; time.sleep(600)"))
    assert mine._running is not None
    assert mine._running.poll() is not None


def test_nothing_is_left_running(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = ("-c", "import time; time.sleep(600)")
    monkeypatch.setattr(ahead, "WANTED", {"tests/a.py::": endless})
    monkeypatch.delenv(ahead.FOLDER, raising=False)
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
