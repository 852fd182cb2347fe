"""What is one arithmetic for the bends of one book and of many at once (private)."""

import numpy as np

from pricing._kernel_cache import subroutine
from pricing._vector_math import exp

__all__ = ["CERTAIN", "ROOT_TWO_PI", "mean_vol", "slopes"]

ROOT_TWO_PI = 2.5066282746310002
CERTAIN = 1e-100  # a total vol or a strike below has no density


@subroutine
def mean_vol(state, away, per) -> float:  # type: ignore[no-untyped-def]
    """Mean vol of the legs, each weighted by the size of its gamma; 0 where none is known.

    ``away`` are standard deviations from the strike, ``per`` more of them per log move, 0 for a leg
    without a density. Against the largest, in logs, so that a book of far wings alone still has
    weights.
    """
    nearest = np.inf
    for j in range(away.size):
        if per[j] > 0.0 and state[2, j] > 0.0 and state[3, j] != 0.0:
            nearest = min(nearest, away[j] * away[j])
    if nearest == np.inf:
        return 0.0
    total = mean = 0.0
    for j in range(away.size):
        vol = state[2, j] if state[2, j] > 0.0 else 0.0  # an expired leg's vol may be NaN
        size = abs(state[3, j]) * per[j] if vol > 0.0 else 0.0
        weight = size * exp(min(0.5 * (nearest - away[j] * away[j]), 0.0))
        total += weight
        mean += weight * vol
    return mean / total


@subroutine
def slopes(  # type: ignore[no-untyped-def]
    state, flags, places, by_strike, alive, shares, start, stop
) -> tuple[float, float, float]:
    """Slopes of the payoff of the options from `start` to `stop`: the largest size, and the ends.

    Below all strikes every put counts, and each strike that is passed adds its quantity; a delta
    before expiry is a mean of these slopes. The ends are below and above all strikes. Between a
    call and a put of one strike and expiry there is none (see `pricing.bends.strike_order`).
    """
    slope = 0.0
    for j in range(start, stop):
        if alive[j] and not flags[0, j]:
            slope -= shares[places[1, j]] * state[3, j]
    most, below = abs(slope), slope
    for n in range(start, stop):
        j = by_strike[0, n]
        if alive[j]:
            slope += shares[places[1, j]] * state[3, j]
            if by_strike[1, n]:
                most = max(most, abs(slope))
    return most, below, slope
