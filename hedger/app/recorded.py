"""A recorded past as scenarios: a CSV file of spots, and vols if it has them, at equal steps."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from hedger.core.columns import Floats
from hedger.core.risk import Shocks, historical
from hedger.errors import ConfigError

ROWS_MAX = 100_000
DAY_MS = 86_400_000
LAST_MS = 253_402_300_800_000
_BARS = {"open_time_ms": "time_ms", "close": "spot"}
"""What a file of bars calls them: only equal steps matter, so a close at its bar's start does."""


def history(path: Path, horizon_days: float) -> tuple[Shocks, list[str], bool]:
    """Returns over the horizon, one after the other; when each began; whether vols are in them.

    Raises
    ------
    ConfigError
        For a file that cannot be read or has no numbers.
    ValueError
        For numbers that make no history.
    """
    time_ms, spot, vol = _read(path)
    step = _step(path, time_ms)
    every = round(horizon_days * DAY_MS / step)
    if every < 1 or abs(every * step - horizon_days * DAY_MS) > 0.5:
        raise ValueError(
            f"{path}: rows are {step / DAY_MS:g} days apart, expected a horizon that is a "
            f"multiple of that, got {horizon_days:g}"
        )
    rows = slice(0, None, every)
    found = historical(spot=spot[rows], vol=None if vol is None else vol[rows], days=horizon_days)
    return found, [_day(ms) for ms in time_ms[rows][:-1].tolist()], vol is not None


def _read(path: Path) -> tuple[Floats, Floats, Floats | None]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
            read = itertools.islice(csv.DictReader(text), ROWS_MAX + 1)
            rows = [{_BARS.get(key, key): row[key] for key in row} for row in read]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"--history {path}: {error}") from None
    if not 2 <= len(rows) <= ROWS_MAX or not {"time_ms", "spot"} <= rows[0].keys():
        raise ConfigError(
            f"--history {path}: expected 2 to {ROWS_MAX} rows with the columns time_ms, "
            "spot and, if it is known, vol"
        )
    names = [name for name in ("time_ms", "spot", "vol") if name in rows[0]]
    columns = []
    for name in names:
        try:
            columns.append(np.array([float(row[name]) for row in rows]))
        except (TypeError, ValueError):
            raise ConfigError(f"--history {path}: {name} is not a number in every row") from None
    return columns[0], columns[1], columns[2] if len(columns) > 2 else None


def _step(path: Path, time_ms: Floats) -> float:
    """Distance of the rows [ms], which must be one and the same."""
    gaps = np.diff(time_ms)
    if not (math.isfinite(gaps.sum()) and (gaps > 0.0).all() and (gaps == gaps[0]).all()):
        raise ValueError(f"{path}: expected time_ms to rise by the same step from row to row")
    if not (time_ms[0] >= 0.0 and time_ms[-1] < LAST_MS):
        raise ValueError(f"{path}: expected time_ms in milliseconds since the epoch, to 9999")
    return float(gaps[0])


def _day(ms: float) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"
