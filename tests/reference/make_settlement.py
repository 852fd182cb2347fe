"""Makes settlement.npz: ``python -m tests.reference.make_settlement``.  About three minutes.

Options on the mean of equally spaced samples of a lognormal index, the last sample at expiry, seen
before and inside the window.  No moments are matched: with log increments X_1 ... X_r the mean to
come is ``F/r e^X_1 (1 + e^X_2 (1 + ...))``, so the density of the log of each bracket follows
from the next one's by one convolution, here with the trapezoidal rule, which for such densities
converges faster than any power; the last step is Black's formula, or for coin an integral that
begins at its kink.  ``error`` and ``coin_error`` are what a finer and wider grid changed.

Coin prices are what ``max(s (A - K), 0) / A`` coin is worth in coin: the expectation for one who
counts in the index at expiry.  Greeks are five-point differences: ``delta``, ``gamma`` and ``vega``
of the linear option by the index and vol, ``coin_delta`` is F dprice/dF.

References
----------
A. Carverhill and L. Clewlow, Flexible convolution, Risk 3(4), 1990.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from tests.reference import save

__all__ = ["Contract", "cases", "coin_price", "price"]

_Array = npt.NDArray[np.float64]
_MINUTES_30 = 30.0 / (60 * 24 * 365)
_NODES = np.polynomial.legendre.leggauss(80)


class Contract(NamedTuple):
    """One option; `running_mean` is NaN before the window."""

    forward: float
    strike: float
    time_to_expiry: float
    vol: float
    is_call: bool
    running_mean: float
    window: float
    samples: int

    def steps(self) -> tuple[int, float, float]:
        """Samples to come, time to the first of them, time between them."""
        between = self.window / self.samples
        left = min(self.samples, int(np.ceil(self.time_to_expiry / between - 1e-9)))
        return left, self.time_to_expiry - (left - 1) * between, between

    def known(self) -> float:
        """What the samples so far add to the mean."""
        share = 1.0 - self.steps()[0] / self.samples
        return share * self.running_mean if share > 0.0 else 0.0


def _bracket(c: Contract, drift: float, fine: float) -> tuple[_Array, _Array]:
    """Weights and values of ``1 + e^X_2 (1 + ...)``; `drift` is -1/2 or, counted in index, 1/2."""
    left, ahead, between = c.steps()
    if left == 1:
        return np.ones(1), np.ones(1)
    s = c.vol * np.sqrt(between)
    mean, spread = drift * s * s, s
    # the last grid carries Black's formula over the time ahead, which may be short
    last = min(s, c.vol * float(np.sqrt(ahead))) / (2.0 * fine)

    def grid(step: float) -> tuple[_Array, float]:
        count = int(np.ceil((9.0 + fine) * spread / step))
        return mean + step * np.arange(-count, count + 1), step

    u, step = grid(last if left == 2 else s / (2.0 * fine))
    density = np.exp(-0.5 * ((u - drift * s * s) / s) ** 2) / (s * np.sqrt(2 * np.pi))
    for k in range(left - 2):
        after, weights = np.log1p(np.exp(u)), density * step
        slope = 1.0 / (1.0 + np.exp(-mean))
        mean, spread = drift * s * s + np.log1p(np.exp(mean)), np.hypot(s, slope * spread)
        u, step = grid(last if k == left - 3 else s / (2.0 * fine))
        z = (u[:, None] - after[None, :] - drift * s * s) / s
        density = np.exp(-0.5 * z * z) @ weights / (s * np.sqrt(2 * np.pi))
    return density * step, 1.0 + np.exp(u)


def price(c: Contract, fine: float = 1.0) -> float:
    """Of the linear option."""
    left, ahead, _ = c.steps()
    weights, bracket = _bracket(c, -0.5, fine)
    sign = 1.0 if c.is_call else -1.0
    asset = c.forward / c.samples * bracket
    strike = c.strike - c.known()
    if strike <= 0.0:
        return float(weights @ np.maximum(sign * (asset - strike), 0.0))
    s = c.vol * np.sqrt(ahead)
    d1 = np.log(asset / strike) / s + s / 2
    values = sign * (asset * ndtr(sign * d1) - strike * ndtr(sign * (d1 - s)))
    assert left >= 1
    return float(weights @ values)


def coin_price(c: Contract, fine: float = 1.0) -> float:
    """Of the inverse option, in coin."""
    _, ahead, _ = c.steps()
    weights, bracket = _bracket(c, 0.5, fine)
    sign = 1.0 if c.is_call else -1.0
    asset, known, s = c.forward / c.samples * bracket, c.known(), c.vol * np.sqrt(ahead)
    low = np.full(asset.size, s * s / 2 - 10.0 * s)
    high = low + 20.0 * s
    if c.strike > known:
        kink = np.clip(np.log((c.strike - known) / asset), low, high)
        low, high = (kink, high) if c.is_call else (low, kink)
    elif not c.is_call:
        return 0.0
    half = 0.5 * (high - low)[:, None]
    x = low[:, None] + half * (1.0 + _NODES[0])
    payoff = sign * (1.0 - c.strike / (known + asset[:, None] * np.exp(x)))
    density = np.exp(-0.5 * ((x - s * s / 2) / s) ** 2) / (s * np.sqrt(2 * np.pi))
    return float(weights @ ((payoff * density * half) @ _NODES[1]))


def _slopes(value: Callable[[float], float], h: float) -> tuple[float, float]:
    a, b, m, d, e = (value(k * h) for k in (-2, -1, 0, 1, 2))
    return (a - 8 * b + 8 * d - e) / (12 * h), (-a + 16 * b - 30 * m + 16 * d - e) / (12 * h * h)


def cases(count: int, seed: int) -> list[Contract]:
    """Before and inside the window, 1 to 450 samples, windows of 30 minutes and of weeks."""
    generator = np.random.default_rng(seed)
    contracts = []
    for k in range(count):
        samples = int(generator.choice([1, 2, 5, 30])) if k % 15 else 120 if k % 60 else 450
        window = _MINUTES_30 if k % 3 else float(generator.choice([1.0, 30.0])) / 365
        inside = samples > 1 and generator.random() < 0.6
        forward = float(generator.uniform(50.0, 60_000.0))
        vol = float(generator.uniform(0.2, 1.5))
        if inside:
            done = int(generator.integers(0, samples))
            time = window * (samples - done - float(generator.uniform(0.1, 0.9))) / samples
        else:
            done = 0
            time = window + float(np.exp(generator.uniform(np.log(1e-6), np.log(0.1))))
        w = (samples - done) / samples
        deviation = vol * np.sqrt(max(time - window, 0.0) + w * min(time, window) / 3)
        mean = forward * (1.0 + float(generator.normal()) * deviation) if done else np.nan
        middle = forward * w + (1.0 - w) * (mean if done else 0.0)
        strike = middle + float(generator.normal()) * 1.3 * deviation * w * forward
        is_call = bool(generator.random() < 0.5)
        contracts.append(
            Contract(forward, float(strike), time, vol, is_call, mean, window, samples)
        )
    return contracts


def _row(c: Contract) -> dict[str, Any]:
    _, ahead, between = c.steps()
    wide = 0.02 * c.forward * c.vol * np.sqrt(ahead + c.steps()[0] * between / 3)
    value, coin = price(c), coin_price(c)
    delta, gamma = _slopes(lambda x: price(c._replace(forward=c.forward + x)), wide)
    vega, _ = _slopes(lambda x: price(c._replace(vol=c.vol + x)), 0.02 * c.vol)
    coin_slope, _ = _slopes(lambda x: coin_price(c._replace(forward=c.forward + x)), wide)
    return c._asdict() | {
        "price": value,
        "error": abs(price(c, 1.5) - value),
        "delta": delta,
        "gamma": gamma,
        "vega": vega,
        "coin_price": coin,
        "coin_error": abs(coin_price(c, 1.5) - coin),
        "coin_delta": c.forward * coin_slope,
    }


def main() -> None:
    """Write the file."""
    rows = [_row(c) for c in cases(240, 401)]
    save("settlement", {name: np.array([row[name] for row in rows]) for name in rows[0]})


if __name__ == "__main__":
    main()
