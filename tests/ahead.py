"""Long computations that tests wait for, begun with the run, on a core that nobody uses just then.

A test run computes, or waits. What needs minutes of a core and depends on nothing runs beside it,
at the lowest priority, one after the other; the test that wants the result asks for it, and waits
for what is left. Run alone, such a test waits for all of it. Where the tests run in several
processes, the one that hands them out begins everything, and leaves the results in a folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JOBS = str(os.cpu_count() or 1)
SEEDS = 300
EPISODES = ("-m", "tests.simulation", "--episodes", str(SEEDS), "--jobs", JOBS)
ABLATIONS = ("-m", "tests.simulation", "--ablations", "--jobs", JOBS)
KERNELS = ("-m", "tests.pricing.public_calls")
WANTED = {
    # Kernels first: whoever needs one finds it.
    "tests/test_ahead.py::test_every_kernel_compiles": KERNELS,
    "tests/simulation/test_ablations.py::": ABLATIONS,
    "tests/simulation/test_episodes.py::test_no_seed_hedges_twice_or_loses_a_hedge": EPISODES,
}
"""Whose result is asked for by which tests, by how their names begin; begun in this order."""
LONGEST_S = 900.0
LOOK_S = 0.2
FOLDER = "HEDGER_TESTS_AHEAD"
"""The variable that names the folder of results."""

_Done = subprocess.CompletedProcess[str]


class Ahead:
    """One queue of commands of this interpreter; ``begin`` once, ``done`` by the tests."""

    def __init__(self) -> None:
        self._queue = ThreadPoolExecutor(1)
        self._found: dict[tuple[str, ...], Future[_Done]] = {}
        self._running: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def begin(self, tests: Collection[str]) -> None:
        """Start what these tests will ask for, unless that was begun for all processes."""
        for start, words in WANTED.items():
            if FOLDER not in os.environ and any(test.startswith(start) for test in tests):
                self._found[words] = self._queue.submit(self._run, words)

    def begin_for_all(self) -> None:
        """Start everything, for tests in processes that this one starts."""
        self._folder = tempfile.TemporaryDirectory(prefix="hedger-ahead-")
        os.environ[FOLDER] = self._folder.name
        for words in WANTED.values():
            self._found[words] = self._queue.submit(self._left, words, Path(self._folder.name))

    def done(self, words: Sequence[str]) -> _Done:
        """What a command came to; it is run now unless it was begun.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        if begun := self._found.get(tuple(words)):
            return begun.result(LONGEST_S)
        if FOLDER in os.environ and tuple(words) in WANTED.values():
            return _found(_place(words, Path(os.environ[FOLDER])))
        return self._run(words)

    def end(self) -> None:
        """Nothing is left running."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        if self._running is not None and self._running.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(10)
        if self._folder is not None:
            os.environ.pop(FOLDER, None)
            self._folder.cleanup()

    def _left(self, words: Sequence[str], folder: Path) -> _Done:
        """Run, and leave what came of it where other processes look."""
        done, place = self._run(words), _place(words, folder)
        told = {"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        place.with_suffix(".part").write_text(json.dumps(told), encoding="utf-8")
        place.with_suffix(".part").rename(place)
        return done

    def _run(self, words: Sequence[str]) -> _Done:
        lowest = ("nice", "-n", "19") if shutil.which("nice") else ()
        command = (*lowest, sys.executable, *words)
        self._running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, wrong = self._running.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired as late:
            os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(10)
            raise TimeoutError(f"{' '.join(words)}: not in {LONGEST_S:g} s") from late
        return subprocess.CompletedProcess(command, self._running.returncode, out, wrong)


def _place(words: Sequence[str], folder: Path) -> Path:
    return folder / f"{list(WANTED.values()).index(tuple(words))}.json"


def _found(place: Path) -> _Done:
    """A result that another process leaves; raises `TimeoutError`."""
    end_s = time.monotonic() + LONGEST_S
    while not place.exists():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{place.name}: not in {LONGEST_S:g} s")
        time.sleep(LOOK_S)
    return _Done(args=(), **json.loads(place.read_text(encoding="utf-8")))


AHEAD = Ahead()
