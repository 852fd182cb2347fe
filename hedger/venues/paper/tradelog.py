"""The append-only trade log: one JSON line per event, whole batches only, read back after a crash.

A batch is one write to the file before anyone hears of it, so it survives the death of the process
(not of the machine: nothing is forced to the disk). Lines after the last complete market instant,
of a batch that was cut short, are dropped on opening: nobody was told of them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from hedger.errors import ConfigError
from hedger.venues.simulator.events import Bar, Event, decoded, encoded


class TradeLogBrokenError(Exception):
    """An event could not be written: the exchange ends rather than tell what is not on record."""


class TradeLog:
    """Writer of one log; holds a lock on the file, so two exchanges never write the same one."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise ConfigError(
                f"{self.path}: another exchange writes this trade log: expected one only"
            ) from None
        self._is_broken = False
        self.dropped = _drop_torn_end(self.path, self._file)

    def events(self) -> Iterator[Event]:
        """What is in the log so far, in order."""
        return read_events(self.path)

    def append(self, events: Iterable[Event]) -> None:
        """Write a batch whole; raises `TradeLogBrokenError`, and for ever after."""
        data = b"".join(encoded(event) + b"\n" for event in events)
        try:
            if not self._is_broken and (not data or os.write(self._file, data) == len(data)):
                return
            reason = "only a part was written"
        except OSError as error:
            reason = str(error.strerror)
        self._is_broken = True
        raise TradeLogBrokenError(f"{self.path}: cannot write events: {reason}")

    def close(self) -> None:
        """Give up file and lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_events(path: str | Path) -> Iterator[Event]:
    """Yield the events of a log, one after another; raises `ConfigError` naming file and line.

    A last line without its end is left out: it is being written.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield _event(path, number, line)


def _event(path: str | Path, number: int, line: bytes) -> Event:
    try:
        return decoded(line)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}:{number}: not an event of a trade log: {error}") from error


def _drop_torn_end(path: Path, file: int) -> int:
    """Cut the log after its last complete batch; returns the number of bytes cut."""
    end, whole, bar_ms = 0, 0, -1
    with open(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                break
            event = _event(path, number, line)
            end += len(line)
            if isinstance(event, Bar):
                bar_ms = event.ms
            if event.ms <= bar_ms:
                whole = end
    cut = os.fstat(file).st_size - whole
    if cut:
        os.ftruncate(file, whole)
    return cut
