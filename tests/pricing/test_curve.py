"""Forwards from futures and from put-call parity, and the curve over time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing import Curve, ForwardStatus, first_forward, forward_from_future, forward_from_parity

FORWARD, DISCOUNT, TIME = 103.0, 0.96, 0.8
STRIKE = np.linspace(75.0, 135.0, 25)
HALF = 0.02 + 0.1 * np.abs(np.log(STRIKE / FORWARD))


def options(in_coin=False, noise=None, half=HALF):
    """Bids and asks around Black's prices on a smile."""
    vol = 0.4 - 0.2 * np.log(STRIKE / FORWARD)
    inputs = {"forward": FORWARD, "strike": STRIKE, "time_to_expiry": TIME, "vol": vol}
    unit = DISCOUNT / FORWARD if in_coin else DISCOUNT
    scale = 1.0 / FORWARD if in_coin else 1.0
    out = {"strike": STRIKE, "in_coin": in_coin}
    for name, is_call in (("call", True), ("put", False)):
        mid = unit * pricing.black(**inputs, is_call=is_call).price
        mid = mid if noise is None else mid + scale * half * noise.uniform(-0.5, 0.5, STRIKE.size)
        out |= {f"{name}_bid": mid - scale * half, f"{name}_ask": mid + scale * half}
    return out


@pytest.mark.parametrize("in_coin", [False, True])
def test_exact_quotes(in_coin):
    found = forward_from_parity(**options(in_coin))
    assert found.status == ForwardStatus.OK
    assert found.forward == pytest.approx(FORWARD, rel=1e-10)
    assert found.discount == pytest.approx(DISCOUNT, rel=1e-10)
    assert 10 <= found.pairs <= STRIKE.size  # strikes beyond 25 % are left out
    known = forward_from_parity(**options(in_coin), discount=DISCOUNT)
    assert known.forward == pytest.approx(FORWARD, rel=1e-10)
    assert (known.discount, known.discount_error) == (DISCOUNT, 0.0)
    assert known.forward_error <= found.forward_error


@pytest.mark.parametrize("in_coin", [False, True])
@pytest.mark.parametrize("discount", [None, DISCOUNT])
def test_errors_cover_the_truth(in_coin, discount):
    noise = np.random.default_rng(7)
    z, rate_z = [], []
    for _ in range(60):
        found = forward_from_parity(**options(in_coin, noise), discount=discount)
        z.append(abs(found.forward - FORWARD) / found.forward_error)
        if discount is None:
            rate_z.append(abs(found.discount - DISCOUNT) / found.discount_error)
    assert 0.05 < np.median(z) < 0.7  # conservative: 0.67 if half a width were a deviation
    assert max(z) < 3.0
    assert max(rate_z, default=0.0) < 3.0


@pytest.mark.parametrize("in_coin", [False, True])
def test_absurd_and_missing_quotes(in_coin):
    noise = np.random.default_rng(8)
    quotes = options(in_coin, noise)
    for at, name in ((5, "call_bid"), (9, "put_ask"), (11, "put_bid"), (13, "call_ask")):
        quotes[name][at] = np.nan
    for at in (8, 14, 17):  # stale calls, tightly quoted
        quotes["call_bid"][at] *= 1.6
        quotes["call_ask"][at] = quotes["call_bid"][at] * 1.001
    clean = forward_from_parity(**options(in_coin, np.random.default_rng(8)))
    found = forward_from_parity(**quotes)
    assert found.forward == pytest.approx(FORWARD, rel=1e-3)
    assert abs(found.forward - FORWARD) < 3.0 * found.forward_error
    assert found.pairs <= clean.pairs - 7


def test_too_few_pairs_and_no_solution():
    quotes = options()
    few = {name: value[11:13] if np.ndim(value) else value for name, value in quotes.items()}
    assert forward_from_parity(**few).status == ForwardStatus.TOO_FEW_PAIRS
    assert forward_from_parity(**few, discount=0.96).status == ForwardStatus.OK
    swapped = {
        **quotes,
        **{f"call_{side}": quotes[f"put_{side}"] for side in ("bid", "ask")},
        **{f"put_{side}": quotes[f"call_{side}"] for side in ("bid", "ask")},
    }
    found = forward_from_parity(**swapped)
    assert found.status == ForwardStatus.NO_SOLUTION
    assert np.isnan(found.forward)


ANY = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0.0, 100.0)


@pytest.mark.filterwarnings("error")
@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(ANY, ANY, ANY, ANY, ANY), max_size=8), st.booleans(), st.booleans())
def test_bad_elements_never_raise(rows, in_coin, known):
    strike, *sides = np.array(rows, dtype=float).reshape(-1, 5).T
    names = ("call_bid", "call_ask", "put_bid", "put_ask")
    found = forward_from_parity(
        strike=strike,
        **dict(zip(names, sides, strict=True)),
        in_coin=in_coin,
        discount=1.0 if known else None,
    )
    assert np.isnan(found.forward) == (found.status != ForwardStatus.OK)
    if found.status == ForwardStatus.OK:
        assert found.forward > 0.0
        assert found.discount > 0.0


def test_futures():
    found = forward_from_future(bid=99.0, ask=101.0, discount=0.9)
    assert found[:4] == (100.0, 1.0, 0.9, 0.0)
    for bid, ask in ((np.nan, 1.0), (0.0, 1.0), (1.0, np.inf), (2.0, 1.0)):
        assert forward_from_future(bid=bid, ask=ask).status == ForwardStatus.NO_QUOTE
    parity = forward_from_parity(**options())
    assert first_forward(found, parity) is found
    assert first_forward(forward_from_future(bid=0.0, ask=1.0), parity) is parity
    with pytest.raises(ValueError, match="candidates"):
        first_forward()


def test_curve():
    times, forwards, discounts = [0.25, 0.5, 1.0], [101.0, 103.0, 104.0], [0.99, 0.97, 0.95]
    curve = Curve(times, forwards, discounts, spot=100.0)
    assert curve.forward(times) == pytest.approx(forwards, rel=1e-14)
    assert curve.discount([0.0, *times]) == pytest.approx([1.0, *discounts], rel=1e-14)
    assert curve.forward(0.0) == pytest.approx(100.0, rel=1e-14)
    middle = np.sqrt(101.0 * 103.0)
    assert curve.forward(0.375) == pytest.approx(middle, rel=1e-14)
    assert curve.forward(1.5) == pytest.approx(104.0**2 / 103.0, rel=1e-13)
    assert curve.rate(0.5) == pytest.approx(-2.0 * np.log(0.97), rel=1e-13)
    back = Curve(times, forwards)
    assert back.forward(0.0) == pytest.approx(101.0**2 / 103.0, rel=1e-13)
    assert back.rate([0.1, 3.0]) == pytest.approx([0.0, 0.0], abs=1e-15)
    assert np.isnan(curve.forward([-0.1, np.nan, np.inf])).all()
    assert np.isnan(curve.rate(0.0))
    assert Curve([0.5], [100.0]).forward(2.0) == pytest.approx(100.0, rel=1e-14)


@pytest.mark.filterwarnings("error")
def test_what_a_curve_cannot_hold_is_silent():
    steep = Curve([1e-10, 2e-10], [1e-300, 1e300], [1e-300, 1e-100])
    assert steep.forward([1.0, 1e300])[0] == np.inf
    assert steep.discount([1.0, 1e300])[0] == np.inf
    assert steep.rate(1.0) == -np.inf


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([], []), ValueError),
        (([0.5, 0.25], [1.0, 1.0]), ValueError),
        (([0.0, 0.25], [1.0, 1.0]), ValueError),
        (([0.5], [0.0]), ValueError),
        (([0.5], [np.nan]), ValueError),
        (([0.5], [1.0, 2.0]), ValueError),
        (([0.5], [1.0], -1.0), ValueError),
        ((["a"], [1.0]), TypeError),
    ],
)
def test_wrong_curves_are_refused(arguments, error):
    with pytest.raises(error):
        Curve(*arguments)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="strike"):
        forward_from_parity(**{**options(), "strike": "100"})
    with pytest.raises(ValueError, match="one length"):
        forward_from_parity(**{**options(), "strike": STRIKE[:3]})
    with pytest.raises(ValueError, match="discount"):
        forward_from_parity(**options(), discount=0.0)
    with pytest.raises(TypeError, match="bid"):
        forward_from_future(bid="1", ask=2.0)
