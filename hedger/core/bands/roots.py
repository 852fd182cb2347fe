"""The cube root: the library's in Python, in kernels one that loops turn into vector code.

A compiled power calls a library for one number at a time, which was most of a band's time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import extending, types

_F = TypeVar("_F", bound=Callable[..., object])
_LEAST = 1e-300
_THIRD = 1431655765
"""2^32 / 3: what the upper half of the bits is multiplied by instead of being divided."""
_GUESS = 0x553EF0FF
"""Upper bits of 1 / cube root at 1, moved so that the guess errs by 5 % at most either way."""
_FIRST, _SECOND, _THIRD_TERM = 1.0 / 3.0, 2.0 / 9.0, 14.0 / 81.0


def cube_root(x: float) -> float:
    """Cube root of a number that is not negative; NaN for NaN.

    Notes
    -----
    In a kernel: 1 / cube root y is guessed from a third of the exponent's bits, and twice improved
    by the series of (1 - h)^(-1/3) with h = 1 - x y^3, which leaves h^4; no division, no branch.
    One last Newton step is taken on the root itself. Within 2 units in the last place, except that
    what is below 1e-300 is nothing.

    Examples
    --------
    >>> round(cube_root(27.0), 12)
    3.0
    """
    return math.cbrt(x)


def _overloads(function: Callable[..., object]) -> Callable[[_F], _F]:
    """Decorator: what kernels compile where they call `function`."""
    decorate: Callable[[_F], _F] = extending.overload(function, jit_options={"forceinline": True})
    return decorate


@_overloads(cube_root)
def _compiled(x: Any) -> Callable[[Any], float] | None:
    """The kernel's way, for floats alone."""
    return _root if x == types.float64 else None


def _root(x: Any) -> float:
    upper = (_GUESS - (((np.float64(x).view(np.int64) >> 32) * _THIRD) >> 32)) << 32
    y = np.int64(upper).view(np.float64)
    h = 1.0 - x * (y * y * y)
    y += y * (h * (_FIRST + h * (_SECOND + h * _THIRD_TERM)))
    h = 1.0 - x * (y * y * y)
    y += y * (h * (_FIRST + h * (_SECOND + h * _THIRD_TERM)))
    square = y * y
    root = x * square
    root += _FIRST * square * (x - root * root * root)
    root = 0.0 if x < _LEAST else root
    return float(root if x - x == 0.0 else x)
