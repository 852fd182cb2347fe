"""Shared by the pricing tests: Black-76 in 60 digits from the standard library, random options."""

from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np
import pytest

DIGITS = 60
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628621")


class Exact(NamedTuple):
    """Price and Greeks of one option, rounded to float64 once, and its coin delta."""

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    coin_delta: float


def _density(z: Decimal) -> Decimal:
    return (-z * z / 2).exp() / (2 * _PI).sqrt()


def upper_tail(z: Decimal) -> Decimal:
    """N(-z): power series near zero, continued fraction in the tail."""
    if z < 0:
        return 1 - upper_tail(-z)
    if z < 6:
        term = total = z
        k = 1
        while abs(term) > Decimal(10) ** -(DIGITS + 5):
            k += 2
            term *= z * z / k
            total += term
        return Decimal("0.5") - _density(z) * total
    ratio = z
    for k in range(420, 0, -1):
        ratio = z + k / ratio
    return _density(z) / ratio


def exact_black(
    forward: float, strike: float, time: float, vol: float, is_call: bool, rate: float = 0.0
) -> Exact:
    """The textbook formula of exactly these float64 inputs, with digits to spare."""
    with localcontext() as context:
        context.prec = DIGITS + 20
        f, k, t, sigma, r = (Decimal(x) for x in (forward, strike, time, vol, rate))
        s = Decimal(1) if is_call else Decimal(-1)
        v = sigma * t.sqrt()
        d1 = (f / k).ln() / v + v / 2
        discount = (-r * t).exp()
        near, far = upper_tail(-s * d1), upper_tail(-s * (d1 - v))
        density = _density(d1)
        price = s * discount * (f * near - k * far)
        return Exact(
            float(price),
            float(s * discount * near),
            float(discount * density / (f * v)),
            float(discount * f * density * t.sqrt()),
            float(r * price - discount * f * density * sigma / (2 * t.sqrt())),
            float(-t * price),
            float(s * k / f * far),
        )


def random_options(count: int, seed: int) -> dict[str, Any]:
    """Ordinary options: total vol 1 % to 260 %, up to about four standard deviations away."""
    generator = np.random.default_rng(seed)
    forward = np.exp(generator.uniform(np.log(0.5), np.log(200_000.0), count))
    time = np.exp(generator.uniform(np.log(0.002), np.log(3.0), count))
    vol = generator.uniform(0.1, 1.5, count)
    deviations = np.clip(generator.normal(0.0, 1.5, count), -4.0, 4.0)
    return {
        "forward": forward,
        "strike": forward * np.exp(deviations * vol * np.sqrt(time)),
        "time_to_expiry": time,
        "vol": vol,
        "is_call": generator.random(count) < 0.5,
        "rate": generator.uniform(-0.03, 0.12, count),
    }


@pytest.fixture(name="exact_black", scope="session")
def _exact_black() -> Any:
    return exact_black


@pytest.fixture(name="random_options", scope="session")
def _random_options() -> Any:
    return random_options
