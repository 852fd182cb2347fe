"""The words that all pricing modules share: array types, units, day count, delta conventions.

Units
-----
Prices are in quote currency, time is in years of 365 days, vol and rates are decimals a year, and
Greeks are plain derivatives: per 1.00 of vol, per year, per 1.00 of rate.  Rescaling for people
happens at the edge and carries its scale in the name (`vega_usd_1pt`).

Deltas
------
* **Forward delta**: the derivative of the price by the forward (`pricing.black`).
* **Spot delta**: the derivative by spot at fixed carry: forward delta times forward over spot.
* **Premium-adjusted (net transaction) delta**: the delta less the option's value in coin; it is the
  hedge of an account that counts in coin (`pricing.inverse`).

They are never added together.
"""

import enum
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "MS_PER_YEAR",
    "BoolLike",
    "FloatArray",
    "FloatLike",
    "Greeks",
    "ImpliedVol",
    "SecondGreeks",
    "VolStatus",
    "years",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
FloatLike: TypeAlias = (
    float
    | np.floating[Any]
    | np.integer[Any]
    | npt.NDArray[np.floating[Any]]
    | npt.NDArray[np.integer[Any]]
    | Sequence[float]
)
BoolLike: TypeAlias = bool | np.bool_ | npt.NDArray[np.bool_] | Sequence[bool]

MS_PER_YEAR: Final = 365 * 24 * 60 * 60 * 1000


class Greeks(NamedTuple):
    """Price and first derivatives of one unit of each option.

    Attributes
    ----------
    price : (...) float64
        [quote currency, or coin where the function says so]
    delta : (...) float64
        By the underlying that the function is given. [1]
    gamma : (...) float64
        Second derivative by that underlying. [1 / quote currency]
    vega : (...) float64
        By vol, per 1.00. [quote currency]
    theta : (...) float64
        Minus the derivative by time to expiry, per year. [quote currency / year]
    rho : (...) float64
        By rate, per 1.00. [quote currency]

    Notes
    -----
    Fields have the broadcast shape of the inputs; where all inputs are scalars they are
    ``numpy.float64`` scalars.

    Examples
    --------
    >>> Greeks._fields
    ('price', 'delta', 'gamma', 'vega', 'theta', 'rho')
    """

    price: FloatArray
    delta: FloatArray
    gamma: FloatArray
    vega: FloatArray
    theta: FloatArray
    rho: FloatArray


class SecondGreeks(NamedTuple):
    """Derivatives of delta, vega and gamma of one unit of each option.

    Attributes
    ----------
    vanna : (...) float64
        Delta by vol; vega by the underlying. [1]
    volga : (...) float64
        Vega by vol. [quote currency]
    charm : (...) float64
        Minus delta by time to expiry: how delta runs as time passes. [1 / year]
    speed : (...) float64
        Gamma by the underlying. [1 / quote currency^2]
    zomma : (...) float64
        Gamma by vol. [1 / quote currency]
    color : (...) float64
        Minus gamma by time to expiry. [1 / quote currency / year]

    Notes
    -----
    Of the delta and the underlying of the function that returns them; signs of time are theta's.

    Examples
    --------
    >>> SecondGreeks._fields
    ('vanna', 'volga', 'charm', 'speed', 'zomma', 'color')
    """

    vanna: FloatArray
    volga: FloatArray
    charm: FloatArray
    speed: FloatArray
    zomma: FloatArray
    color: FloatArray


class VolStatus(enum.IntEnum):
    """Why an element of `ImpliedVol` has no vol, or that it has one.

    Examples
    --------
    >>> VolStatus(1).name
    'BELOW_INTRINSIC'
    """

    OK = 0
    BELOW_INTRINSIC = 1
    ABOVE_MAXIMUM = 2
    BAD_INPUT = 3


class ImpliedVol(NamedTuple):
    """Vols that reproduce prices, with a status for each element.

    Attributes
    ----------
    vol : (...) float64
        NaN exactly where the status is not 0. [1 / sqrt(year)]
    status : (...) uint8
        A `VolStatus`: 0 where the vol reproduces the price.

    Examples
    --------
    >>> ImpliedVol._fields
    ('vol', 'status')
    """

    vol: FloatArray
    status: npt.NDArray[np.uint8]


def years(from_ms: int, to_ms: int) -> float:
    """Time between two instants, actual/365 fixed.

    Parameters
    ----------
    from_ms, to_ms : int
        Instants. [milliseconds since the epoch, UTC]

    Returns
    -------
    float
        Negative when `to_ms` comes first. [years]

    Raises
    ------
    TypeError, ValueError
        Not an integer, or not one of 64 bits.

    Notes
    -----
    Milliseconds / (365 x 86,400,000): the exchange's convention, measured on its own Greeks.

    Examples
    --------
    >>> years(0, 365 * 86_400_000)
    1.0
    """
    for name, value in (("from_ms", from_ms), ("to_ms", to_ms)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name}: an integer wanted, got {type(value).__name__}")
        if abs(int(value)) >= 2**63:
            raise ValueError(f"{name}: beyond 64 bits")
    return (int(to_ms) - int(from_ms)) / MS_PER_YEAR
