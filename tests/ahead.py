"""Long computations that tests wait for, begun with the run, on a core that nobody uses just then.

A test run is one process that computes on one core, or waits. What needs minutes of a core and
depends on nothing runs beside it, at the lowest priority, one after the other; the test that wants
the result asks for it, and waits for what is left. Run alone, such a test waits for all of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
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

_Done = subprocess.CompletedProcess[str]


class Ahead:
    """One queue of commands of this interpreter; ``begin`` once, ``done`` by the tests."""

    def __init__(self) -> None:
        self._queue = ThreadPoolExecutor(1)
        self._found: dict[tuple[str, ...], Future[_Done]] = {}
        self._running: subprocess.Popen[str] | None = None

    def begin(self, tests: Collection[str]) -> None:
        """Start what these tests will ask for."""
        for start, words in WANTED.items():
            if any(test.startswith(start) for test in tests):
                self._found[words] = self._queue.submit(self._run, words)

    def done(self, words: Sequence[str]) -> _Done:
        """What a command came to; it is run now unless it was begun.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        begun = self._found.get(tuple(words))
        return begun.result(LONGEST_S) if begun else self._run(words)

    def end(self) -> None:
        """Nothing is left running."""
        self._queue.shutdown(wait=False, cancel_futures=True)
        if self._running is not None and self._running.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait(10)

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


AHEAD = Ahead()
