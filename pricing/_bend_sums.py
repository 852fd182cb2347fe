"""How the deltas of many books bend, in one pass over all their legs (private).

Gamma alone: one logarithm for each leg, one exponential for each leg and spot, no normal tails.
Legs stand in the order of their groups, and groups in the order of books.
"""

import numpy as np
from numba import types

from pricing._batch import INPUT
from pricing._kernel_cache import compiled, subroutine
from pricing._leg_bends import CERTAIN, ROOT_TWO_PI, mean_vol, slopes
from pricing._legs import FLAGS, INDEX, STATE
from pricing._vector_math import exp, log_ratio

__all__ = ["book_bends"]

_INTS = types.Array(types.int64, 1, "C", readonly=True)
_ORDER = types.Array(types.int64, 2, "C", readonly=True)
_TABLE = types.Array(types.float64, 2, "C", readonly=True)
_OUT = types.Array(types.float64, 2, "C")
_FAINT = 1e-200  # weights below are made again, against the largest
_DAY = 1.0 / 365.0
_UNSURE = 1e-10  # a sum below, against its parts, may have either sign


@subroutine
def _join(  # type: ignore[no-untyped-def]
    state, index, forward, shares, units, away, per, factor
) -> tuple[float, float]:
    """Distance, its slope in log spot and weight of each leg; the weights' sum, and that of vols.

    NaN where a living leg has no vol or forward; nothing of an expired one.
    """
    total = mean = 0.0
    for j in range(away.size):
        strike, vol, quantity = state[0, j], state[2, j], state[3, j]
        ahead, group, deviation = forward[index[0, j]], index[1, j], vol * state[4, j]
        live = (state[1, j] > 0.0) & (strike > CERTAIN) & (not deviation <= CERTAIN)
        inverse = 1.0 / (deviation if live else 1.0)
        distance = log_ratio(ahead, strike) * inverse + 0.5 * deviation + 0.0 * ahead
        away[j], per[j] = distance if live else 0.0, inverse if live else 0.0
        weight = abs(quantity) * inverse * exp(-0.5 * away[j] * away[j]) if live else 0.0
        total += weight
        mean += weight * vol if live else 0.0
        unit = units[group] * ahead
        factor[j] = quantity * inverse * shares[group] * unit / ROOT_TWO_PI if live else 0.0
    return total, mean


@subroutine
def _bend_at(away, per, factor, move, part) -> float:  # type: ignore[no-untyped-def]
    """Gamma of a book at one log move of spot; its legs' parts in `part`."""
    net = 0.0
    for j in range(away.size):
        distance = away[j] + move * per[j]
        part[j] = factor[j] * exp(-0.5 * distance * distance)
    for j in range(away.size):
        net += part[j]
    return net


@subroutine
def _square_gamma(here, rule, step, away, per, factor, part) -> float:  # type: ignore[no-untyped-def]
    """Square of gamma, its mean over log spot where legs bend both ways; NaN for an unsure sign."""
    longs = shorts = False
    gross = 0.0
    for j in range(away.size):
        longs |= factor[j] > 0.0
        shorts |= factor[j] < 0.0
        gross += abs(part[j])
    if not (longs and shorts):
        return float(here * here)
    if abs(here) <= max(_UNSURE * gross, _FAINT):
        return np.nan
    if not step > 0.0:
        return float(here * here)
    mean = 0.0
    for n in range(rule.shape[1]):
        move = step * rule[0, n]
        near = here if move == 0.0 else _bend_at(away, per, factor, move, part) * np.exp(-move)
        mean += rule[1, n] * near * near
    return mean


@subroutine
def _lasting(state, away, factor) -> float:  # type: ignore[no-untyped-def]
    """Gamma at present spot of the legs that do not expire within a day."""
    total = 0.0
    for j in range(away.size):
        if state[1, j] > _DAY:
            total += factor[j] * np.exp(-0.5 * away[j] * away[j])
    return total


@compiled(
    types.void(
        STATE, FLAGS, INDEX, INPUT, INPUT, INPUT, _INTS, _ORDER, _TABLE, INPUT, _OUT,
    )
)  # fmt: skip
def book_bends(  # type: ignore[no-untyped-def]
    state, flags, index, forward, shares, units, starts, by_strike, rule, spreads, out,
):  # fmt: skip
    """Gamma, its square or mean square, mean vol, largest delta and lasting gamma, a column a book.

    ``shares`` and ``units`` are of groups: what is left of the settlement window, and one over the
    price that turns quote currency into coin; ``spreads`` of books: the standard deviation of log
    spot per unit of vol. NaN for the square where its sign cannot be told.
    """
    legs = state.shape[1]
    away, per = np.empty(legs), np.empty(legs)
    factor, part = np.empty(legs), np.empty(legs)
    alive = state[1] > 0.0
    for b in range(starts.size - 1):
        start, stop = starts[b], starts[b + 1]
        total, mean = _join(
            state[:, start:stop], index[:, start:stop], forward, shares, units,
            away[start:stop], per[start:stop], factor[start:stop],
        )  # fmt: skip
        if total <= _FAINT:
            vol = mean_vol(state[:, start:stop], away[start:stop], per[start:stop])
        else:
            vol = mean / total
        bent = _bend_at(
            away[start:stop], per[start:stop], factor[start:stop], 0.0, part[start:stop]
        )
        out[0, b], out[2, b] = bent, vol
        out[4, b] = _lasting(state[:, start:stop], away[start:stop], factor[start:stop])
        out[1, b] = _square_gamma(
            bent, rule, spreads[b] * vol,
            away[start:stop], per[start:stop], factor[start:stop], part[start:stop],
        )  # fmt: skip
        out[3, b], _, _ = slopes(state, flags, index, by_strike, alive, shares, start, stop)
