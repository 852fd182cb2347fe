"""Decisions that a server wrote down and took with it: read from the log that it left.

What a script appends is in the server's file before its answer leaves, so whatever anybody could
have acted on stands there, also where nobody had read it when the server was killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_APPENDED = re.compile(rb"\*\d+\r\n\$4\r\nXADD\r\n")
_LENGTH = re.compile(rb"\$(\d+)\r\n")
SLACK = 1 << 16
"""Bytes before what is new from which one looks on: a copy may end within an entry."""


def journal_entries(folder: Path, since: dict[str, int]) -> list[tuple[str, bytes]]:
    """Id and payload of the journal entries in a server's folder, oldest first.

    ``since`` are lengths of its files, by name, beyond which there is something new.
    """
    found = []
    for path in sorted(folder.glob("*.aof")):
        with path.open("rb") as file:
            file.seek(max(since.get(path.name, 0) - SLACK, 0))
            data = file.read()
        for match in _APPENDED.finditer(data):
            # XADD key [MAXLEN ..] place id ID book BOOK at AT payload PAYLOAD; the last may be torn
            words = list(_words(data, match.end()))
            if words[-2:-1] == [b"payload"] and words[0].endswith(b":journal"):
                found.append((words[words.index(b"id") + 1].decode(), words[-1]))
    return found


def _words(data: bytes, place: int) -> Iterator[bytes]:
    """The whole words of one command from here on."""
    while (head := _LENGTH.match(data, place)) is not None:
        end = head.end() + int(head[1])
        if end + 2 > len(data):
            return
        yield data[head.end() : end]
        place = end + 2
