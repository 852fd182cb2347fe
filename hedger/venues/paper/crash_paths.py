"""Seeded price paths of crashes: ramps, a V, and a gap in one print, each ending where it says.

A path is a sum of pieces in log price, each with a given end, and of a random bridge in each piece
that begins and ends at zero: what falls by 30 % falls by just that, on a way of its own.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pricing.conventions import MS_PER_YEAR

__all__ = ["KINDS", "Piece", "crash_path", "pieces", "steps_of"]

MINUTE_MS = 60_000
CALM_MS, AFTER_MS = 5 * MINUTE_MS, 10 * MINUTE_MS
RAMP_MS = 10 * MINUTE_MS
CALM_VOL, CRASH_VOL, AFTER_VOL = 0.6, 1.5, 1.2
ONSET_MS = 3 * MINUTE_MS
"""The calm before lasts up to so much longer, by the seed."""
BEND = 0.5
"""A ramp's pace grows or fades by up to this share over its time, by the seed."""


class Piece(NamedTuple):
    """So long, to this ratio of the price at its beginning, with this noise; at once if no time."""

    length_ms: int
    ratio: float
    vol: float


def _calm() -> Piece:
    return Piece(CALM_MS, 1.0, CALM_VOL)


def _after() -> Piece:
    return Piece(AFTER_MS, 1.0, AFTER_VOL)


KINDS: dict[str, tuple[Piece, ...]] = {
    "ramp-down": (_calm(), Piece(RAMP_MS, 0.70, CRASH_VOL), _after()),
    "ramp-up": (_calm(), Piece(RAMP_MS, 1.30, CRASH_VOL), _after()),
    "v": (_calm(), Piece(RAMP_MS, 0.70, CRASH_VOL), Piece(RAMP_MS, 1.25, CRASH_VOL), _after()),
    "gap": (_calm(), Piece(0, 0.85, 0.0), _after()),
}
"""The kinds of crashes, by name."""


def pieces(kind: str, rng: np.random.Generator) -> tuple[Piece, ...]:
    """The pieces of a kind, with the onset that the dice choose."""
    first, *rest = KINDS[kind]
    later = int(rng.integers(0, ONSET_MS + 1))
    return (first._replace(length_ms=first.length_ms + later), *rest)


def crash_path(
    kind: str, *, seed: int, spot: float, step_ms: int
) -> tuple[NDArray[np.float64], tuple[Piece, ...]]:
    """Prices at every step, the start first, and the pieces that they are made of.

    Examples
    --------
    >>> prices, parts = crash_path("gap", seed=1, spot=100.0, step_ms=1000)
    >>> round(float(prices[-1]), 9)
    85.0
    """
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    parts = pieces(kind, rng)
    logs = [np.array([math.log(spot)])]
    for part in parts:
        logs.append(logs[-1][-1] + _piece(part, step_ms, rng))
    return np.exp(np.concatenate(logs)), parts


def steps_of(part: Piece, step_ms: int) -> int:
    """Steps that a piece takes: one at least, which is all of a gap."""
    return max(round(part.length_ms / step_ms), 1)


def _piece(part: Piece, step_ms: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Log price along one piece against its beginning; ends at the log of its ratio."""
    steps = steps_of(part, step_ms)
    share = np.arange(1, steps + 1) / steps
    bend = float(rng.uniform(-BEND, BEND))
    way = math.log(part.ratio) * (share + bend * share * (share - 1.0))
    noise = np.cumsum(rng.standard_normal(steps)) * part.vol * math.sqrt(step_ms / MS_PER_YEAR)
    bridge: NDArray[np.float64] = way + noise - share * noise[-1]
    return bridge
