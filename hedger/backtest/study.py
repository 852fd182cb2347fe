"""A study as its file describes it: one market, one book, one cost, and the policies to compare."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from hedger.backtest.numerical import Leg
from hedger.core.bands import formulas
from hedger.errors import ConfigError

DAYS = 365.0
MARKETS = ("gbm", "heston", "merton", "bates", "recorded")
POLICIES = (
    "none",
    "fixed",
    "interval",
    "leland",
    "whalley_wilmott",
    "zakamouline",
    "cubic",
    "numerical",
)
CLIP = {"cubic": 0.1, "whalley_wilmott": 0.0, "zakamouline": 0.0}
"""Least order as a part of the half-width, by default; a threshold without one flattens."""
VALUES_MAX = 200_000_000
"""Policies times paths: what has to be remembered of each is 24 bytes."""


class Market(NamedTuple):
    """Where the paths come from; the last six belong to some kinds only."""

    kind: str
    spot: float
    vol: float
    horizon_days: float
    steps: int
    paths: int
    seed: int = 7
    mean_reversion: float = 5.0
    vol_of_vol: float = 1.0
    correlation: float = -0.3
    jumps_per_year: float = 12.0
    jump_mean: float = 0.0
    jump_std: float = 0.15


class Cost(NamedTuple):
    """What a trade costs; see the study's keys."""

    proportional: float
    fixed: float = 0.0
    liquidate: bool = False


class Policy(NamedTuple):
    """One policy; None where its kind has no such number."""

    name: str
    kind: str
    clip: float | None = None
    half_width: float | None = None
    every_steps: int = 1


class Study(NamedTuple):
    """Everything that `compare` needs to know."""

    market: Market
    cost: Cost
    risk_aversion: float
    legs: tuple[Leg, ...]
    policies: tuple[Policy, ...]

    @property
    def horizon(self) -> float:
        """Length in years."""
        return self.market.horizon_days / DAYS


class _Number(NamedTuple):
    """What a number must be; ``least`` itself counts unless `above`."""

    least: float
    most: float
    above: bool = False
    whole: bool = False

    def text(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.least:g}" if self.above else f"from {self.least:g}"
        return f"{kind} {low} to {self.most:g}"


_HESTON = {
    "mean_reversion": _Number(0.0, 1_000.0, above=True),
    "vol_of_vol": _Number(0.0, 20.0),
    "correlation": _Number(-1.0, 1.0),
}
_JUMPS = {
    "jumps_per_year": _Number(0.0, 10_000.0),
    "jump_mean": _Number(-1.0, 1.0),
    "jump_std": _Number(0.0, 1.0),
}
_EXTRA: dict[str, dict[str, _Number]] = {
    "heston": _HESTON,
    "merton": _JUMPS,
    "bates": _HESTON | _JUMPS,
}
_MARKET = {
    "spot": _Number(0.0, 1e9, above=True),
    "vol": _Number(0.01, 10.0),
    "horizon_days": _Number(0.01, 3_650.0),
    "steps": _Number(1, 1_000_000, whole=True),
    "paths": _Number(2, 10_000_000, whole=True),
    "seed": _Number(0, 2**53, whole=True),
}
_COST = {"proportional": _Number(0.0, 0.5), "fixed": _Number(0.0, 1e9)}
_UTILITY = {"risk_aversion": _Number(0.0, 1e6, above=True)}
_LEG = {
    "quantity": _Number(-1e9, 1e9),
    "strike": _Number(0.0, 1e9, above=True),
    "days_to_expiry": _Number(0.0, 3_650.0, above=True),
}
_POLICY = {
    "clip": _Number(0.0, 2.0),
    "half_width": _Number(0.0, 1e9, above=True),
    "every_steps": _Number(1, 1_000_000, whole=True),
}
_POLICY_KEYS = {
    "fixed": {"half_width", "clip"},
    "interval": {"every_steps"},
    "leland": {"every_steps"},
    "whalley_wilmott": {"clip"},
    "zakamouline": {"clip"},
    "cubic": {"clip"},
}
_REQUIRED = {"fixed": {"half_width"}, "interval": {"every_steps"}}
_LEGS_MAX, _POLICIES_MAX = 200, 30


def load(path: Path) -> Study:
    """Read and check a study; raises `ConfigError` of one line for the first thing wrong."""
    try:
        text = path.read_bytes().decode("utf-8")
        return study(tomllib.loads(text), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text: expected UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is no TOML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is no TOML: nested too deeply") from error


def study(document: Mapping[str, Any], name: str) -> Study:
    """Study of a parsed document, whose `name` begins every complaint."""
    tables = {"market", "cost", "utility", "book", "policy"}
    _known(document, tables, name)
    missing = sorted(tables - document.keys())
    if missing:
        raise ConfigError(f"{name}: [{missing[0]}]: is missing")
    market = _market(_table(document["market"], f"{name}: [market]"), f"{name}: [market]")
    cost = _table(document["cost"], f"{name}: [cost]")
    _known(cost, {*_COST, "liquidate"}, f"{name}: [cost]")
    liquidate = cost.get("liquidate", False)
    if not isinstance(liquidate, bool):
        raise ConfigError(f"{name}: [cost] liquidate: {_shown(liquidate)}, expected true or false")
    costs = _numbers(cost, _COST, {"proportional"}, f"{name}: [cost]")
    utility = _table(document["utility"], f"{name}: [utility]")
    _known(utility, set(_UTILITY), f"{name}: [utility]")
    aversion = _numbers(utility, _UTILITY, set(_UTILITY), f"{name}: [utility]")
    made = Study(
        market,
        Cost(**costs, liquidate=liquidate),
        aversion["risk_aversion"],
        tuple(_leg(t, w) for t, w in _rows(document["book"], f"{name}: [[book]]", _LEGS_MAX)),
        tuple(
            _policy(t, w)
            for t, w in _rows(document["policy"], f"{name}: [[policy]]", _POLICIES_MAX)
        ),
    )
    _consistent(made, name)
    return made


def _market(table: Mapping[str, Any], where: str) -> Market:
    kind = _choice(table, "kind", MARKETS, where)
    numbers = _MARKET | _EXTRA.get(kind, {})
    _known(table, {"kind", *numbers}, f"{where} of kind {kind}")
    return Market(kind=kind, **_numbers(table, numbers, set(_MARKET) - {"seed"}, where))


def _leg(table: Mapping[str, Any], where: str) -> Leg:
    _known(table, {*_LEG, "is_call"}, where)
    found = _numbers(table, _LEG, set(_LEG), where)
    is_call = table.get("is_call")
    if not isinstance(is_call, bool):
        raise ConfigError(f"{where} is_call: {_shown(is_call)}, expected true or false")
    return Leg(found["quantity"], found["strike"], found["days_to_expiry"] / DAYS, is_call)


def _policy(table: Mapping[str, Any], where: str) -> Policy:
    kind = _choice(table, "kind", POLICIES, where)
    allowed = {key: _POLICY[key] for key in _POLICY_KEYS.get(kind, set())}
    _known(table, {"name", "kind", *allowed}, f"{where} of kind {kind}")
    name = table.get("name", kind)
    if not isinstance(name, str) or not name.strip() or len(name) > 80 or not name.isprintable():
        raise ConfigError(f"{where} name: {_shown(name)}, expected a text of 1 to 80 characters")
    found = _numbers(table, allowed, _REQUIRED.get(kind, set()), where)
    clip = found.pop("clip", CLIP.get(kind))
    return Policy(name, kind, clip, **found)


def _consistent(made: Study, name: str) -> None:
    """What no single key can tell."""
    names = [policy.name for policy in made.policies]
    double = next((text for text in names if names.count(text) > 1), None)
    if double is not None:
        raise ConfigError(f"{name}: [[policy]] name: {double!r} is given twice")
    if not any(leg.quantity for leg in made.legs):
        raise ConfigError(f"{name}: [[book]]: every quantity is 0, expected something to hedge")
    if made.market.paths * len(made.policies) > VALUES_MAX:
        raise ConfigError(
            f"{name}: [market] paths: {made.market.paths} for {len(made.policies)} policies, "
            f"expected at most {VALUES_MAX // len(made.policies)}"
        )
    for policy in made.policies:
        if policy.every_steps > made.market.steps:
            raise ConfigError(
                f"{name}: [[policy]] {policy.name!r} every_steps: {policy.every_steps}, expected "
                f"at most the market's {made.market.steps} steps"
            )
        interval = made.horizon / made.market.steps * policy.every_steps
        unsolved = policy.kind == "leland" and any(leg.quantity > 0.0 for leg in made.legs)
        vol = formulas.leland_vol(made.cost.proportional, made.market.vol, interval, 1.0)
        if unsolved and math.isnan(vol):
            raise ConfigError(
                f"{name}: [[policy]] {policy.name!r}: Leland's vol of a long option has no "
                "solution at this cost, expected more every_steps or a lower proportional cost"
            )


T = TypeVar("T")


def _rows(value: Any, where: str, most: int) -> list[tuple[Mapping[str, Any], str]]:
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{where}: {_shown(value)}, expected at least one table")
    if len(value) > most:
        raise ConfigError(f"{where}: {len(value)} tables, expected at most {most}")
    return [(_table(t, f"{where} {i}"), f"{where} {i}") for i, t in enumerate(value, start=1)]


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {_shown(value)}, expected a table")
    return value


def _known(table: Mapping[str, Any], known: set[str], where: str) -> None:
    other = next((key for key in table if key not in known), None)
    if other is not None:
        raise ConfigError(
            f"{where}: unknown key {_shown(other)}, expected one of {', '.join(sorted(known))}"
        )


def _choice(table: Mapping[str, Any], key: str, choices: tuple[str, ...], where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or value not in choices:
        said = "is missing" if value is None else _shown(value)
        raise ConfigError(f"{where} {key}: {said}, expected one of {', '.join(choices)}")
    return value


def _numbers(
    table: Mapping[str, Any], numbers: Mapping[str, _Number], required: set[str], where: str
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, rule in numbers.items():
        if key not in table:
            if key in required:
                raise ConfigError(f"{where} {key}: is missing, expected {rule.text()}")
            continue
        value = table[key]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = is_number and rule.least <= value <= rule.most
        fits = fits and not (rule.above and value == rule.least)
        if not fits or (rule.whole and not isinstance(value, int)):
            raise ConfigError(f"{where} {key}: {_shown(value)}, expected {rule.text()}")
        found[key] = value if rule.whole else float(value)
    return found


def _shown(value: object) -> str:
    """A value on one line, cut where it is long."""
    if value is None:
        return "is missing"
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
