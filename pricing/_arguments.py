"""Arguments that are one plain value: checked, or refused with one clear error (private)."""

import numpy as np

from pricing._batch import floats
from pricing.conventions import FloatLike

__all__ = ["count", "finite", "fraction", "number", "positive", "switch"]


def number(name: str, value: FloatLike) -> float:
    """`value` as a float, which may be NaN or infinite.

    Examples
    --------
    >>> number("bid", 3)
    3.0
    """
    if type(value) is float:  # the common case, without an array
        return value
    array = floats(name, value)
    if array.ndim:
        raise TypeError(f"{name}: one number wanted, got shape {array.shape}")
    return float(array)


def finite(name: str, value: FloatLike) -> float:
    """`value` as a finite float."""
    found = number(name, value)
    if not np.isfinite(found):
        raise ValueError(f"{name}: a finite number wanted, got {found}")
    return found


def positive(name: str, value: FloatLike) -> float:
    """`value` as a finite float above 0."""
    found = number(name, value)
    if not 0.0 < found < np.inf:
        raise ValueError(f"{name}: a positive number wanted, got {found}")
    return found


def fraction(name: str, value: FloatLike) -> float:
    """`value` as a float between 0 and 1, both left out."""
    found = number(name, value)
    if not 0.0 < found < 1.0:
        raise ValueError(f"{name}: a number above 0 and below 1 wanted, got {found}")
    return found


def count(name: str, value: int, least: int = 0) -> int:
    """`value` as an int of at least `least`.

    Examples
    --------
    >>> count("groups", 9)
    9
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: an integer wanted, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name}: {least} or more wanted, got {value}")
    return int(value)


def switch(name: str, value: bool) -> bool:
    """`value` as a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: a bool wanted, got {type(value).__name__}")
    return bool(value)
