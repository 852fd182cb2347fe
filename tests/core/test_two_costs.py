"""A fixed cost an order: where the band is centred, and where a trade near rest ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.bands import formulas

GAMMA = -0.0231


def test_what_is_still_to_be_paid_is_hedged_too() -> None:
    """As a variance: of a fixed cost alone that of the exact ergodic problem."""
    more = 2.0 * math.sqrt(0.01 * 0.2 / 3.0)
    short, long = (formulas.dearer(0.0, 0.01, 100.0, g, g * g, 0.2) for g in (GAMMA, -GAMMA))
    assert (short, long) == pytest.approx((1.0 + more, 1.0 - more))
    both = formulas.dearer(0.0005, 0.01, 100.0, GAMMA, GAMMA**2, 0.2)
    assert short < both < short + formulas.dearer(0.0005, 0.0, 100.0, GAMMA, GAMMA**2, 0.2)
    assert formulas.dearer(0.0, 1e9, 100.0, GAMMA, GAMMA**2, 0.2) == 1.5
    assert formulas.dearer(0.0, 0.01, 100.0, 0.0, 0.0, 0.2) == 1.0


@given(rest=st.floats(-2.0, 2.0), trigger=st.floats(1e-6, 0.5), share=st.floats(0.0, 1.0))
def test_a_trade_near_rest_ends_further_on_and_inside(
    rest: float, trigger: float, share: float
) -> None:
    """It goes against what delta has to come, stays between the triggers, and is no trade more."""
    target = share * trigger
    further = formulas.unwinding(rest, trigger, target)
    assert further * rest <= 0.0
    assert abs(further) <= 0.4 * (trigger - target)
    assert further == -formulas.unwinding(-rest, trigger, target)
    assert further == 0.0 or (abs(rest) < trigger and share < 1.0)
    if 0.1 * trigger < abs(rest) < 0.6 * trigger and share < 0.5:
        assert abs(further) > 0.003 * trigger
