"""Quadratics of normals against Monte Carlo, chi-squared laws and numerical integration."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from pricing.delta_gamma import Cumulants, cornish_fisher, cumulants, normal_points, normal_tail

generator = np.random.default_rng(5)


def random_case(size):
    half = generator.normal(size=(size, size))
    bend = generator.normal(size=(size, size))
    return generator.normal(size=size), bend + bend.T, half @ half.T / size


@pytest.mark.parametrize("size", [1, 2, 5])
def test_cumulants_are_those_of_the_diagonal_form(size):
    delta, gamma, sigma = random_case(size)
    root = np.linalg.cholesky(sigma)
    values, vectors = np.linalg.eigh(root.T @ gamma @ root)
    slope = vectors.T @ root.T @ delta
    # Each factor alone: b z + a z^2 / 2 has known cumulants, and they add.
    wanted = [
        sum(
            0.5 * math.factorial(r - 1) * a**r
            + (0.5 * math.factorial(r) * b * b * a ** (r - 2) if r > 1 else 0.0)
            for a, b in zip(values, slope, strict=True)
        )
        for r in (1, 2, 3, 4)
    ]
    found = cumulants(delta=delta, gamma=gamma, covariance=sigma, drift=0.3)
    std = math.sqrt(wanted[1])
    assert found == pytest.approx(
        (wanted[0] + 0.3, std, wanted[2] / std**3, wanted[3] / std**4), rel=1e-10
    )


def test_cumulants_are_those_of_a_million_draws():
    delta, gamma, sigma = random_case(3)
    x = np.linalg.cholesky(sigma) @ generator.normal(size=(3, 1_000_000))
    profit = delta @ x + 0.5 * np.einsum("in,ij,jn->n", x, gamma, x)
    found = cumulants(delta=delta, gamma=gamma, covariance=sigma)
    assert found.mean == pytest.approx(profit.mean(), abs=0.01 * found.std)
    assert found.std == pytest.approx(profit.std(), rel=0.01)
    assert found.skew == pytest.approx(stats.skew(profit), abs=0.05)


def test_a_singular_covariance_is_as_good_as_another():
    found = cumulants(
        delta=[1.0, 1.0], gamma=np.zeros((2, 2)), covariance=[[0.04, 0.04], [0.04, 0.04]]
    )
    assert found == pytest.approx((0.0, 0.4, 0.0, 0.0))
    still = cumulants(delta=[1.0], gamma=[[0.0]], covariance=[[0.0]], drift=-2.0)
    assert still == (-2.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"covariance": [[1.0, 0.0], [0.5, 1.0]]},
        {"covariance": [[1.0, 2.0], [2.0, 1.0]]},
        {"covariance": [[math.nan, 0.0], [0.0, 1.0]]},
        {"delta": [1.0]},
        {"drift": math.inf},
    ],
)
def test_a_bad_quadratic_is_refused(bad):
    good = {"delta": [1.0, 1.0], "gamma": np.eye(2), "covariance": np.eye(2)}
    with pytest.raises(ValueError, match=r"wanted"):
        cumulants(**(good | bad))


def test_normal_tail_is_scipys():
    found = normal_tail(mean=0.5, std=2.0, level=0.95)
    law = stats.norm(0.5, 2.0)
    assert found.value_at_risk == pytest.approx(-law.ppf(0.05))
    shortfall = -law.expect(lambda x: x, ub=law.ppf(0.05)) / 0.05
    assert found.expected_shortfall == pytest.approx(shortfall, rel=1e-6)


@given(s=st.floats(-1.0, 1.0), k=st.floats(0.0, 3.0), level=st.floats(0.8, 0.999))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_expected_shortfall_integrates_the_same_quantiles(s, k, level):
    moments = Cumulants(0.2, 1.5, s, k)
    found = cornish_fisher(moments, level=level)

    def loss(p):
        return cornish_fisher(moments, level=1.0 - p).tail.value_at_risk

    area = integrate.quad(loss, 0.0, 1.0 - level, limit=200)[0] / (1.0 - level)
    assert found.tail.expected_shortfall == pytest.approx(area, rel=1e-5, abs=1e-7)
    if found.is_valid:
        assert found.tail.expected_shortfall >= found.tail.value_at_risk


def test_the_domain_is_where_quantiles_rise():
    z = np.linspace(-4.0, 4.0, 8_001)
    for s in np.linspace(-3.0, 3.0, 25):
        for k in np.linspace(-1.0, 12.0, 27):
            slope = 1 + z * s / 3 + (z * z - 1) * k / 8 - (6 * z * z - 5) * s * s / 36
            found = cornish_fisher(Cumulants(0.0, 1.0, s, k), level=0.99).is_valid
            if abs(slope.min()) > 1e-5:
                assert found == bool(slope.min() > 0.0 and abs(s) <= 2.5), (s, k)
    assert cornish_fisher(Cumulants(0.0, 1.0, 0.8, 2.0), level=0.99).is_valid
    assert not cornish_fisher(Cumulants(0.0, 1.0, -2.6, 20.0), level=0.99).is_valid


def test_points_are_spread_and_normal():
    x, y = normal_points(4_000)
    assert np.all(np.diff(x) > 0.0)
    for row in (x, y):
        assert stats.kstest(row, "norm").statistic < 1e-3
    assert abs(np.corrcoef(x, y)[0, 1]) < 2e-3
    assert np.array_equal(normal_points(7), normal_points(7))
    assert np.isfinite(normal_points(1)).all()
