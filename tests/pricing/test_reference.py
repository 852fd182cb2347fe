"""Every price, Greek and implied vol against mpmath at 60 digits and more: see tests/reference.

An error is measured in units of what it can attain:

* a value that is a sum of terms of both signs, in the sum of their magnitudes, which the reference
  files carry beside each value;
* 1e-12 of that, which includes what one rounding of log-moneyness costs 35 standard deviations out
  (600 roundings);
* for Black-Scholes-Merton, whose log-moneyness is a sum with ``(rate - carry) time``, also what a
  rounding of that sum costs: it is divided by a total vol that may be 1e-4; and in the money one
  rounding of spot, for intrinsic value is there a difference of two discounted legs;
* an implied vol, in max(eps, eps price / (vol vega)), which stands in each row.
"""

import numpy as np
import pytest

import pricing
from tests.reference import load
from tests.reference.exact import FIELDS

RELATIVE = 1e-12
ATTAINABLE_MAX = 16.0  # implied vol
TINY = 1e-290  # what may underflow on the way
EPSILON = 2.0**-52
FUNCTIONS = {
    "black": ("forward", "black_second"),
    "black_scholes": ("spot", "black_scholes_second"),
    "inverse": ("forward", "inverse_second"),
}


def arguments(model, rows):
    """The columns of a reference file as keyword arguments of the model's functions."""
    asset = FUNCTIONS[model][0] if model in FUNCTIONS else "forward"
    names = ["strike", "time_to_expiry", "is_call"]
    names += ["vol"] if model in FUNCTIONS else ["price"]
    names += ["rate"] if model not in ("inverse", "inverse_implied_vol") else []
    names += ["dividend_yield"] if model == "black_scholes" else []
    return {asset: rows["asset"], **{name: rows[name] for name in names}}


def carry_cost(model, rows):
    """Relative error that rounding the carry's share of log-moneyness causes."""
    if model != "black_scholes":
        return 0.0
    time = rows["time_to_expiry"]
    total_vol = rows["vol"] * np.sqrt(time)
    carried = (np.abs(rows["rate"]) + np.abs(rows["dividend_yield"])) * time
    moneyness = np.log(rows["asset"] / rows["strike"])
    drift = (rows["rate"] - rows["dividend_yield"]) * time
    deviations = np.abs(moneyness + drift) / total_vol + total_vol
    return 0.5 * EPSILON * (carried + np.abs(moneyness)) / total_vol * (3.0 + deviations)


def in_the_money(rows):
    drift = (rows["rate"] - rows["dividend_yield"]) * rows["time_to_expiry"]
    return (np.log(rows["asset"] / rows["strike"]) + drift > 0.0) == rows["is_call"]


def assert_fields(model, greeks, rows):
    """Each field within its tolerance; prints the worst relative error of each."""
    worst = {}
    for name, ours in zip(greeks._fields, greeks, strict=True):
        exact, scale = rows[name], rows[f"scale_{name}"]
        error = np.abs(ours - exact)
        tolerance = (RELATIVE + carry_cost(model, rows)) * scale + TINY
        if model == "black_scholes" and name == "price":
            discounted = rows["asset"] * np.exp(-rows["dividend_yield"] * rows["time_to_expiry"])
            tolerance += EPSILON * discounted * in_the_money(rows)
        share = error / tolerance
        k = int(np.argmax(share))
        kept = scale > 1e6 * TINY
        worst[name] = f"{float(np.max(error[kept] / scale[kept], initial=0.0)):.1e}"
        inputs = {key: value[k] for key, value in arguments(model, rows).items()}
        assert share[k] <= 1.0, (
            f"{name} {ours[k]!r}, exactly {exact[k]!r}: {share[k]:.3g} of the tolerance at {inputs}"
        )
    print(f"{model:>14} of {len(rows['asset'])}:", worst)


@pytest.fixture(name="model", params=list(FUNCTIONS))
def _model(request):
    return request.param


def test_first_order(model):
    rows = load(model)
    assert_fields(model, getattr(pricing, model)(**arguments(model, rows)), rows)


def test_second_order(model):
    rows = load(model)
    assert_fields(model, getattr(pricing, FUNCTIONS[model][1])(**arguments(model, rows)), rows)


def test_without_carry_black_scholes_is_black():
    """Nothing is rounded there but what Black-76 rounds: 1e-12 without any allowance."""
    rows = load("black")
    rows = {name: value[rows["rate"] == 0.0] for name, value in rows.items()}
    assert rows["rate"].size > 100
    inputs = arguments("black", rows)
    inputs["spot"] = inputs.pop("forward")
    ours = pricing.black_scholes(**inputs)._asdict()
    del ours["rho"]  # the spot model's is by carry too
    ours |= pricing.black_scholes_second(**inputs)._asdict()
    for name, value in ours.items():
        error = np.abs(value - rows[name])
        assert np.all(error <= RELATIVE * rows[f"scale_{name}"] + TINY), name


def test_reference_covers_what_it_claims(model):
    rows = load(model)
    total_vol = rows["vol"] * np.sqrt(rows["time_to_expiry"])
    moneyness = np.log(rows["asset"] / rows["strike"])
    moneyness = moneyness + (rows["rate"] - rows["dividend_yield"]) * rows["time_to_expiry"] * (
        model == "black_scholes"
    )
    deviations = np.abs(moneyness) / total_vol
    assert total_vol.min() < 1.01e-4
    assert total_vol.max() > 5.99
    assert np.sum(deviations > 30.0) > 50
    deep_in = (np.sign(moneyness) == np.where(rows["is_call"], 1.0, -1.0)) & (deviations > 20.0)
    assert np.sum(deep_in) > 50
    assert all(np.all(np.isfinite(rows[name])) for name in FIELDS)


def test_reference_files_are_what_their_script_makes(model):
    mp = pytest.importorskip("mpmath").mp
    from tests.reference import make_european

    rows = load(model)
    keep = mp.dps
    for k in (0, 4, 41, 700, 1_111):
        option = tuple(rows[name][k].item() for name in make_european._NAMES)
        values, _ = make_european.row(model, option)
        assert values == [rows[name][k] for name in FIELDS]
    mp.dps = keep


# --- implied vol ----------------------------------------------------------------------------------


def assert_vols(name, found, rows):
    assert np.all(found.status == 0), np.flatnonzero(found.status)
    error = np.abs(found.vol / rows["vol"] - 1.0) / rows["attainable"]
    k = int(np.argmax(error))
    print(f"{name} of {error.size}: worst {error[k]:.2f}, median {np.median(error):.2f} attainable")
    inputs = {key: value[k] for key, value in arguments(name, rows).items()}
    assert error[k] <= ATTAINABLE_MAX, f"{found.vol[k]!r} for {rows['vol'][k]!r} at {inputs}"


@pytest.mark.parametrize("name", ["implied_vol", "inverse_implied_vol"])
def test_implied_vol(name):
    rows = load(name)
    assert_vols(name, getattr(pricing, name)(**arguments(name, rows)), rows)


@pytest.mark.parametrize(
    ("name", "price_of"), [("implied_vol", pricing.black), ("inverse_implied_vol", pricing.inverse)]
)
def test_the_vols_of_the_reference_price_back(name, price_of):
    rows = load(name)
    inputs = arguments(name, rows)
    price = inputs.pop("price")
    ours = price_of(vol=rows["vol"], **inputs).price
    # one rounding of the vol moves a price by 1 / (attainable / eps) roundings, at most d^2 = 1,225
    error = np.abs(ours / price - 1.0)
    tolerance = 4.0 * EPSILON * (1.0 + EPSILON / rows["attainable"] * 1_300.0)
    assert np.max(error / tolerance) <= 1.0


def test_reference_vols_reach_the_wings():
    rows = load("implied_vol")
    total_vol = rows["vol"] * np.sqrt(rows["time_to_expiry"])
    deviations = np.abs(np.log(rows["asset"] / rows["strike"])) / total_vol
    assert total_vol.min() < 1.1e-6
    assert total_vol.max() > 5.5
    assert np.sum(deviations > 30.0) > 50
    assert np.sum(rows["asset"] == rows["strike"]) > 100


# --- other libraries, for the record --------------------------------------------------------------


def test_who_agrees_with_60_digits_to_what():
    rows, peers = load("black"), load("peers")
    count = peers["vollib_price"].size
    first = {name: value[:count] for name, value in rows.items()}
    ours = pricing.black(**arguments("black", first))
    for name in ("price", "delta", "gamma", "vega"):
        kept = first[f"scale_{name}"] > 1e6 * TINY
        errors = [
            np.abs(values - first[name])[kept] / first[f"scale_{name}"][kept]
            for values in (getattr(ours, name), peers[f"vollib_{name}"])
        ]
        print(f"{name:>6}, relative: ours worst {errors[0].max():.1e} median "
              f"{np.median(errors[0]):.1e}, vollib {errors[1].max():.1e} "
              f"{np.median(errors[1]):.1e}")  # fmt: skip
        assert errors[0].max() <= errors[1].max() <= 1e-10


def test_implied_vols_beside_lets_be_rational():
    rows, peers = load("implied_vol"), load("peers")
    count = peers["rational_vol"].size
    first = {name: value[:count] for name, value in rows.items()}
    ours = pricing.implied_vol(**arguments("implied_vol", first)).vol
    errors = [
        np.abs(vols / first["vol"] - 1.0) / first["attainable"]
        for vols in (ours, peers["rational_vol"])
    ]
    for who, error in zip(("ours", "lets_be_rational"), errors, strict=True):
        print(f"implied vol in attainable errors, {who}: median {np.median(error):.1f}, "
              f"worst {error.max():.3g}, above 16: {np.sum(error > 16.0)} of {count}")  # fmt: skip
    assert errors[0].max() <= ATTAINABLE_MAX
    # near the money at total vols of 1e-6 it is given log(F/K) as one rounded number
    assert np.median(errors[1]) < 16.0
