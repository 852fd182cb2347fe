"""The embedded server's house rules: its lock files, and the small process that looks after it.

Run as a script (standard library only, nothing of this package, so that it starts in
milliseconds), the keeper starts the server as its child, starts it again if it dies, and stops it
when the last process using it has gone, however that process went.

Three lock files in the state directory say who is where; the kernel drops a lock with its holder:

* ``start.lock``: taken for a moment by whoever attaches, leaves or stops.
* ``users.lock``: shared, held by every attached process.
* ``data.lock``: held by keeper and server; free means that nobody writes these data.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import IO

CHECK_S = 0.5
SHORT_LIFE_S = 2.0
SHORT_LIVES_MAX = 20
STOP_S = 20.0


def take(path: str, *, shared: bool = False, wait_s: float = 0.0) -> IO[bytes] | None:
    """Lock a file and return it open, or None when the wait is over; closing it unlocks."""
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    end = time.monotonic() + wait_s
    while True:
        file = open(path, "ab")  # noqa: SIM115  the lock lives as long as the file is open
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, how)
            # A temporary server's files are removed with their locks held: only a lock on the file
            # that now has this name counts.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
                    return file
        file.close()
        if time.monotonic() >= end:
            return None
        time.sleep(0.005)


def start_lock(state: str) -> str:
    """Path of the lock that whoever attaches, leaves or stops takes for a moment."""
    return os.path.join(state, "start.lock")


def users_lock(state: str) -> str:
    """Path of the lock that every attached process shares."""
    return os.path.join(state, "users.lock")


def data_lock(state: str) -> str:
    """Path of the lock that keeper and server hold."""
    return os.path.join(state, "data.lock")


def pid_file(state: str) -> str:
    """Path of the file with the server's process id; believed only while the data are locked."""
    return os.path.join(state, "server.pid")


def log_file(state: str) -> str:
    """Path of the server's log."""
    return os.path.join(state, "server.log")


def server_pid(state: str) -> int | None:
    """Process id of the running server, None while it is not known."""
    with contextlib.suppress(OSError, ValueError), open(pid_file(state), encoding="ascii") as file:
        return int(file.read())
    return None


def stop(state: str) -> bool:
    """End the running server in order; the caller holds the start lock. False if it stays."""
    end = time.monotonic() + STOP_S
    while time.monotonic() < end:
        pid = server_pid(state)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            break
        time.sleep(0.01)
    free = take(data_lock(state), wait_s=end - time.monotonic())
    if free is None:
        return False
    free.close()
    return True


def sweep(state: str, socket: str) -> None:
    """Remove everything a temporary server has left, and nothing else."""
    shutil.rmtree(os.path.join(state, "appendonlydir"), ignore_errors=True)
    names = ("dump.rdb", "server.log", "server.pid", "data.lock", "users.lock", "start.lock")
    for path in (socket, *(os.path.join(state, name) for name in names)):
        with contextlib.suppress(OSError):
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(state)


def _launch(state: str, lock: int, command: list[str]) -> subprocess.Popen[bytes]:
    with open(log_file(state), "ab") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,)
        )
    with open(pid_file(state), "w", encoding="ascii") as file:
        file.write(str(server.pid))
    return server


def _nobody_left(state: str) -> list[IO[bytes]]:
    """The locks that prove it, held; empty while there are users."""
    start = take(start_lock(state))
    if start is None:
        return []
    users = take(users_lock(state))
    if users is None:
        start.close()
        return []
    return [start, users]


def keep(state: str, socket: str, temporary: bool, lock: int, command: list[str]) -> None:
    """Look after one server until it is stopped in order or cannot live."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    short = 0
    while short < SHORT_LIVES_MAX:
        born = time.monotonic()
        server = _launch(state, lock, command)
        try:
            while server.poll() is None:
                if select.select([awake], [], [], CHECK_S)[0]:
                    os.read(awake, 64)
                    continue
                held = _nobody_left(state)
                if held:
                    _end(server)
                    if temporary:
                        sweep(state, socket)
                    return
        finally:
            # Whatever went wrong here (a state directory removed under our feet): no orphan.
            _end(server)
        lived = time.monotonic() - born > SHORT_LIFE_S
        if server.returncode == 0 or (server.returncode > 0 and not lived):
            return  # stopped in order, or it refuses to start: its log says why
        short = 0 if lived else short + 1
        time.sleep(0.05 * short)


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        server.wait()


def main(arguments: list[str]) -> None:
    """Detach, then keep: ``state socket temporary lock command...``."""
    state, socket, temporary, lock, *command = arguments
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    keep(state, socket, temporary == "1", int(lock), command)


if __name__ == "__main__":
    main(sys.argv[1:])
