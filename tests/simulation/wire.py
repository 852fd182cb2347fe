"""Lines between processes: latency, loss and late delivery; and the store's connections on them.

What is on a line no longer depends on who sent it: a request that has left a process arrives even
if that process dies, and an answer to nobody is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import redis.exceptions

from hedger.store.link import Link
from tests.simulation.data import WrongCommand
from tests.simulation.loop import WORLD, Process
from tests.simulation.server import NAMES, NoScript, Server

BASE_S = 0.0002
Reach = Callable[[str, Process], bool]
"""Told where a process has come to; answers whether the reply to this is to be lost."""


class Line:
    """One way there and back, with what is wrong with it until when."""

    def __init__(self, random: Random, now_s: Callable[[], float]) -> None:
        self._random = random
        self._now_s = now_s
        self._until_s = -1.0
        self._mode = ""
        self._size = 0.0

    def disturb(self, mode: str, size: float, until_s: float) -> None:
        self._mode, self._size, self._until_s = mode, size, until_s

    def calm(self) -> None:
        self._until_s = -1.0

    def trip_s(self) -> float | None:
        """How long one way takes now; None: it never arrives."""
        usual = BASE_S * (1.0 + self._random.random())
        left_s = self._until_s - self._now_s()
        if left_s <= 0.0:
            return usual
        match self._mode:
            case "late":
                return left_s + usual
            case "slow":
                return usual + self._size * self._random.random()
            case "loss":
                return None if self._random.random() < self._size else usual
            case _:
                return None


class Connection:
    """What `hedger.store.link` uses of a redis-py connection, over a line to the server."""

    def __init__(self, server: Server, line: Line, process: Process, reach: Reach) -> None:
        self._server, self._line, self.process, self._reach = server, line, process, reach
        self._loop = asyncio.get_running_loop()
        self._life = ""
        self._answers: deque[asyncio.Future[Any]] = deque()
        self.is_connected = False

    async def connect(self) -> None:
        arrived = self._loop.create_future()
        self._later(self._line.trip_s(), self._greet, arrived)
        await arrived
        self.is_connected = True

    def _greet(self, arrived: asyncio.Future[None]) -> None:
        if self._server.up:
            self._life = self._server.run_id
            self._server.connections.append(self)
            settle(arrived, None)
        else:
            settle(arrived, ConnectionRefusedError("nobody listens"))

    async def send_command(self, *command: Any, check_health: bool) -> None:
        await self._send([_packed(command)])

    def pack_commands(self, commands: Sequence[Sequence[Any]]) -> list[tuple[bytes, ...]]:
        return [_packed(command) for command in commands]

    async def send_packed_command(
        self, commands: list[tuple[bytes, ...]], check_health: bool
    ) -> None:
        await self._send(commands)

    async def _send(self, commands: list[tuple[bytes, ...]]) -> None:
        name = NAMES.get(commands[0][1], "") if commands[0][0] == b"EVALSHA" else ""
        if name:
            self._reach(f"{name}.before", self.process)
            if self.process.barred:
                await asyncio.sleep(0)  # it stands, or falls, before the bytes have left it
        if not self.is_connected:
            raise ConnectionResetError("the connection was reset")
        futures = [self._loop.create_future() for _ in commands]
        self._answers.extend(futures)
        self._later(self._line.trip_s(), self._deliver, name, commands, futures)

    def _deliver(
        self, name: str, commands: list[tuple[bytes, ...]], futures: list[asyncio.Future[Any]]
    ) -> None:
        if not self._server.up or self._server.run_id != self._life:
            self.reset()
            return
        replies = [self._answered(command) for command in commands]
        trip_s = self._line.trip_s()
        if name and self._reach(f"{name}.after", self.process):
            trip_s = None
        self._later(trip_s, _settle_all, futures, replies)

    def _answered(self, command: tuple[bytes, ...]) -> Any:
        try:
            return self._server.answer(command)
        except NoScript as error:
            return redis.exceptions.NoScriptError(str(error))
        except WrongCommand as error:
            return redis.exceptions.ResponseError(str(error))

    async def read_response(self) -> Any:
        try:
            return await self._answers[0]
        finally:
            self._answers.popleft()

    def reset(self) -> None:
        """The other end is gone: whoever waits for an answer learns it."""
        self.is_connected = False
        for answer in self._answers:
            settle(answer, ConnectionResetError("the connection was reset"))
        if self in self._server.connections:
            self._server.connections.remove(self)

    async def disconnect(self, nowait: bool = False) -> None:
        self.is_connected = False
        if self in self._server.connections:
            self._server.connections.remove(self)

    def _later(self, trip_s: float | None, act: Callable[..., None], *arguments: Any) -> None:
        if trip_s is not None:
            self._loop.call_later(trip_s, act, *arguments, context=WORLD)


class SimLink(Link):
    """The real link, over simulated connections."""

    def __init__(self, server: Server, line: Line, process: Process, reach: Reach) -> None:
        super().__init__("", timeout_s=1.0, connections=16)
        self._options = {
            "connection_class": lambda **_: Connection(server, line, process, reach),
        }


def _packed(command: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(p if isinstance(p, bytes) else str(p).encode() for p in command)


def settle(future: asyncio.Future[Any], reply: Any) -> None:
    """Answer a future that somebody may still wait for; an exception is raised there."""
    if future.done():
        return
    if isinstance(reply, Exception):
        future.set_exception(reply)
        future.exception()  # nobody may be left to ask for it
    else:
        future.set_result(reply)


def _settle_all(futures: list[asyncio.Future[Any]], replies: list[Any]) -> None:
    for future, reply in zip(futures, replies, strict=True):
        settle(future, reply)
