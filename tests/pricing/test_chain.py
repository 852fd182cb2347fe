"""The recorded week of an option chain, all its rows: mark vol to mark price, and back.

What a record can decide is limited by itself, and each limit is measured here:

* prices carry 8 decimals of a coin, vols 2 of a per cent, forwards 2 of a USD;
* the forward printed beside a mark is not always the one it was made with: parity of the two marks
  of a strike, ``c - p = 1 - K / F``, gives that one to 8 decimals, and it differs by 2e-5 in the
  median and 7e-4 at worst;
* some snapshots mix tickers of several seconds, which shows in the last two days.

So there are two comparisons: with the printed forward, within what that forward allows; and with
the forward of parity, within the printed decimals.
"""

import csv
import gzip
import pathlib

import numpy as np
import pytest

import pricing

CHAIN = (
    pathlib.Path(__file__).resolve().parents[3]
    / "shared" / "data" / "btc_options_chain_20260625_20260702.csv.gz"
)  # fmt: skip
HALF_VOL = 0.5e-4  # of the printed vol
HALF_COIN = 0.5e-8  # of the printed price
WEEK = 7.0 / 365.0


@pytest.fixture(name="chain", scope="module")
def _chain():
    if not CHAIN.exists():
        pytest.skip(f"the recorded chain is not here: ../shared/data/{CHAIN.name}")
    with gzip.open(CHAIN, "rt") as lines:
        rows = list(csv.DictReader(lines))
    rows.sort(key=lambda r: (r["timestamp_ms"], r["expiry_ms"], float(r["strike"])))
    inputs = {
        "forward": np.array([float(row["forward_usd"]) for row in rows]),
        "strike": np.array([float(row["strike"]) for row in rows]),
        "time_to_expiry": np.array(
            [pricing.years(int(row["timestamp_ms"]), int(row["expiry_ms"])) for row in rows]
        ),
        "vol": np.array([float(row["mark_iv_pct"]) for row in rows]) / 100.0,
        "is_call": np.array([row["option_type"] == "call" for row in rows]),
    }
    return inputs, np.array([float(row["mark_btc"]) for row in rows])


def of_parity(inputs, mark):
    """The forward that a strike's two marks imply, on both of its rows, and whether all agree."""
    order = np.lexsort((inputs["is_call"],))  # puts first, each in the file's order
    puts, calls = np.split(order, 2)
    strike = inputs["strike"]
    assert np.array_equal(strike[puts], strike[calls])
    implied = strike[calls] / (1.0 - (mark[calls] - mark[puts]))
    forward = np.empty_like(mark)
    forward[puts] = forward[calls] = implied
    # one forward for an expiry, and one vol for a strike: the snapshot was taken at one instant
    edge = np.flatnonzero(np.diff(inputs["time_to_expiry"][calls], prepend=np.nan) != 0.0)
    sizes = np.diff(np.append(edge, calls.size))
    medians = [np.median(part) for part in np.split(implied, edge[1:])]
    middle = np.repeat(medians, sizes)
    allowed = 3e-8 * np.maximum(1.0, implied / strike[calls])
    agree = np.abs(implied / middle - 1.0) < allowed
    agree &= inputs["vol"][puts] == inputs["vol"][calls]
    agreed = np.empty(mark.size, bool)
    agreed[puts] = agreed[calls] = agree
    return forward, agreed


def decimals(greeks, inputs):
    """What the printed decimals of price and vol allow, forward from parity of two marks."""
    by_forward = np.abs(greeks.delta) * 4.0 * HALF_COIN * inputs["forward"] / inputs["strike"]
    return 2.0 * HALF_COIN + HALF_VOL * greeks.vega + by_forward


def quantiles(title, error):
    median, high, worst = np.quantile(error, [0.5, 0.99, 1.0])
    print(f"{title} of {error.size}: median {median:.1e}, 99 % {high:.1e}, worst {worst:.1e}")
    return median, high, worst


def test_every_row_is_there(chain):
    inputs, mark = chain
    assert mark.size == 59_636
    assert all(np.all(np.isfinite(value)) for value in inputs.values())


def test_price_from_vol_with_the_printed_forward(chain):
    inputs, mark = chain
    error = np.abs(pricing.inverse(**inputs).price - mark)
    median, high, worst = quantiles("mark price, printed forward", error)
    assert median < 1e-5
    assert high < 5e-4
    assert worst < 2.5e-3
    # and what is beyond the decimals is the forward's doing
    forward, _ = of_parity(inputs, mark)
    coin = pricing.inverse(**inputs)
    stale = np.abs(forward / inputs["forward"] - 1.0)
    curved = 0.5 * inputs["forward"] ** 2 * np.abs(coin.gamma) * stale**2
    unexplained = error - np.abs(coin.delta) * stale - curved - decimals(coin, inputs)
    _, high, worst = quantiles("unexplained by the forward", np.maximum(unexplained, 0.0))
    assert high < 2e-5
    assert worst < 1.1e-4


def test_price_from_vol_with_the_forward_of_parity(chain):
    inputs, mark = chain
    forward, agreed = of_parity(inputs, mark)
    moved = {**inputs, "forward": forward}
    coin = pricing.inverse(**moved)
    error = np.abs(coin.price - mark)
    median, high, worst = quantiles("mark price, forward of parity", error)
    assert median < 1e-6
    assert high < 2e-5
    assert worst < 1.1e-4
    share = error / decimals(coin, moved)
    assert np.mean(share <= 1.0) > 0.92
    late = agreed & (inputs["time_to_expiry"] > WEEK)
    print(f"snapshots that agree with themselves, beyond a week: {late.sum()} rows,",
          f"worst {share[late].max():.2f} of the decimals")  # fmt: skip
    assert late.sum() > 40_000
    assert np.mean(share[late] <= 1.0) > 0.99
    assert np.max(share[late]) < 1.25


def test_linear_and_inverse_tell_one_story(chain):
    inputs, _ = chain
    coin, ticker = pricing.inverse(**inputs), pricing.deribit_greeks(**inputs)
    usd = pricing.black(**inputs)
    assert np.all(np.abs(coin.price * inputs["forward"] - usd.price) <= 1e-14 * usd.price)
    assert np.array_equal(ticker.mark_price_coin, coin.price)
    assert np.max(np.abs(coin.delta + coin.price - usd.delta)) < 1e-14 * np.max(coin.price)


def test_vol_from_price_with_the_forward_of_parity(chain):
    inputs, mark = chain
    forward, agreed = of_parity(inputs, mark)
    moved = {**inputs, "forward": forward}
    coin = pricing.inverse(**moved)
    asked = {key: value for key, value in moved.items() if key != "vol"}
    found = pricing.inverse_implied_vol(price=mark, **asked)
    assert np.array_equal(np.isnan(found.vol), found.status != 0)
    assert np.all((found.status == 0) | (found.status == 1))
    # a price whose time value is of the size of its decimals carries no vol: nothing is asked
    sign = np.where(inputs["is_call"], 1.0, -1.0)
    intrinsic = np.maximum(sign * (1.0 - inputs["strike"] / forward), 0.0)
    rounding = decimals(coin, moved) - HALF_VOL * coin.vega
    carries = coin.price - intrinsic > 10.0 * rounding
    assert np.all(found.status[carries & agreed] == 0)
    error = np.abs(found.vol - inputs["vol"])
    allowed = HALF_VOL + 1.3 * rounding / np.maximum(coin.vega, 1e-300)
    late = carries & agreed & (inputs["time_to_expiry"] > WEEK)
    share = error[late] / allowed[late]
    print(f"mark vol from mark price: {late.sum()} rows, worst {share.max():.2f} of the decimals")
    assert late.sum() > 35_000
    assert np.mean(share <= 1.0) > 0.99
    assert np.max(share) < 1.25
    solved = carries & (found.status == 0)
    median, high, _ = quantiles("all rows that carry a vol, vol", error[solved])
    assert median < HALF_VOL
    assert high < 2e-2


def test_vol_from_our_own_price_of_every_row(chain):
    inputs, _ = chain
    coin = pricing.inverse(**inputs)
    asked = {key: value for key, value in inputs.items() if key != "vol"}
    found = pricing.inverse_implied_vol(price=coin.price, **asked)
    assert np.all(found.status == 0)
    attainable = np.maximum(1.0, coin.price / (inputs["vol"] * np.maximum(coin.vega, 1e-300)))
    error = np.abs(found.vol / inputs["vol"] - 1.0) / 2.0**-52
    # an underflown price has no vol, and deep in the money a price has no digit of it left
    told = (attainable < 1e12) & (coin.vega > 1e-290)
    worst = float(np.max(error[told] / attainable[told]))
    print(f"there and back: {told.sum()} rows, worst {worst:.2f} attainable")
    assert worst <= 16.0


def test_linear_vol_is_the_coin_vol(chain):
    inputs, _ = chain
    asked = {key: value for key, value in inputs.items() if key != "vol"}
    usd, coin = pricing.black(**inputs).price, pricing.inverse(**inputs).price
    linear = pricing.implied_vol(price=usd, **asked)
    inverse = pricing.inverse_implied_vol(price=coin, **asked)
    vega = pricing.black(**inputs).vega
    attainable = 2.0**-52 * np.maximum(1.0, usd / (inputs["vol"] * np.maximum(vega, 1e-300)))
    told = (attainable < 1e-6) & (vega > 1e-290)
    gap = np.abs(linear.vol - inverse.vol) / inputs["vol"] / attainable
    assert np.max(gap[told]) <= 32.0
