"""One European option without branches: the arithmetic that all kernels share (private).

The option is seen as an exchange of an asset worth `asset` for a strike worth `money`, both
already discounted.  Only the out-of-the-money side is computed; parity gives the other one, so
neither deep wings nor deep in the money loses digits.
"""

import numpy as np

from pricing._kernel_cache import inlined
from pricing._vector_math import log_ratio, normal_tails

__all__ = [
    "SMALLEST",
    "carried_check",
    "european",
    "european_price",
    "forward_option",
    "input_check",
    "standardised",
]

_LARGEST = 1e150  # its square is still a number
SMALLEST = 1e-150  # a price below counts as zero
_TOTAL_VOL_MIN = 1e-100  # a total vol below counts as zero
_FAR = 1e6  # standard deviations at which every tail is exactly zero
_BEYOND = 1e12  # |log| of a zero price: beyond _FAR at any total vol


@inlined
def input_check(asset: float, strike: float, time: float, vol: float) -> float:
    """0 for an option that has a price, else NaN: added to a result it carries the verdict."""
    valid = (
        (asset >= 0.0)
        & (asset <= _LARGEST)
        & (strike >= 0.0)
        & (strike <= _LARGEST)
        & (vol >= 0.0)
        & (vol <= _LARGEST)
        & (abs(time) <= _LARGEST)
    )
    return 0.0 if valid else np.nan


@inlined
def carried_check(asset: float, money: float) -> float:
    """0 where both legs, carried and discounted, are still prices, else NaN."""
    return 0.0 if (asset <= _LARGEST) & (money <= _LARGEST) else np.nan


@inlined
def european(
    asset: float, money: float, log_moneyness: float, total_vol: float, is_call: bool, check: float
) -> tuple[float, float, float, float, float, float]:
    """Price and the pieces of its Greeks.

    Returns
    -------
    price : float
    units : float
        ``+-N(+-d1)``, the signed units of the asset in the hedge.
    owed : float
        ``+-money N(+-d2)``, the signed strike leg; price = units * asset - owed.
    density : float
        ``asset n(d1)`` = ``money n(d2)``; zero at zero total vol.
    per_total_vol, per_asset : float
        Reciprocals that the Greeks share.
    """
    below = asset < money
    smaller = asset if below else money
    nothing = smaller <= SMALLEST
    certain = nothing | (total_vol <= _TOTAL_VOL_MIN)
    per_total_vol = 1.0 / (_TOTAL_VOL_MIN if total_vol < _TOTAL_VOL_MIN else total_vol)
    per_asset = 1.0 / (SMALLEST if asset < SMALLEST else asset)
    distance = (_BEYOND if nothing else abs(log_moneyness)) * per_total_vol
    distance = (_FAR if distance > _FAR else distance) + check
    density, near, far, spread = normal_tails(distance, _FAR if total_vol > _FAR else total_vol)
    density = (0.0 if certain else density * smaller) + check
    kink = certain & (distance == 0.0)
    near, far = 0.5 if kink else near, 0.5 if kink else far
    out_of_the_money = is_call == below
    far_money = far * smaller
    asset_tail = near if below else far_money * per_asset
    money_tail = far_money if below else near * smaller
    units = asset_tail if out_of_the_money else 1.0 - asset_tail
    owed = money_tail if out_of_the_money else money - money_tail
    price = spread * smaller + (0.0 if out_of_the_money else abs(asset - money))
    units = units if is_call else -units
    owed = owed if is_call else -owed
    return price, units, owed, density, per_total_vol, per_asset


@inlined
def european_price(
    asset: float, money: float, log_moneyness: float, total_vol: float, side: float
) -> float:
    """The price of `european` alone, for about half the work; `side` is 1 (call) or -1 (put)."""
    smaller = asset if asset < money else money
    nothing = smaller <= SMALLEST
    per_total_vol = 1.0 / (_TOTAL_VOL_MIN if total_vol < _TOTAL_VOL_MIN else total_vol)
    distance = (_BEYOND if nothing else abs(log_moneyness)) * per_total_vol
    distance = _FAR if distance > _FAR else distance
    _, _, _, spread = normal_tails(distance, _FAR if total_vol > _FAR else total_vol)
    inside = side * (asset - money)
    return spread * smaller + (0.0 if inside < 0.0 else inside)


@inlined
def forward_option(
    forward: float, strike: float, time: float, vol: float, is_call: bool
) -> tuple[float, float, float, float, float, float, float, float]:
    """Undiscounted Black-76: price, delta, gamma, vega, decay, owed, live time, 1 / forward.

    ``decay`` is the derivative of the price by time, ``density vol / (2 sqrt(time))``.
    """
    live_time = 0.0 if time <= 0.0 else time
    root = np.sqrt(live_time)
    total_vol = vol * root
    price, units, owed, density, per_total_vol, per_forward = european(
        forward,
        strike,
        log_ratio(forward, strike),
        total_vol,
        is_call,
        input_check(forward, strike, time, vol),
    )
    slope = density * per_total_vol
    gamma = slope * per_forward * per_forward
    decay = 0.5 * (density * vol) * (vol * per_total_vol)
    return price, units, gamma, density * root, decay, owed, live_time, per_forward


@inlined
def standardised(
    log_moneyness: float, total_vol: float, per_total_vol: float
) -> tuple[float, float]:
    """d1 and d2, or something finite where they are beyond any density or have no meaning."""
    distance = log_moneyness * per_total_vol
    distance = distance if abs(distance) <= _FAR else _FAR  # NaN too: a price of zero
    half = 0.5 * (_FAR if total_vol > _FAR else total_vol)
    return distance + half, distance - half
