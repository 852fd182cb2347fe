"""A surface between, before and after its expiries; statuses; bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing import Ssvi, Surface, SurfaceStatus, Svi, svi_vol

TIMES = np.array([0.05, 0.2, 0.7])
SLICES = [
    Ssvi(theta=0.01, rho=-0.4, psi=0.08).svi(),
    Ssvi(theta=0.045, rho=-0.35, psi=0.2).svi(),
    Ssvi(theta=0.16, rho=-0.3, psi=0.4).svi(),
]
SURFACE = Surface(TIMES, SLICES)
K = np.linspace(-0.9, 0.9, 37)


def variance(time):
    return SURFACE.vol(log_moneyness=K, time_to_expiry=time).vol ** 2 * time


def test_slices_are_met():
    for time, svi in zip(TIMES, SLICES, strict=True):
        ours = SURFACE.vol(log_moneyness=K, time_to_expiry=time)
        alone = svi_vol(svi=svi, log_moneyness=K, time_to_expiry=time)
        for one, other in zip(ours[:3], alone, strict=True):
            assert one == pytest.approx(other, rel=1e-13, abs=1e-14)
        assert not ours.status.any()


def test_variance_is_linear_in_time():
    for share in (0.2, 0.5, 0.9):
        time = TIMES[0] + share * (TIMES[1] - TIMES[0])
        straight = (1.0 - share) * variance(TIMES[0]) + share * variance(TIMES[1])
        assert variance(time) == pytest.approx(straight, rel=1e-13)


def test_flat_beyond_the_ends():
    first = SURFACE.vol(log_moneyness=K, time_to_expiry=TIMES[0])
    before = SURFACE.vol(log_moneyness=K, time_to_expiry=0.001)
    assert np.array_equal(first.vol, before.vol)
    assert np.array_equal(first.skew, before.skew)
    pace = (variance(TIMES[2]) - variance(TIMES[1])) / (TIMES[2] - TIMES[1])
    assert variance(2.0) == pytest.approx(variance(TIMES[2]) + 1.3 * pace, rel=1e-13)
    alone = Surface([0.05], SLICES[:1])
    assert alone.vol(log_moneyness=0.1, time_to_expiry=3.0).vol == pytest.approx(
        alone.vol(log_moneyness=0.1, time_to_expiry=0.05).vol, rel=1e-15
    )


@pytest.mark.parametrize("time", [0.01, 0.05, 0.13, 0.7, 1.5])
def test_derivatives_by_finite_differences(time):
    step = 1e-4
    low, mid, high = (
        SURFACE.vol(log_moneyness=K + d, time_to_expiry=time) for d in (-step, 0.0, step)
    )
    assert mid.skew == pytest.approx((high.vol - low.vol) / (2.0 * step), rel=1e-5, abs=1e-6)
    assert mid.curvature == pytest.approx((high.skew - low.skew) / (2.0 * step), rel=1e-5, abs=1e-6)


def test_shapes_and_place_in_the_batch():
    time = np.array([[0.03], [0.3], [0.9]])
    table = SURFACE.vol(log_moneyness=K, time_to_expiry=time)
    assert table.vol.shape == table.status.shape == (3, K.size)
    for i in range(3):
        for j in range(0, K.size, 5):
            single = SURFACE.vol(log_moneyness=float(K[j]), time_to_expiry=float(time[i, 0]))
            assert single.vol.shape == ()
            assert all(a == b[i, j] for a, b in zip(single, table, strict=True))


def test_statuses():
    found = SURFACE.vol(
        log_moneyness=[0.0, 0.0, 0.0, np.nan, np.inf, 0.0, 0.0],
        time_to_expiry=[0.1, 0.0, -1.0, 0.1, 0.1, np.nan, np.inf],
    )
    status = SurfaceStatus
    assert found.status.tolist() == [status.OK, *[status.EXPIRED] * 2, *[status.BAD_INPUT] * 4]
    assert np.isfinite(found.vol).tolist() == [True] + [False] * 6
    empty = Surface([], [])
    assert empty.vol(log_moneyness=0.0, time_to_expiry=1.0).status == status.BAD_INPUT
    crossed = Surface([0.1, 0.2], [SLICES[1], SLICES[0]])
    assert crossed.vol(log_moneyness=0.0, time_to_expiry=1.0).status == status.NO_VARIANCE


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True))
def test_nan_exactly_where_the_status_says_so(moneyness, time):
    found = SURFACE.vol(log_moneyness=moneyness, time_to_expiry=time)
    assert np.isnan(found.vol) == (found.status != 0)
    if abs(moneyness) < 1e100 and 0.0 < time < 1e100:
        assert found.status == 0
        assert found.vol > 0.0


@pytest.mark.parametrize(
    ("times", "slices"),
    [
        ([0.1], SLICES),
        ([0.1, 0.1, 0.2], SLICES),
        ([0.0, 0.1, 0.2], SLICES),
        ([0.1, 0.2, np.inf], SLICES),
        ([0.1, np.nan, 0.2], SLICES),
        (0.1, SLICES[:1]),
        ([0.1], [Svi(0.1, np.nan, 0.0, 0.0, 0.1)]),
    ],
)
def test_wrong_surfaces_are_refused(times, slices):
    with pytest.raises(ValueError, match=r"times|slices"):
        Surface(times, slices)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="slices"):
        Surface([0.1], [(0.1, 0.1, 0.0, 0.0, 0.1)])
    with pytest.raises(TypeError, match="log_moneyness"):
        SURFACE.vol(log_moneyness="a", time_to_expiry=0.1)
    with pytest.raises(ValueError, match="broadcast"):
        SURFACE.vol(log_moneyness=np.zeros(2), time_to_expiry=np.ones(3))
