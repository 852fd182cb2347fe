"""Deribit's standard margin as data: `margins.toml` becomes `MarginRules` of the simulator."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TypeVar

import msgspec

from hedger.errors import ConfigError
from hedger.venues.simulator.margin import FutureMargin, MarginRules, OptionMargin

__all__ = ["margin_rules"]

T = TypeVar("T")


class _Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pair of `margins.toml`; its head explains every key."""

    future: dict[str, object]
    option: dict[str, object]


@cache
def margin_rules(*, crossed: bool = False) -> MarginRules:
    """Standard margin with the collateral of each currency apart, or ``crossed``.

    Examples
    --------
    >>> margin_rules().futures["BTC"].initial
    0.02
    """
    text = files(__package__).joinpath("margins.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    tables.pop("facts")
    try:
        pairs = msgspec.convert(tables, dict[str, _Pair])
        futures = {name: _rates(pair.future, FutureMargin) for name, pair in pairs.items()}
        options = {name: _rates(pair.option, OptionMargin) for name, pair in pairs.items()}
    except (msgspec.ValidationError, KeyError) as error:
        raise ConfigError(f"margins.toml: {error}") from None
    return MarginRules(futures=futures, options=options, crossed=crossed)


def _rates(table: dict[str, object], kind: type[T]) -> T:
    """Rates without the word on where they are from, which every table must have."""
    rates = {name: value for name, value in table.items() if name != "source"}
    if "source" not in table:
        raise KeyError("source is missing")
    return msgspec.convert(rates, kind)
