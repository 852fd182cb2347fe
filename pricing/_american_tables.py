"""The constants of the American kernels: nodes, quadratures and interpolation matrices (private).

Time is scaled to one and seen through its root x.  The exercise boundary is known at squares of
Chebyshev points in (0, 1], dense near expiry where it bends; an integral over the time u in
[0, x^2] runs over the angle a with u = x^2 cos^2 a and elapsed time t = x^2 sin^2 a.  Both ends are
then smooth, the boundary's (where it behaves as a root of u) and the density's (where it behaves as
a root of t), so Gauss-Legendre in a converges fast.  None of this depends on the option, so every
interpolation is one matrix.
"""

import functools
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev, legendre

from pricing.conventions import FloatArray

__all__ = [
    "AT_STRIKE_ERRORS",
    "AT_STRIKE_KINDS",
    "BELOW_STRIKE_ERRORS",
    "BELOW_STRIKE_KINDS",
    "LANES",
    "LEVELS",
    "POINTS_MAX",
    "PREMIUM_POINTS",
    "Tables",
    "tables",
]

LEVELS: Final = ((4, 6), (8, 8), (12, 10), (16, 14), (24, 22), (32, 32))  # nodes, angles a node
PREMIUM_POINTS: Final = 48
POINTS_MAX: Final = LEVELS[-1][0] * LEVELS[-1][1]
LANES: Final = 8  # a loop of this constant length becomes one vector instruction
# Largest measured price error of each level but the first, relative to the price, in random options
# by kind.  Boundaries that start at the strike are hard by (rate / vol)^2 time, the rate counted
# from a negative dividend yield; those that start below it by the distance in total vols, for they
# bend sharply where it is short.
AT_STRIKE_KINDS: Final = (1e-3, 1e-2, 0.2, 1.0, 1.5, 5.0, np.inf)
AT_STRIKE_ERRORS: Final = (
    (8e-8, 3e-9, 3e-10, 7e-11, 2e-11),
    (3e-7, 2e-8, 2e-9, 3e-10, 3e-11),
    (2e-6, 9e-8, 2e-8, 3e-9, 3e-10),
    (3e-6, 3e-7, 4e-8, 5e-9, 5e-10),
    (1e-5, 5e-7, 9e-8, 9e-9, 9e-10),
    (3e-5, 2e-6, 3e-7, 3e-8, 3e-9),
    (2e-3, 2e-4, 3e-6, 7e-8, 7e-9),
)
BELOW_STRIKE_KINDS: Final = (0.05, 0.4, 0.7, 1.0, 1.25, 1.5, 2.5, np.inf)
BELOW_STRIKE_ERRORS: Final = (
    (5e-6, 8e-7, 2e-7, 6e-8, 1e-9),
    (2e-5, 3e-6, 5e-7, 5e-8, 5e-9),
    (1e-5, 1e-6, 3e-7, 1e-8, 1e-9),
    (1e-5, 5e-7, 8e-8, 5e-9, 5e-10),
    (4e-6, 3e-7, 2e-8, 2e-9, 2e-10),
    (4e-6, 9e-8, 2e-8, 2e-9, 2e-10),
    (9e-7, 5e-8, 5e-9, 1e-10, 1e-11),
    (3e-8, 1e-9, 5e-11, 1e-12, 1e-13),
)

_Ints: TypeAlias = npt.NDArray[np.int64]


class Tables(NamedTuple):
    """All numbers in one vector, and where each level's parts start.

    Attributes
    ----------
    numbers : (...) float64
    layout : (levels, 13) int64
        Nodes, angles, then the starts of: nodes x; roots of elapsed time and weights of the
        boundary's points; their interpolation matrix by nodes and again by points; the matrix from
        the second level, or from the first to the second; roots, weights and slope weights of the
        premium's points; their interpolation and slope matrices.
    """

    numbers: FloatArray
    layout: _Ints


def _nodes(count: int) -> FloatArray:
    """Squares of Chebyshev points from 1 down to 0, which is left out."""
    return (0.5 * (1.0 + np.cos(np.pi * np.arange(count) / count))) ** 2


def _matrices(count: int, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values and slopes at `x` of the polynomial in sqrt(x), zero at 0, given at `count` nodes."""
    places = 2.0 * np.sqrt(np.append(_nodes(count), 0.0)) - 1.0
    coefficients = np.linalg.inv(chebyshev.chebvander(places, count))[:, :count]
    root = np.sqrt(x)
    values = chebyshev.chebvander(2.0 * root - 1.0, count) @ coefficients
    by_root = chebyshev.chebvander(2.0 * root - 1.0, count - 1) @ chebyshev.chebder(coefficients)
    return values.T, (by_root / root[:, None]).T


def _refinement(count: int, finer: int) -> FloatArray:
    """From the nodes of one level to those of a finer one.

    Below the last node the boundary keeps its ratio to x: the polynomial, which is drawn to zero
    there, would be a bad first guess.
    """
    x, target = _nodes(count), _nodes(finer)
    matrix, _ = _matrices(count, target)
    below = target < x[-1]
    matrix[:, below] = 0.0
    matrix[-1, below] = target[below] / x[-1]
    return matrix


def _padded(matrix: FloatArray) -> FloatArray:
    """Rows filled up to whole vectors."""
    return np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % LANES)))


def _boundary_parts(count: int, angles: int) -> list[FloatArray]:
    y, weight = legendre.leggauss(angles)
    angle, weight = 0.25 * np.pi * (1.0 + y)[:, None], 0.25 * np.pi * weight[:, None]
    x = _nodes(count)
    values, _ = _matrices(count, (x * np.cos(angle)).ravel())
    return [
        x,
        (x * np.sin(angle)).ravel(),
        (2.0 * weight * np.sin(angle) * np.cos(angle) * x * x).ravel(),
        values,
        _padded(values.T),
    ]


def _premium_parts(count: int) -> list[FloatArray]:
    y, weight = legendre.leggauss(PREMIUM_POINTS)
    v = 0.5 * (1.0 + y)
    angle = 0.5 * np.pi * v * v * (3.0 - 2.0 * v)  # dense at both ends
    weight = 0.25 * np.pi * 6.0 * v * (1.0 - v) * weight
    values, slopes = _matrices(count, np.cos(angle))
    root = np.sin(angle)
    return [root, 2.0 * weight * root * np.cos(angle), weight * root, values, slopes]


@functools.cache
def tables() -> Tables:
    """The tables of all levels; made once, never changed.

    Examples
    --------
    >>> tables().layout[:, 0]
    array([ 4,  8, 12, 16, 24, 32])
    """
    parts: list[FloatArray] = []
    layout = []
    start = 0
    for i, (count, angles) in enumerate(LEVELS):
        before = LEVELS[min(i, 2) - 1][0] if i else count
        level = _boundary_parts(count, angles)
        level.append(_refinement(before, count))
        level += _premium_parts(count)
        row = [count, angles]
        for part in level:
            row.append(start)
            start += part.size
        parts += level
        layout.append(row)
    numbers = np.concatenate([part.ravel() for part in parts])
    numbers.flags.writeable = False
    places = np.array(layout, np.int64)
    places.flags.writeable = False
    return Tables(numbers, places)
