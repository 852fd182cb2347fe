"""What a sweep varies: a file of ``[[variant]]`` tables, each a name and what differs in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from hedger.backtest.attribution import cost
from hedger.core.model import Record
from hedger.errors import ConfigError

NAME_MAX = 60
COUNT_MAX = 1_000
FIGURES = (
    "pnl_total",
    "hedge_std_1h",
    "orders",
    "orders_per_day",
    "outside_band_share",
    "residual_share",
    "drawdown_max",
)


Resize = Literal["off", "out", "both"]


class Variant(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name, and what takes the place of what is configured; None: as configured.

    ``band`` is a whole ``[book.band]``. ``scalers`` are the models of ``[book.scaling]`` that are
    on, with the keys that they have there. ``resize`` says which way the option legs follow the
    scale that these want.
    """

    name: str
    band: dict[str, Any] | None = None
    scalers: tuple[str, ...] | None = None
    resize: Resize | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    variant: tuple[Variant, ...]


def variants(path: Path) -> tuple[Variant, ...]:
    """Read a sweep's file; raises `ConfigError` naming what is wrong with it."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).variant
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: expected a file of variants") from None
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"{path}: {text}: expected [[variant]] tables") from None
    if not 0 < len(found) <= COUNT_MAX:
        raise ConfigError(f"{path}: {len(found)} variants, expected 1 to {COUNT_MAX}")
    seen: set[str] = set()
    for number, one in enumerate(found):
        if not (one.name.isprintable() and 0 < len(one.name) <= NAME_MAX):
            raise ConfigError(
                f"{path}: variant[{number}]: name is {ascii(one.name)[:NAME_MAX]}, expected 1 to"
                f" {NAME_MAX} printable characters"
            )
        if one.name in seen:
            raise ConfigError(f"{path}: variant[{number}]: {one.name!r} is given twice")
        seen.add(one.name)
    return found


def summary(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The figures that variants are held against each other by.

    Examples
    --------
    >>> parts = {"fees": -2.0, "spread": -1.0, "slippage": 0.0}
    >>> one = dict.fromkeys(FIGURES, 0.0) | {"pnl_parts": parts, "run": {"id": "x"}}
    >>> summary("a", one)["cost"]
    3.0
    """
    figures = {key: found[key] for key in FIGURES}
    scaling = {k: v for k, v in found.get("scaling", {}).items() if k != "path"}
    return {
        "name": name,
        "cost": cost(found["pnl_parts"]),
        **figures,
        **({"scaling": scaling} if scaling else {}),
        "run": found["run"]["id"],
    }
