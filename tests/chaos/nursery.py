"""A process that forks workers: each is a process of its own, without a second of imports.

It reads one JSON object a line (what `Rig.start_worker` writes). A worker writes ``born NAME PID``,
``ready PID`` when it says so and ``again PID`` when it found no store and tries anew; the nursery
writes ``ended PID STATUS``. Workers stop in order when the other end of their input is closed,
which only whoever started the nursery holds: nothing outlives that one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from hedger.app.warm import warm
from hedger.app.worker import work
from hedger.cli.run import _runner
from hedger.errors import StoreUnavailable
from hedger.settings import load
from tests.chaos.worker import last_words

AGAIN_S = 0.5
FRAMES = 4
"""Of a traceback, so many are told in the line that the judge shows."""


def main(life: int) -> None:
    """Fork until the input ends; ``life`` is the workers' standard input."""
    warm()
    signal.signal(signal.SIGCHLD, lambda *_: _bury())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            _live(json.loads(line), life)


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _bury() -> None:
    """Tell how workers ended; whether anybody wanted that is known elsewhere."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _say(f"ended {ended[0]} {os.waitstatus_to_exitcode(ended[1])}")


def _live(birth: dict[str, Any], life: int) -> None:
    """The life of one worker; never returns."""
    code = 1
    try:
        # Not the parent: whoever is told of an end must have been told of the birth.
        _say(f"born {birth['name']} {os.getpid()}")
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(life, 0)
        log = os.open(birth["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(log, 2)
        os.environ.update(birth["environ"])
        if birth["patch"]:
            module, _, name = birth["patch"].partition(":")
            getattr(importlib.import_module(module), name)()
        while not _has_worked(birth):
            time.sleep(AGAIN_S)
        code = 0
    except BaseException as error:
        # In one piece: all workers write to this file.
        words = last_words(birth["name"], os.getpid(), told(error))
        os.write(2, f"{words}\n{traceback.format_exc()}".encode())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _has_worked(birth: dict[str, Any]) -> bool:
    """Work to the end; False if no store was found, when `hedger run` would start it again."""
    readied = False

    def ready() -> None:
        nonlocal readied
        readied = True
        _say(f"ready {os.getpid()}")

    config = load(birth["config"])
    try:
        with contextlib.closing(_runner()) as runner:
            runner.run(work(config, name=birth["name"], temporary=False, ready=ready))
    except StoreUnavailable:
        if readied:
            raise
        _say(f"again {os.getpid()}")
        return False
    return True


def told(error: BaseException) -> str:
    """An error in one line: what was raised, of a group the first, and through which lines."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)[: -FRAMES - 1 : -1]
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{traceback.format_exception_only(error)[-1].strip()} ({places})"


if __name__ == "__main__":
    main(int(sys.argv[1]))
