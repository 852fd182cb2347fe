"""Every function that `pricing` exports, with arguments that it accepts: the table of the tests.

A new export has to be entered here, else `test_public_api` fails.
"""

from typing import Any, NamedTuple

import numpy as np

import pricing

__all__ = ["NUMBER", "TABLE", "Case", "exported"]

NUMBER = "number"  # a float, or an array of floats that broadcasts with the others
FLAG = "flag"  # a bool, or an array of bools that broadcasts
VECTOR = "vector"  # (legs,) floats
INDEX = "index"  # (legs,) integers
COUNT = "count"  # one integer
SCALAR = "scalar"  # one float
INSTANT = "instant"  # one integer, may be negative
GREEKS = "greeks"  # a Greeks of (legs,) arrays
OUT = "out"


class Case(NamedTuple):
    """One function: valid arguments, what each is, and whether each element stands alone."""

    good: dict[str, Any]
    kinds: dict[str, str]
    elementwise: bool = True


def _elementwise(numbers: dict[str, Any], flagged: bool = True, **other: tuple[str, Any]) -> Case:
    good = {name: np.array(value) for name, value in numbers.items()}
    kinds = dict.fromkeys(numbers, NUMBER)
    if flagged:
        good["is_call"] = np.array([True, False, True, False, True])
        kinds["is_call"] = FLAG
    for name, (kind, value) in other.items():
        kinds[name] = kind
        if value is not None:
            good[name] = value
    return Case(good, kinds)


_FIVE = {
    "strike": [80.0, 110.0, 100.0, 95.0, 128.0],
    "time_to_expiry": [1.0, 2.0, 0.5, 4.0, 1.0],
    "vol": [0.5, 1.0, 0.25, 0.75, 0.5],
}
_FORWARD = {"forward": [100.0, 100.0, 100.0, 64.0, 100.0], **_FIVE}
_RATE = {"rate": [0.0, 0.125, -0.0625, 0.03125, 0.0]}
_SPOT = {"spot": [100.0, 100.0, 100.0, 64.0, 100.0], **_FIVE, **_RATE}
_SPOT_CARRY = {**_SPOT, "dividend_yield": [0.0, 0.0625, 0.125, -0.03125, 0.0]}
_UNPRICED = {name: value for name, value in _FORWARD.items() if name != "vol"}
_LEGS = {
    "forward": np.array([100.0, 100.0, 64.0]),
    "strike": np.array([90.0, 110.0, 64.0]),
    "time_to_expiry": np.array([0.5, 0.5, 1.0]),
    "vol": np.array([0.5, 0.75, 1.0]),
    "is_call": np.array([True, False, True]),
}
_OUT = (OUT, None)


_HERE = {
    "black": _elementwise({**_FORWARD, **_RATE}, out=_OUT),
    "black_scholes": _elementwise(_SPOT_CARRY, out=_OUT),
    "inverse": _elementwise(_FORWARD, out=_OUT),
    "deribit_greeks": _elementwise(_FORWARD),
    "premium_adjusted_delta": _elementwise(
        {"delta": [0.5, 1.0], "price": [2.0, 4.0], "spot": [64.0, 128.0]}, flagged=False
    ),
    "spot_delta": _elementwise(
        {"delta": [0.5, 1.0], "forward": [2.0, 4.0], "spot": [64.0, 128.0]}, flagged=False
    ),
    "years": Case({"from_ms": 0, "to_ms": 5}, {"from_ms": INSTANT, "to_ms": INSTANT}, False),
    "book_greeks": Case(
        {
            "greeks": pricing.black(**_LEGS),
            "quantity": np.array([1.0, -2.0, 3.0]),
            "group": np.array([0, 1, 0]),
            "groups": 2,
        },
        {"greeks": GREEKS, "quantity": VECTOR, "group": INDEX, "groups": COUNT},
        False,
    ),
    "ladder": Case(
        {
            **_LEGS,
            "quantity": np.array([1.0, -2.0, 3.0]),
            "group": np.array([0, 1, 0]),
            "groups": 2,
            "moves": np.array([0.5, 1.0, 2.0, 4.0]),
        },
        {
            **dict.fromkeys(_LEGS, VECTOR),
            "is_call": FLAG,
            "quantity": VECTOR,
            "group": INDEX,
            "groups": COUNT,
            "moves": VECTOR,
            "out": OUT,
        },
        False,
    ),
}
# agreed between the parts of this library, some of them perhaps not merged yet
_PRICES = {"price": [30.0, 40.0, 8.0, 32.0, 10.0]}
_AWAITED = {
    "black_second": _elementwise({**_FORWARD, **_RATE}, out=_OUT),
    "black_scholes_second": _elementwise(_SPOT_CARRY, out=_OUT),
    "inverse_second": _elementwise(_FORWARD, out=_OUT),
    "implied_vol": _elementwise({**_PRICES, **_UNPRICED, **_RATE}, out=_OUT),
    "inverse_implied_vol": _elementwise(
        {"price": [0.25, 0.5, 0.125, 0.625, 0.0625], **_UNPRICED}, out=_OUT
    ),
    "american": _elementwise(_SPOT_CARRY, tolerance=(SCALAR, 1e-7), out=_OUT),
    "american_implied_vol": _elementwise(
        {**_PRICES, **{k: v for k, v in _SPOT_CARRY.items() if k != "vol"}},
        tolerance=(SCALAR, 1e-7),
    ),
}


def exported() -> list[str]:
    """Names of functions, and of classes that are not mere records or words."""
    names = []
    for name in pricing.__all__:
        thing = getattr(pricing, name)
        record = isinstance(thing, type) and issubclass(thing, tuple | int)
        if callable(thing) and not record:
            names.append(name)
    return names


TABLE = _HERE | {name: case for name, case in _AWAITED.items() if hasattr(pricing, name)}
