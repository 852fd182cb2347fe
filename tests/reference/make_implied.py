"""Makes implied_vol.npz and inverse_implied_vol.npz: ``python -m tests.reference.make_implied``.

Each row: a price as float64, and the vol whose exact price is that very number, found by Newton
steps in 60 digits.  ``attainable`` is the relative error of vol that rounding the price alone can
cause, max(eps, eps price / (vol vega)); rows where it exceeds 1 % carry no vol and are left out.
"""

from typing import Any

import numpy as np
from mpmath import mp, mpf

from tests.reference import save
from tests.reference.exact import MODELS, Inputs

__all__ = ["cases", "solved"]

EPSILON = 2.0**-52
_LOST = 0.01
_SMALLEST = 1e-290
_NAMES = ("asset", "strike", "time_to_expiry", "vol", "rate", "is_call")


def cases(count: int, seed: int, rated: bool) -> dict[str, Any]:
    """Total vol 1e-6 to 6, strikes to 35 standard deviations, a tenth of them at the money."""
    generator = np.random.default_rng(seed)
    asset = np.exp(generator.uniform(np.log(0.01), np.log(2e5), count))
    time = np.exp(generator.uniform(np.log(1e-5), np.log(10.0), count))
    total_vol = np.exp(generator.uniform(np.log(1e-6), np.log(6.0), count))
    away = generator.uniform(-35.0, 35.0, count)
    away[::2] = generator.uniform(-3.0, 3.0, away[::2].size)
    away[::10] = 0.0
    out_of_the_money = generator.random(count) < 0.75
    return {
        "asset": asset,
        "strike": asset * np.exp(away * total_vol),
        "time_to_expiry": time,
        "vol": total_vol / np.sqrt(time),
        "rate": generator.uniform(-0.1, 0.2, count) * (generator.random(count) < 0.5) * rated + 0.0,
        "is_call": (away > 0.0) == out_of_the_money,
    }


def _out_of_the_money(x: Inputs) -> tuple[Any, Any]:
    """The undiscounted option on the side without intrinsic value, and how to get its price."""
    below = x._replace(rate=mpf(0), is_call=bool(x.asset < x.strike))
    return below, abs(x.asset - x.strike) if below.is_call != x.is_call else mpf(0)


def _vega(x: Inputs) -> Any:
    """Undiscounted."""
    total_vol = x.vol * mp.sqrt(x.time)
    d1 = mp.log(x.asset / x.strike) / total_vol + total_vol / 2
    return x.asset * mp.exp(-d1 * d1 / 2) / mp.sqrt(2 * mp.pi) * mp.sqrt(x.time)


def solved(x: Inputs, price: float, coin: bool) -> tuple[float, float] | None:
    """The vol near ``x.vol`` of exactly this price and its attainable error; None if lost."""
    scale = x.asset if coin else mp.exp(x.rate * x.time)
    below, intrinsic = _out_of_the_money(x)
    whole = mpf(price) * scale
    if EPSILON * whole > _LOST * x.vol * _vega(x) or whole <= intrinsic:
        return None
    vol = x.vol
    for _ in range(60):
        worth, vega = MODELS["black"](below._replace(vol=vol)), _vega(below._replace(vol=vol))
        step = mp.log(worth / (whole - intrinsic)) * worth / vega
        vol = vol - step
        if abs(step) < vol * mpf("1e-40"):
            return float(vol), max(EPSILON, float(EPSILON * whole / (vol * vega)))
    raise ArithmeticError(f"no vol for {price} of {x}")


def _row(option: tuple[Any, ...], coin: bool) -> tuple[float, float, float] | None:
    """Price, vol and attainable error of one case; None where the price carries no vol."""
    mp.dps = 60 + 290
    x = Inputs(*(mpf(v) for v in option[:5]), mpf(0), option[5])
    price = float(MODELS["inverse" if coin else "black"](x))
    mp.dps = 60
    if price < _SMALLEST:
        return None
    found = solved(x, price, coin)
    return None if found is None else (price, *found)


def main() -> None:
    """Write both files."""
    for name, count, seed in (("implied_vol", 1_600, 201), ("inverse_implied_vol", 800, 202)):
        coin = name.startswith("inverse")
        columns = cases(count, seed, rated=not coin)
        options = list(zip(*(columns[key].tolist() for key in _NAMES), strict=True))
        rows = [_row(option, coin) for option in options]
        kept = [k for k, values in enumerate(rows) if values is not None]
        table = np.array([rows[k] for k in kept], float).T
        inputs = {key: columns[key][kept] for key in _NAMES if key != "vol"}
        save(name, inputs | dict(zip(("price", "vol", "attainable"), table, strict=True)))


if __name__ == "__main__":
    main()
