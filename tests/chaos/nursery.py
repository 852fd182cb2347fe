"""A process that forks workers: each is a process of its own, without a second of imports.

It reads one JSON object a line (what `Birth` holds) and writes ``born NAME PID``; a worker writes
``ready PID`` when it says so. Workers stop in order when the other end of their input is closed,
which only whoever started the nursery holds: nothing outlives that one.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from typing import Any

from hedger.app.warm import warm
from hedger.app.worker import work
from hedger.cli.run import _runner
from hedger.settings import load


def main(life: int) -> None:
    """Fork until the input ends; ``life`` is the workers' standard input."""
    warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a worker ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        birth = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(birth, life)
        _say(f"born {birth['name']} {pid}")


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def _live(birth: dict[str, Any], life: int) -> None:
    """The life of one worker; never returns."""
    code = 1
    try:
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
        config = load(birth["config"])
        ready = lambda: _say(f"ready {os.getpid()}")
        with contextlib.closing(_runner()) as runner:
            runner.run(work(config, name=birth["name"], temporary=False, ready=ready))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
