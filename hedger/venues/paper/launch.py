"""Start the paper exchange as a process of its own, attach to one that runs, or stop it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from hedger.errors import ConfigError, VenueUnavailable
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.params import PaperParams, check, read_params

COMMAND = (sys.executable, "-m", "hedger", "_exchange")
OWN = ("accounts", "instruments", "autostart_s", "idle_exit_s")
"""What those who share an exchange may ask for differently."""
START_S_MAX, STOP_S_MAX, PROBE_S_MAX, POLL_S = 30.0, 5.0, 1.0, 0.02


class Launched:
    """A running exchange: its process id, and whether it was there before."""

    def __init__(self, pid: int, socket: str, *, was_running: bool) -> None:
        self.pid, self.socket, self.was_running = pid, socket, was_running
        self.child: subprocess.Popen[bytes] | None = None

    async def stop(self) -> None:
        """End it in order, by force after `STOP_S_MAX`."""
        await stop(self.socket)
        if self.child is not None:
            await _gone(self.child)


async def launch(params: PaperParams, *, command: Sequence[str] = COMMAND) -> Launched:
    """Start the exchange, or attach to the one on this socket; several may call at once.

    Parameters
    ----------
    params : PaperParams
        Written beside the socket as ``<socket>.json`` for the new process.
    command : sequence of str
        What runs the exchange; the parameter file is its last argument.

    Raises
    ------
    ConfigError
        If the exchange ends at once (its last line says why), or one runs with other settings.
    VenueUnavailable
        If it does not answer within `START_S_MAX`.
    """
    check(params)
    _make_folders(params)
    async with _lock(f"{params.socket}.lock"):
        pid = await _answering(params, opens_accounts=True)
        if pid is not None:
            return Launched(pid, params.socket, was_running=True)
        errors = f"{params.socket}.err"
        child = _spawn([*command, _write_params(params)], errors)
        try:
            return await _started(child, params, errors)
        except BaseException:
            if child.poll() is None:
                child.kill()
                child.wait(STOP_S_MAX)
            raise


async def stop(socket: str) -> None:
    """End the exchange on this socket, by force after `STOP_S_MAX`; nothing if there is none."""
    if not await is_listening(socket):
        return
    venue = PaperVenue("paper", socket, client="stop")
    with contextlib.suppress(VenueUnavailable):
        await venue.stop()
    await venue.close()
    if venue.welcome is None or await _until(lambda: not _exists(socket), STOP_S_MAX):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(venue.welcome.pid, signal.SIGKILL)


async def _started(child: subprocess.Popen[bytes], params: PaperParams, errors: str) -> Launched:
    def has_news() -> bool:
        return child.poll() is not None or _exists(params.socket)

    end_s = time.monotonic() + START_S_MAX
    while await _until(has_news, end_s - time.monotonic()):
        if child.poll() is not None:
            raise ConfigError(
                f"paper exchange {params.name!r} ended with {child.returncode}: "
                f"{_last_line(errors)}"
            )
        if await _answering(params) is not None:
            launched = Launched(child.pid, params.socket, was_running=False)
            launched.child = child
            return launched
    raise VenueUnavailable(
        f"paper exchange {params.name!r}: no answer on {params.socket} within {START_S_MAX} s"
    )


async def _answering(params: PaperParams, *, opens_accounts: bool = False) -> int | None:
    """Process id of the exchange on the socket, None if nobody answers.

    One that runs already may not know all our accounts: they are opened, once per name for ever.
    """
    if not await is_listening(params.socket):
        return None
    venue = PaperVenue(params.name, params.socket, client="launch")
    try:
        known = (await venue.status()).accounts
        if venue.welcome is None:
            return None
        if venue.welcome.name != params.name:
            raise ConfigError(
                f"{params.socket}: the exchange {venue.welcome.name!r} runs here: "
                f"expected {params.name!r}"
            )
        if opens_accounts:
            _refuse_other(params)
        for account in params.accounts if opens_accounts else ():
            if account.name not in known:
                deposit = params.deposit if account.deposit is None else account.deposit
                await venue.open_account(msgspec.structs.replace(account, deposit=deposit))
        return venue.welcome.pid
    except VenueUnavailable:
        if venue.welcome is not None:
            raise
        return None
    finally:
        await venue.close()


def _refuse_other(params: PaperParams) -> None:
    """Raise `ConfigError` if what runs is another market, or one at another speed, than asked for.

    Its parameters lie beside its socket, written by whoever started it.
    """
    running = read_params(f"{params.socket}.json")
    for field in (name for name in params.__struct_fields__ if name not in OWN):
        has, asked = getattr(running, field), getattr(params, field)
        if has != asked:
            raise ConfigError(
                f"paper exchange {params.name!r} runs already, with {field} = {has!r}: expected "
                f"{asked!r}; stop those who use it, or use its settings"
            )


async def is_listening(socket: str) -> bool:
    """Whether anybody accepts connections; a dead exchange's socket does not."""
    try:
        async with asyncio.timeout(PROBE_S_MAX):
            _, writer = await asyncio.open_unix_connection(socket)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _spawn(command: Sequence[str], errors: str) -> subprocess.Popen[bytes]:
    """A process in its own session, so that no terminal and no worker's end takes it along.

    Not asyncio's subprocess: its transport kills the child when it is collected, and this child
    is meant to outlive us.
    """
    with open(errors, "wb") as stderr:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )


def _make_folders(params: PaperParams) -> None:
    for path in (params.socket, params.log):
        try:
            Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{Path(path).parent}: {error.strerror}: expected a folder") from None


def _write_params(params: PaperParams) -> str:
    path = Path(f"{params.socket}.json")
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(params))
    return str(path)


def _last_line(path: str) -> str:
    lines = Path(path).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


@contextlib.asynccontextmanager
async def _lock(path: str) -> AsyncIterator[None]:
    """Hold a file lock; raises `VenueUnavailable` if another launcher keeps it too long."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for _ in range(round((START_S_MAX + STOP_S_MAX) / POLL_S)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(POLL_S)
        else:
            raise VenueUnavailable(f"{path}: another launcher holds the lock: expected it to end")
        yield
    finally:
        os.close(file)


async def _gone(child: subprocess.Popen[bytes]) -> None:
    """Wait for the child's end, then force it."""
    if not await _until(lambda: child.poll() is not None, STOP_S_MAX):
        child.kill()
        child.wait(STOP_S_MAX)


async def _until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Look again and again; False if it is still not so after ``seconds``."""
    for _ in range(max(round(seconds / POLL_S), 0)):
        if is_so():
            return True
        await asyncio.sleep(POLL_S)
    return is_so()


def _exists(path: str) -> bool:
    return os.path.exists(path)
