"""Columns out of CSV files: read whole, traceable to file and line, repaired with a notice."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hedger.errors import ConfigError

BAD_SHARE_MAX = 0.01  # more rubbish than this and the rest is not trusted either

SHOWN_MAX = 120  # characters of a file that an error shows
UNREADABLE = (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error)
"""What reading a file of lines, plain or gzipped, may raise."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Table:
    """Columns of several files, and which file and line a row came from."""

    def __init__(self) -> None:
        self.numbers: dict[str, Floats] = {}
        self.texts: dict[str, list[str]] = {}
        self.files: list[tuple[Path, int]] = []

    def where(self, row: int) -> str:
        """``file:line`` of a row."""
        for path, rows in self.files:
            if row < rows:
                return f"{path}:{row + 2}"
            row -= rows
        raise IndexError(row)

    def keep(self, rows: Ints) -> dict[str, Floats]:
        """The number columns at these rows."""
        return {name: column[rows] for name, column in self.numbers.items()}


def read(folder: Path, pattern: str, numbers: tuple[str, ...], texts: tuple[str, ...]) -> Table:
    """All files of a folder that match, as one table; raises `ConfigError`."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not a folder: expected recorded market data")
    paths = sorted(p for p in folder.glob(pattern) if p.name.endswith((".csv", ".csv.gz")))
    if not paths:
        raise ConfigError(f"{folder}: no file {pattern}.csv or {pattern}.csv.gz: expected one")
    table = Table()
    parts: dict[str, list[Floats]] = {name: [] for name in numbers}
    table.texts = {name: [] for name in texts}
    for path in paths:
        columns, count = _columns(path, (*numbers, *texts))
        table.files.append((path, count))
        for name in numbers:
            parts[name].append(_floats(path, name, columns[name]))
        for name in texts:
            table.texts[name].extend(columns[name])
    table.numbers = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return table


def _columns(path: Path, wanted: tuple[str, ...]) -> tuple[dict[str, tuple[str, ...]], int]:
    opener = gzip.open if path.name.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {error or type(error).__name__}") from error
    header = rows[0] if rows else []
    missing = [name for name in wanted if name not in header]
    if missing:
        found = shown(",".join(header))
        raise ConfigError(f"{path}:1: expected column {missing[0]!r}, found {found}")
    twice = [name for name in wanted if header.count(name) > 1]
    if twice:
        raise ConfigError(f"{path}:1: column {twice[0]!r} is there twice, expected it once")
    body = rows[1:]
    width = len(header)
    for line, row in enumerate(body, start=2):
        if len(row) != width:
            raise ConfigError(f"{path}:{line}: {len(row)} fields: expected {width}")
    columns = list(zip(*body, strict=True)) or [()] * width
    return {name: columns[header.index(name)] for name in wanted}, len(body)


def shown(text: str) -> str:
    """What a file says, as an error shows it: on one line, cut where it is long."""
    return repr(text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}...")


def _floats(path: Path, name: str, column: tuple[str, ...]) -> Floats:
    try:
        return np.array([float(text) if text else math.nan for text in column], dtype=np.float64)
    except ValueError:
        for line, text in enumerate(column, start=2):
            try:
                float(text or "nan")
            except ValueError:
                raise ConfigError(
                    f"{path}:{line}: {name} = {shown(text)}: expected a number or nothing"
                ) from None
        raise


def without(table: Table, bad: NDArray[np.bool_], expected: str, notes: list[str]) -> Ints:
    """Rows that are not bad; a few bad ones are left out with a notice, many are refused."""
    count = int(bad.sum())
    if count:
        row = int(np.flatnonzero(bad)[0])
        if count > BAD_SHARE_MAX * len(bad):
            raise ConfigError(f"{table.where(row)}: expected {expected} ({count} rows are not)")
        notes.append(f"{count} absurd rows left out, the first at {table.where(row)}.")
    return np.flatnonzero(~bad)


def in_order(
    table: Table,
    rows: Ints,
    keys: tuple[NDArray[np.generic], ...],
    same: tuple[str, ...],
    what: str,
    notes: list[str],
) -> Ints:
    """Sort by the keys, the last one first; repeats are dropped, contradictions refused."""
    if np.any(np.diff(keys[0].astype(np.float64)) < 0):
        notes.append(f"{what} were not in order of time and have been sorted.")
    order = np.lexsort(keys)
    rows = rows[order]
    repeat = np.ones(len(rows), dtype=bool)
    repeat[:1] = False
    for key in keys:
        ordered = key[order]
        repeat[1:] &= ordered[1:] == ordered[:-1]
    if not repeat.any():
        return rows
    for name in same:
        values = table.numbers[name][rows]
        differs = repeat[1:] & ~_equal(values[1:], values[:-1])
        if differs.any():
            at = int(np.flatnonzero(differs)[0])
            raise ConfigError(
                f"{table.where(int(rows[at + 1]))}: {name} contradicts "
                f"{table.where(int(rows[at]))}: expected one row per instrument and time"
            )
    notes.append(f"{int(repeat.sum())} repeated {what} dropped.")
    return rows[~repeat]


def _equal(left: Floats, right: Floats) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (left == right) | (np.isnan(left) & np.isnan(right))
    return equal
