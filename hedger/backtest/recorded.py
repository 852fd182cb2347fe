"""Recorded minute bars as a study's paths: every window as long as the horizon, scaled to spot."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from hedger.backtest.paths import Rows
from hedger.backtest.study import DAYS, Market
from hedger.errors import ConfigError
from hedger.venues.paper.table import UNREADABLE, shown

Array = npt.NDArray[np.float64]
_YEAR_MS = DAYS * 86_400_000
GAP_MS_MAX = 600_000
"""A window whose price is older than this at any instant is left out."""
WIDTH = 128
_COLUMNS = ("open_time_ms", "close")


class Bars(NamedTuple):
    """Closes of one file in order of time, each once."""

    ms: npt.NDArray[np.int64]
    close: Array


class Recorded:
    """Windows of bars, evenly spread over all that have no gap."""

    def __init__(self, market: Market, when: Rows, folder: Path) -> None:
        self._spot = market.spot
        self._offsets = np.round(when.times * _YEAR_MS).astype(np.int64)
        self._windows = list(_spread(self._starts(folder), market.paths))
        if len(self._windows) < 2:
            raise ConfigError(
                f"--data {folder}: holds no two windows of {market.horizon_days:g} days without a "
                "gap, expected longer recordings of open_time_ms and close, or a shorter horizon"
            )
        self.count, self.width = len(self._windows), WIDTH

    def _starts(self, folder: Path) -> list[tuple[Bars, int]]:
        """Every bar of every file from which a whole window follows."""
        found = []
        for path in _files(folder):
            bars = read(path)
            last = bars.ms[-1] - self._offsets[-1]
            for start in range(0, bars.ms.size, 15):
                if bars.ms[start] > last:
                    break
                instants = bars.ms[start] + self._offsets
                at = np.searchsorted(bars.ms, instants, side="right") - 1
                if np.max(instants - bars.ms[at]) <= GAP_MS_MAX:
                    found.append((bars, start))
        return found

    def block(self, index: int) -> Array:
        """Spot of the block's windows, (rows, paths)."""
        part = self._windows[index * WIDTH : (index + 1) * WIDTH]
        made = np.empty((self._offsets.size, len(part)))
        for column, (bars, start) in enumerate(part):
            at = np.searchsorted(bars.ms, bars.ms[start] + self._offsets, side="right") - 1
            made[:, column] = bars.close[at] * (self._spot / bars.close[start])
        return made


def _spread(found: list[tuple[Bars, int]], most: int) -> Iterator[tuple[Bars, int]]:
    count = min(most, len(found))
    return (found[i * len(found) // count] for i in range(count))


def _files(folder: Path) -> list[Path]:
    """Files of bars in a folder: those whose first line names both columns."""
    if not folder.is_dir():
        raise ConfigError(f"--data {folder}: is no folder, expected one with recorded bars")
    found = []
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")]):
        try:
            with _opened(path) as file:
                if set(_COLUMNS) <= set(next(csv.reader(file), ())):
                    found.append(path)
        except UNREADABLE as error:
            raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not found:
        raise ConfigError(
            f"--data {folder}: no file with columns {' and '.join(_COLUMNS)}, expected minute bars"
        )
    return found


def read(path: Path) -> Bars:
    """Bars of one file, put in order; of two for one time the later line counts.

    Raises
    ------
    ConfigError
        For a time or a close that is none, naming the line.
    """
    closes: dict[int, float] = {}
    try:
        with _opened(path) as file:
            lines = csv.DictReader(file)
            for name in _COLUMNS:
                if (lines.fieldnames or ()).count(name) != 1:
                    raise ConfigError(f"{path}: line 1: expected one column {name!r}")
            for row in lines:
                try:
                    ms, close = int(row["open_time_ms"] or ""), float(row["close"] or "")
                except (TypeError, ValueError):
                    ms, close = -1, math.nan
                if not (0 <= ms < 2**53 and 0.0 < close < 1e12):
                    raise ConfigError(
                        f"{path}: line {lines.line_num}: open_time_ms"
                        f" {shown(row['open_time_ms'] or '')}, close {shown(row['close'] or '')},"
                        " expected milliseconds and a price above 0"
                    )
                closes[ms] = close
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not closes:
        raise ConfigError(f"{path}: has no bars")
    ms_all = np.array(sorted(closes), dtype=np.int64)
    # A bar's close is known when the bar ends, a minute after it opened; all are shifted alike.
    return Bars(ms_all, np.array([closes[int(ms)] for ms in ms_all]))


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
