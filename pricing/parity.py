"""The forward and the discount factor of one expiry, with their standard errors.

From a future's quote, or from put-call parity over the strikes near the money.
"""

import enum
from typing import NamedTuple

import numpy as np

from pricing._arguments import number, positive, switch
from pricing._batch import floats
from pricing.conventions import FloatArray, FloatLike

__all__ = [
    "ExpiryForward",
    "ForwardStatus",
    "first_forward",
    "forward_from_future",
    "forward_from_parity",
]

_STEPS = 20  # of reweighting; it settles in a few
_CUTOFF = 2.0  # half-widths, or robust deviations where those are larger, from which pairs fade
_USED = 0.05  # a pair whose weight has faded below this share counts as dropped
_MAD = 1.4826  # median absolute deviation to standard deviation
_NAMES = ("strike", "call_bid", "call_ask", "put_bid", "put_ask")


class ForwardStatus(enum.IntEnum):
    """Why an `ExpiryForward` has no forward, or that it has one.

    Examples
    --------
    >>> ForwardStatus(1).name
    'TOO_FEW_PAIRS'
    """

    OK = 0
    TOO_FEW_PAIRS = 1
    NO_SOLUTION = 2
    NO_QUOTE = 3


class ExpiryForward(NamedTuple):
    """Forward and discount factor of one expiry.

    Attributes
    ----------
    forward : float
        NaN where the status is not 0, like the other numbers. [quote currency]
    forward_error : float
        One standard error. [quote currency]
    discount : float
        [1]
    discount_error : float
        0 where the discount factor was given. [1]
    pairs : int
        Strikes that were used; 0 for a future.
    status : ForwardStatus

    Examples
    --------
    >>> ExpiryForward._fields[:2]
    ('forward', 'forward_error')
    """

    forward: float
    forward_error: float
    discount: float
    discount_error: float
    pairs: int
    status: ForwardStatus


def _nothing(status: ForwardStatus, pairs: int = 0) -> ExpiryForward:
    nan = float("nan")
    return ExpiryForward(nan, nan, nan, nan, pairs, status)


def first_forward(*candidates: ExpiryForward) -> ExpiryForward:
    """The first candidate whose status is OK, else the last: futures first, then parity.

    Parameters
    ----------
    *candidates : ExpiryForward
        At least one, the most trusted first.

    Returns
    -------
    ExpiryForward

    Raises
    ------
    ValueError
        No candidates.

    Examples
    --------
    >>> missing = forward_from_future(bid=float("nan"), ask=101.0)
    >>> first_forward(missing, forward_from_future(bid=99.0, ask=101.0)).forward
    100.0
    """
    if not candidates:
        raise ValueError("candidates: at least one ExpiryForward wanted")
    good = (item for item in candidates if item.status == ForwardStatus.OK)
    return next(good, candidates[-1])


def forward_from_future(*, bid: float, ask: float, discount: float = 1.0) -> ExpiryForward:
    """The forward that a dated future's quote says.

    Parameters
    ----------
    bid, ask : float
        NaN, zero or negative means no quote. [quote currency]
    discount : float
        Of the same expiry, as known from elsewhere. [1]

    Returns
    -------
    ExpiryForward
        The mid, with half the spread as its error; `NO_QUOTE` without both sides or crossed.

    Raises
    ------
    TypeError
        Not numbers.

    Notes
    -----
    Futures and forwards are the same at deterministic rates.

    Examples
    --------
    >>> forward_from_future(bid=99.0, ask=101.0).forward_error
    1.0
    """
    low, high, factor = (
        number(name, value) for name, value in (("bid", bid), ("ask", ask), ("discount", discount))
    )
    if not (0.0 < low <= high < np.inf) or not 0.0 < factor < np.inf:
        return _nothing(ForwardStatus.NO_QUOTE)
    return ExpiryForward(0.5 * (low + high), 0.5 * (high - low), factor, 0.0, 0, ForwardStatus.OK)


def _pairs(values: tuple[FloatLike, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Strike, call minus put, and the half-width of that, of the strikes with all four quotes."""
    arrays = [floats(name, value) for name, value in zip(_NAMES, values, strict=True)]
    if any(array.shape != arrays[0].shape or array.ndim != 1 for array in arrays):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in zip(_NAMES, arrays, strict=True))
        raise ValueError(f"vectors of one length wanted: {shapes}")
    strike, call_bid, call_ask, put_bid, put_ask = arrays
    good = (strike > 0.0) & (call_bid > 0.0) & (put_bid > 0.0) & np.isfinite(sum(arrays))
    good &= (call_bid <= call_ask) & (put_bid <= put_ask)
    strike, call_bid, call_ask, put_bid, put_ask = (array[good] for array in arrays)
    half = 0.5 * (call_ask - call_bid + put_ask - put_bid)
    floor = 0.1 * float(np.median(half)) if half.size else 0.0  # no locked pair rules alone
    gap = 0.5 * (call_bid + call_ask - put_bid - put_ask)
    return strike, gap, np.maximum(half, max(floor, 1e-12))


def _theil_sen(x: FloatArray, y: FloatArray) -> float:
    """Median of the slopes between all pairs of points: right while under 29 % are outliers."""
    i, j = np.triu_indices(x.size, 1)
    apart = x[i] != x[j]
    i, j = i[apart], j[apart]
    return float(np.median((y[j] - y[i]) / (x[j] - x[i])))


def _fit(
    columns: FloatArray, y: FloatArray, half: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray, int]:
    """Weighted least squares with Cauchy's fading: coefficients, covariance, points used."""
    found = start
    for _ in range(_STEPS):
        u = (y - columns @ found) / half
        cutoff = _CUTOFF * max(1.0, _MAD * float(np.median(np.abs(u))))
        fade = 1.0 / (1.0 + (u / cutoff) ** 2)
        weighted = columns * (fade / (half * half))[:, None]
        found = np.asarray(np.linalg.solve(columns.T @ weighted, weighted.T @ y), np.float64)
    u = (y - columns @ found) / half
    free = float(fade.sum()) - found.size
    # Mids err together, so the scatter alone would promise too much: no less than half-widths.
    scatter = max(1.0, float((fade * u * u).sum()) / free) if free > 0.5 else 1.0
    used = int((fade > _USED).sum())
    covariance = np.asarray(np.linalg.inv(columns.T @ weighted) * scatter, np.float64)
    return found, covariance, used


def forward_from_parity(
    *,
    strike: FloatLike,
    call_bid: FloatLike,
    call_ask: FloatLike,
    put_bid: FloatLike,
    put_ask: FloatLike,
    discount: float | None = None,
    in_coin: bool = False,
    log_moneyness_max: float = 0.25,
) -> ExpiryForward:
    """Forward and discount factor from calls and puts of the same strikes.

    Parameters
    ----------
    strike : (strikes,) float64
        [quote currency]
    call_bid, call_ask, put_bid, put_ask : (strikes,) float64
        NaN or zero means no quote; a strike without all four is left out.
        [quote currency, or coin]
    discount : float, optional
        Where it is known; then only the forward is fitted, much more sharply. [1]
    in_coin : bool
        Prices in coin, of inverse options: the discount factor is the coin's then.
    log_moneyness_max : float
        Strikes farther from the forward are left out. [1]

    Returns
    -------
    ExpiryForward
        `TOO_FEW_PAIRS` with fewer than 3 strikes (2 where the discount is given), `NO_SOLUTION`
        where forward or discount factor would not be positive.

    Raises
    ------
    TypeError, ValueError
        Wrong types or shapes, a discount that is not positive.

    Notes
    -----
    ``C - P = D (F - K)`` in quote currency and ``c - p = D (1 - K/F)`` in coin are both a line in
    K.  It is fitted to mids by least squares weighted by the width of the synthetic, which fades
    pairs beyond 2 robust deviations (Cauchy) and starts from the Theil-Sen line.  Errors take half
    a width for one standard deviation of a pair, or the scatter around the line where that is
    larger.  American options do not obey parity.

    References
    ----------
    H. R. Stoll, The relationship between put and call option prices, Journal of Finance 24, 1969;
    P. K. Sen, Journal of the American Statistical Association 63, 1968.

    Examples
    --------
    >>> call, put = np.array([12.0, 7.5, 4.0]), np.array([2.1, 7.4, 13.7])
    >>> found = forward_from_parity(strike=[90.0, 100.0, 110.0], call_bid=call - 0.1,
    ...                             call_ask=call + 0.1, put_bid=put - 0.1, put_ask=put + 0.1)
    >>> round(found.forward, 2), round(found.discount, 2)
    (100.1, 0.98)
    """
    known = None if discount is None else positive("discount", discount)
    in_coin = switch("in_coin", in_coin)
    farthest = number("log_moneyness_max", log_moneyness_max)
    with np.errstate(all="ignore"):  # absurd elements
        k, y, half = _pairs((strike, call_bid, call_ask, put_bid, put_ask))
        try:
            return _fitted(k, y, half, known, in_coin, farthest)
        except np.linalg.LinAlgError:  # widths so absurd that no pair has a weight
            return _nothing(ForwardStatus.NO_SOLUTION, k.size)


def _fitted(
    k: FloatArray, y: FloatArray, half: FloatArray, known: float | None, coin: bool, farthest: float
) -> ExpiryForward:
    """The line through the pairs near the money, as a forward."""
    fewest = 2 if known is not None else 3
    if np.unique(k).size < fewest:
        return _nothing(ForwardStatus.TOO_FEW_PAIRS, k.size)
    slope = _theil_sen(k, y)
    middle = float(np.median(y - slope * k))
    if slope < 0.0 < middle:
        near = np.abs(np.log(k * (-slope / middle))) <= farthest
        k, y, half = k[near], y[near], half[near]
    if np.unique(k).size < fewest:
        return _nothing(ForwardStatus.TOO_FEW_PAIRS, k.size)
    return _line(k, y, half, np.array([middle, slope]), known, coin)


def _line(
    k: FloatArray,
    y: FloatArray,
    half: FloatArray,
    start: FloatArray,
    known: float | None,
    coin: bool,
) -> ExpiryForward:
    """The fit of ``y = level + slope (K - centre)`` as a forward; `known` ties level and slope."""
    centre, column = 0.0, np.ones((k.size, 1))
    if known is None:
        centre = float(k.mean())  # else level and slope would be all but collinear
        start = np.array([start[0] + start[1] * centre, start[1]])
        found, covariance, used = _fit(np.append(column, k[:, None] - centre, 1), y, half, start)
    elif coin:
        ratio, error, used = _fit(k[:, None], y - known, half, start[1:])
        found, covariance = np.array([known, ratio[0]]), np.diag([0.0, error[0, 0]])
    else:
        levels, error, used = _fit(column, y + known * k, half, start[:1])
        found, covariance = np.array([levels[0], -known]), np.diag([error[0, 0], 0.0])
    level, slope = found.tolist()
    if not (slope < 0.0 and centre * slope < level and np.isfinite(covariance).all()):
        return _nothing(ForwardStatus.NO_SOLUTION, used)
    by = np.array([-1.0 / slope, level / (slope * slope)])
    discount_by = np.array([1.0, -centre] if coin else [0.0, -1.0])
    discount = float(discount_by @ found)
    if not discount > 0.0:
        return _nothing(ForwardStatus.NO_SOLUTION, used)
    return ExpiryForward(
        forward=centre - level / slope,
        forward_error=float(np.sqrt(max(by @ covariance @ by, 0.0))),
        discount=discount,
        discount_error=float(np.sqrt(max(discount_by @ covariance @ discount_by, 0.0))),
        pairs=used,
        status=ForwardStatus.OK,
    )
