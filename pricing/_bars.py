"""Bars of prices: their checks, and trailing windows over them (private)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pricing._arguments import count, positive
from pricing._batch import floats
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "annualised",
    "log_bars",
    "realised_variance",
    "vector",
    "windows",
]

_VARIANCE_MAX = 1e100


def log_bars(**prices: FloatLike) -> dict[str, FloatArray]:
    """Log prices of bars, NaN in every price of a bar that cannot be."""
    columns = {name: vector(name, value) for name, value in prices.items()}
    if len({column.size for column in columns.values()}) > 1:
        shapes = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        raise ValueError(f"bars: one length wanted, got {shapes}")
    good = np.ones(next(iter(columns.values())).size, bool)
    for column in columns.values():
        good &= np.isfinite(column) & (column > 0.0)
    if "high" in columns:
        for column in columns.values():
            good &= (columns["low"] <= column) & (column <= columns["high"])
    return {name: np.log(np.where(good, column, np.nan)) for name, column in columns.items()}


def vector(name: str, value: FloatLike) -> FloatArray:
    """`value` as a float64 vector, or one clear error."""
    array = floats(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name}: one dimension wanted, got shape {array.shape}")
    return array


def windows(terms: FloatArray, window: int | None, least: int) -> FloatArray:
    """(places, window) views of trailing windows; all terms as one window without `window`."""
    size = terms.size if window is None else count("window", window, least)
    if size < least or size > terms.size:
        return np.full((0 if window else 1, max(size, least)), np.nan)
    return sliding_window_view(terms, size)


def annualised(
    variance: FloatArray, bars: int, periods_per_year: float, window: int | None
) -> FloatArray:
    """Annualised vol, and with windows NaN before the first full one."""
    a_year = positive("periods_per_year", periods_per_year)
    with np.errstate(invalid="ignore"):  # Garman-Klass of a wild window can be negative
        vol = np.sqrt(variance * a_year)
    if window is None:
        return vol[0]  # type: ignore[no-any-return]
    return np.concatenate([np.full(bars - vol.size, np.nan), vol])


def realised_variance(variance: FloatLike) -> FloatArray:
    """Variances, NaN where one cannot be: negative, or too large to be added up."""
    known = vector("variance", variance)
    return np.where((known >= 0.0) & (known < _VARIANCE_MAX), known, np.nan)
