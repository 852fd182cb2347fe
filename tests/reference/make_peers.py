"""Makes peers.npz: ``python -m tests.reference.make_peers``; what other libraries say.

The first rows of black.npz and implied_vol.npz, valued as they stand by vollib (Black-76 prices and
Greeks, in its own scales) and lets_be_rational (implied vols).  Where a library raises, the row
says NaN.  `tests.pricing.test_reference` compares who agrees with 60 digits, and to what.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.reference import load, save

__all__ = ["SAMPLE"]

SAMPLE = 400


def _value(function: Callable[..., float], *arguments: Any) -> float:
    try:
        return float(function(*arguments))
    except Exception:
        return float("nan")


def _prices(rows: dict[str, np.ndarray]) -> dict[str, list[float]]:
    from vollib.black import black
    from vollib.black.greeks import analytical

    found: dict[str, list[float]] = {name: [] for name in ("price", "delta", "gamma", "vega")}
    for k in range(SAMPLE):
        f, strike, t, vol = (
            rows[n][k].item() for n in ("asset", "strike", "time_to_expiry", "vol")
        )
        flag, rate = "c" if rows["is_call"][k] else "p", rows["rate"][k].item()
        found["price"].append(_value(black, flag, f, strike, t, rate, vol))
        found["delta"].append(_value(analytical.delta, flag, f, strike, t, rate, vol))
        found["gamma"].append(_value(analytical.gamma, flag, f, strike, t, rate, vol))
        found["vega"].append(100.0 * _value(analytical.vega, flag, f, strike, t, rate, vol))
    return {f"vollib_{name}": values for name, values in found.items()}


def _vols(rows: dict[str, np.ndarray]) -> dict[str, list[float]]:
    from lets_be_rational import implied_volatility_from_a_transformed_rational_guess as rational

    found = []
    for k in range(SAMPLE):
        price, f, strike, t = (
            rows[n][k].item() for n in ("price", "asset", "strike", "time_to_expiry")
        )
        undiscounted = price * float(np.exp(rows["rate"][k] * t))
        sign = 1.0 if rows["is_call"][k] else -1.0
        found.append(_value(rational, undiscounted, f, strike, t, sign))
    return {"rational_vol": found}


def main() -> None:
    """Write the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        black, implied = load("black"), load("implied_vol")
        columns = {**_prices(black), **_vols(implied)}
    save("peers", {name: np.array(values) for name, values in columns.items()})


if __name__ == "__main__":
    main()
