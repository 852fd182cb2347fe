"""All Greeks of options by differences of their price formula, in 150 digits with mpmath.

Steps of 1e-30 leave 40 digits of a third derivative 35 standard deviations out at total vol 1e-4.
``python -m tests.reference.make_greeks`` writes `greeks.csv.gz` anew, some 40 seconds.
"""

import csv
import gzip
import io
import pathlib
from typing import NamedTuple

import mpmath
import numpy as np

FILE = pathlib.Path(__file__).with_name("greeks.csv.gz")
KINDS = ("black", "black_scholes", "inverse")
INPUTS = ("asset", "strike", "time", "vol", "is_call", "rate", "carry")
ROWS = 150  # of each kind
DIGITS = 150
STEP = "1e-30"
NAMES = ("price", "delta", "gamma", "vega", "theta", "rho",
         "vanna", "volga", "charm", "speed", "zomma", "color")  # fmt: skip


class Terms(NamedTuple):
    """What is exchanged for what, and the unit that the price is counted in."""

    asset: mpmath.mpf
    money: mpmath.mpf
    unit: mpmath.mpf


def legs(kind, asset, time, rate, strike, carry):
    """Discounted values of what is exchanged, and the unit of account, by kind of option."""
    if kind == "black":
        discount = mpmath.exp(-rate * time)
        return Terms(asset * discount, strike * discount, mpmath.mpf(1))
    if kind == "black_scholes":
        return Terms(
            asset * mpmath.exp(-carry * time), strike * mpmath.exp(-rate * time), mpmath.mpf(1)
        )
    return Terms(asset, strike, asset)


def option(sign, terms, total_vol):
    """The textbook formula; accurate for the side that is out of the money."""
    d1 = mpmath.log(terms.asset / terms.money) / total_vol + total_vol / 2
    near, far = sign * d1, sign * (d1 - total_vol)
    root = mpmath.sqrt(2)
    value = terms.asset * mpmath.erfc(-near / root) - terms.money * mpmath.erfc(-far / root)
    return sign * value / 2 / terms.unit


def parity(kind, name, asset, time, rate, strike, carry):
    """The derivative of call less put: short formulas, without rounding where it is zero."""
    terms = legs(kind, asset, time, rate, strike, carry)
    if kind == "inverse":
        ratio = strike / asset
        known = {"price": 1 - ratio, "delta": ratio, "gamma": -2 * ratio / asset**2,
                 "speed": 6 * ratio / asset**3}  # fmt: skip
        return known.get(name, mpmath.mpf(0))
    gap, slope = terms.asset - terms.money, terms.asset / asset
    if kind == "black":
        known = {"price": gap, "delta": slope, "theta": rate * gap, "rho": -time * gap,
                 "charm": rate * slope}  # fmt: skip
    else:
        known = {"price": gap, "delta": slope, "rho": time * terms.money, "charm": carry * slope,
                 "theta": carry * terms.asset - rate * terms.money}  # fmt: skip
    return known.get(name, mpmath.mpf(0))


def differences(price, s, v, t, r):
    """Price and derivatives on one grid of steps; time as time to expiry, delta by the asset."""
    h = mpmath.mpf(STEP)
    ds, dv, dt = s * h, v * h, t * h
    row = [price(s + i * ds, v, t, r) for i in (-2, -1, 0, 1, 2)]

    def slopes(v, t):
        low, mid, high = (price(s + i * ds, v, t, r) for i in (-1, 0, 1))
        return mid, (high - low) / (2 * ds), (high - 2 * mid + low) / ds**2

    more_vol, less_vol = slopes(v + dv, t), slopes(v - dv, t)
    more_time, less_time = slopes(v, t + dt), slopes(v, t - dt)
    vega, vanna, zomma = ((a - b) / (2 * dv) for a, b in zip(more_vol, less_vol, strict=True))
    theta, charm, color = ((b - a) / (2 * dt) for a, b in zip(more_time, less_time, strict=True))
    return {
        "price": row[2],
        "delta": (row[3] - row[1]) / (2 * ds),
        "gamma": (row[3] - 2 * row[2] + row[1]) / ds**2,
        "speed": (row[4] - 2 * row[3] + 2 * row[1] - row[0]) / (2 * ds**3),
        "vega": vega, "vanna": vanna, "zomma": zomma,
        "volga": (more_vol[0] - 2 * row[2] + less_vol[0]) / dv**2,
        "theta": theta, "charm": charm, "color": color,
        "rho": (price(s, v, t, r + h) - price(s, v, t, r - h)) / (2 * h),
    }  # fmt: skip


def exact_greeks(kind, *, asset, strike, time, vol, is_call, rate=0.0, carry=0.0):
    """Twelve derivatives (`NAMES`) of exactly these float64 inputs, rounded to float64 once."""
    with mpmath.workdps(DIGITS):
        s, k, t, v, r, q = (mpmath.mpf(x) for x in (asset, strike, time, vol, rate, carry))
        terms = legs(kind, s, t, r, k, q)
        call_side = terms.asset <= terms.money  # the call is out of the money

        def price(s, v, t, r):
            side = 1 if call_side else -1
            return option(side, legs(kind, s, t, r, k, q), v * mpmath.sqrt(t))

        found = differences(price, s, v, t, r)
        if kind == "inverse":  # its delta is F dc/dF
            found |= {name: s * found[name] for name in ("delta", "vanna", "charm")}
        if call_side != is_call:
            sign = 1 if is_call else -1
            found = {
                name: value + sign * parity(kind, name, s, t, r, k, q)
                for name, value in found.items()
            }
        return [float(found[name]) for name in NAMES]


def inputs(kind, count=ROWS):
    """Total vol 1e-4 to 6, evenly within 35 standard deviations, a third within 3; both rates."""
    generator = np.random.default_rng(KINDS.index(kind))
    asset = generator.uniform(10.0, 100_000.0, count)
    total_vol = np.exp(generator.uniform(np.log(1e-4), np.log(6.0), count))
    time = np.exp(generator.uniform(np.log(1e-5), np.log(10.0), count))
    widest = np.where(np.arange(count) % 3 == 0, 3.0, 35.0)
    away = generator.uniform(-1.0, 1.0, count) * widest
    with_rate = (kind != "inverse") * (np.arange(count) % 2)
    rate = generator.uniform(-0.1, 0.15, count) * with_rate
    carry = generator.uniform(-0.1, 0.15, count) * with_rate * (kind == "black_scholes")
    drift = (rate - carry) * time if kind == "black_scholes" else 0.0
    strike = asset * np.exp(away * total_vol + drift)
    is_call = generator.random(count) < 0.5
    columns = (asset, strike, time, total_vol / np.sqrt(time), is_call, rate, carry)
    listed = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(INPUTS, row, strict=True)) for row in listed]


def rows(kind):
    """Inputs and exact results of one kind, each number by its shortest exact form."""
    for option in inputs(kind):
        yield [kind, *map(repr, option.values()), *map(repr, exact_greeks(kind, **option))]


def main():
    """Write the file; the same bytes each time."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["kind", *INPUTS, *NAMES])
    for kind in KINDS:
        table.writerows(rows(kind))
    FILE.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


if __name__ == "__main__":
    main()
