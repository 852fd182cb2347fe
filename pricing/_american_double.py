"""A put with two exercise boundaries: dividend yield < rate < 0 (private).

Between the boundaries it is exercised.  Above the upper one it is held, and its path meets that
boundary first: so the upper boundary solves the equation of a put with one boundary.  Below the
lower one it is held because money comes for free, and its path meets that one first: so the lower
boundary solves the equation of a contract that must be exercised in the end.  Each ignores the
other until they meet; before that time nothing is exercised any more (Andersen and Lake 2021).
"""

# Kernels get their types from numba, at the first call.
# mypy: allow-untyped-defs, allow-untyped-calls

import numpy as np

from pricing._american_boundary import NODE_BY_VOL, NODE_ROWS, NODE_VALUE, NODES, boundary
from pricing._american_kernel import (
    CERTAIN,
    CONVERGED,
    EXERCISED,
    NO_INTEREST,
    SIGNATURE,
    UNSOLVED,
    added,
    at,
    european_put,
    scaled,
    unscaled,
)
from pricing._american_premium import premium
from pricing._kernel_cache import compiled, subroutine
from pricing._option import SMALLEST

__all__ = ["american_double_kernel"]

_SEARCH = 60
_MET = 1e-9  # relative width of the time in which the boundaries meet


@subroutine
def _boundaries(a, c, s, by_a, by_c, tolerance, numbers, layout, upper, lower):
    """Both boundaries up to the time when they meet: that part of 1 or NaN, and their levels."""
    inside, outside, horizon = 0.0, 2.0, 1.0
    for _ in range(_SEARCH):
        root = np.sqrt(horizon)
        u, v, w = a * horizon, c * horizon, s * root
        f, g = by_a * horizon, by_c * horizon
        high, step_high = boundary(u, v, w, 1.0, f, g, tolerance, numbers, layout, upper)
        low, step_low = boundary(u, v, w, -1.0, f, g, tolerance, numbers, layout, lower)
        solved = (step_high < CONVERGED) & (step_low < CONVERGED)
        if solved and np.log(c / a) >= upper[NODE_VALUE, 0] + lower[NODE_VALUE, 0]:
            inside = horizon
            if horizon == 1.0 or outside - inside < _MET * outside:
                break
        else:
            outside = horizon
        horizon = 0.5 * (inside + outside)
    else:
        horizon = np.nan
    for i in range(NODES):  # by the total vol of the whole time, not of the horizon
        upper[NODE_BY_VOL, i] *= root
        lower[NODE_BY_VOL, i] *= root
    return horizon, high, low


@compiled(SIGNATURE)
def american_double_kernel(
    asset, strikes, times, vols, rates, carries, is_call,
    prices, deltas, gammas, vegas, thetas, rhos, tolerance, numbers, layout,
):  # fmt: skip
    """Fill in the options with two boundaries, after `american_kernel`."""
    upper, lower = np.zeros((NODE_ROWS, NODES)), np.zeros((NODE_ROWS, NODES))
    for i in range(prices.size):
        spot, strike, live, vol = at(asset, i), at(strikes, i), at(times, i), at(vols, i)
        rate, carry, call = at(rates, i), at(carries, i), at(is_call, i)
        short, far = (carry, rate) if call else (rate, carry)
        if not (far < short < 0.0 and -far * live >= NO_INTEREST):
            continue
        if not (vol * np.sqrt(live) >= CERTAIN and spot > SMALLEST and strike > SMALLEST):
            continue
        a, c, s, log_spot, by_a, by_c = scaled(spot, strike, live, vol, rate, carry, call)
        horizon, high, low = _boundaries(
            a, c, s, by_a, by_c, tolerance, numbers, layout, upper, lower
        )
        top, bottom = -upper[NODE_VALUE, 0], np.log(a / c) + lower[NODE_VALUE, 0]
        put = EXERCISED if horizon > 0.0 else UNSOLVED
        if horizon < 1.0 or (horizon == 1.0 and not bottom <= log_spot <= top):
            put = european_put(a, c, s, log_spot, by_a, by_c)
            for side in (1.0, -1.0):
                node, level = (upper, high) if side > 0.0 else (lower, low)
                put = added(
                    put,
                    premium(
                        a, c, s, log_spot, side, horizon, by_a, by_c, numbers, layout[level], node
                    ),
                    side,
                )
        result = unscaled(put, spot, strike, live, call)
        prices[i], deltas[i], gammas[i] = result[0], result[1], result[2]
        vegas[i], thetas[i], rhos[i] = result[3], result[4], result[5]
    return 0
