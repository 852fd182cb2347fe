"""Half-widths and vols of the bands: plain functions of floats, the one place for each formula.

`decide` calls them as Python; the kernels of a study call the very same functions, which numba
compiles into them (`register_jitable` leaves the Python function as it is), in line, for a loop
with a call in it is no vector code. So no objects, no keyword-only arguments and no division that
could be by zero: what is undefined is NaN or infinite.

Everywhere: ``cost`` one-way proportional cost as a fraction of price, ``spot`` in quote currency,
``gamma`` the book's net d(delta)/d(spot), ``vol`` annualised, times in years, ``risk_aversion``
absolute, per quote currency. Half-widths are in units of the underlying.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

from numba import extending

from hedger.core.bands.roots import cube_root

_F = TypeVar("_F", bound=Callable[..., object])

OVERSHOOT = 0.5826
"""-zeta(1/2)/sqrt(2 pi): mean overshoot of a discretely checked level, in standard deviations."""
SPREAD_NODES = (-2.8569700138728, -1.3556261799742659, 0.0, 1.3556261799742659, 2.8569700138728)
SPREAD_WEIGHTS = (
    0.011257411327720691,
    0.22207592200561266,
    0.5333333333333333,
    0.22207592200561266,
    0.011257411327720691,
)
"""Five-point Gauss-Hermite rule for a mean over a standard normal variable."""
_ZAKAMOULINE_MAX = 0.99
_NEWTON_STEPS = 24
_DEARER_MAX = 0.5
_RESTING, _UNWINDING = 0.7, 0.75


def jitable(function: _F) -> _F:
    """Decorator: the function as it is, and compiled into any kernel that calls it."""
    made: _F = extending.register_jitable(forceinline=True)(function)
    return made


@jitable
def whalley_wilmott(cost: float, spot: float, square_gamma: float, risk_aversion: float) -> float:
    """Whalley-Wilmott half-width, (3/2 cost spot gamma^2 / risk_aversion)^(1/3), at rate 0.

    ``square_gamma`` is gamma squared, or its mean over spot where gamma changes sign.

    References
    ----------
    Whalley, A. E. and Wilmott, P., "An asymptotic analysis of an optimal hedging model for option
    pricing with transaction costs", Mathematical Finance 7(3), 1997.

    Examples
    --------
    >>> round(whalley_wilmott(0.0005, 100.0, 0.023**2, 0.2), 6)
    0.058322
    """
    return cube_root(1.5 * cost * spot * square_gamma / risk_aversion)


@jitable
def gammaless(cost: float, spot: float, vol: float, horizon: float, risk_aversion: float) -> float:
    """Half-width that remains where gamma vanishes, cost / (risk_aversion spot vol^2 horizon).

    ``horizon`` is the hedging horizon, never the time to the nearest expiry: there it explodes.
    """
    return cost / (risk_aversion * spot * vol * vol * horizon)


@jitable
def overshoot(gamma: float, spot: float, vol: float, delay: float) -> float:
    """Mean distance by which delta passes a level that is checked only every ``delay`` years."""
    return OVERSHOOT * abs(gamma) * spot * vol * math.sqrt(delay)


@jitable
def cubic(
    cost: float,
    spot: float,
    gamma: float,
    square_gamma: float,
    vol: float,
    horizon: float,
    risk_aversion: float,
    delay: float,
) -> float:
    """Half-width of the cubic band with floor and overshoot.

    Notes
    -----
    max((H_ww^3 + H_0^3)^(1/3) - overshoot, H_ww / 4): the band of Whalley and Wilmott and the one
    that remains without gamma, added in their cubes, narrowed by what a discrete check overshoots.
    Derived for this project and confirmed against the optimum; not a published result.
    """
    cubed = 1.5 * cost * spot * square_gamma / risk_aversion
    floor = gammaless(cost, spot, vol, horizon, risk_aversion)
    whole = cube_root(cubed + floor * floor * floor)
    return max(whole - overshoot(gamma, spot, vol, delay), 0.25 * cube_root(cubed))


@jitable
def zakamouline(
    cost: float,
    spot: float,
    gamma: float,
    vol: float,
    horizon: float,
    risk_aversion: float,
) -> float:
    """Zakamouline's half-width H_0 + H_1, fitted at spot 100 and carried to any scale.

    Notes
    -----
    H_1 = 1.12 cost^0.31 horizon^0.05 vol^-0.25 (|gamma| / risk_aversion)^0.5. The book is
    rescaled so that spot is 100 and every amount of money stays: units times spot / 100, gamma
    times (spot / 100)^2, half-widths back by 100 / spot.

    References
    ----------
    Zakamouline, V. I., "Efficient analytic approximation of the optimal hedging strategy for a
    European call option with transaction costs", Quantitative Finance 6(5), 2006.
    """
    scale = spot / 100.0
    scaled = abs(gamma) * scale * scale
    fit = float(1.12 * cost**0.31 * horizon**0.05 * vol**-0.25)
    inner = fit * math.sqrt(scaled / risk_aversion)
    return (gammaless(cost, 100.0, vol, horizon, risk_aversion) + inner) / scale


@jitable
def zakamouline_vol(
    cost: float,
    spot: float,
    gamma: float,
    vol: float,
    horizon: float,
    risk_aversion: float,
) -> float:
    """Vol of the delta on which Zakamouline's band is centred: higher for short gamma.

    Notes
    -----
    vol^2 (1 - sign(gamma) K), K = 4.76 cost^0.78 horizon^-0.02 vol^-0.25
    (risk_aversion spot^2 |gamma|)^0.15, which has no scale of spot. The sign is Leland's: of the
    two, it is the one that brings the centre nearer to the optimum's. K stops at 0.99, beyond which
    a long book's variance would not be positive.
    """
    size = (risk_aversion * spot * spot * abs(gamma)) ** 0.15
    k = min(4.76 * cost**0.78 * horizon**-0.02 * vol**-0.25 * size, _ZAKAMOULINE_MAX)
    return vol * math.sqrt(1.0 - math.copysign(k, gamma))


@jitable
def leland_vol(cost: float, vol: float, interval: float, gamma: float) -> float:
    """Leland's vol for a book rebalanced every ``interval`` years: higher for short gamma.

    NaN where costs eat all of a long book's variance: then it has no solution.

    Notes
    -----
    vol^2 (1 - sign(gamma) A), A = sqrt(8 / pi) cost / (vol sqrt(interval)).

    References
    ----------
    Leland, H. E., "Option pricing and replication with transactions costs", Journal of Finance
    40(5), 1985.

    Examples
    --------
    A spread of 1 % is a one-way cost of 0.5 %:

    >>> round(leland_vol(0.005, 0.10, 1.0 / 365.0, -1.0), 4)
    0.1589
    """
    number = math.sqrt(8.0 / math.pi) * cost / (vol * math.sqrt(interval))
    left = 1.0 - math.copysign(number, gamma)
    return vol * math.sqrt(left) if left > 0.0 else math.nan


@jitable
def fixed_and_proportional(
    proportional: float, fixed: float, spot: float, square_gamma: float, risk_aversion: float
) -> tuple[float, float]:
    """Trigger H and inner target h of a book that pays ``fixed`` an order beside the proportion.

    Notes
    -----
    H h (H + h) = 3 proportional spot gamma^2 / risk_aversion = a and
    (H - h)^3 (H + h) = 12 fixed gamma^2 / risk_aversion = b. With s = H + h = u^3 and
    H - h = (b / s)^(1/3) both are u^9 - b^(2/3) u - 4 a = 0, which has one root above zero;
    Newton's steps from above it fall monotonously.
    """
    a = 3.0 * proportional * spot * square_gamma / risk_aversion
    b = 12.0 * fixed * square_gamma / risk_aversion
    third = cube_root(b)
    c = third * third
    u = max((2.0 * c) ** 0.125, (8.0 * a) ** (1.0 / 9.0))
    if not u > 0.0:
        return 0.0, 0.0
    for _ in range(_NEWTON_STEPS):
        u8 = u**8
        u -= (u * u8 - c * u - 4.0 * a) / (9.0 * u8 - c)
    total, gap = u**3, third / u
    return 0.5 * (total + gap), max(0.5 * (total - gap), 0.0)


@jitable
def two_cost(
    proportional: float,
    fixed: float,
    spot: float,
    gamma: float,
    square_gamma: float,
    vol: float,
    horizon: float,
    risk_aversion: float,
    delay: float,
) -> tuple[float, float]:
    """Trigger and inner target with a fixed and a proportional cost, floors and overshoot.

    Notes
    -----
    The floors without gamma, H_0 + sqrt(2 fixed / (risk_aversion vol^2 spot^2 horizon)) of the
    trigger and H_0 of the target, join in their cubes; the overshoot narrows the trigger alone,
    never below a quarter of what it is without floors, and the target never lies beyond it. So
    without a fixed cost this is `cubic`, to the edge. Ours, not a published result.
    """
    outer, inner = fixed_and_proportional(proportional, fixed, spot, square_gamma, risk_aversion)
    floor = gammaless(proportional, spot, vol, horizon, risk_aversion)
    order = math.sqrt(2.0 * fixed / (risk_aversion * vol * vol * spot * spot * horizon))
    whole = cube_root(outer**3 + (floor + order) ** 3)
    trigger = max(whole - overshoot(gamma, spot, vol, delay), 0.25 * outer)
    return trigger, min(cube_root(inner**3 + floor**3), trigger)


@jitable
def dearer(
    proportional: float,
    fixed: float,
    spot: float,
    gamma: float,
    square_gamma: float,
    risk_aversion: float,
) -> float:
    """Variance over which a book with both costs is hedged, as a factor: above 1 for short gamma.

    Notes
    -----
    What is still to be paid is part of what is hedged. Between trigger H and target h cost and risk
    accrue as vol^2 spot^2 risk_aversion (H^2 + H h + h^2) / 6 a year, which is what a variance
    higher by risk_aversion (H^2 + H h + h^2) / (3 |gamma|) of itself is worth; of a fixed cost
    alone 2 sqrt(fixed risk_aversion / 3). It changes by half at most: beyond, nothing is small.
    Ours, not a published result; for a proportional cost alone `cubic` does without.
    """
    if not square_gamma > 0.0:
        return 1.0
    outer, inner = fixed_and_proportional(proportional, fixed, spot, square_gamma, risk_aversion)
    squares = outer * outer + outer * inner + inner * inner
    more = -risk_aversion * squares * gamma / (3.0 * square_gamma)
    return 1.0 + min(max(more, -_DEARER_MAX), _DEARER_MAX)


@jitable
def unwinding(to_rest: float, trigger: float, target: float) -> float:
    """How much further a trade goes, for a delta that is soon to rest; a shift of its end.

    Where spot only has to go on and the options' delta ends within the trigger (``to_rest`` of it
    is to come), no further order would ever be due. So a trade that is made there goes part of the
    way at once. Fitted to the optimum: 3/4 of ``to_rest`` times what it is of the trigger, up to
    7/10 of that; nothing where there is no fixed cost, whose target is the trigger.
    """
    if not (trigger > 0.0 and abs(to_rest) < _RESTING * trigger):
        return 0.0
    share = _UNWINDING * abs(to_rest) * (1.0 - target / trigger) / trigger
    return -share * to_rest


@jitable
def spread(vol: float, horizon: float) -> float:
    """Standard deviation of log spot over which a gamma that changes sign is averaged."""
    return vol * math.sqrt(0.02 * horizon)


@jitable
def half_clip(half_width: float, clip: float, order_min: float) -> float:
    """How far the trigger lies outside the edge and the target inside; see `clipped`."""
    return min(0.5 * max(clip * half_width, order_min), half_width)


@jitable
def clipped(half_width: float, clip: float, order_min: float) -> tuple[float, float]:
    """Trigger and target around an edge, so that no order is smaller than the clip.

    Parameters
    ----------
    half_width : float
        Distance of the edge from the centre.
    clip : float
        Least order as a fraction of the half-width; 0 for exactly to the edge.
    order_min : float
        Least order of the venue, or 0.
    """
    half = half_clip(half_width, clip, order_min)
    return half_width + half, half_width - half


@jitable
def accepted_risk_aversion(cost: float, spot: float, gamma: float, move: float) -> float:
    """Risk aversion at which spot meets the band after ``move``, 3/2 cost spot / (|gamma| move^3).

    The default takes half a daily standard deviation of spot as the move [quote currency].
    """
    return 1.5 * cost * spot / (abs(gamma) * move**3)
