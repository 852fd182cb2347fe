"""The part of a Redis server that the scripts use: commands on hashes, sorted sets and streams.

No clock and no dice in it: a log of the writes, played again, gives the same data. What it answers
is compared with another implementation in `test_server`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Reply = Any
Command = tuple[bytes, ...]


class WrongCommand(Exception):
    """An error answer of the server."""


class SortedSet(dict[bytes, float]):
    """Members and scores."""


class Stream(list[tuple[tuple[int, int], list[bytes]]]):
    """Entries in the order of their ids."""


class Data:
    """All keys of one server; `execute` is one command at one server time."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Any] = {}
        self.expiries: dict[bytes, int] = {}

    def execute(self, command: Sequence[bytes], now_ms: int) -> Reply:
        name = command[0].upper()
        if name not in COMMANDS:
            raise WrongCommand(f"ERR unknown command {name.decode()!r}")
        if len(command) > 1 and self.expiries:
            self._expire(command[1], now_ms)
        return COMMANDS[name](self, *command[1:])

    def hash(self, key: bytes) -> dict[bytes, bytes]:
        return self.keys.get(key, {})

    def _expire(self, key: bytes, now_ms: int) -> None:
        if self.expiries.get(key, now_ms + 1) <= now_ms:
            self.keys.pop(key, None)
            del self.expiries[key]

    # --- hashes ---------------------------------------------------------------------------

    def exists(self, key: bytes) -> int:
        return int(key in self.keys)

    def hget(self, key: bytes, field: bytes) -> bytes | None:
        return self.hash(key).get(field)

    def hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        row = self.hash(key)
        return [row.get(field) for field in fields]

    def hgetall(self, key: bytes) -> list[bytes]:
        return [part for pair in self.hash(key).items() for part in pair]

    def hvals(self, key: bytes) -> list[bytes]:
        return list(self.hash(key).values())

    def hlen(self, key: bytes) -> int:
        return len(self.hash(key))

    def hexists(self, key: bytes, field: bytes) -> int:
        return int(field in self.hash(key))

    def hset(self, key: bytes, *pairs: bytes) -> int:
        row = self.keys.setdefault(key, {})
        before = len(row)
        row.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(row) - before

    def hsetnx(self, key: bytes, field: bytes, value: bytes) -> int:
        row = self.keys.setdefault(key, {})
        if field in row:
            return 0
        row[field] = value
        return 1

    def hdel(self, key: bytes, *fields: bytes) -> int:
        row = self.hash(key)
        gone = sum(row.pop(field, None) is not None for field in fields)
        if not row:
            self.keys.pop(key, None)
        return gone

    def hincrby(self, key: bytes, field: bytes, by: bytes) -> int:
        row = self.keys.setdefault(key, {})
        value = int(row.get(field, b"0")) + int(by)
        row[field] = b"%d" % value
        return value

    def pexpireat(self, key: bytes, at_ms: bytes) -> int:
        if key not in self.keys:
            return 0
        self.expiries[key] = int(at_ms)
        return 1

    # --- sorted sets ----------------------------------------------------------------------

    def zadd(self, key: bytes, score: bytes, member: bytes) -> int:
        row = self.keys.setdefault(key, SortedSet())
        new = member not in row
        row[member] = float(score)
        return int(new)

    def zrem(self, key: bytes, member: bytes) -> int:
        row = self.keys.get(key, SortedSet())
        gone = row.pop(member, None) is not None
        if not row:
            self.keys.pop(key, None)
        return int(gone)

    def zremrangebyscore(self, key: bytes, low: bytes, high: bytes) -> int:
        row = self.keys.get(key, SortedSet())
        if low != b"-inf" or not high.startswith(b"("):
            raise WrongCommand("ERR only -inf to an open end is simulated")
        gone = [member for member, score in row.items() if score < float(high[1:])]
        return sum(self.zrem(key, member) for member in gone)

    def zrange(self, key: bytes, first: bytes, last: bytes, *more: bytes) -> list[bytes]:
        if (first, last, more) != (b"0", b"-1", (b"WITHSCORES",)):
            raise WrongCommand("ERR only the whole set with scores is simulated")
        row = self.keys.get(key, SortedSet())
        ranked = sorted(row.items(), key=lambda item: (item[1], item[0]))
        return [part for member, score in ranked for part in (member, b"%d" % score)]

    # --- streams --------------------------------------------------------------------------

    def xadd(self, key: bytes, *arguments: bytes) -> bytes:
        """``MAXLEN ~ n`` may leave more than n; like a server, this one trims in whole nodes."""
        if arguments[:2] == (b"MAXLEN", b"~"):
            arguments = arguments[3:]
        wanted, *fields = arguments
        stream = self.keys.setdefault(key, Stream())
        top = stream[-1][0] if stream else (0, 0)
        place = _placed(wanted, top)
        if place <= top:
            raise WrongCommand(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item"
            )
        stream.append((place, fields))
        return b"%d-%d" % place

    def xrange(self, key: bytes, low: bytes, high: bytes, *more: bytes) -> list[Any]:
        return self._slice(key, low, high)[: _count(more)]

    def xrevrange(self, key: bytes, high: bytes, low: bytes, *more: bytes) -> list[Any]:
        return self._slice(key, low, high)[::-1][: _count(more)]

    def _slice(self, key: bytes, low: bytes, high: bytes) -> list[Any]:
        return [
            [b"%d-%d" % place, fields]
            for place, fields in self.keys.get(key, Stream())
            if _above(place, low) and _below(place, high)
        ]


def _placed(wanted: bytes, top: tuple[int, int]) -> tuple[int, int]:
    ms, _, n = wanted.partition(b"-")
    if n == b"*":
        return (int(ms), top[1] + 1 if int(ms) == top[0] else 0)
    return (int(ms), int(n or b"0"))


def _count(more: tuple[bytes, ...]) -> int | None:
    return int(more[1]) if more else None


def _place(bound: bytes, default: int) -> tuple[int, int]:
    ms, _, n = bound.lstrip(b"(").partition(b"-")
    return (int(ms), int(n) if n else default)


def _above(place: tuple[int, int], low: bytes) -> bool:
    if low == b"-":
        return True
    bound = _place(low, 0)
    return place > bound if low.startswith(b"(") else place >= bound


def _below(place: tuple[int, int], high: bytes) -> bool:
    if high == b"+":
        return True
    bound = _place(high, 2**63)
    return place < bound if high.startswith(b"(") else place <= bound


READS = (
    *("EXISTS", "HGET", "HMGET", "HGETALL", "HVALS", "HLEN", "HEXISTS"),
    *("ZRANGE", "XRANGE", "XREVRANGE"),
)
WRITES = (
    *("HSET", "HSETNX", "HDEL", "HINCRBY", "PEXPIREAT"),
    *("ZADD", "ZREM", "ZREMRANGEBYSCORE", "XADD"),
)
WRITING = frozenset(name.encode() for name in WRITES)
COMMANDS: dict[bytes, Callable[..., Reply]] = {
    name.encode(): getattr(Data, name.lower()) for name in (*READS, *WRITES)
}
