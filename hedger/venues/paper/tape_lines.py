"""Recorded rows become lines through time: the index per bar, forward ratios per expiry."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hedger.core.model import Instrument
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument as contract
from hedger.venues.paper.table import Floats, Ints
from hedger.venues.paper.tape_files import Bars, Chain

SPOT_AGE_MS_MAX = 300_000  # a snapshot further than this from any bar has no ratio to spot


class Line(NamedTuple):
    """A number through time: known at these instants, and nowhere else."""

    time_ms: list[int]
    value: list[float]

    def last(self, time_ms: int) -> int:
        """Row known last at an instant, -1 if none."""
        return bisect_right(self.time_ms, time_ms) - 1

    def between(self, time_ms: int) -> float:
        """Value at an instant, linear between the rows around it: knows the future."""
        row = self.last(time_ms)
        if row + 1 == len(self.value):
            return self.value[row]
        start, end = self.time_ms[row], self.time_ms[row + 1]
        weight = (time_ms - start) / (end - start)
        return self.value[row] * (1 - weight) + self.value[row + 1] * weight


class Forwards(NamedTuple):
    """Front forward of each snapshot, and every expiry's ratio to it."""

    snapshot_ms: Ints
    front: Floats
    ratios: dict[int, Line]


class Played(NamedTuple):
    """The bars to play: when, the index there, and the snapshot visible at each."""

    bar_ms: Ints
    level: Floats
    visible_ms: list[int]


def instruments(folder: Path, chain: Chain) -> list[Instrument]:
    """Contract data of every recorded option; a name that contradicts its row is refused."""
    listed = []
    for number, name in enumerate(chain.names):
        row = int(chain.first[number])
        try:
            found = contract(name)
        except ConfigError as error:
            raise ConfigError(f"{folder}: option chain: {error}") from error
        recorded = (int(chain.expiry_ms[row]), float(chain.strike[row]), bool(chain.is_call[row]))
        if (found.expiry_ms, found.strike, found.is_call) != recorded:
            raise ConfigError(
                f"{folder}: option chain: {name} has expiry, strike, call = {recorded}: "
                f"expected {(found.expiry_ms, found.strike, found.is_call)}"
            )
        listed.append(found)
    both = sorted({it.underlying for it in listed})
    if len(both) > 1:
        raise ConfigError(f"{folder}: option chain of {' and '.join(both)}: expected one only")
    return listed


def forwards(chain: Chain) -> Forwards:
    """The middle forward of each expiry and snapshot, as ratios to the front expiry's."""
    alive = chain.expiry_ms > chain.time_ms
    time, expiry, forward = chain.time_ms[alive], chain.expiry_ms[alive], chain.forward[alive]
    order = np.lexsort((forward, expiry, time))
    time, expiry, forward = time[order], expiry[order], forward[order]
    changed = np.flatnonzero((np.diff(time, prepend=-1) != 0) | (np.diff(expiry, prepend=-1) != 0))
    count = np.diff(np.append(changed, len(time)))
    time, expiry, forward = time[changed], expiry[changed], forward[changed + count // 2]
    starts = np.flatnonzero(np.diff(time, prepend=-1))
    front = forward[starts]
    ratio = forward / np.repeat(front, np.diff(np.append(starts, len(time))))
    ratios = {
        int(end): Line(time[expiry == end].tolist(), ratio[expiry == end].tolist())
        for end in np.unique(expiry)
    }
    return Forwards(time[starts], front, ratios)


def played(
    folder: Path, bars: Bars, curve: Forwards, *, start_ms: int | None, end_ms: int | None
) -> Played:
    """The index at every bar between the first and the last snapshot.

    Spot at a snapshot is interpolated between the closes before and after it; the bar that shows
    the snapshot first is the one after it, so nothing later than that bar is used.
    """
    snapshots = curve.snapshot_ms
    after = np.searchsorted(bars.close_ms, snapshots, "left")
    inside = (after > 0) & (after < len(bars.close_ms))
    at = np.clip(after, 1, len(bars.close_ms) - 1)
    inside &= bars.close_ms[at] - bars.close_ms[at - 1] <= SPOT_AGE_MS_MAX
    snapshots, at = snapshots[inside], at[inside]
    ratio = curve.front[inside] / np.interp(snapshots, bars.close_ms, bars.close)
    if len(snapshots) < 2:
        raise ConfigError(
            f"{folder}: {len(snapshots)} option snapshots lie inside the recorded bars: expected "
            "two or more"
        )
    first = max(int(snapshots[0]), start_ms or 0)
    last = min(int(snapshots[-1]), end_ms or int(snapshots[-1]))
    bar = np.flatnonzero((bars.close_ms >= first) & (bars.close_ms <= last))
    if len(bar) < 2:
        raise ConfigError(
            f"{folder}: no bars between {_utc(first)} and {_utc(last)}: expected a part of "
            f"{_utc(int(snapshots[0]))} to {_utc(int(snapshots[-1]))}"
        )
    number = np.searchsorted(at, bar, "right") - 1
    visible = snapshots[number].tolist()
    return Played(bars.close_ms[bar], bars.close[bar] * ratio[number], visible)


def _utc(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M}Z"
