"""American options with continuous rates and dividend yields: price, Greeks and implied vols.

Discrete cash dividends: `pricing.american_discrete`.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from pricing._american_double import american_double_kernel
from pricing._american_kernel import american_kernel
from pricing._american_tables import tables
from pricing._arguments import fraction
from pricing._batch import broadcast, evaluate
from pricing.conventions import BoolLike, FloatArray, FloatLike, Greeks, ImpliedVol, VolStatus

__all__ = ["american", "american_implied_vol"]

_NAMES = ("spot", "strike", "time_to_expiry", "vol", "rate", "dividend_yield")
_TWO_BOUNDARIES = 2  # what the first kernel answers where the second one is needed
_VOL_MAX = 1e3
_ITERATIONS = 100
_STEP = 1e-12  # relative change of vol that ends the search


class _Scheme:
    """The kernels at one tolerance, called as those of `batch_kernel` are."""

    chunk_min = 500  # options a thread, some milliseconds

    def __init__(self, tolerance: float) -> None:
        self._aim = (tolerance, *tables())

    def prepare(self) -> None:
        american_kernel.prepare()

    def run(self, is_call: Any, *arguments: Any) -> int:
        """1 where arrays overlap, else 0."""
        *inputs, outputs, _ = arguments
        arrays = (*inputs, is_call, *outputs, *self._aim)
        code = american_kernel(*arrays)
        if code == _TWO_BOUNDARIES:
            american_double_kernel(*arrays)
        return int(code == 1)


def american(
    *,
    spot: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    vol: FloatLike,
    is_call: BoolLike,
    rate: FloatLike,
    dividend_yield: FloatLike = 0.0,
    tolerance: float = 1e-7,
    out: Any = None,
) -> Greeks:
    """Price and Greeks of American options on spot.

    Parameters
    ----------
    spot, strike : (...) float64
        At least 0. [quote currency]
    time_to_expiry : (...) float64
        Zero or less is expired. [years]
    vol : (...) float64
        At least 0. [1 / sqrt(year)]
    is_call : (...) bool
    rate, dividend_yield : (...) float64
        Continuously compounded, of either sign. [1 / year]
    tolerance : float
        Aim of the price error relative to ``max(price, 1e-6 spot)``, from 1e-5 down to 1e-10:
        it selects how many points carry the exercise boundary.  [1]
    out : Greeks or tuple of six (...) float64 arrays, optional
        As for `pricing.black`.

    Returns
    -------
    Greeks
        Derivatives by spot; theta and rho with spot held fixed.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, a tolerance outside (0, 1); never for an element's value.

    Notes
    -----
    Price = European price + early-exercise premium, an integral along the exercise boundary.
    A put has one boundary where rate > 0, or rate = 0 > dividend yield; none where rate <= 0 and
    rate <= dividend yield, and then the European values are returned.  A put with dividend yield <
    rate < 0 (a call with rate < dividend yield < 0) has two boundaries.  Calls are puts with spot
    and strike, rate and dividend yield exchanged.

    Delta is the integral's exact derivative; gamma follows from it, theta and the Black-Scholes
    equation; vega and rho carry the boundary's own derivatives.  At and below a put's boundary:
    price strike - spot, delta -1, and the other Greeks 0 (calls: spot - strike, +1).  Zero vol, and
    any total vol below 1e-7: the best value of exercise along the certain path, delta that of the
    moment it is reached, gamma and vega 0.  Expired: as `pricing.black_scholes`.  Bad elements give
    NaN in all six fields of that element and in no other; so does a boundary that cannot be solved,
    which is never the case up to a total vol ``vol sqrt(time)`` of 4.

    References
    ----------
    L. Andersen, M. Lake, D. Offengenden, High performance American option pricing, Journal of
    Computational Finance 20(1), 2016.  L. Andersen, M. Lake, Fast American option pricing: the
    double-boundary case, Wilmott 116, 2021.  R. McDonald, M. Schroder, A parity result for American
    options, Journal of Computational Finance 1(3), 1998.

    Examples
    --------
    >>> greeks = american(spot=100.0, strike=[90.0, 100.0], time_to_expiry=1.0, vol=0.25,
    ...                   is_call=False, rate=0.05, dividend_yield=0.05)
    >>> greeks.price.round(5)
    array([5.0567 , 9.56945])
    """
    values = (spot, strike, time_to_expiry, vol, rate, dividend_yield)
    return evaluate(_Scheme(fraction("tolerance", tolerance)), _NAMES, values, is_call, out)


def american_implied_vol(
    *,
    price: FloatLike,
    spot: FloatLike,
    strike: FloatLike,
    time_to_expiry: FloatLike,
    is_call: BoolLike,
    rate: FloatLike,
    dividend_yield: FloatLike = 0.0,
    tolerance: float = 1e-7,
) -> ImpliedVol:
    """Vols at which `american` gives these prices.

    Parameters
    ----------
    price : (...) float64
        [quote currency]
    spot, strike, time_to_expiry, is_call, rate, dividend_yield, tolerance
        As for `american`.

    Returns
    -------
    ImpliedVol
        `BELOW_INTRINSIC` where the price is at or below the price at zero vol: there either no vol
        or every small vol fits.  `ABOVE_MAXIMUM` at or above the limit of large vol, and where the
        vol lies beyond 1000 or beyond what `american` can solve.  `BAD_INPUT` for NaN, infinite or
        negative values and options without time.

    Notes
    -----
    Newton's method with the exact vega on the price, or on the log of its excess over zero vol
    while that is off by more than a factor of two, kept inside a bracket that each price narrows:
    the price rises with vol.  The vol is exact to the price's tolerance over vega.

    Examples
    --------
    >>> implied = american_implied_vol(price=9.569445, spot=100.0, strike=100.0, time_to_expiry=1.0,
    ...                                is_call=False, rate=0.05, dividend_yield=0.05)
    >>> implied.vol.round(5), implied.status
    (np.float64(0.25), np.uint8(0))
    """
    fraction("tolerance", tolerance)
    names = ("price", "spot", "strike", "time_to_expiry", "rate", "dividend_yield")
    values = (price, spot, strike, time_to_expiry, rate, dividend_yield)
    arrays, shape = broadcast(names, values, is_call)
    size = math.prod(shape)
    target, s, k, t, r, q, call = (
        np.broadcast_to(array, (size,)) if array.size == 1 else array for array in arrays
    )
    option = {"spot": s, "strike": k, "time_to_expiry": t, "rate": r, "dividend_yield": q}
    low, status = _bounds(target, option, call, tolerance)
    vol = np.full(size, np.nan)
    live = np.flatnonzero(status == VolStatus.OK)
    if live.size:
        inputs = {name: array[live] for name, array in option.items()}
        vol[live] = _solve(target[live], low[live], inputs, call[live], tolerance)
    status[live[~np.isfinite(vol[live])]] = VolStatus.ABOVE_MAXIMUM
    return ImpliedVol(vol.reshape(shape)[()], status.reshape(shape)[()])


def _bounds(
    target: FloatArray, option: dict[str, FloatArray], call: npt.NDArray[np.bool_], tolerance: float
) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """Prices at zero vol, and the status that prices and inputs have before any search."""
    low = american(**option, vol=0.0, is_call=call, tolerance=tolerance).price
    t = option["time_to_expiry"]
    yields = np.where(call, option["dividend_yield"], option["rate"])
    with np.errstate(all="ignore"):
        high = np.where(call, option["spot"], option["strike"]) * np.exp(np.maximum(-yields * t, 0))
        bad = ~(np.isfinite(low + high) & np.isfinite(target) & (target >= 0.0) & (t > 0.0))
        status = np.where(target >= high, VolStatus.ABOVE_MAXIMUM, VolStatus.OK)
        nothing = low + 1e-15 * (option["spot"] + option["strike"])  # no more than rounding
        status = np.where(target <= nothing, VolStatus.BELOW_INTRINSIC, status)
    return low, np.where(bad, VolStatus.BAD_INPUT, status).astype(np.uint8)


def _solve(
    target: FloatArray,
    low: FloatArray,
    option: dict[str, FloatArray],
    call: npt.NDArray[np.bool_],
    tolerance: float,
) -> FloatArray:
    """Safeguarded Newton, all options at once; those that are done leave; NaN above all vols."""
    root = np.sqrt(option["time_to_expiry"])
    with np.errstate(all="ignore"):  # absurd elements
        drift = (option["rate"] - option["dividend_yield"]) * option["time_to_expiry"]
        moneyness = np.abs(np.log(option["spot"] / option["strike"]) + drift)
    vol = np.clip(np.sqrt(2.0 * moneyness) / root, 0.2, 10.0 / root)
    floor, ceiling = np.zeros_like(vol), np.full_like(vol, np.inf)
    active = np.arange(vol.size)
    for _ in range(_ITERATIONS):
        inputs = {name: array[active] for name, array in option.items()}
        now = vol[active]
        greeks = american(**inputs, vol=now, is_call=call[active], tolerance=tolerance)
        excess, wanted = greeks.price - low[active], (target - low)[active]
        above = excess >= wanted
        ceiling[active] = np.where(above, now, ceiling[active])
        floor[active] = np.where(above, floor[active], now)
        with np.errstate(all="ignore"):
            ratio = excess / wanted
            near = (ratio > 0.5) & (ratio < 2.0)
            step = np.where(near, wanted - excess, -np.log(ratio) * excess) / greeks.vega
        lower, upper = floor[active], ceiling[active]
        guess = now + step
        middle = np.where(np.isinf(upper), 2.0 * now, 0.5 * (lower + upper))
        guess = np.where((guess > lower) & (guess < upper) & (guess < 4.0 * now), guess, middle)
        vol[active] = np.where(excess == wanted, now, guess)
        moving = (np.abs(vol[active] - now) > _STEP * now) & (now < _VOL_MAX)
        active = active[moving]
        if not active.size:
            break
    vol[vol > _VOL_MAX] = np.nan
    return vol
