"""The real scripts on Lua 5.1, with numbers and answers converted as a Redis server does.

A script is compiled once for the whole process; which server it acts on is said at each call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from lupa.lua51 import LuaRuntime

from tests.simulation.data import WrongCommand

Execute = Callable[[list[bytes]], Any]


class Engine:
    """One Lua state for all scripts of all servers of this process."""

    def __init__(self) -> None:
        self._lua = LuaRuntime(encoding=None)
        self._execute: Execute
        self._functions: dict[bytes, Any] = {}
        table = self._lua.table()
        table[b"call"] = self._call
        table[b"pcall"] = self._pcall
        self._lua.globals()[b"redis"] = table

    def compiled(self, source: bytes) -> Any:
        if source not in self._functions:
            body = source.partition(b"\n")[2] if source.startswith(b"#!") else source
            self._functions[source] = self._lua.eval(b"function(KEYS, ARGV)\n" + body + b"\nend")
        return self._functions[source]

    def run(
        self, source: bytes, keys: Sequence[bytes], argv: Sequence[bytes], execute: Execute
    ) -> Any:
        """Answer of a script; its commands go to ``execute``."""
        self._execute = execute
        table = self._lua.table_from
        return _from_lua(self.compiled(source)(table(list(keys)), table(list(argv))))

    def _call(self, *parts: Any) -> Any:
        return self._to_lua(self._execute([_argument(part) for part in parts]))

    def _pcall(self, *parts: Any) -> Any:
        try:
            return self._call(*parts)
        except WrongCommand as error:
            return self._lua.table_from({b"err": str(error).encode()})

    def _to_lua(self, reply: Any) -> Any:
        if type(reply) is list:
            return self._lua.table_from(
                [
                    self._to_lua(part) if type(part) is list else False if part is None else part
                    for part in reply
                ]
            )
        return False if reply is None else reply


@cache
def engine() -> Engine:
    return Engine()


def _argument(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    return b"%d" % part if part == int(part) else repr(part).encode()


def _from_lua(value: Any) -> Any:
    """Numbers are cut to integers, false is nothing; no script answers with holes in a table."""
    kind = type(value)
    if kind is bytes or value is None:
        return value
    if kind is bool:
        return 1 if value else None
    if kind is int or kind is float:
        return int(value)
    return [
        part if type(part) is bytes else _from_lua(part)
        for part in map(value.__getitem__, range(1, len(value) + 1))
    ]
