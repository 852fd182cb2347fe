"""A simulated server: the real scripts on data that survive a crash as far as they were synced.

It belongs to no worker. A restart is a new incarnation (``run_id``): the script cache is gone, and
with it what had not reached the disk, or everything since a stale snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hedger.store.keys import SCHEMA, Keys
from hedger.store.scripts import scripts
from tests.simulation.data import WRITING, Command, Data, WrongCommand
from tests.simulation.lua import engine

BEGIN_MS = 1_782_400_000_000
SCRIPTS = scripts()
NAMES = {script.sha.encode(): name for name, script in SCRIPTS.items()}
SHAS = {script.source.encode(): script.sha.encode() for script in SCRIPTS.values()}


class NoScript(WrongCommand):
    """The script is not in the cache."""


class Write(NamedTuple):
    """One atomic change, as the append-only file keeps it: all commands of it or none."""

    at_s: float
    commands: list[Command]


class Published(NamedTuple):
    """A journal entry as it was written, whatever becomes of it."""

    at_s: float
    payload: bytes


class Server:
    """The server and its disk.

    ``clock_ms`` is the error of its wall clock; ``published`` what its journals were ever given.
    """

    def __init__(self, deployment: str, *, now_s: Callable[[], float], shards: int) -> None:
        self._now_s = now_s
        self._disk: list[Write] = []
        self._writing: list[Command] = []
        self._cache: dict[bytes, bytes] = {}
        self._lives = 1
        self.data = Data()
        self.clock_ms = 0
        self.up = True
        self.run_id = "run-1"
        self.connections: list[Any] = []
        self.published: list[Published] = []
        self.lost_writes = 0
        meta = Keys(deployment).meta.encode()
        first = (b"schema", b"%d" % SCHEMA, b"namespace", b"00c0ffee", b"shards", b"%d" % shards)
        self._atomic(lambda: self._execute([b"HSET", meta, *first]))

    def now_ms(self) -> int:
        return BEGIN_MS + self.clock_ms + int(self._now_s() * 1_000)

    # --- commands -------------------------------------------------------------------------

    def answer(self, command: Sequence[bytes]) -> Any:
        """Answer one command; errors are raised."""
        match command[0]:
            case b"EVALSHA":
                count = int(command[2])
                keys, argv = command[3 : 3 + count], command[3 + count :]
                if command[1] not in self._cache:
                    raise NoScript("NOSCRIPT No matching script. Please use EVAL.")
                source = self._cache[command[1]]
                return self._atomic(lambda: engine().run(source, keys, argv, self._execute))
            case b"SCRIPT LOAD":
                sha = SHAS[command[1]]
                self._cache[sha] = command[1]
                return sha
            case b"INFO":
                return self._info(command[1])
            case _:
                return self._atomic(lambda: self._execute(list(command)))

    def _info(self, section: bytes) -> bytes:
        if section == b"server":
            return f"redis_version:7.4.0\r\nrun_id:{self.run_id}\r\n".encode()
        return b"maxmemory:0\r\nused_memory:1\r\nmaxmemory_policy:noeviction\r\n"

    def _atomic(self, act: Callable[[], Any]) -> Any:
        self._writing = []
        reply = act()
        if self._writing:
            self._disk.append(Write(self._now_s(), self._writing))
        return reply

    def _execute(self, command: list[bytes]) -> Any:
        now_ms = self.now_ms()
        match command[0]:
            case b"TIME":
                micros = int(self._now_s() * 1_000_000) + 1_000 * (BEGIN_MS + self.clock_ms)
                return [b"%d" % (micros // 1_000_000), b"%d" % (micros % 1_000_000)]
            case b"PEXPIRE":
                command = [b"PEXPIREAT", command[1], b"%d" % (now_ms + int(command[2]))]
            case b"XADD":
                command = self._with_id(command, now_ms)
        reply = self.data.execute(command, now_ms)
        if command[0] in WRITING:
            self._writing.append(tuple(command))
            if command[0] == b"XADD" and command[1].endswith(b":journal"):
                self._publish(command)
        return reply

    def _with_id(self, command: list[bytes], now_ms: int) -> list[bytes]:
        """The disk must hold the id that the clock gave, or a replay would find another."""
        if command[5] != b"*":
            return command
        stream = self.data.keys.get(command[1])
        ms, n = stream[-1][0] if stream else (0, 0)
        place = b"%d-0" % now_ms if now_ms > ms else b"%d-%d" % (ms, n + 1)
        return [*command[:5], place, *command[6:]]

    def _publish(self, command: list[bytes]) -> None:
        fields = dict(zip(command[6::2], command[7::2], strict=True))
        self.published.append(Published(self._now_s(), fields[b"payload"]))

    # --- its lives ------------------------------------------------------------------------

    def crash(self, *, lost_s: float) -> None:
        """End at once; the writes of the last ``lost_s`` seconds are not on the disk."""
        self.up = False
        for connection in tuple(self.connections):
            connection.reset()
        kept_s = self._now_s() - lost_s
        before = len(self._disk)
        if lost_s:
            self._disk = [write for write in self._disk if write.at_s <= kept_s] or self._disk[:1]
        self.lost_writes += before - len(self._disk)

    def restart(self) -> None:
        """Begin a new life from the disk."""
        self._lives += 1
        self.run_id = f"run-{self._lives}"
        self._cache = {}
        self.data = Data()
        now_ms = self.now_ms()
        for write in self._disk:
            for command in write.commands:
                self.data.execute(command, now_ms)
        self.up = True
