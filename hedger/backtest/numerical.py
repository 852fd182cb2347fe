"""The optimum itself: the utility-indifference hedge of a book by a converged dynamic program.

The floor that every rule is judged by. It knows one lognormal price, a constant vol, proportional
and fixed cost; no smile, no jumps, no funding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hedger.backtest._sweep import sweep
from hedger.core.bands import formulas
from hedger.errors import ConfigError
from pricing import black

Array = npt.NDArray[np.float64]

STEPS_MAX = 3_000
"""More checks than these are solved on fewer: the band hardly moves between two of them."""
REACH = 6.5
"""Standard deviations from the middle to the ends of the grid in spot."""
NODES_MIN = 150
"""Fewest nodes between the middle and an end: few checks make each step wide."""
HEDGES = (400, 3_000)
"""Fewest and most points of the grid in the hedge; 400 and 1,400 differ by 1e-6 on C1 to C6."""
BAND_POINTS = 8
"""Points in half a band where gamma is greatest."""
KERNEL_REACH = 6.5


class Leg(NamedTuple):
    """One option of the book; times in years."""

    quantity: float
    strike: float
    expiry: float
    is_call: bool


class Optimum(NamedTuple):
    """Cost and policy.

    Attributes
    ----------
    cost : float
        Certainty equivalent of all cost and risk from a hedge of 0. [quote currency]
    edges : (steps, nodes, 4) float64
        At every check and node of spot, measured from minus the book's delta there: buy below [0]
        up to [1], sell above [3] down to [2]. So between nodes only what changes slowly has to be
        interpolated: near an expiry delta itself jumps from one node to the next.
    middle : int
        Node of the spot's median.
    width : float
        Distance of two nodes in log spot.
    """

    cost: float
    edges: Array
    middle: int
    width: float


def optimum(
    legs: tuple[Leg, ...],
    *,
    spot: float,
    vol: float,
    horizon: float,
    steps: int,
    risk_aversion: float,
    proportional: float,
    fixed: float = 0.0,
    liquidate: bool = False,
    hedges: int | None = None,
    nodes_min: int = NODES_MIN,
) -> Optimum:
    """Least certainty-equivalent cost of hedging the book, and the policy that has it.

    Parameters
    ----------
    legs : tuple of Leg
        Of any expiry, before the horizon or after it.
    spot, vol, horizon : float
        Price now, volatility [1/sqrt(year)] and length [years].
    steps : int
        Checks, the first at once; the horizon itself is none.
    risk_aversion : float
        Absolute. [1 / quote currency]
    proportional, fixed : float
        One-way cost as a fraction of price, and per order [quote currency].
    liquidate : bool
        Whether closing the hedge at the horizon is charged.
    hedges, nodes_min : int
        Size of the grid; the first by default as many as the band needs.

    Returns
    -------
    Optimum

    Raises
    ------
    ConfigError
        Where prices on the grid would be no numbers.

    Notes
    -----
    With exponential utility wealth factors out: let g(t, S, y) be the certainty equivalent of what
    is still to come with a hedge of y, measured from the book's Black value V. Then at a check::

        J(t, S, y) = (1/γ) ln E exp(γ [g(t + δt, S', y) - y (S' - S) - (V' - V)])
        g(t, S, y) = min over y' of J(t, S, y') + λ S |y' - y| + f [y' ≠ y]

    Three choices make it accurate and fast. Measured from V, g is no larger than the cost of one
    trade back to the band, so nothing is a small difference of large exponentials. The hedge does
    not move between checks, so on a grid of fixed hedges the expectation needs no interpolation,
    and the end of a trade is found between grid points by a parabola. Nodes of log spot move with
    the drift and lie a whole fraction of σ sqrt(δt) apart, so the expectation is a sum over nodes
    with Gaussian weights: the trapezoidal rule, whose error for a Gaussian is below 1e-8.

    A leg that expires between two checks is settled at the later one.

    References
    ----------
    S. Hodges, A. Neuberger, Optimal replication of contingent claims under transaction costs,
    Review of Futures Markets 8, 1989. M. Davis, V. Panas, T. Zariphopoulou, European option pricing
    with transaction costs, SIAM Journal on Control and Optimization 31, 1993.

    Examples
    --------
    >>> short = (Leg(quantity=-1.0, strike=100.0, expiry=30 / 365, is_call=True),)
    >>> found = optimum(short, spot=100.0, vol=0.6, horizon=30 / 365, steps=30,
    ...                 risk_aversion=0.2, proportional=0.0005)
    >>> 0.20 < found.cost < 0.23
    True
    """
    steps = min(steps, STEPS_MAX)
    deviation = vol * np.sqrt(horizon / steps)
    parts = max(1, int(np.ceil(nodes_min / (REACH * np.sqrt(steps)))))
    step = deviation / parts
    reach = int(np.ceil(KERNEL_REACH * parts))
    middle = int(np.ceil(REACH * np.sqrt(steps))) * parts + reach
    offsets = np.arange(-middle, middle + 1) * step
    times = np.linspace(0.0, horizon, steps + 1)
    spots = spot * np.exp(offsets[None, :] - 0.5 * vol * vol * times[:, None])
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / parts) ** 2)
    weights /= weights.sum()
    before, after = _values(legs, spots, times, vol, weights)
    low, high = hedge_range(legs)
    room = 0.15 * (high - low)
    if hedges is None:
        band = _band(legs, spots[0], vol, risk_aversion, proportional)
        hedges = int(np.clip(BAND_POINTS * 1.3 * (high - low) / band, *HEDGES))
    edges = np.empty((steps, offsets.size, 4))
    radii = np.minimum(
        np.ceil(REACH * np.sqrt(np.arange(steps + 1))) * parts + 1, middle - reach
    ).astype(np.int64)
    cost = sweep(
        spots,
        before,
        after,
        weights,
        np.linspace(low - room, high + room, hedges),
        radii,
        risk_aversion,
        proportional,
        fixed,
        liquidate,
        edges,
    )
    edges += _delta(legs, spots[:-1], times[:-1], vol)[:, :, None]
    return Optimum(float(cost), edges, middle, float(step))


def _band(
    legs: tuple[Leg, ...], spots: Array, vol: float, risk_aversion: float, proportional: float
) -> float:
    """Half-width of the asymptotic band now, at the spot where gamma is greatest."""
    gamma = sum(
        leg.quantity
        * black(
            forward=spots,
            strike=leg.strike,
            time_to_expiry=leg.expiry,
            vol=vol,
            is_call=leg.is_call,
        ).gamma
        for leg in legs
    )
    worst = float(np.max(spots * np.square(gamma)))
    width = formulas.whalley_wilmott(proportional, 1.0, worst, risk_aversion)
    if not np.isfinite(width):
        raise ConfigError(
            f"numerical: a vol of {vol:g} at spots from {spots[0]:g} to {spots[-1]:g} and a risk"
            f" aversion of {risk_aversion:g} are beyond its grid, expected less"
        )
    return max(width, 1e-9)


def hedge_range(legs: tuple[Leg, ...]) -> tuple[float, float]:
    """Least and largest hedge that the book can need at any spot, zero among them.

    Examples
    --------
    >>> hedge_range((Leg(-1.0, 100.0, 0.1, True), Leg(-1.0, 90.0, 0.1, False)))
    (-1.0, 1.0)
    """
    ends = [-leg.quantity if leg.is_call else leg.quantity for leg in legs]
    return float(sum(min(e, 0.0) for e in ends)), float(sum(max(e, 0.0) for e in ends))


def _values(
    legs: tuple[Leg, ...], spots: Array, times: Array, vol: float, weights: Array
) -> tuple[Array, Array]:
    """Value of the book at each time before what expires then is paid, and after it.

    Black's, but for the mean over the nodes of the next time: where a payoff's kink falls between
    two nodes the sum errs, and as a mean the error is in the value, not a drift in the P&L.
    """
    before = np.zeros_like(spots)
    last = np.concatenate(([-1.0], times[:-1]))
    for leg in legs:
        value = (
            leg.quantity
            * black(
                forward=spots,
                strike=leg.strike,
                time_to_expiry=(leg.expiry - times)[:, None],
                vol=vol,
                is_call=leg.is_call,
            ).price
        )
        before += np.where((leg.expiry > last + _INSTANT)[:, None], value, 0.0)
    after, inner = before.copy(), spots.shape[1] - weights.size + 1
    reach = weights.size // 2
    after[:-1, reach : reach + inner] = sum(
        weight * before[1:, i : i + inner] for i, weight in enumerate(weights)
    )
    return before, after


def _delta(legs: tuple[Leg, ...], spots: Array, times: Array, vol: float) -> Array:
    """Black delta of what has not expired."""
    total = np.zeros_like(spots)
    for leg in legs:
        unit = black(
            forward=spots,
            strike=leg.strike,
            time_to_expiry=(leg.expiry - times)[:, None],
            vol=vol,
            is_call=leg.is_call,
        )
        alive = (leg.expiry > times + _INSTANT)[:, None]
        total += np.where(alive, leg.quantity * unit.delta, 0.0)
    return total


_INSTANT = 1e-9
"""Years by which two times may differ and be the same."""
