"""Scenarios as data: how far spot and vol move and how much time passes, and how a smile follows.

A move is at once; then the time passes. Where it comes from, a grid, a history or dice, is the
caller's business: every measure reads the same three columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hedger.core.columns import Floats
from hedger.core.model import Record

SCENARIOS_MAX = 100_000


class VolRule(Record, frozen=True, kw_only=True):
    """How one vol shock reaches each leg, and what a leg's vol does when the forward moves.

    A shock is that of an option of 30 days; at d days it is (30 / d) ** power times that, with
    ``short_power`` below 30 days and ``long_power`` beyond. ``stickiness`` is 1 where each strike
    keeps its vol, 0 where each moneyness does, and between and beyond them a share of the way.
    ``shocked_up_min`` is the least vol after a relative shock upwards.
    """

    short_power: float = 0.0
    long_power: float = 0.0
    stickiness: float = 1.0
    shocked_up_min: float = 0.0

    @property
    def parallel(self) -> bool:
        """Whether a shift is the same number of vol points for every leg."""
        return self.short_power == self.long_power == 0.0 and self.stickiness == 1.0


PARALLEL = VolRule()


@dataclass(frozen=True, slots=True)
class Shocks:
    """Scenarios, (n,) each.

    ``move`` is moved over present spot, ``vol_shift`` is added to vols (0.1 is ten points),
    ``vol_ratio`` is the relative change of vols (-0.2 takes a fifth), ``days`` pass.
    """

    move: Floats
    vol_shift: Floats
    vol_ratio: Floats
    days: Floats

    def __post_init__(self) -> None:
        columns = (self.move, self.vol_shift, self.vol_ratio, self.days)
        if len({column.shape for column in columns}) != 1 or self.move.ndim != 1:
            raise ValueError("shocks: columns of one length wanted")
        if not 0 < self.move.size <= SCENARIOS_MAX:
            raise ValueError(f"shocks: 1 to {SCENARIOS_MAX} scenarios wanted, got {self.move.size}")
        if not all(np.isfinite(column).all() for column in columns):
            raise ValueError("shocks: finite numbers wanted")
        if not ((self.move > 0.0).all() and (self.vol_ratio >= -1.0).all()):
            raise ValueError("shocks: a spot above 0 and a vol not below 0 wanted")
        if (self.days < 0.0).any():
            raise ValueError("shocks: time that passes wanted, not time that returns")

    def __len__(self) -> int:
        return int(self.move.size)


def shocks(
    *,
    move: Sequence[float] | Floats,
    vol_shift: float | Sequence[float] | Floats = 0.0,
    vol_ratio: float | Sequence[float] | Floats = 0.0,
    days: float | Sequence[float] | Floats = 0.0,
) -> Shocks:
    """Scenarios of these columns; one number serves all of them.

    Examples
    --------
    >>> shocks(move=[0.9, 1.1], days=1.0).days
    array([1., 1.])
    """
    columns = np.broadcast_arrays(
        *(np.asarray(c, dtype=np.float64) for c in (move, vol_shift, vol_ratio, days))
    )
    return Shocks(*(np.ascontiguousarray(column) for column in columns))


def grid(*, moves: Sequence[float], vol_shifts: Sequence[float], days: Sequence[float]) -> Shocks:
    """Every combination; days outermost, then spot moves, vol shifts innermost.

    Examples
    --------
    >>> grid(moves=[0.9, 1.1], vol_shifts=[0.0, 0.1], days=[0.0]).move
    array([0.9, 0.9, 1.1, 1.1])
    """
    time, move, shift = np.meshgrid(
        np.asarray(days, dtype=np.float64),
        np.asarray(moves, dtype=np.float64),
        np.asarray(vol_shifts, dtype=np.float64),
        indexing="ij",
    )
    return shocks(move=move.ravel(), vol_shift=shift.ravel(), days=time.ravel())


def historical(
    *, spot: Sequence[float] | Floats, vol: Sequence[float] | Floats | None = None, days: float
) -> Shocks:
    """Recorded returns of spot and vol, one after the other, applied to today.

    Parameters
    ----------
    spot : (observations,) float64
        Equally spaced, oldest first. [quote currency]
    vol : (observations,) float64, optional
        Of one constant time to expiry, at the same instants; without it vols stay. [1/sqrt(year)]
    days : float
        Between two observations, which is also the time that passes. [days]

    Notes
    -----
    ``move = S[i + 1] / S[i]`` and ``vol_ratio = vol[i + 1] / vol[i] - 1``: relative, so that a past
    at other levels is told in today's.

    Examples
    --------
    >>> historical(spot=[100.0, 90.0, 99.0], vol=[0.5, 0.6, 0.6], days=1.0).move
    array([0.9, 1.1])
    """
    level = _levels("spot", spot)
    change = np.zeros(level.size - 1)
    if vol is not None:
        known = _levels("vol", vol)
        if known.size != level.size:
            raise ValueError(f"history: {level.size} spots but {known.size} vols")
        change = known[1:] / known[:-1] - 1.0
    return shocks(move=level[1:] / level[:-1], vol_ratio=change, days=days)


def _levels(name: str, values: Sequence[float] | Floats) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or found.size < 2:
        raise ValueError(f"history: at least two values of {name} wanted, got {found.size}")
    wrong = np.flatnonzero(~(np.isfinite(found) & (found > 0.0)))
    if wrong.size:
        raise ValueError(f"history: {name} number {wrong[0] + 1} is {found[wrong[0]]}, not above 0")
    return found
