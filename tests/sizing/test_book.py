"""Models of the book's scale: the theory page's numbers, oracles, laws, and what they refuse."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hedger.core.model import (
    Growth,
    KellyRule,
    MarginRule,
    Scaling,
    TailRule,
    VolRegimeRule,
    VolTargetRule,
)
from hedger.core.sizing.kelly import growth, kelly
from hedger.core.sizing.margin import margin
from hedger.core.sizing.value_at_risk import value_at_risk
from hedger.core.sizing.vol_regime import vol_regime
from hedger.core.sizing.vol_target import vol_target

LAWS = settings(max_examples=100, deadline=None, derandomize=True)
TARGET = VolTargetRule(target=0.2, cap=1.5)
REGIME = VolRegimeRule(signal_min=0.1)
TAIL = TailRule(limit=1_000.0)
MARGIN = MarginRule()


@pytest.mark.parametrize(
    ("risk", "before", "factor"),
    [(0.4, 1.0, 0.5), (0.1, 1.0, 1.5), (0.21, 1.0, 1.0), (0.25, 1.0, 0.8), (0.01, 1.5, 1.5)],
)
def test_vol_target(risk: float, before: float, factor: float) -> None:
    found = vol_target(TARGET, risk=risk, age_ms=0, before=before)
    assert found.factor == pytest.approx(factor)
    assert (found.what, found.is_cap, found.is_known) == ("book", False, True)


positive = st.floats(1e-3, 10.0)


@given(low=positive, more=positive, before=st.floats(0.0, 1.5))
@LAWS
def test_more_risk_is_never_more_scale(low: float, more: float, before: float) -> None:
    a, b = (
        vol_target(TARGET, risk=risk, age_ms=0, before=before).factor for risk in (low, low + more)
    )
    assert b <= a <= TARGET.cap


@pytest.mark.parametrize("days", [10, 21, 60])
def test_an_estimate_of_few_returns_overshoots_its_target(days: int) -> None:
    """Sized by the vol of n returns, what is achieved is sqrt(n / (n - 2)) of what was aimed at."""
    rule = VolTargetRule(target=0.2, cap=100.0, inertia=0.0)
    seen = np.random.default_rng(4).normal(0.0, 0.25, (40_000, days))
    scales = [
        vol_target(rule, risk=risk, age_ms=0, before=1.0).factor
        for risk in np.sqrt((seen**2).mean(axis=1)).tolist()
    ]
    achieved = 0.25 * math.sqrt(np.mean(np.square(scales)))  # the next return is independent
    assert achieved / rule.target == pytest.approx(math.sqrt(days / (days - 2)), rel=0.01)


def test_a_target_is_met_within_its_inertia() -> None:
    """Walked through a storm: the scale moves in few steps and risk stays near the target."""
    scale, moves = 1.0, 0
    for risk in 0.2 + 0.2 * np.sin(np.linspace(0.0, math.pi, 200)) ** 2:
        after = vol_target(TARGET, risk=float(risk), age_ms=0, before=scale).factor
        moves += after != scale
        scale = after
        assert abs(scale * risk / 0.2 - 1.0) < 0.12
    assert 4 <= moves <= 20


@pytest.mark.parametrize(
    ("short", "long", "signal", "factor"),
    [
        (0.8, 0.4, 1.0, 0.5),  # expanded: less
        (1.6, 0.4, 1.0, 0.5),  # not below the lowest
        (0.4, 0.48, 1.0, 1.2),  # fell, and the signal holds: more
        (0.2, 0.8, 1.0, 1.25),
        (0.2, 0.8, 0.05, 1.0),  # it does not hold
        (0.2, 0.8, None, 1.0),
        (0.2, 0.8, math.nan, 1.0),
        (0.2, 0.8, -1.0, 1.0),
    ],
)
def test_vol_regime(short: float, long: float, signal: float | None, factor: float) -> None:
    found = vol_regime(REGIME, short_vol=short, long_vol=long, signal=signal, age_ms=0, before=1.0)
    assert found.factor == pytest.approx(factor)


@given(short=positive, more=positive, signal=st.one_of(st.none(), st.floats(-2, 2)))
@LAWS
def test_regime_falls_with_short_vol(short: float, more: float, signal: float | None) -> None:
    a, b = (
        vol_regime(REGIME, short_vol=v, long_vol=0.5, signal=signal, age_ms=0, before=1.0).factor
        for v in (short, short + more)
    )
    assert REGIME.lowest <= b <= a <= REGIME.highest


@given(p=st.floats(0.05, 0.95), b=st.floats(0.1, 10.0))
@LAWS
def test_kelly_of_a_bet(p: float, b: float) -> None:
    assert growth([b, -1.0], [p, 1.0 - p]).fraction == pytest.approx(
        max(0.0, p - (1.0 - p) / b), abs=1e-9
    )


def test_kelly_of_small_normal_outcomes_is_mean_over_variance() -> None:
    x = np.random.default_rng(2).normal(0.0, 0.01, 200_000)
    x += 2e-4 - x.mean()
    assert growth(x).fraction == pytest.approx(2e-4 / x.var(), rel=0.01)


LOTTERY = ([0.10, 0.04, -0.10, -1.20], [0.70, 0.20, 0.08, 0.02])
"""Premium most of the time, a small loss at times, and once in fifty far more than the capital."""


def test_kelly_sees_the_rare_outcome_that_mean_over_variance_does_not() -> None:
    x, p = (np.array(part) for part in LOTTERY)
    found = growth(x, p)
    oracle = minimize_scalar(
        lambda f: -(p @ np.log1p(f * x)), bounds=(0.0, 1 / 1.2 - 1e-9), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    assert found.fraction == pytest.approx(oracle.x, abs=1e-6)
    blind = (p @ x) / (p @ (x - p @ x) ** 2)
    assert blind > 1.0 / 1.2 > found.fraction  # mean over variance asks for certain ruin
    assert 1.0 + blind * x.min() < 0.0


@pytest.mark.parametrize("c", [0.25, 0.5, 0.8])
def test_a_fraction_keeps_its_share_of_growth(c: float) -> None:
    x = np.random.default_rng(2).normal(0.0, 0.01, 20_000)
    x += 1e-4 - x.mean()
    best = growth(x).fraction
    rate = [float(np.log1p(f * x).mean()) for f in (best, c * best)]
    assert rate[1] / rate[0] == pytest.approx(c * (2.0 - c), abs=0.02)


@pytest.mark.parametrize(("c", "share"), [(0.5, 0.5), (1.0, 0.5), (0.5, 0.8)])
def test_a_fraction_makes_a_deep_fall_rare(c: float, share: float) -> None:
    """The chance ever to fall below a share y of the start is y^(2/c - 1)."""
    rng = np.random.default_rng(6)
    x = rng.normal(0.0, 0.02, 20_000)
    x += 0.001 - x.mean()
    fraction = c * growth(x).fraction
    walked, lowest = np.zeros(4_000), np.zeros(4_000)
    for _ in range(6_000):
        walked += np.log1p(fraction * rng.choice(x, walked.size))
        np.minimum(lowest, walked, out=lowest)
    step = fraction * 0.02  # a walk in steps falls below a line as late as one 0.58 steps lower
    wanted = (share * math.exp(-0.5826 * step)) ** (2.0 / c - 1.0)
    assert np.mean(lowest < math.log(share)) == pytest.approx(wanted, abs=0.025)


def test_a_mean_that_is_hardly_known_is_shrunk() -> None:
    x = [0.02, -0.018]
    believed, few, many = (growth(x, observations=n) for n in (None, 100, 10_000_000))
    t_square = 100 * (0.001 / 0.019) ** 2
    assert t_square < 1.0
    assert few.fraction == 0.0
    assert many.fraction == pytest.approx(believed.fraction, rel=1e-3)
    some = growth(x, observations=1_000)
    assert some.shrunken_mean == pytest.approx(0.001 * (1.0 - 0.1 / t_square))
    assert 0.0 < some.fraction < believed.fraction


@given(best=st.floats(0.0, 1e3), before=st.floats(0.0, 1.0))
@LAWS
def test_kelly_is_a_cap_and_never_a_reason_to_add(best: float, before: float) -> None:
    optimum = Growth(fraction=best, mean=0.0, shrunken_mean=0.0, std=1.0, outcomes=9)
    found = kelly(KellyRule(fraction=0.5), optimum=optimum, age_ms=0, before=before)
    assert found.is_cap
    assert found.factor <= min(1.0, max(0.5 * best, before))


def test_nothing_to_lose_and_nothing_to_win() -> None:
    assert growth([0.1, 0.0]).fraction == math.inf
    assert growth([-0.1, 0.05]).fraction == 0.0
    sure = kelly(KellyRule(), optimum=growth([0.1, 0.2]), age_ms=0, before=1.0)
    assert sure.factor == 1.0


@pytest.mark.parametrize(
    ("outcomes", "weights"),
    [([], None), ([math.nan], None), ([1.0], [1.0, 2.0]), ([1.0], [-1.0]), ([1.0], [0.0])],
)
def test_bad_outcomes_are_refused(outcomes: list[float], weights: list[float] | None) -> None:
    with pytest.raises(ValueError, match="kelly"):
        growth(outcomes, weights)


@pytest.mark.parametrize(
    ("loss", "before", "factor"),
    [(500.0, 1.0, 1.0), (2_000.0, 1.0, 0.5), (0.0, 1.0, 1.0), (-5.0, 0.5, 1.0),
     (1_950.0, 0.5, 0.5), (1_050.0, 1.0, 1_000 / 1_050)],
)  # fmt: skip
def test_value_at_risk(loss: float, before: float, factor: float) -> None:
    found = value_at_risk(TAIL, loss=loss, age_ms=0, before=before)
    assert found.factor == pytest.approx(factor)
    assert found.is_cap


@given(loss=st.floats(-1e6, 1e6), before=st.floats(0.0, 1.0))
@LAWS
def test_a_tail_never_exceeds_its_limit(loss: float, before: float) -> None:
    found = value_at_risk(TAIL, loss=loss, age_ms=0, before=before)
    assert found.factor <= 1.0
    assert found.factor * loss <= 1_000.0 * (1.0 + 1e-12)


@pytest.mark.parametrize(
    ("ratio", "distance", "held", "before", "factor"),
    [
        (0.3, math.inf, 1.0, 1.0, 1.0),
        (0.65, 0.5, 1.0, 1.0, 1.0),  # above the aim, below the trigger: nothing yet
        (0.8, 0.5, 1.0, 1.0, 0.625),
        (0.5, 0.5, 0.625, 0.625, 0.625),  # reached: held, not released
        (0.45, 0.5, 0.625, 0.625, 0.625),
        (0.3, 0.5, 0.625, 0.625, 1.0),  # released: back to the aim, at most 1
        (0.3, 0.2, 0.625, 0.625, 0.625),  # the liquidation is still near
        (0.1, 0.10, 1.0, 1.0, 2 / 3),
        (math.inf, 0.0, 1.0, 1.0, 0.0),
        (0.0, math.inf, 1.0, 1.0, 1.0),
    ],
)
def test_margin(ratio: float, distance: float, held: float, before: float, factor: float) -> None:
    found = margin(MARGIN, ratio=ratio, distance=distance, age_ms=0, held=held, before=before)
    assert found.factor == pytest.approx(factor)
    assert found.is_cap
    assert all(math.isfinite(value) for _, value in found.inputs)


def test_margin_neither_flips_nor_creeps() -> None:
    """A ratio that is a function of scale: one cut, then rest; after calm one way back."""
    scale, path = 1.0, []
    for load in [0.5] * 5 + [0.9] * 20 + [0.5] * 20:
        scale = margin(
            MARGIN, ratio=load * scale, distance=1.0, age_ms=0, held=scale, before=scale
        ).factor
        path.append(scale)
    assert sum(a != b for a, b in itertools.pairwise(path)) == 2
    assert path[-1] == pytest.approx(1.0)


@given(ratio=st.floats(0.0, 50.0), distance=st.floats(0.0, 3.0), before=st.floats(0.0, 1.0))
@LAWS
def test_margin_is_a_cap(ratio: float, distance: float, before: float) -> None:
    found = margin(MARGIN, ratio=ratio, distance=distance, age_ms=0, held=before, before=before)
    assert 0.0 <= found.factor <= 1.0
    if ratio > MARGIN.reduce_above:
        assert found.factor * ratio <= MARGIN.aim * before * (1.0 + 1e-12)


def answers(before: float, **bad: Any) -> list[Scaling]:
    """Every book model, each with good inputs but for what is `bad`."""
    age = bad.get("age", 0)
    value = bad.get("value", 0.5)
    optimum = None if bad else growth([0.1, -0.1], [0.6, 0.4])
    return [
        vol_target(TARGET, risk=value, age_ms=age, before=before),
        vol_regime(REGIME, short_vol=value, long_vol=0.5, signal=1.0, age_ms=age, before=before),
        kelly(KellyRule(), optimum=optimum, age_ms=age, before=before),
        value_at_risk(TAIL, loss=value, age_ms=age, before=before),
        margin(MARGIN, ratio=value, distance=1.0, age_ms=age, held=1.0, before=before),
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [({"age": None}, "never measured"), ({"age": 10**9}, "ms old"), ({"age": -1}, "future"),
     ({"value": math.nan}, "nan"), ({"value": None}, "None")],
)  # fmt: skip
def test_what_is_not_known_moves_nothing(bad: dict[str, Any], said: str) -> None:
    for found in answers(0.7, **bad):
        if found.model == "kelly" and "value" in bad:
            continue
        assert not found.is_known
        assert found.factor == 0.7
        assert said in found.reason
        assert found.reason.endswith("holds what it said before")


def test_zero_vol_is_no_licence() -> None:
    found = vol_target(TARGET, risk=0.0, age_ms=0, before=0.7)
    assert (found.factor, found.is_known) == (0.7, False)
    flat = vol_regime(REGIME, short_vol=0.0, long_vol=0.5, signal=1.0, age_ms=0, before=0.7)
    assert (flat.factor, flat.is_known) == (0.7, False)
