"""Judge of a run from the exchange's trade log alone: ``python -m tests.oracle LOG``.

Imports nothing of what it judges: contracts, Black-76, settlement, accounting and the delta of an
account are written here a second time. It prints a JSON summary and exits 1 on any violation:

* a client id or trade id used twice, fills beyond an order, an order's fills that do not add up;
* a hedge after whose last fill the account's delta, at the market of that fill, is not in the band
  (a hedge that found too little depth may stop short of it, never beyond); a band that follows
  gamma is taken as its decision tells it;
* a fill that crosses to the other side of the band;
* equity, settlement values or positions that differ from our own accounting;
* with ``--decisions``: an order that no decision asked for or not so, a position beyond what the
  decision allowed, two owners of a book at a time.
"""

from __future__ import annotations

import json
from typing import Any

from tests.oracle.decisions import against_decisions, bands, excuses
from tests.oracle.replay import replayed

__all__ = ["judged", "read_lines"]


def judged(
    lines: list[dict[str, Any]],
    *,
    rules: dict[str, dict[str, Any]] | None = None,
    decisions: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Summary of a log; ``violations`` is empty if all is well."""
    accounts = replayed(lines, rules or {}, excuses(lines, decisions or []), bands(decisions or []))
    wrong = [text for account in accounts.values() for text in account.wrong]
    summary: dict[str, Any] = {"accounts": {n: a.summary() for n, a in accounts.items()}}
    if decisions is not None:
        summary["decisions"], more = against_decisions(lines, decisions)
        wrong += more
    return summary | {"violations": wrong}


def read_lines(path: str) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.endswith("\n")]
