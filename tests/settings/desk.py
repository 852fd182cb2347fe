"""Configurations for tests: a right one, a TOML writer, and what an error may look like."""

from __future__ import annotations

import copy
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from hedger.errors import ConfigError
from hedger.settings import Configuration, load

ENVIRON = {"HOME": "/home/nobody", "PATH": "/usr/bin", "HEDGER_SERVICE_HOST": "10.0.0.1"}
POSITIONS = "instrument,quantity\nBTC-3JUL26-64000-C,-10\nBTC-PERPETUAL,-60000\n"

_BOOK: dict[str, Any] = {
    "name": "btc-main",
    "venue": "paper",
    "underlying": "BTC",
    "numeraire": "usd",
    "base_coin": 0.0,
    "positions": "positions.csv",
    "hedge": {"buy": "BTC-PERPETUAL", "sell": "BTC-PERPETUAL"},
    "band": {"lower": -0.25, "upper": 0.25},
}
_RAW: dict[str, Any] = {
    "config_version": 1,
    "deployment": "desk",
    "store": {},
    "worker": {},
    "venues": {"paper": {"kind": "paper"}},
    "book": [_BOOK],
}


def right() -> dict[str, Any]:
    """Return a configuration without a fault, as data to be spoilt."""
    return copy.deepcopy(_RAW)


def book(name: str, **changes: Any) -> dict[str, Any]:
    """Return another book without a fault."""
    return {**copy.deepcopy(_BOOK), "name": name, **changes}


def put(raw: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Set one key, making tables on the way."""
    for key in path[:-1]:
        raw = raw.setdefault(key, {}) if isinstance(raw, dict) else raw[key]
    raw[path[-1]] = value


def toml(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c for c in quoted)


def write(folder: Path, raw: dict[str, Any] | str, positions: str = POSITIONS) -> Path:
    """Write a configuration and its positions file; return the configuration's path."""
    text = (
        raw
        if isinstance(raw, str)
        else "\n".join(f"{_text(k)} = {toml(v)}" for k, v in raw.items())
    )
    (folder / "positions.csv").write_text(positions, encoding="utf-8")
    path = folder / "desk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, raw: dict[str, Any] | str | None = None, **environ: str) -> Configuration:
    """Load a configuration under a bare environment and the variables given."""
    path = write(folder, right() if raw is None else raw)
    return load(path, environ=ENVIRON | environ)


def refused(folder: Path, raw: dict[str, Any] | str | None = None, **environ: str) -> list[str]:
    """Return the lines a configuration is refused with, each of them checked for its form."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, raw, **environ)
    return clear_lines(caught.value)


def clear_lines(error: ConfigError) -> list[str]:
    """Return the lines of an error: each is where, what, and what was expected."""
    lines = str(error).split("\n")
    for line in lines:
        assert line.isprintable(), line
        assert re.search(r"^\S.*: .+(expected|did you mean) ?.+", line), line
        assert len(line) < 700, line
    assert len(set(lines)) == len(lines)
    return lines
