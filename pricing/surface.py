"""Many expiries: vol at any log-moneyness and time, from slices of total variance."""

import enum
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from pricing._batch import INPUT, broadcast, floats
from pricing._kernel_cache import compiled
from pricing.conventions import FloatArray, FloatLike
from pricing.smile import Svi

__all__ = ["Surface", "SurfaceStatus", "SurfaceVol"]

_OUTPUT = types.Array(types.float64, 2, "C")
_SLICES = types.Array(types.float64, 2, "C", readonly=True)
_STATUSES = types.Array(types.uint8, 1, "C")


class SurfaceStatus(enum.IntEnum):
    """Why an element of `SurfaceVol` has no vol, or that it has one.

    Examples
    --------
    >>> SurfaceStatus(1).name
    'EXPIRED'
    """

    OK = 0
    EXPIRED = 1
    BAD_INPUT = 2
    NO_VARIANCE = 3


class SurfaceVol(NamedTuple):
    """Vols on a surface and their derivatives by log-moneyness, with a status for each element.

    Attributes
    ----------
    vol : (...) float64
        NaN exactly where the status is not 0, like the other two. [1 / sqrt(year)]
    skew : (...) float64
        First derivative. [1 / sqrt(year)]
    curvature : (...) float64
        Second derivative. [1 / sqrt(year)]
    status : (...) uint8
        A `SurfaceStatus`.

    Examples
    --------
    >>> SurfaceVol._fields
    ('vol', 'skew', 'curvature', 'status')
    """

    vol: FloatArray
    skew: FloatArray
    curvature: FloatArray
    status: npt.NDArray[np.uint8]


@compiled(types.void(INPUT, _SLICES, INPUT, INPUT, _OUTPUT, _STATUSES))
def _evaluate(times, slices, moneyness, time, result, status):  # type: ignore[no-untyped-def]
    last = times.size - 1
    for i in range(status.size):
        k = moneyness[0] if moneyness.size == 1 else moneyness[i]
        t = time[0] if time.size == 1 else time[i]
        result[0, i] = result[1, i] = result[2, i] = np.nan
        if not (abs(k) < np.inf and abs(t) < np.inf) or last < 0:
            status[i] = 2
            continue
        if t <= 0.0:
            status[i] = 1
            continue
        later = min(max(np.searchsorted(times, t), 1), last)
        alone = last == 0 or t <= times[0]
        share = 1.0 if alone else (t - times[later - 1]) / (times[later] - times[later - 1])
        later = 0 if alone else later
        w = slope = bend = 0.0
        for j in range(later if alone else later - 1, later + 1):
            weight = share if j == later else 1.0 - share
            d, sigma = k - slices[j, 3], slices[j, 4]
            root = np.sqrt(d * d + sigma * sigma)
            b, rho = weight * slices[j, 1], slices[j, 2]
            w += weight * slices[j, 0] + b * (rho * d + root)
            slope += b * (rho + d / root)
            bend += b * sigma * sigma / (root * root * root)
        if not (w > 0.0 and w < np.inf):
            status[i] = 3
            continue
        per_time = 1.0 / (times[0] if alone else t)
        vol = np.sqrt(w * per_time)
        skew = 0.5 * slope * per_time / vol
        result[0, i], result[1, i] = vol, skew
        result[2, i] = (0.5 * bend * per_time - skew * skew) / vol
        status[i] = 0


class Surface:
    """Vol at any log-moneyness and time, between SVI slices and beyond them.

    Parameters
    ----------
    times : (expiries,) float64
        Times to expiry, positive and increasing. [years]
    slices : sequence of Svi, one for each time

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, times that do not increase, slices that are not numbers.

    Notes
    -----
    At fixed log-moneyness total variance is linear in time between two expiries, and proportional
    to time before the first one, so vol is constant there.  After the last expiry it grows at the
    rate of the last interval: flat forward variance.  Slices without calendar arbitrage give a
    surface without it.

    References
    ----------
    J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance
    14(1), 2014, lemma 5.1.

    Examples
    --------
    >>> near, far = Svi(0.01, 0.05, -0.3, 0.0, 0.2), Svi(0.03, 0.06, -0.3, 0.0, 0.2)
    >>> surface = Surface([0.1, 0.3], [near, far])
    >>> surface.vol(log_moneyness=0.0, time_to_expiry=[0.1, 0.2, 0.3]).vol.round(4)
    array([0.4472, 0.3937, 0.3742])
    """

    __slots__ = ("_matrix", "slices", "times")

    def __init__(self, times: FloatLike, slices: Sequence[Svi]) -> None:
        self.times: FloatArray = np.array(floats("times", times))
        self.slices = tuple(slices)
        if not all(isinstance(svi, Svi) for svi in self.slices):
            raise TypeError("slices: a sequence of Svi wanted")
        if self.times.shape != (len(self.slices),):
            raise ValueError(
                f"times: shape ({len(self.slices)},) wanted, one for each slice, "
                f"got {self.times.shape}"
            )
        if not np.isfinite(self.times).all() or not (np.diff(self.times, prepend=0.0) > 0.0).all():
            raise ValueError("times: positive, finite and increasing wanted")
        self._matrix: FloatArray = np.array(self.slices, dtype=np.float64).reshape(-1, 5)
        if not np.isfinite(self._matrix).all():
            raise ValueError("slices: finite parameters wanted")
        self.times.flags.writeable = self._matrix.flags.writeable = False

    def __repr__(self) -> str:
        return f"Surface({len(self.slices)} expiries)"

    def vol(self, *, log_moneyness: FloatLike, time_to_expiry: FloatLike) -> SurfaceVol:
        """Vol, skew and curvature at any points.

        Parameters
        ----------
        log_moneyness : (...) float64
            log(strike / forward of that time). [1]
        time_to_expiry : (...) float64
            Need not be a time of the surface. [years]

        Returns
        -------
        SurfaceVol
            Fields of the broadcast shape.  The status is `EXPIRED` where the time is not positive,
            `BAD_INPUT` for NaN, for infinities and on a surface without expiries, `NO_VARIANCE`
            where slices that cross leave no positive total variance beyond the last expiry.

        Raises
        ------
        TypeError, ValueError
            Wrong types or shapes.
        """
        names = ("log_moneyness", "time_to_expiry")
        values = (log_moneyness, time_to_expiry)
        (k, time, _), shape = broadcast(names, values, True)  # a smile has no calls or puts
        size = int(np.prod(shape))
        result, status = np.empty((3, size)), np.empty(size, np.uint8)
        _evaluate(self.times, self._matrix, k, time, result, status)
        vol, skew, curvature = result.reshape(3, *shape)
        return SurfaceVol(vol, skew, curvature, status.reshape(shape))
