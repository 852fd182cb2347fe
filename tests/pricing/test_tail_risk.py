"""Value at risk and expected shortfall are their definitions, in exact arithmetic of the level."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    pnl=st.lists(st.integers(-50, 50), min_size=1, max_size=60),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99, 0.3]),
)
def test_tail_risk_is_its_definition(pnl, level):
    losses, share = [-x for x in pnl], Fraction(str(level))
    at_risk = min(x for x in losses if sum(y <= x for y in losses) >= share * len(pnl))
    shortfall = min(  # Rockafellar and Uryasev: the least over thresholds
        c + sum(Fraction(max(x - c, 0)) for x in losses) / ((1 - share) * len(pnl)) for c in losses
    )
    risk = pricing.tail_risk(np.array(pnl, float), level=level)
    assert risk.expected_shortfall == pytest.approx(float(shortfall), rel=1e-13, abs=1e-13)
    assert risk.value_at_risk == at_risk


def test_tail_risk_of_a_hundred():
    risk = pricing.tail_risk(np.arange(-100.0, 0.0), level=0.99)
    assert risk == (99.0, 100.0)
    assert np.isnan(pricing.tail_risk([1.0, np.nan], level=0.9)).all()
    assert np.isnan(pricing.tail_risk([1.0, -np.inf], level=0.9)).all()


@pytest.mark.parametrize(
    ("pnl", "level"),
    [([], 0.9), ([[1.0]], 0.9), (1.0, 0.9), ("x", 0.9), ([1.0], 0.0), ([1.0], 1.0), ([1.0], "0.9"),
     ([1.0], True), ([1.0], np.nan), (None, 0.9)],
)  # fmt: skip
def test_bad_tail_risk(pnl, level):
    with pytest.raises((TypeError, ValueError), match=r"pnl|level"):
        pricing.tail_risk(pnl, level=level)
