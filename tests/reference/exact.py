"""European prices in mpmath, and their derivatives as differences of those prices.

The derivatives use no formula of any Greek.  Beside each stand the terms of its textbook formula,
for two reasons: their sum must equal the difference (`derivatives` and `terms` are independent),
and the sum of their magnitudes is what an error of a Greek that crosses zero is measured in.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from mpmath import mp, mpf

__all__ = ["FIELDS", "MODELS", "Inputs", "derivatives", "digits_for", "terms"]

FIELDS = (
    "price", "delta", "gamma", "vega", "theta", "rho",
    "vanna", "volga", "charm", "speed", "zomma", "color",
)  # fmt: skip
_STEP_DIGITS = 18  # steps of 1e-18 of the scale: the error of a central difference is their square
_BASE_DIGITS = 120  # third derivatives lose 3 * 18 of them


class Inputs(NamedTuple):
    """One option; `asset` is the forward or the spot."""

    asset: Any
    strike: Any
    time: Any
    vol: Any
    rate: Any
    carry: Any
    is_call: bool


def _tail(z: Any) -> Any:
    """N(z) with relative accuracy in both tails."""
    return mp.erfc(-z / mp.sqrt(2)) / 2


def _density(z: Any) -> Any:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def _legs(x: Inputs, rate: Any, carry: Any) -> tuple[Any, Any]:
    """Worth of the asset leg and of the strike leg, signed: the price is their difference."""
    sign = 1 if x.is_call else -1
    total_vol = x.vol * mp.sqrt(x.time)
    moneyness = mp.log(x.asset / x.strike) + (rate - carry) * x.time
    d1 = moneyness / total_vol + total_vol / 2
    asset = sign * x.asset * mp.exp(-carry * x.time) * _tail(sign * d1)
    return asset, sign * x.strike * mp.exp(-rate * x.time) * _tail(sign * (d1 - total_vol))


def _black_price(x: Inputs) -> Any:
    asset, owed = _legs(x, mpf(0), mpf(0))
    return mp.exp(-x.rate * x.time) * (asset - owed)


def _black_scholes_price(x: Inputs) -> Any:
    asset, owed = _legs(x, x.rate, x.carry)
    return asset - owed


def _inverse_price(x: Inputs) -> Any:
    asset, owed = _legs(x, mpf(0), mpf(0))
    return (asset - owed) / x.asset


MODELS: dict[str, Callable[[Inputs], Any]] = {
    "black": _black_price,
    "black_scholes": _black_scholes_price,
    "inverse": _inverse_price,
}


def digits_for(deviations: float) -> int:
    """Digits that leave 50 correct even where time value is lost beside intrinsic value."""
    return _BASE_DIGITS + int(deviations * deviations / 4.6) + 10


def derivatives(model: str, x: Inputs) -> dict[str, Any]:
    """Price, Greeks and second-order Greeks from central differences of the price alone."""
    price_of = MODELS[model]
    step = mpf(10) ** -_STEP_DIGITS
    h = x.asset * x.vol * mp.sqrt(x.time) * step
    across = [price_of(x._replace(asset=x.asset + k * h)) for k in (-2, -1, 0, 1, 2)]
    first = (across[3] - across[1]) / (2 * h)
    second = (across[3] - 2 * across[2] + across[1]) / (h * h)
    third = (across[4] - 2 * across[3] + 2 * across[1] - across[0]) / (2 * h**3)

    def along(name: str) -> tuple[Any, Any, Any, Any]:
        """First and second derivative by one input; of the slope and of the curvature too."""
        value = getattr(x, name)
        width = (abs(value) or mpf(1)) * step
        sides = []
        for shift in (-width, width):
            moved = x._replace(**{name: value + shift})
            sides.append([price_of(moved._replace(asset=x.asset + k * h)) for k in (-1, 0, 1)])
        low, high = sides
        by = [(b - a) / (2 * width) for a, b in zip(low, high, strict=True)]
        again = (high[1] - 2 * across[2] + low[1]) / (width * width)
        return by[1], again, (by[2] - by[0]) / (2 * h), (by[2] - 2 * by[1] + by[0]) / (h * h)

    vega, volga, slope_by_vol, gamma_by_vol = along("vol")
    by_time, _, slope_by_time, gamma_by_time = along("time")
    coin = x.asset if model == "inverse" else 1  # the coin delta is F dc/dF
    return {
        "price": across[2],
        "delta": coin * first,
        "gamma": second,
        "vega": vega,
        "theta": -by_time,
        "rho": mpf(0) if model == "inverse" else along("rate")[0],
        "vanna": coin * slope_by_vol,
        "volga": volga,
        "charm": -coin * slope_by_time,
        "speed": third,
        "zomma": gamma_by_vol,
        "color": -gamma_by_time,
    }


class _Pieces(NamedTuple):
    s: int
    v: Any  # total vol
    away: list[Any]  # terms of log-moneyness / total vol
    d1: Any
    d2: Any
    n1: Any
    asset: Any  # discounted asset per unit
    money: Any  # discounted strike
    near: Any  # N(s d1)
    far: Any  # N(s d2)


def _pieces(model: str, x: Inputs) -> _Pieces:
    s = 1 if x.is_call else -1
    v = x.vol * mp.sqrt(x.time)
    drift = (x.rate - x.carry) * x.time if model == "black_scholes" else mpf(0)
    away = [mp.log(x.asset / x.strike) / v, drift / v]
    d1 = sum(away) + v / 2
    discount = mpf(1) if model == "inverse" else mp.exp(-x.rate * x.time)
    asset = mp.exp(-x.carry * x.time) if model == "black_scholes" else discount
    n1, d2 = _density(d1), d1 - v
    return _Pieces(s, v, away, d1, d2, n1, asset, x.strike * discount, _tail(s * d1), _tail(s * d2))


def terms(model: str, x: Inputs) -> dict[str, list[Any]]:
    """The terms of each textbook formula; see the module."""
    p = _pieces(model, x)
    if model == "inverse":
        return _inverse_terms(x, p)
    t, vol, spot_model = x.time, x.vol, model == "black_scholes"
    leak = x.carry if spot_model else x.rate  # what the asset leg loses a year
    units = p.s * p.asset * p.near
    owed = p.s * p.money * p.far
    density = x.asset * p.asset * p.n1
    gamma = density / (x.asset**2 * p.v)
    drift = (x.rate - x.carry) / p.v if spot_model else mpf(0)
    d1 = [*p.away, p.v / 2]
    d2 = [*p.away, -p.v / 2]
    d1_by_time = [drift, *(-a / (2 * t) for a in p.away), p.v / (4 * t)]
    product = [a * b for a in d1 for b in d2]
    price = x.asset * units - owed
    carried = [leak * x.asset * units, -x.rate * owed] if spot_model else [x.rate * price]
    return {
        "price": [price],
        "delta": [units],
        "gamma": [gamma],
        "vega": [density * mp.sqrt(t)],
        "theta": [*carried, -density * vol / (2 * mp.sqrt(t))],
        "rho": [t * owed if spot_model else -t * price],
        "vanna": [-p.asset * p.n1 / vol * a for a in d2],
        "volga": [density * mp.sqrt(t) / vol * a for a in product],
        "charm": [leak * units, *(-p.asset * p.n1 * a for a in d1_by_time)],
        "speed": [-gamma / x.asset * a for a in (*(b / p.v for b in d1), mpf(1))],
        "zomma": [gamma / vol * a for a in (*product, mpf(-1))],
        "color": [gamma * a for a in (leak, 1 / (2 * t), *(b * c for b in d1 for c in d1_by_time))],
    }


def _inverse_terms(x: Inputs, p: _Pieces) -> dict[str, list[Any]]:
    """The same for an option that pays coin."""
    t, vol, forward = x.time, x.vol, x.asset
    moneyness = x.strike / forward
    n2 = _density(p.d2)
    d1, d2 = [*p.away, p.v / 2], [*p.away, -p.v / 2]
    product = [a * b for a in d1 for b in d2]
    curve = moneyness / forward**2
    bent = [*(a / p.v for a in product), -1 / p.v, *(2 * a for a in d1)]
    slope = [3 * n2 / p.v, -6 * p.s * p.far, 2 * n2 / p.v, *(a * n2 / p.v**2 for a in d2)]
    return {
        "price": [p.s * (p.near - moneyness * p.far)],
        "delta": [p.s * moneyness * p.far],
        "gamma": [curve * n2 / p.v, -2 * curve * p.s * p.far],
        "vega": [p.n1 * mp.sqrt(t)],
        "theta": [-p.n1 * vol / (2 * mp.sqrt(t))],
        "rho": [mpf(0)],
        "vanna": [-p.n1 / vol * a for a in d1],
        "volga": [p.n1 * mp.sqrt(t) / vol * a for a in product],
        "charm": [p.n1 / (2 * t) * a for a in d1],
        "speed": [-curve / forward * a for a in slope],
        "zomma": [curve * n2 / vol * a for a in bent],
        "color": [-curve * n2 / (2 * t) * a for a in bent],
    }
