"""Models of the centre: static, signal and grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.model import GridRule, SignalRule, StaticRule
from hedger.core.sizing.grid import grid, level
from hedger.core.sizing.signal import signal
from hedger.core.sizing.static import static

LAWS = settings(max_examples=100, deadline=None, derandomize=True)
SIGNAL = SignalRule(capital=100.0, vol_target=0.1, unit=2.0, clip=1.5, shift_max=12.0, inertia=1.0)
GRID = GridRule(step=100.0, size=0.5, total_max=2.0)


def test_static_target() -> None:
    assert static(StaticRule(target=0.5), spot=None, before=0.0).shift == 0.5
    usd = StaticRule(target=-6_000.0, is_usd=True)
    assert static(usd, spot=60_000.0, before=0.0).shift == pytest.approx(-0.1)
    for spot in (None, math.nan, 0.0):
        found = static(usd, spot=spot, before=-0.2)
        assert (found.shift, found.is_known) == (-0.2, False)


@pytest.mark.parametrize(
    ("value", "vol", "before", "shift"),
    [
        (2.0, 0.5, 0.0, 20.0 * 0.6),  # 100 x .1 / .5 x 1 = 20, bounded by 12
        (1.0, 1.0, 0.0, 5.0),
        (-1.0, 1.0, 0.0, -5.0),
        (100.0, 2.0, 0.0, 7.5),  # clipped at 1.5 units
        (1.1, 1.0, 5.0, 5.0),  # within the inertia of 1 coin
        (1.3, 1.0, 5.0, 6.5),
        (0.0, 1.0, 0.5, 0.0),  # zero is zero, whatever the inertia
        (0.0, math.nan, 0.5, 0.0),
    ],
)
def test_signal(value: float, vol: float, before: float, shift: float) -> None:
    found = signal(SIGNAL, value=value, age_ms=0, vol=vol, before=before)
    assert found.shift == pytest.approx(shift)
    assert found.is_known


@given(value=st.floats(-1e9, 1e9), vol=st.floats(1e-6, 1e3), before=st.floats(-100, 100))
@LAWS
def test_signal_is_bounded(value: float, vol: float, before: float) -> None:
    found = signal(SIGNAL, value=value, age_ms=0, vol=vol, before=before)
    assert abs(found.shift) <= 12.0


@pytest.mark.parametrize(
    ("value", "age", "vol", "said"),
    [
        (math.nan, 0, 0.5, "nan"),
        (math.inf, 0, 0.5, "inf"),
        (None, 0, 0.5, "None"),
        (1.0, 60_001, 0.5, "60001 ms old"),
        (0.0, 60_001, 0.5, "60001 ms old"),
        (1.0, None, 0.5, "never measured"),
        (1.0, -5, 0.5, "future"),
        (1.0, 0, 0.0, "vol is 0.0"),
        (1.0, 0, None, "vol is None"),
    ],
)
def test_a_bad_signal_holds(
    value: float | None, age: int | None, vol: float | None, said: str
) -> None:
    found = signal(SIGNAL, value=value, age_ms=age, vol=vol, before=3.0)
    assert (found.shift, found.is_known) == (3.0, False)
    assert said in found.reason


def test_a_dead_signal_is_none() -> None:
    found = signal(SIGNAL, value=1.0, age_ms=3_600_001, vol=0.5, before=3.0)
    assert (found.shift, found.is_known) == (0.0, True)
    assert "expired" in found.reason


@given(steps=st.lists(st.sampled_from([-1, 1]), max_size=200))
@LAWS
def test_grid_earns_its_identity(steps: list[int]) -> None:
    """P&L = q step / 2 x (crossings - level^2), for any path over levels."""
    rule = GridRule(step=100.0, size=0.5, total_max=1e9)
    spot, place, pnl, held = 60_000.0, 0, 0.0, 0.0
    for step in steps:
        spot += 100.0 * step
        pnl += held * 100.0 * step
        found, place = grid(rule, spot=spot, anchor=60_000.0, before=place)
        held = found.shift
    assert place == sum(steps)
    assert pnl == pytest.approx(0.5 * 100.0 / 2.0 * (len(steps) - place**2))


def test_grid_earns_nothing_over_a_martingale() -> None:
    steps = np.random.default_rng(4).choice([-1, 1], size=(4_000, 100))
    last = steps.sum(axis=1)
    pnl = 25.0 * (100 - last**2)
    assert abs(pnl.mean()) < 4.0 * pnl.std() / math.sqrt(pnl.size)


@given(spots=st.lists(st.floats(1.0, 1e6), min_size=1, max_size=50))
@LAWS
def test_grid_never_exceeds_its_total(spots: list[float]) -> None:
    place = 0
    for spot in spots:
        found, place = grid(GRID, spot=spot, anchor=60_000.0, before=place)
        assert abs(found.shift) <= 2.0
        assert abs(place) <= 1_000


def test_a_level_is_crossed_only_at_the_next() -> None:
    place, seen = 0, []
    for spot in (60_099.0, 60_100.0, 60_001.0, 60_000.0, 59_950.0, 60_050.0, 59_900.0):
        place = level(GRID, spot=spot, anchor=60_000.0, before=place)
        seen.append(place)
    assert seen == [0, 1, 1, 0, 0, 0, -1]


@pytest.mark.parametrize(("spot", "anchor"), [(math.nan, 1.0), (None, 1.0), (1.0, 0.0)])
def test_a_bad_spot_moves_no_grid(spot: float | None, anchor: float | None) -> None:
    found, place = grid(GRID, spot=spot, anchor=anchor, before=2)
    assert (found.shift, found.is_known, place) == (-1.0, False, 2)
