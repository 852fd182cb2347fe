"""Connections to the server: each bound to one incarnation of it, all timed, none retried.

A connection learns the server's ``run_id`` when it is made and sends it with every script, so a
lease taken before a restart cannot pass its fence afterwards. Scripts are loaded while connecting
and never in the path of a call: a script the server has lost fails that call and closes the
connection, and the next call starts from a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, Connection
from redis.exceptions import AuthenticationError, NoPermissionError, NoScriptError, RedisError

from hedger.errors import StoreUnavailable
from hedger.store.scripts import ALLOW_OOM, scripts
from hedger.store.servers import Server
from hedger.store.servers import server as server_of

Argument = str | bytes | int
_Answer = TypeVar("_Answer")

# AttributeError: redis-py can lose its stream while a connection is torn down. RuntimeError: uvloop
# on a closed transport. TimeoutError is an OSError.
FOREIGN = (RedisError, OSError, EOFError, AttributeError, RuntimeError)


class AccessDenied(StoreUnavailable):
    """The server does not know us, or does not let us do this."""


class Wire(NamedTuple):
    """A connection, and the incarnation of the server it ends at."""

    connection: Any
    run_id: str


class Access(Protocol):
    """One server, or several that share the keys."""

    @property
    def where(self) -> str:
        """The name in messages."""
        ...

    async def links(self) -> Sequence[Link]:
        """Every server that takes writes."""
        ...

    async def call(self, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run one script where its keys are."""
        ...

    async def commands(self, *commands: Sequence[Argument]) -> list[Any]:
        """Send plain reads and return their answers in order."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class Link:
    """A bounded pool of wires to one server."""

    header = ALLOW_OOM

    def __init__(
        self, server: Server | str, *, timeout_s: float, connections: int, replicas: int = 0
    ) -> None:
        self._server = server_of(server, timeout_s=timeout_s) if isinstance(server, str) else server
        self._timeout_s = timeout_s
        self._replicas = replicas
        self._idle: list[Wire] = []
        self._free = asyncio.Semaphore(connections)
        self._scripts = scripts(self.header)
        self._loaded = ""
        self._closed = False

    @property
    def where(self) -> str:
        """The server's name in messages."""
        return self._server.where

    async def links(self) -> Sequence[Link]:
        """Every server behind this one: itself."""
        return (self,)

    async def call(self, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run one script; its first argument is the run_id of the connection it travels on.

        What BEGIN records has also reached `replicas` other servers, or the call fails: an order
        must not be known to a server alone that others may be about to replace.
        """
        copied = self._replicas if name == "begin" else 0

        async def ask(wire: Wire) -> Any:
            connection, sha = wire.connection, self._scripts[name].sha
            sent: list[tuple[Argument, ...]] = [
                ("EVALSHA", sha, len(keys), *keys, wire.run_id, *arguments)
            ]
            if copied:
                sent.append(("WAIT", copied, max(1, int(1_000 * self._timeout_s / 2))))
            await connection.send_packed_command(_packed(connection, sent), check_health=False)
            reply = await connection.read_response()
            reached = await connection.read_response() if copied else 0
            if reached < copied and reply[0] == b"OK":
                raise ConnectionError(
                    f"recorded, but on {reached} replicas instead of {copied}: nothing is sent"
                )
            return reply

        return await self._on_wire(name, ask)

    async def commands(self, *commands: Sequence[Argument]) -> list[Any]:
        """Send plain reads in one go and return their answers in order."""

        async def ask(wire: Wire) -> list[Any]:
            connection = wire.connection
            packed = connection.pack_commands(commands)
            await connection.send_packed_command(packed, check_health=False)
            return [await connection.read_response() for _ in commands]

        return await self._on_wire(str(commands[0][0]), ask)

    async def info(self, section: str) -> dict[str, str]:
        """Return one section of the server's INFO."""
        (raw,) = await self.commands(("INFO", section))
        return _pairs(raw)

    async def close(self) -> None:
        """Close what is idle; what is in use closes when it comes back."""
        self._closed = True
        while self._idle:
            await _drop(self._idle.pop())

    async def _on_wire(self, what: str, ask: Callable[[Wire], Awaitable[_Answer]]) -> _Answer:
        """Ask on a wire, within the time-out; whatever goes wrong on it, it is never used again."""
        wire: Wire | None = None
        try:
            async with asyncio.timeout(self._timeout_s), self._free:
                try:
                    wire = self._idle.pop() if self._idle else await self._dial()
                    if not wire.connection.is_connected:
                        raise ConnectionError("the connection was closed while idle")
                    answer = await ask(wire)
                except BaseException:
                    await self._forget(wire)
                    raise
                if self._closed:
                    await _drop(wire)
                else:
                    self._idle.append(wire)
                return answer
        except NoScriptError as lost:
            self._loaded = ""
            raise StoreUnavailable(
                f"store {self.where}: {what}: the server has lost its scripts (restarted or"
                " promoted?); they are loaded again by the next call"
            ) from lost
        except FOREIGN as bad:
            kind = AccessDenied if _denied(bad) else StoreUnavailable
            raise kind(f"store {self.where}: {what}: {_said(bad)}") from bad

    async def _forget(self, wire: Wire | None) -> None:
        """Drop a broken wire, and with it the idle ones: they end at the same server."""
        doomed, self._idle = self._idle, []
        for broken in [wire, *doomed] if wire else doomed:
            await _drop(broken)

    async def _dial(self) -> Wire:
        """Connect, learn the incarnation, and make sure that it knows the scripts."""
        if self._closed:
            raise ConnectionError("the store is closed")
        options = await self._server.options()
        kind = options.pop("connection_class", Connection)
        options |= {"protocol": 2, "socket_timeout": None}
        options["socket_connect_timeout"] = self._timeout_s
        connection = kind(**options)
        try:
            await connection.connect()
            wire = Wire(connection, await _primary(connection))
            await self._load(wire)
        except BaseException:
            await _drop(Wire(connection, ""))
            raise
        return wire

    async def _load(self, wire: Wire) -> None:
        if wire.run_id == self._loaded:
            return
        loads = [("SCRIPT LOAD", script.source) for script in self._scripts.values()]
        connection = wire.connection
        await connection.send_packed_command(connection.pack_commands(loads), check_health=False)
        for script in self._scripts.values():
            if (await connection.read_response()).decode() != script.sha:
                raise ConnectionError("the server loaded another script than was sent")
        self._loaded = wire.run_id


async def _primary(connection: Any) -> str:
    """The run_id of the server at the other end, which must be nobody's replica."""
    asked = (("INFO", "server"), ("INFO", "replication"))
    await connection.send_packed_command(connection.pack_commands(asked), check_health=False)
    said = [_pairs(await connection.read_response()) for _ in asked]
    if said[1].get("role", "master") != "master":
        raise ConnectionError("the server is a replica: its primary was not found yet")
    return said[0]["run_id"]


def _packed(connection: Any, commands: Sequence[tuple[Argument, ...]]) -> Any:
    """Commands as bytes; hiredis does it in a fifth of the time that the client takes."""
    if isinstance(connection, AbstractConnection):
        return [pack_command(command) for command in commands]  # type: ignore[arg-type]
    return connection.pack_commands(commands)  # a connection of another make


async def _drop(wire: Wire) -> None:
    with contextlib.suppress(*FOREIGN):
        await wire.connection.disconnect(nowait=True)


def _pairs(raw: bytes) -> dict[str, str]:
    lines = raw.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _said(bad: BaseException) -> str:
    """One line for people, without addresses or traces."""
    if isinstance(bad, TimeoutError) and not str(bad):
        return "no answer in time"
    if _denied(bad):
        return f"access denied: {bad}"
    return " ".join(str(bad).split()) or type(bad).__name__


def _denied(bad: BaseException | None) -> bool:
    """Whether access was refused, also where redis-py wraps the refusal in a lost connection."""
    while bad is not None and not isinstance(bad, AuthenticationError | NoPermissionError):
        bad = bad.__cause__
    return bad is not None
