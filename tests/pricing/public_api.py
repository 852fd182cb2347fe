"""Every function that `pricing` exports, with arguments that it accepts: the table of the tests.

A new export has to be entered here, else `test_public_api` fails.
"""

import dataclasses
import enum
from typing import Any, NamedTuple

import numpy as np

import pricing

__all__ = ["ELSEWHERE", "TABLE", "Case", "exported"]

NUMBER = "number"  # a float, or an array of floats that broadcasts with the others
MAYBE = "maybe"  # the same, but NaN is an answer too
FLAG = "flag"  # a bool, or an array of bools that broadcasts
VECTOR = "vector"  # (legs,) floats
INDEX = "index"  # (legs,) integers
COUNT = "count"  # one integer
QUOTES = "quotes"  # (quotes,) floats, any of them may be bad
SERIES = "series"  # floats, as many as there are, any of them may be bad
SCALAR = "scalar"  # one float
DATUM = "datum"  # one float that may be bad
OPTIONAL = "optional"  # one float or None
SWITCH = "switch"  # one bool
CHOICE = "choice"  # one of some words
OBJECT = "object"  # one of our own records
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
_PRICES = {"price": [30.0, 40.0, 8.0, 32.0, 10.0]}
_SETTLING = {
    **_FORWARD,
    "time_to_expiry": [0.5, 0.1, 1.0, 0.25, 0.0078125],
    "samples": [4.0, 1.0, 30.0, 8.0, 450.0],
}
_MEAN = {"running_mean": (MAYBE, np.array([100.0, 101.0, 99.0, 65.0, 98.0]))}
_WINDOW = {"window": (SCALAR, 0.125)}
_FORWARD_NEAR = {name: value for name, value in _SETTLING.items() if name != "samples"}
_SAMPLES = {"samples": (MAYBE, np.array(_SETTLING["samples"]))}  # the displayed delta knows none
_SETTLED = {k: v for k, v in _SETTLING.items() if k not in ("strike", "vol")}
_UNITS = {"delta": [0.5, 0.25], "vega": [16.0, 8.0]}
_ASSET = {"spot": [64.0, 128.0], "time_to_expiry": [0.25, 1.0]}


def _objects(good: dict[str, Any], elementwise: bool = False, **kinds: str) -> Case:
    vectors = {name: VECTOR for name in good if name not in kinds}
    return Case(good, vectors | kinds, elementwise)


def _har() -> Any:
    return pricing.Har(0.5, (0.25, 0.5), (1, 2), 1.0, 4.0, 2.0, 9)


def _svi() -> Any:
    return pricing.Svi(0.01, 0.05, -0.3, 0.0, 0.2)


def _book() -> Any:
    legs = {name: value for name, value in _LEGS.items() if name != "forward"}
    return pricing.PreparedBook(quantity=1.0, group=[0, 1, 0], groups=2, **legs)


def _scenarios(**more: Any) -> dict[str, Any]:
    return {"book": _book(), "forward": np.array([100.0, 64.0]), **more}


def _of_bars(*names: str) -> Case:
    bars = {
        "open": np.linspace(100.0, 104.0, 17),
        "high": np.linspace(102.0, 106.0, 17),
        "low": np.linspace(99.0, 103.0, 17),
        "close": np.linspace(101.0, 104.5, 17) + np.resize([0.0, 0.5], 17),
    }
    good = {name: bars[name] for name in names} | {"periods_per_year": 365.0, "window": 5}
    kinds = dict.fromkeys(names, SERIES) | {"periods_per_year": SCALAR, "window": COUNT}
    return Case(good, kinds, False)


_VARIANCES = np.resize([1.0, 2.0, 4.0, 1.5, 3.0], 12)
_STRIKES = np.array([80.0, 90.0, 100.0, 110.0])
_CALLS, _PUTS = np.array([21.0, 13.0, 7.0, 3.0]), np.array([1.5, 3.4, 7.3, 13.2])
_MORE = {
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
    "settling": _elementwise(_SETTLING, out=_OUT, **_MEAN, **_WINDOW),
    "settling_inverse": _elementwise(_SETTLING, out=_OUT, **_MEAN, **_WINDOW),
    "settlement_deltas": _elementwise(_FORWARD_NEAR, **_SAMPLES, **_MEAN, **_WINDOW),
    "settling_future": _elementwise(_SETTLED, False, out=_OUT, **_MEAN, **_WINDOW),
    "settling_inverse_future": _elementwise(
            {**_SETTLED, "vol": _FIVE["vol"]}, False, out=_OUT, **_MEAN, **_WINDOW
        ),
    "sticky_strike_delta": _elementwise({"delta": [0.5, 0.25]}, False),
    "sticky_moneyness_delta": _elementwise(
        {**_UNITS, "skew": [-0.5, 0.25], "forward": [64.0, 128.0]}, False
    ),
    "skew_stickiness_delta": _elementwise(
            {**_UNITS, "skew": [-0.5, 0.25], "atm_skew": [-0.25, 0.5], "forward": [64.0, 128.0],
             "ratio": [1.0, 2.0]},
            False,
        ),
    "sticky_delta_delta": _elementwise(
            {**_UNITS, "vol_by_delta": [-0.25, 0.5], "forward": [64.0, 128.0],
             "strike": [64.0, 100.0], "time_to_expiry": [0.25, 1.0], "vol": [0.5, 0.75]},
            False,
        ),
    "minimum_variance_delta": _elementwise(
            {**_UNITS, **_ASSET}, False,
            fitted=(OBJECT, pricing.MinimumVariance(-0.25, 0.5, 0.25, 0.2, 9)),
        ),
    "svi_vol": _elementwise(
            {"log_moneyness": [-0.5, 0.25], "time_to_expiry": [0.25, 1.0]}, False,
            svi=(OBJECT, _svi()),
        ),
    "butterfly_minimum": _objects({"svi": _svi()}, svi=OBJECT),
    "calendar_minimum": _objects(
        {"nearer": _svi(), "farther": _svi()}, nearer=OBJECT, farther=OBJECT
    ),
    "fit_minimum_variance": _objects(
            {"delta": np.linspace(0.1, 0.9, 12), "vega": np.linspace(9.0, 17.0, 12),
             "spot": np.full(12, 64.0), "time_to_expiry": np.linspace(0.25, 1.0, 12),
             "spot_change": np.linspace(-1.0, 2.0, 12), "price_change": np.linspace(-0.5, 1.0, 12)},
            **dict.fromkeys(("delta", "vega", "spot", "time_to_expiry", "spot_change",
                             "price_change"), QUOTES),
        ),
    "fit_surface": _objects(
            {"log_moneyness": np.linspace(-0.5, 0.5, 9), "time_to_expiry": np.full(9, 0.25),
             "bid_vol": np.linspace(0.5, 0.4, 9), "ask_vol": np.linspace(0.53, 0.42, 9)},
            log_moneyness=QUOTES, time_to_expiry=QUOTES, bid_vol=QUOTES, ask_vol=QUOTES,
            family=CHOICE,
        ),
    "forward_from_future": _objects(
            {"bid": 99.0, "ask": 101.0, "discount": 0.5}, bid=DATUM, ask=DATUM, discount=DATUM
        ),
    "forward_from_parity": _objects(
            {"strike": _STRIKES, "call_bid": _CALLS - 0.1, "call_ask": _CALLS + 0.1,
             "put_bid": _PUTS - 0.1, "put_ask": _PUTS + 0.1},
            **dict.fromkeys(("strike", "call_bid", "call_ask", "put_bid", "put_ask"), QUOTES),
            discount=OPTIONAL, in_coin=SWITCH, log_moneyness_max=SCALAR,
        ),
    "scenario_pnl": _objects(
            _scenarios(move=np.array([0.5, 1.0, 2.0]), vol_shift=np.array([0.0, 0.5, -0.25])),
            book=OBJECT, forward=VECTOR, move=QUOTES, vol_shift=QUOTES, time_step=DATUM,
            by_group=SWITCH, out=OUT,
        ),
    "spot_vol_grid": _objects(
            _scenarios(moves=np.array([0.5, 1.0]), vol_shifts=np.array([0.0, 0.5, -0.25])),
            book=OBJECT, moves=SERIES, vol_shifts=SERIES, time_step=DATUM,
        ),
    "spot_vol_ladder": _objects(
            _scenarios(moves=np.array([0.5, 1.0]), vol_shifts=np.array([0.0, 0.5, -0.25])),
            book=OBJECT, moves=SERIES, vol_shifts=SERIES, time_step=DATUM,
        ),
    "tail_risk": _objects(
            {"pnl": np.array([-3.0, 1.0, 2.0]), "level": 0.5}, pnl=SERIES, level=SCALAR
        ),
    "close_to_close_vol": _of_bars("close"),
    "parkinson_vol": _of_bars("high", "low"),
    "garman_klass_vol": _of_bars("open", "high", "low", "close"),
    "rogers_satchell_vol": _of_bars("open", "high", "low", "close"),
    "yang_zhang_vol": _of_bars("open", "high", "low", "close"),
    "ewma_forecast": _objects(
            {"variance": _VARIANCES, "decay": 0.5, "seed": 2},
            variance=SERIES, decay=SCALAR, seed=COUNT,
        ),
    "fit_har": _objects({"variance": _VARIANCES, "lags": [1, 2]}, variance=SERIES, lags=CHOICE),
    "har_forecast": _objects(
            {"variance": _VARIANCES, "fitted": _har()},
            variance=SERIES, fitted=OBJECT,
        ),
    "rolling_har": _objects(
            {"variance": _VARIANCES, "window": 8, "refit": 2, "lags": [1, 2]},
            variance=SERIES, window=COUNT, refit=COUNT, lags=CHOICE,
        ),
    "garch_forecast": _objects(
            {"returns": _VARIANCES - 2.0, "fitted": pricing.Garch(0.5, 0.125, 0.5, 1.0)},
            returns=SERIES, fitted=OBJECT,
        ),
    "qlike": _elementwise({"variance": [1.0, 2.0], "forecast": [2.0, 0.5]}, False),
    "score_forecasts": _objects(
            {"variance": _VARIANCES, "forecasts": {"flat": np.ones(12)}},
            variance=SERIES, forecasts=OBJECT,
        ),
}  # fmt: skip
# Constructors, and functions of other records, have tests of their own beside their classes.
ELSEWHERE = {
    "Curve",
    "Surface",
    "PreparedBook",
    "first_forward",
    "american_discrete",
    "fit_garch",
    "rolling_garch",
}


def exported() -> list[str]:
    """Names of functions, and of classes that are not mere records or words."""
    names = []
    for name in pricing.__all__:
        thing = getattr(pricing, name)
        record = isinstance(thing, type) and (
            issubclass(thing, tuple | enum.Enum) or dataclasses.is_dataclass(thing)
        )
        if callable(thing) and not record and name not in ELSEWHERE:
            names.append(name)
    return names


TABLE = _HERE | _MORE
