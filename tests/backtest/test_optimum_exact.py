"""The optimum of one and two checks beside plain sums over fine grids, with none of its tricks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hedger.backtest.numerical import Leg, optimum
from pricing import black

SPOT, VOL, HORIZON, COST = 100.0, 0.6, 30 / 365, 0.002
CALL = Leg(-1.0, 100.0, HORIZON, True)
HEDGES = np.linspace(-1.2, 1.2, 241)
NEAR, FAR = np.linspace(-6.5, 6.5, 501), np.linspace(-6.5, 6.5, 241)


def value(legs: tuple[Leg, ...], spots: np.ndarray, now: float, since: float) -> np.ndarray:
    """Worth of what had not expired at `since`."""
    alive = [leg for leg in legs if leg.expiry > since + 1e-9]
    prices = (
        leg.quantity
        * black(
            forward=spots,
            strike=leg.strike,
            time_to_expiry=max(leg.expiry - now, 0.0),
            vol=VOL,
            is_call=leg.is_call,
        ).price
        for leg in alive
    )
    return sum(prices, np.zeros_like(spots))


def traded(cost: np.ndarray, rate: float, fixed: float) -> np.ndarray:
    """Least cost of every hedge when any other one may be traded for."""
    distance = np.abs(HEDGES[:, None] - HEDGES[None, :])
    moved = cost[None, :] + rate * distance + np.where(distance > 0.0, fixed, 0.0)
    return np.asarray(moved.min(axis=1))


def held(
    legs: tuple[Leg, ...], spot: float, now: float, years: float, aversion: float, fixed: float,
    steps: int,
) -> np.ndarray:  # fmt: skip
    """Certainty equivalent of every hedge before a check at which `steps` are left."""
    places = NEAR if steps == 1 else FAR
    weights = np.exp(-0.5 * places**2)
    weights /= weights.sum()
    spots = spot * np.exp(VOL * np.sqrt(years) * places - 0.5 * VOL * VOL * years)
    gain = value(legs, spots, now + years, now) - value(legs, np.array([spot]), now, now)
    loss = -HEDGES[:, None] * (spots - spot)[None, :] - gain[None, :]
    if steps > 1:
        rest = [held(legs, s, now + years, years, aversion, fixed, steps - 1) for s in spots]
        loss += np.array(rest).T
    top = aversion * loss.max(axis=1)
    mean = (weights * np.exp(aversion * loss - top[:, None])).sum(axis=1)
    return traded((top + np.log(mean)) / aversion, COST * spot, fixed)


@pytest.mark.parametrize(
    ("legs", "steps", "extra"),
    [
        ((CALL,), 1, {}),
        ((CALL,), 2, {}),
        ((CALL,), 2, {"fixed": 0.05}),
        ((CALL, Leg(1.0, 110.0, HORIZON, True)), 2, {}),
        ((Leg(1.0, 95.0, 1.5 * HORIZON, False),), 2, {"risk_aversion": 0.02}),
        ((Leg(-1.0, 100.0, 0.5 * HORIZON, True), Leg(1.0, 100.0, 2 * HORIZON, True)), 2, {}),
    ],
)
def test_few_checks_cost_what_plain_sums_say(
    legs: tuple[Leg, ...], steps: int, extra: dict[str, Any]
) -> None:
    terms = {"risk_aversion": 0.2, "fixed": 0.0} | extra
    found = optimum(
        legs, spot=SPOT, vol=VOL, horizon=HORIZON, steps=steps, proportional=COST, **terms
    )
    plain = held(legs, SPOT, 0.0, HORIZON / steps, terms["risk_aversion"], terms["fixed"], steps)
    assert found.cost == pytest.approx(np.interp(0.0, HEDGES, plain), rel=2e-3)
