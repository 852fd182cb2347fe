"""Fits to synthetic quotes whose truth is known: exact, noisy, one-sided, absurd, arbitrageable."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing import FitStatus, Ssvi, Svi, fit_surface, svi_vol

TRUTH = Svi(a=0.004, b=0.09, rho=-0.35, m=0.02, sigma=0.15)
TIME = 0.1
K = np.linspace(-0.45, 0.4, 35)
HALF = 0.004 + 0.05 * K * K  # half of the spread in vol
MID = svi_vol(svi=TRUTH, log_moneyness=K, time_to_expiry=TIME).vol
ESSVI = {
    0.05: Ssvi(theta=0.01, rho=-0.4, psi=0.08),
    0.2: Ssvi(theta=0.045, rho=-0.35, psi=0.2),
    0.7: Ssvi(theta=0.16, rho=-0.3, psi=0.4),
}


def fitted(mid=MID, half=HALF, **changes):
    quotes = {"log_moneyness": K, "time_to_expiry": TIME, "bid_vol": mid - half}
    return fit_surface(**{**quotes, "ask_vol": mid + half, **changes})


def away(fit, time=TIME, k=K, mid=MID):
    """Distances of the surface from the truth."""
    return np.abs(fit.surface.vol(log_moneyness=k, time_to_expiry=time).vol - mid)


def test_svi_is_recovered():
    fit = fitted()
    assert fit.surface.slices[0] == pytest.approx(TRUTH, rel=2e-3, abs=2e-4)
    assert away(fit).max() < 1e-5
    quality = fit.quality[0]
    assert quality.status == FitStatus.OK
    assert (quality.used, quality.dropped) == (K.size, 0)
    assert quality.worst_vol == pytest.approx(np.abs(fit.error_vol).max(), rel=1e-9)
    assert quality.worst_widths == pytest.approx(np.abs(fit.error_widths).max(), rel=1e-9)
    assert quality.rms_vol == pytest.approx(np.sqrt(np.mean(fit.error_vol**2)), rel=1e-9)


@pytest.mark.parametrize("family", ["essvi", "svi"])
def test_essvi_is_recovered(family):
    time = np.repeat(list(ESSVI), K.size)
    k = np.tile(K, len(ESSVI))
    mid = np.concatenate(
        [
            svi_vol(svi=ssvi.svi(), log_moneyness=K, time_to_expiry=t).vol
            for t, ssvi in ESSVI.items()
        ]
    )
    fit = fit_surface(
        log_moneyness=k, time_to_expiry=time, bid_vol=mid - 0.01, ask_vol=mid + 0.01, family=family
    )
    assert [quality.status for quality in fit.quality] == [FitStatus.OK] * 3
    assert away(fit, time, k, mid).max() < 2e-4
    if family == "essvi":
        for svi, ssvi in zip(fit.surface.slices, ESSVI.values(), strict=True):
            assert svi == pytest.approx(ssvi.svi(), rel=5e-3, abs=1e-4)


def test_noise_averages_out():
    generator = np.random.default_rng(4)
    for _ in range(5):
        noise = 0.5 * HALF * generator.standard_normal(K.size)
        fit = fitted(mid=MID + noise)
        assert np.sqrt(np.mean(away(fit) ** 2)) < 0.6 * np.sqrt(np.mean(noise**2))
        assert fit.quality[0].status == FitStatus.OK


def test_missing_sides():
    generator = np.random.default_rng(5)
    bid, ask = MID - HALF, MID + HALF
    bid[generator.random(K.size) < 0.4] = np.nan
    ask[generator.random(K.size) < 0.3] = 0.0
    fit = fitted(bid_vol=bid, ask_vol=ask)
    assert away(fit).max() < 1e-3
    one_sided = np.isnan(bid) | (ask == 0.0)
    assert np.array_equal(np.isnan(fit.error_vol), one_sided)
    assert np.array_equal(fit.used, ~(np.isnan(bid) & (ask == 0.0)))


def test_one_sided_quotes_bound_the_smile():
    """An ask without a bid, below where the others would put the wing, pulls the wing down."""
    wing = K > 0.25
    bid, ask = MID - HALF, MID + HALF
    bid[wing], ask[wing] = np.nan, np.where(wing, MID - 0.02, ask)[wing]
    bounded = fitted(bid_vol=bid, ask_vol=ask)
    free = fitted(bid_vol=bid, ask_vol=np.where(wing, np.nan, ask))
    assert away(free)[wing].max() < 1e-3
    vol = bounded.surface.vol(log_moneyness=K, time_to_expiry=TIME).vol
    assert (vol[wing] < MID[wing] - 0.01).all()


@pytest.mark.parametrize("factor", [0.3, 1.5, 4.0])
def test_absurd_quotes_are_dropped(factor):
    generator = np.random.default_rng(6)
    absurd = generator.choice(K.size, 6, replace=False)
    mid = MID.copy()
    mid[absurd] *= factor
    fit = fitted(mid=mid)
    assert np.flatnonzero(~fit.used).tolist() == sorted(absurd)
    assert fit.quality[0].dropped == 6
    assert away(fit).max() < 2e-3


def test_crossed_quotes_are_dropped():
    bid = MID - HALF
    bid[3] = MID[3] + 2.0 * HALF[3]
    fit = fitted(bid_vol=bid)
    assert np.flatnonzero(~fit.used).tolist() == [3]
    assert away(fit).max() < 1e-4


def test_butterflies_in_the_quotes_are_not_in_the_fit():
    """Quotes on Vogt's smile, which has a negative density around k = 0.8."""
    vogt = Svi(a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)
    k = np.linspace(-1.4, 1.4, 57)
    mid = svi_vol(svi=vogt, log_moneyness=k, time_to_expiry=1.0).vol
    for family in ("svi", "essvi"):
        fit = fit_surface(
            log_moneyness=k, time_to_expiry=1.0, bid_vol=mid - 0.01, ask_vol=mid + 0.01,
            family=family,
        )  # fmt: skip
        assert fit.quality[0].status == FitStatus.OK
        assert fit.quality[0].butterfly_minimum >= 0.0
        assert 1e-4 < fit.quality[0].worst_vol < (0.02 if family == "svi" else 0.1)


@pytest.mark.parametrize("family", ["svi", "essvi"])
def test_calendars_in_the_quotes_are_not_in_the_fit(family):
    """The farther expiry is quoted with less total variance."""
    time, k = np.repeat([TIME, 2.0 * TIME], K.size), np.tile(K, 2)
    mid = np.concatenate([MID, 0.65 * MID])
    fit = fit_surface(
        log_moneyness=k, time_to_expiry=time, bid_vol=mid - 0.01, ask_vol=mid + 0.01, family=family
    )
    far = fit.quality[1]
    assert far.calendar_minimum >= 0.0
    assert far.butterfly_minimum >= 0.0
    assert far.status == FitStatus.OK
    wide = np.linspace(-5.0, 5.0, 501)
    w = [fit.surface.vol(log_moneyness=wide, time_to_expiry=t).vol ** 2 * t for t in (0.1, 0.2)]
    assert (w[1] >= w[0]).all()


def test_arbitrage_that_is_left_is_reported():
    """Four far quotes below the nearer smile: their three parameters know only its eSSVI shape."""
    wide, far = np.linspace(-0.45, 0.4, 35), np.array([-0.4, -0.1, 0.1, 0.35])
    mid = np.concatenate([svi_vol(svi=TRUTH, log_moneyness=wide, time_to_expiry=TIME).vol,
                          np.full(4, 0.2)])  # fmt: skip
    fit = fit_surface(
        log_moneyness=np.concatenate([wide, far]),
        time_to_expiry=np.repeat([TIME, TIME + 0.01], [35, 4]),
        bid_vol=mid - 0.01,
        ask_vol=mid + 0.01,
    )
    near, last = fit.quality
    assert near.status == FitStatus.OK
    assert last.calendar_minimum < 0.0
    assert last.status == FitStatus.ARBITRAGE


@pytest.mark.parametrize(("count", "parameters"), [(3, 0), (4, 3), (7, 3), (8, 5)])
def test_few_quotes(count, parameters):
    chosen = np.linspace(0, K.size - 1, count).astype(int)
    mid, half = MID[chosen], HALF[chosen]
    fit = fitted(log_moneyness=K[chosen], bid_vol=mid - half, ask_vol=mid + half)
    if not parameters:
        assert fit.quality[0].status == FitStatus.TOO_FEW_QUOTES
        assert fit.surface.slices == ()
        assert not fit.used.any()
        assert np.isnan(fit.error_vol).all()
        return
    assert fit.quality[0].status == FitStatus.OK
    svi = fit.surface.slices[0]
    ssvi_hinge = svi.sigma * svi.rho / np.sqrt(1.0 - svi.rho**2)  # of SSVI: m = -rho theta / psi
    assert (abs(svi.m + ssvi_hinge) < 1e-9) == (parameters == 3)


def test_threads_and_order_do_not_matter():
    generator = np.random.default_rng(9)
    mid = MID + 0.3 * HALF * generator.standard_normal(K.size)
    alone = fitted(mid=mid)
    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: fitted(mid=mid), range(8)):
            assert other.surface.slices == alone.surface.slices
            assert other.quality == alone.quality
    order = generator.permutation(K.size)
    shuffled = fitted(mid[order], HALF[order], log_moneyness=K[order])
    assert shuffled.error_vol == pytest.approx(alone.error_vol[order], abs=1e-6)


NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, -0.5, 0.01, 0.4, 0.5, 0.6, 1e-300, 1e300]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12), st.booleans())
def test_bad_elements_never_raise(rows, essvi):
    k, time, bid, ask = np.array(rows, dtype=float).reshape(-1, 4).T
    good = fitted()
    fit = fit_surface(
        log_moneyness=np.concatenate([K, k]),
        time_to_expiry=np.concatenate([np.full(K.size, TIME), time]),
        bid_vol=np.concatenate([MID - HALF, bid]),
        ask_vol=np.concatenate([MID + HALF, ask]),
        family="essvi" if essvi else "svi",
    )
    at = [quality.time_to_expiry for quality in fit.quality].index(TIME)
    assert fit.quality[at].status == FitStatus.OK
    assert np.isfinite(fit.surface.vol(log_moneyness=K, time_to_expiry=TIME).vol).all()
    if not essvi and TIME not in time:
        assert away(fit)[: K.size].max() < 1e-3 + away(good).max()


VOLS = st.one_of(NUMBERS, st.floats(0.05, 3.0))


@pytest.mark.filterwarnings("error")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-2.0, 2.0) | NUMBERS, VOLS, VOLS), min_size=8, max_size=16))
def test_senseless_quotes_give_a_smile_or_a_status(rows):
    """Whatever is quoted: no exception, no warning, no arbitrage that is not reported."""
    k, bid, ask = np.array(rows).T
    fit = fit_surface(log_moneyness=k, time_to_expiry=0.1, bid_vol=bid, ask_vol=ask)
    (quality,) = fit.quality
    if quality.status == FitStatus.TOO_FEW_QUOTES:
        assert fit.surface.slices == ()
        return
    assert np.isfinite(fit.surface.slices[0]).all()
    assert np.isfinite(quality.rms_vol)
    assert quality.status == FitStatus.ARBITRAGE or quality.butterfly_minimum >= 0.0
    vol = fit.surface.vol(log_moneyness=np.linspace(-2.0, 2.0, 9), time_to_expiry=0.1).vol
    assert (vol > 0.0).all()


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="bid_vol"):
        fitted(bid_vol="0.5")
    with pytest.raises(ValueError, match="broadcast"):
        fitted(bid_vol=np.ones(3))
    with pytest.raises(ValueError, match="one dimension"):
        fitted(**dict.fromkeys(("log_moneyness", "bid_vol", "ask_vol"), np.ones((2, 2))))
    with pytest.raises(ValueError, match="family"):
        fitted(family="sabr")
