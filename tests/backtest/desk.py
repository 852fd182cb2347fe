"""Studies for the tests of `compare`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hedger.backtest.study import Study, study

ROOT = Path(__file__).resolve().parents[2]
CALL = ROOT / "config" / "studies" / "call.toml"


def document(**market: Any) -> dict[str, Any]:
    """The shipped study as a document, with other values in its market."""
    made = tomllib.loads(CALL.read_text())
    made["market"] |= {"paths": 200, "steps": 60} | market
    return made


def made(
    policies: list[dict[str, Any]], *, book: list[dict[str, Any]] | None = None, **market: Any
) -> Study:
    books = {} if book is None else {"book": book}
    return study(document(**market) | {"policy": policies} | books, "study")
