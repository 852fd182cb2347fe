"""Implied vols against 60 digits, a million round trips, Jäckel's own solver, and a recorded week.

Attainable is a relative error of max(eps, eps price / (vol vega)): rounding the price to float64
moves the vol by that much, whatever the solver.
"""

import csv
import gzip
import pathlib

import numpy as np
import pytest

import pricing

EPS = 2.0**-52
LINEAR = 1e-3  # attainable error above which the vol is no longer linear in its price's last digit
CHAIN = (
    pathlib.Path(__file__).resolve().parents[3]
    / "shared" / "data" / "btc_options_chain_20260625_20260702.csv.gz"
)  # fmt: skip


def attainable(price, vol, vega):
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.maximum(EPS, EPS * price / (vol * vega))


def wide_options(count, seed):
    """Total vols from 1e-6 to 6.5; from 1e-8 to 35 standard deviations to both sides."""
    generator = np.random.default_rng(seed)
    total_vol = np.exp(generator.uniform(np.log(1e-6), np.log(6.5), count))
    close = np.exp(generator.uniform(np.log(1e-8), np.log(35.0), count))
    away = np.where(generator.random(count) < 0.5, close, generator.uniform(0.0, 35.0, count))
    smaller = np.exp(generator.uniform(np.log(1e-3), np.log(1e5), count))
    larger = smaller * np.exp(away * total_vol)
    below = generator.random(count) < 0.5
    time = np.exp(generator.uniform(np.log(1e-4), np.log(10.0), count))
    return {
        "forward": np.where(below, smaller, larger),
        "strike": np.where(below, larger, smaller),
        "time_to_expiry": time,
        "vol": total_vol / np.sqrt(time),
        "rate": generator.uniform(-0.05, 0.1, count),
        "is_call": generator.random(count) < 0.5,
    }


def there_and_back(options, price_of, vol_of):
    """Price, implied vol, and its error in attainable errors."""
    greeks = price_of(**options)
    inputs = {name: value for name, value in options.items() if name != "vol"}
    implied = vol_of(price=greeks.price, **inputs)
    bound = attainable(greeks.price, options["vol"], greeks.vega)
    return greeks, implied, bound, np.abs(implied.vol / options["vol"] - 1.0) / bound


def without(options, *names):
    return {name: value for name, value in options.items() if name not in names}


def test_a_million_round_trips_out_of_the_money():
    options = wide_options(1_000_000, 1)
    options["is_call"] = options["forward"] < options["strike"]
    _, implied, _, share = there_and_back(options, pricing.black, pricing.implied_vol)
    assert np.all(implied.status == pricing.VolStatus.OK)
    assert np.all(np.isfinite(implied.vol))
    print(f"worst {share.max():.1f} attainable errors, mean {share.mean():.2f}")
    assert share.max() < 16.0


def test_coin_round_trips():
    options = without(wide_options(300_000, 7), "rate")
    greeks, implied, bound, share = there_and_back(
        options, pricing.inverse, pricing.inverse_implied_vol
    )
    known = (bound < LINEAR) & (greeks.price > 1e-300)
    assert known.mean() > 0.6
    assert np.all(implied.status[known] == pricing.VolStatus.OK)
    print(f"worst {share[known].max():.1f} attainable errors")
    assert share[known].max() < 16.0
    assert not np.any(implied.status == pricing.VolStatus.BELOW_INTRINSIC)


def test_a_million_round_trips_in_and_out_of_the_money():
    options = wide_options(1_000_000, 2)
    _, implied, bound, share = there_and_back(options, pricing.black, pricing.implied_vol)
    known = bound < LINEAR
    assert np.all(implied.status[known] == pricing.VolStatus.OK)
    print(f"{known.sum():,} hold a vol, worst {share[known].max():.1f} attainable errors")
    assert known.sum() > 600_000
    assert share[known].max() < 16.0
    # What parity leaves of the other prices is rounding: never below intrinsic, perhaps the maximum
    lost = implied.status[~known]
    assert not np.any(lost == pricing.VolStatus.BELOW_INTRINSIC)
    assert not np.any(lost == pricing.VolStatus.BAD_INPUT)
    assert np.array_equal(np.isnan(implied.vol), implied.status != pricing.VolStatus.OK)
    full = lost == pricing.VolStatus.ABOVE_MAXIMUM
    assert np.all(bound[~known][full] > 0.1)


def test_prices_of_a_carried_forward_are_never_below_intrinsic():
    generator = np.random.default_rng(3)
    count = 100_000
    spot = np.exp(generator.uniform(np.log(1e-3), np.log(1e5), count))
    time, is_call = generator.uniform(0.01, 10.0, count), generator.random(count) < 0.5
    rate, carry = generator.uniform(-0.1, 0.2, count), generator.uniform(-0.1, 0.2, count)
    forward = spot * np.exp((rate - carry) * time)
    strike = forward * np.exp(np.where(is_call, -1.0, 1.0) * generator.uniform(0.0, 3.0, count))
    for vol in (0.0, 1e-6, 0.01):
        price = pricing.black_scholes(
            spot=spot, strike=strike, time_to_expiry=time, vol=vol, is_call=is_call, rate=rate,
            dividend_yield=carry,
        ).price  # fmt: skip
        implied = pricing.implied_vol(
            price=price, forward=forward, strike=strike, time_to_expiry=time, is_call=is_call,
            rate=rate,
        )  # fmt: skip
        assert np.all(implied.status == pricing.VolStatus.OK)


def test_against_60_digits(exact_black):
    options = wide_options(250, 4)
    options["is_call"] = options["forward"] < options["strike"]
    near = wide_options(150, 5)  # in the money, where the time value is not lost
    near["strike"] = near["forward"] * np.exp(
        np.clip(np.log(near["strike"] / near["forward"]), -0.5, 0.5)
        * np.minimum(near["vol"] * np.sqrt(near["time_to_expiry"]), 1.0)
    )
    options = {name: np.concatenate([options[name], near[name]]) for name in options}
    rows = zip(*(options[name].tolist() for name in (
        "forward", "strike", "time_to_expiry", "vol", "is_call", "rate"
    )), strict=True)  # fmt: skip
    exact = [exact_black(*row) for row in rows]
    price, vega = np.array([(row.price, row.vega) for row in exact]).T
    implied = pricing.implied_vol(price=price, **without(options, "vol"))
    bound = attainable(price, options["vol"], vega)
    known = bound < LINEAR
    assert known.sum() > 300
    share = np.abs(implied.vol / options["vol"] - 1.0)[known] / bound[known]
    print(f"worst {share.max():.1f} attainable errors, mean {share.mean():.2f}")
    assert np.all(implied.status[known] == pricing.VolStatus.OK)
    assert share.max() < 8.0


# log-moneyness up to nearly that of 1e150 over 1e-150, and price per unit of the smaller leg: the
# far ends of all branches, where no round trip from an ordinary vol comes
EXTREMES = [
    (x, price)
    for x in (0.0, 1e-16, 1e-9, 1e-3, 1.0, 30.0, 300.0, 680.0)
    for price in (1e-290, 1e-140, 1e-30, 1e-9, 1e-3, 0.1, 0.4, 0.6, 0.9, 1 - 1e-6, 1 - 2.0**-53)
    if (x > 0.0 or price > 1e-100) and (x < 600.0 or price > 1e-150)
]


def test_every_price_between_zero_and_the_maximum_has_a_vol_that_gives_it_back():
    x, unit = np.array(EXTREMES).T
    smaller = np.where(x > 600.0, 1e-147, 1.0)
    larger = np.where((x > 0.0) & (x < 1e-15), np.nextafter(1.0, 2.0), smaller * np.exp(x))
    inputs = {"forward": smaller, "strike": larger, "time_to_expiry": 1.0, "is_call": True}
    implied = pricing.implied_vol(price=unit * smaller, **inputs)
    assert np.all(implied.status == pricing.VolStatus.OK)
    back = pricing.black(vol=implied.vol, **inputs)
    change = back.vega * implied.vol / back.price  # of the price's log with the vol's
    error = np.abs(back.price / (unit * smaller) - 1.0)
    assert np.all(error <= 16.0 * EPS * (1.0 + change))


def test_against_the_authors_solver():
    peer = pytest.importorskip("lets_be_rational")
    options = wide_options(400, 6)
    options["is_call"] = options["forward"] < options["strike"]
    options["rate"] = np.zeros(400)
    greeks, implied, bound, _ = there_and_back(options, pricing.black, pricing.implied_vol)
    theirs = np.array([
        peer.implied_volatility_from_a_transformed_rational_guess(*row) for row in zip(
            greeks.price.tolist(), options["forward"].tolist(), options["strike"].tolist(),
            options["time_to_expiry"].tolist(), np.where(options["is_call"], 1.0, -1.0).tolist(),
            strict=True,
        )
    ])  # fmt: skip
    # It takes log(F/K) of the rounded quotient, which near the money has absolute digits only
    theirs_bound = bound + EPS / np.abs(np.log(options["forward"] / options["strike"]))
    share = np.abs(implied.vol / theirs - 1.0) / theirs_bound
    print(f"worst {share.max():.1f} attainable errors apart")
    assert share.max() < 16.0


@pytest.fixture(name="chain", scope="module")
def _chain():
    if not CHAIN.exists():
        pytest.skip(f"the recorded week is not here: ../shared/data/{CHAIN.name}")
    with gzip.open(CHAIN, "rt") as lines:
        rows = list(csv.DictReader(lines))
    column = {
        name: np.array([float(row[name]) for row in rows])
        for name in ("strike", "forward_usd", "mark_btc", "mark_iv_pct")
    }
    times = [pricing.years(int(row["timestamp_ms"]), int(row["expiry_ms"])) for row in rows]
    return column["mark_btc"], {
        "forward": column["forward_usd"],
        "strike": column["strike"],
        "time_to_expiry": np.array(times),
        "vol": column["mark_iv_pct"] / 100.0,
        "is_call": np.array([row["option_type"] == "call" for row in rows]),
    }


def test_the_recorded_weeks_mark_vols_survive_the_round_trip(chain):
    _, options = chain
    greeks, implied, bound, share = there_and_back(
        options, pricing.inverse, pricing.inverse_implied_vol
    )
    known = bound < LINEAR
    print(f"{known.sum():,} of {known.size:,} hold a vol, worst {share[known].max():.1f}")
    assert known.size == 59_636
    assert np.all(implied.status[known] == pricing.VolStatus.OK)
    assert share[known].max() < 16.0
    assert known.mean() > 0.97
    assert np.all(greeks.vega[~known] < 1e-9)  # without a vol only where none is left in the price


def test_the_recorded_weeks_mark_prices(chain):
    """The exchange prints price, vol and forward of slightly different moments: see the spread."""
    printed, options = chain
    greeks = pricing.inverse(**options)
    apart = np.abs(greeks.price - printed)
    print("mark price from mark vol: median {:.1e}, 99 % {:.1e}, worst {:.1e} coin".format(
        *np.quantile(apart, [0.5, 0.99, 1.0])))  # fmt: skip
    assert np.median(apart) < 1e-5
    assert np.quantile(apart, 0.99) < 5e-4
    assert apart.max() < 2.5e-3
    implied = pricing.inverse_implied_vol(price=printed, **without(options, "vol"))
    found = implied.status == pricing.VolStatus.OK
    # Printed below the intrinsic value of the printed forward: by no more than prices are apart
    assert np.all(implied.status[~found] == pricing.VolStatus.BELOW_INTRINSIC)
    assert (~found).sum() < 1_500
    sign = np.where(options["is_call"], 1.0, -1.0)
    intrinsic = sign * (1.0 - options["strike"] / options["forward"])
    assert np.all((intrinsic - printed)[~found] < 2.5e-3)
    # The vol that is found gives the printed price back, and differs from the printed vol by what
    # the prices are apart, through vega
    again = pricing.inverse(**{**options, "vol": np.where(found, implied.vol, 0.0)}).price
    assert np.all(np.abs(again - printed)[found] <= 4.0 * EPS * (1.0 + printed[found]))
    moved = (np.abs(implied.vol - options["vol"]) * greeks.vega)[found & (greeks.vega > 1e-4)]
    print("vol apart x vega: median {:.1e}, 99 % {:.1e} coin".format(
        *np.quantile(moved, [0.5, 0.99])))  # fmt: skip
    assert np.median(moved) < 1e-5
    assert np.quantile(moved, 0.99) < 5e-4
