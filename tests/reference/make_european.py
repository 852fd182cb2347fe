"""Makes black.npz, black_scholes.npz, inverse.npz: ``python -m tests.reference.make_european``.

Each row: the inputs, price, five Greeks, six second-order Greeks, and for each of those twelve the
sum of the magnitudes of its terms (``scale_...``, three digits).  About four minutes.
"""

import itertools
from typing import Any

import numpy as np
from mpmath import mp, mpf

from tests.reference import save
from tests.reference.exact import FIELDS, MODELS, Inputs, derivatives, digits_for, terms

__all__ = ["cases", "row"]

_AGREE = mpf("1e-24")  # of differences and textbook terms, in units of the terms
_NAMES = ("asset", "strike", "time_to_expiry", "vol", "rate", "dividend_yield", "is_call")


def cases(model: str, count: int, seed: int) -> dict[str, Any]:
    """Options from the money to 35 standard deviations, total vol 1e-4 to 6, rates of both signs.

    The first ones are a grid with strikes at the money and one rounding from it; half of the rest
    lie within three standard deviations.  With every row half are calls, so that both legs appear
    deep in and deep out of the money.
    """
    generator = np.random.default_rng(seed)
    grid = np.array(
        list(itertools.product([1e-4, 0.01, 0.3, 1.0, 2.5, 6.0], [0.0, -1e-9, 1.0, -8.0, np.nan]))
    )
    rounding = 3e-16 / grid[:, 0]
    grid[:, 1] = np.where(np.isnan(grid[:, 1]), rounding, grid[:, 1])
    total_vol = np.exp(generator.uniform(np.log(1e-4), np.log(6.0), count))
    away = generator.uniform(-35.0, 35.0, count)
    away[::2] = generator.uniform(-3.0, 3.0, away[::2].size)
    total_vol[: len(grid)], away[: len(grid)] = grid.T
    asset = np.exp(generator.uniform(np.log(0.01), np.log(2e5), count))
    time = np.exp(generator.uniform(np.log(1e-5), np.log(10.0), count))
    rated = model != "inverse"
    rate = generator.uniform(-0.1, 0.2, count) * (generator.random(count) < 0.9) * rated + 0.0
    carry = generator.uniform(-0.1, 0.2, count) * (model == "black_scholes") + 0.0
    at_the_money = asset * np.exp((rate - carry) * time) if model == "black_scholes" else asset
    return {
        "asset": asset,
        "strike": at_the_money * np.exp(away * total_vol),
        "time_to_expiry": time,
        "vol": total_vol / np.sqrt(time),
        "rate": rate,
        "dividend_yield": carry,
        "is_call": generator.random(count) < 0.5,
    }


def row(model: str, option: tuple[Any, ...]) -> tuple[list[float], list[float]]:
    """The twelve values of one option and their scales, both routes compared."""
    mp.dps = 60
    x = Inputs(*(mpf(value) for value in option[:6]), is_call=bool(option[6]))
    drift = (x.rate - x.carry) * x.time if model == "black_scholes" else mpf(0)
    deviations = (mp.log(x.asset / x.strike) + drift) / (x.vol * mp.sqrt(x.time))
    mp.dps = digits_for(float(abs(deviations)) + 6.0)
    values, parts = derivatives(model, x), terms(model, x)
    scales = {name: sum(abs(term) for term in parts[name]) for name in FIELDS}
    for name in FIELDS:
        if abs(values[name] - sum(parts[name])) > _AGREE * scales[name]:
            raise ArithmeticError(f"{model} {name} of {option}: {values[name]} {parts[name]}")
    return [float(values[name]) for name in FIELDS], [float(scales[name]) for name in FIELDS]


def _short(scale: np.ndarray) -> np.ndarray:
    """Three digits: what a scale needs, and zeros in the other bits pack well."""
    fraction, exponent = np.frexp(scale)
    return np.ldexp(np.round(fraction * 1024.0) / 1024.0, exponent)


def main() -> None:
    """Write the three files."""
    for seed, model in enumerate(MODELS, start=101):
        columns = cases(model, 1_200, seed)
        options = list(zip(*(columns[name].tolist() for name in _NAMES), strict=True))
        rows = [row(model, option) for option in options]
        values, scales = (np.array(part).T for part in zip(*rows, strict=True))
        columns |= dict(zip(FIELDS, values, strict=True))
        columns |= {f"scale_{name}": _short(s) for name, s in zip(FIELDS, scales, strict=True)}
        save(model, columns)


if __name__ == "__main__":
    main()
