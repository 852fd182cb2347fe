"""Forward and discount factor at any time, between expiries and beyond them."""

import numpy as np

from pricing._batch import floats
from pricing.conventions import FloatArray, FloatLike

__all__ = ["Curve"]


class Curve:
    """Forwards and discount factors over time.

    Parameters
    ----------
    times : (expiries,) float64
        Times to expiry, positive and increasing. [years]
    forwards : (expiries,) float64
        Positive. [quote currency]
    discounts : (expiries,) float64 or float
        Positive; 1 for options on futures margined daily and for the exchange's own marks. [1]
    spot : float, optional
        The forward at time 0; without it the first carry rate reaches back to now.
        [quote currency]

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, numbers that are not positive, times that do not increase, no
        expiry.

    Notes
    -----
    Logarithms of forward and of discount factor are linear in time between the expiries: carry and
    rate are constant on each interval, and stay as they are after the last one.  The discount
    factor is 1 at time 0.

    References
    ----------
    P. S. Hagan and G. West, Interpolation methods for curve construction, Applied Mathematical
    Finance 13(2), 2006, section 2.

    Examples
    --------
    >>> curve = Curve([0.25, 0.5], [101.0, 103.0], 1.0, spot=100.0)
    >>> curve.forward([0.0, 0.25, 0.5]).round(9)
    array([100., 101., 103.])
    """

    __slots__ = ("_log_discounts", "_log_forwards", "discounts", "forwards", "times")

    def __init__(
        self,
        times: FloatLike,
        forwards: FloatLike,
        discounts: FloatLike = 1.0,
        *,
        spot: float | None = None,
    ) -> None:
        self.times: FloatArray = np.array(floats("times", times))
        if self.times.ndim != 1 or self.times.size == 0:
            raise ValueError(f"times: a vector of at least one wanted, got {self.times.shape}")
        self.forwards = self._checked("forwards", forwards)
        self.discounts = self._checked("discounts", discounts)
        if not np.isfinite(self.times).all() or not (np.diff(self.times, prepend=0.0) > 0.0).all():
            raise ValueError("times: positive, finite and increasing wanted")
        logs = np.log(self.forwards)
        if spot is not None:
            start = float(np.log(self._checked("spot", spot)[0]))
        elif self.times.size == 1:
            start = float(logs[0])
        else:
            pace = (logs[1] - logs[0]) / (self.times[1] - self.times[0])
            start = float(logs[0] - pace * self.times[0])
        self._log_forwards = np.concatenate([[start], logs])
        self._log_discounts = np.concatenate([[0.0], np.log(self.discounts)])
        for array in (self.times, self.forwards, self.discounts):
            array.flags.writeable = False

    def __repr__(self) -> str:
        return f"Curve({self.times.size} expiries)"

    def _checked(self, name: str, value: FloatLike) -> FloatArray:
        array = floats(name, value)
        if array.ndim and array.shape != self.times.shape:
            raise ValueError(f"{name}: shape {self.times.shape} wanted, got {array.shape}")
        if not ((array > 0.0) & (array < np.inf)).all():
            raise ValueError(f"{name}: positive and finite wanted")
        return np.array(np.broadcast_to(array, self.times.shape))

    def _at(self, logs: FloatArray, time: FloatLike) -> FloatArray:
        """Linear between the knots of time 0 and of the expiries, and on beyond the last one."""
        t = floats("time_to_expiry", time)
        knots = np.concatenate([[0.0], self.times])
        right = np.clip(np.searchsorted(knots, t), 1, self.times.size)
        left = right - 1
        with np.errstate(invalid="ignore", over="ignore"):
            share = (t - knots[left]) / (knots[right] - knots[left])
            value = np.exp(logs[left] * (1.0 - share) + logs[right] * share)
        inside: FloatArray = np.where((t >= 0.0) & (t < np.inf), value, np.nan)[()]
        return inside

    def forward(self, time_to_expiry: FloatLike) -> FloatArray:
        """Forward at each time; NaN for negative, infinite and NaN times [quote currency]."""
        return self._at(self._log_forwards, time_to_expiry)

    def discount(self, time_to_expiry: FloatLike) -> FloatArray:
        """Discount factor at each time; NaN for negative, infinite and NaN times [1]."""
        return self._at(self._log_discounts, time_to_expiry)

    def rate(self, time_to_expiry: FloatLike) -> FloatArray:
        """Continuous zero rate to each time, ``-log(discount) / t``; NaN at 0 [1 / year]."""
        t = floats("time_to_expiry", time_to_expiry)
        with np.errstate(all="ignore"):
            zero: FloatArray = np.where(t > 0.0, -np.log(self.discount(t)) / t, np.nan)[()]
            return zero
