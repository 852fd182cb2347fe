"""What is one arithmetic for the bends of one book and of many at once (private)."""

import numpy as np

from pricing._kernel_cache import subroutine
from pricing._vector_math import log_ratio

__all__ = ["CERTAIN", "ROOT_TWO_PI", "mean_vol", "need"]

ROOT_TWO_PI = 2.5066282746310002
CERTAIN = 1e-100  # a total vol or a strike below has no density


@subroutine
def mean_vol(state, places, forward) -> float:  # type: ignore[no-untyped-def]
    """Mean vol of the living legs, each weighted by the size of its gamma; 0 where none is known.

    In logs against the largest, so that a book of far wings alone still has weights.
    """
    legs = places.shape[1]
    size, most = np.empty(legs), -np.inf
    for j in range(legs):
        size[j] = -np.inf
        vol, quantity = state[2, j], abs(state[3, j])
        if quantity > 0.0 and vol > 0.0 and state[1, j] > 0.0:
            deviation = vol * state[4, j]
            ahead = log_ratio(forward[places[0, j]], state[0, j])
            distance = ahead / deviation + 0.5 * deviation
            size[j] = np.log(quantity / deviation) - 0.5 * distance * distance
            most = max(most, size[j])
    if most == -np.inf:
        return 0.0
    total = mean = 0.0
    for j in range(legs):
        if size[j] > -np.inf:  # an expired leg's vol may be NaN
            weight = np.exp(size[j] - most)
            total += weight
            mean += weight * state[2, j]
    return mean / total


@subroutine
def need(state, flags, places, by_strike, alive, shares, start, stop) -> float:  # type: ignore[no-untyped-def]
    """Largest |delta| that the options from `start` to `stop` can have anywhere.

    Those are the slopes of their payoff: below all strikes every put counts, and each strike that
    is passed adds its quantity; a delta before expiry is a mean of these slopes.
    """
    slope = 0.0
    for j in range(start, stop):
        if alive[j] and not flags[0, j]:
            slope -= shares[places[1, j]] * state[3, j]
    most = abs(slope)
    for j in by_strike[start:stop]:
        if alive[j]:
            slope += shares[places[1, j]] * state[3, j]
            most = max(most, abs(slope))
    return most
