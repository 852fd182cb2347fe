"""Every policy of a study over the same paths, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hedger.backtest import _lanes
from hedger.backtest._lanes import greeks, hedged
from hedger.backtest.numerical import Optimum, optimum
from hedger.backtest.paths import Rows, Source
from hedger.backtest.study import POLICIES, Policy, Study
from pricing import black

Array = npt.NDArray[np.float64]
KINDS: dict[str, int] = {kind: getattr(_lanes, kind.upper()) for kind in POLICIES}
"""The kernel's number of each kind of policy, which it has under the same name."""
_NO_TABLE, _NO_GRID = np.zeros((1, 2, 4)), np.array([0.0, 1.0, 1.0])


class Outcome(NamedTuple):
    """What became of each policy on each path: (policies, paths) arrays."""

    pnl: Array
    orders: Array
    turnover: Array


def solved(study: Study) -> Optimum:
    """The study's optimum, under a lognormal price whatever its market is."""
    market = study.market
    return optimum(
        study.legs,
        spot=market.spot,
        vol=market.vol,
        horizon=study.horizon,
        steps=market.steps,
        risk_aversion=study.risk_aversion,
        proportional=study.cost.proportional,
        fixed=study.cost.fixed,
        liquidate=study.cost.liquidate,
    )


def simulated(
    study: Study,
    source: Source,
    when: Rows,
    *,
    best: Optimum | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Run all policies of a study.

    Parameters
    ----------
    study : Study
    source : Source
        The paths, whose instants are `when`.
    best : Optimum, optional
        Needed by policies of kind ``numerical``.
    progress : callable
        Told how many paths are done.
    """
    made = Outcome(*np.zeros((3, len(study.policies), source.count)))
    for index in range(-(-source.count // source.width)):
        block = source.block(index)
        place = slice(index * source.width, index * source.width + block.shape[1])
        tape = _Tape(study, block, when)
        for number, policy in enumerate(study.policies):
            books, _ = tape.run(policy, best)
            for kept, found in zip(made, books, strict=True):
                kept[number, place] = found
        progress(place.start + block.shape[1])
    return made


def hedges(
    study: Study, block: Array, when: Rows, policy: Policy, best: Optimum | None = None
) -> Array:
    """The hedge after every check, (steps, paths)."""
    return _Tape(study, block, when).run(policy, best, is_recorded=True)[1]


class _Tape:
    """A block of paths with what all policies share: the book's Greeks and what it pays."""

    def __init__(self, study: Study, block: Array, when: Rows) -> None:
        self._study, self._block, self._checks = study, block, when.checks
        legs = study.legs
        held: dict[tuple[float, float, bool], float] = {}
        for leg in legs:  # of one contract a book holds one position
            contract = (leg.strike, leg.expiry, not leg.is_call)
            held[contract] = held.get(contract, 0.0) + leg.quantity
        self._legs = np.array([(held[contract], *contract) for contract in sorted(held)])
        self._times = np.ascontiguousarray(when.times[when.checks])
        shape = (study.market.steps, block.shape[1])
        self._greeks = tuple(np.empty(shape) for _ in range(3))
        greeks(
            block,
            self._checks,
            self._times,
            self._legs,
            study.market.vol,
            *self._greeks,
        )
        self._paid = sum((_gain(study, n, block, when) for n in range(len(legs))), np.zeros(1))

    def run(
        self, policy: Policy, best: Optimum | None, *, is_recorded: bool = False
    ) -> tuple[Array, Array]:
        """P&L, orders and turnover of every path; and the hedges, or only the last of them."""
        study, paths = self._study, self._block.shape[1]
        books = np.zeros((3, paths))
        record = np.zeros((study.market.steps if is_recorded else 1, paths))
        table, grid = _NO_TABLE, _NO_GRID
        if policy.kind == "numerical":
            assert best is not None
            table = best.edges
            grid = np.array([best.middle, best.width, study.market.spot])
        hedged(
            KINDS[policy.kind],
            self._block,
            self._checks,
            self._times,
            self._legs,
            *self._greeks,
            numbers(study, policy),
            table,
            grid,
            books,
            record,
        )
        books[0] += self._paid
        if study.cost.liquidate:
            left = np.abs(record[-1])
            amount, orders = left * self._block[-1], (left > 0.0).astype(np.float64)
            books[0] -= study.cost.proportional * amount + study.cost.fixed * orders
            books[1] += orders
            books[2] += amount
        return books, record


def numbers(study: Study, policy: Policy) -> Array:
    """What a policy reads, in the order of the kernel's names."""
    v = np.zeros(11)
    v[_lanes.COST], v[_lanes.FEE] = study.cost.proportional, study.cost.fixed
    v[_lanes.AVERSION], v[_lanes.VOL] = study.risk_aversion, study.market.vol
    v[_lanes.DELAY] = study.horizon / study.market.steps
    v[_lanes.CLIP] = -1.0 if policy.clip is None else policy.clip
    v[_lanes.WIDTH] = policy.half_width or 0.0
    v[_lanes.EVERY] = policy.every_steps
    return v


def _gain(study: Study, number: int, block: Array, when: Rows) -> Array:
    """What one leg gains from the start to its expiry, or to the horizon at its Black value."""
    leg, vol = study.legs[number], study.market.vol
    row = int(np.argmin(np.abs(when.times - min(leg.expiry, study.horizon))))
    ends = black(
        forward=np.stack((np.full(block.shape[1], study.market.spot), block[row])),
        strike=leg.strike,
        time_to_expiry=np.array([[leg.expiry], [max(leg.expiry - study.horizon, 0.0)]]),
        vol=vol,
        is_call=leg.is_call,
    ).price
    gain: Array = leg.quantity * (ends[1] - ends[0])
    return gain
