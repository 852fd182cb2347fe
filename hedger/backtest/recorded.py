"""Recorded minute bars as a study's paths: every window as long as the horizon, scaled to spot."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from hedger.backtest.paths import Rows
from hedger.backtest.study import DAYS, Market
from hedger.errors import ConfigError
from hedger.venues.paper.table import UNREADABLE
from hedger.venues.paper.tape_files import good_bars

Array = npt.NDArray[np.float64]
_YEAR_MS = DAYS * 86_400_000
GAP_MS_MAX = 600_000
"""A window whose price is older than this at any instant is left out."""
START_EVERY = 15
"""Bars from one possible start to the next: closer ones share nearly all of their path."""
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
        repairs: list[str] = []
        self._windows = list(_spread(self._starts(folder, repairs), market.paths))
        if len(self._windows) < 2:
            raise ConfigError(
                f"--data {folder}: holds no two windows of {market.horizon_days:g} days without a "
                "gap, expected longer recordings of open_time_ms and close, or a shorter horizon"
            )
        self.count, self.width = len(self._windows), WIDTH
        self.notes = (
            f"{self.count} recorded windows; where they overlap, standard errors are too small",
            *repairs,
        )

    def _starts(self, folder: Path, repairs: list[str]) -> list[tuple[Bars, int]]:
        """Bars of every file, `START_EVERY` apart, from which a whole window follows."""
        found = []
        for path in _files(folder):
            bars = read(path, repairs)
            last = bars.ms[-1] - self._offsets[-1]
            for start in range(0, bars.ms.size, START_EVERY):
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


def read(path: Path, notes: list[str]) -> Bars:
    """Bars of one file as a tape reads them, but for gaps; repairs are noted.

    Raises
    ------
    ConfigError
        Where too much is wrong with them, naming the line.
    """
    repairs: list[str] = []
    table, rows = good_bars(path.parent, escape(path.name), _COLUMNS, repairs)
    notes += [f"{path.name}: {repair}" for repair in repairs]
    if not rows.size:
        raise ConfigError(f"{path}: has no usable bars, expected some")
    found = table.keep(rows)
    # A bar's close is known when the bar ends, a minute after it opened; all are shifted alike.
    return Bars(found["open_time_ms"].astype(np.int64), found["close"])


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
