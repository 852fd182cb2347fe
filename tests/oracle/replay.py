"""A trade log from its first line to its last."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.oracle.account import Account
from tests.oracle.contracts import WINDOW_MS, contract

DEFAULTS = {
    "numeraire": "usd",
    "base_coin": 0.0,
    "lower": -0.25,
    "upper": 0.25,
    "ratio": 1.0,
    "hedges": ["BTC-PERPETUAL"],
}


class Path:
    """The index through time, each value standing for the time since the one before."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, float]] = []
        self.now: int | None = None

    def walk(self, ms: int, index: float) -> None:
        if self.now is not None and ms > self.now:
            self.steps.append((self.now, ms, index))
        self.now = ms

    def mean(self, expiry_ms: int, ms: int, index: float) -> float:
        """Mean over the window of an expiry, the move to ``ms`` at ``index`` included."""
        steps = [*self.steps, (self.now if self.now is not None else ms, ms, index)]
        weight = total = 0.0
        for start, end, price in reversed(steps):
            if end <= expiry_ms - WINDOW_MS:
                break
            part = min(end, expiry_ms) - max(start, expiry_ms - WINDOW_MS)
            if part > 0:
                weight, total = weight + part, total + part * price
        return total / weight if weight else index


def replayed(
    lines: list[dict[str, Any]],
    rules: dict[str, dict[str, Any]],
    excused: dict[str, str],
    bands: dict[str, tuple[float, float]],
) -> dict[str, Account]:
    """Go through a log in order; settlements wait for the bar that tells the index at expiry."""
    accounts: dict[str, Account] = {}
    paths: dict[str, Path] = defaultdict(Path)
    upcoming = _next_index(lines)
    for number, event in enumerate(lines):
        kind = event["event"]
        if kind == "Opened":
            own = DEFAULTS | rules.get("*", {}) | rules.get(event["account"], {})
            accounts[event["account"]] = Account(event, own | {"excused": excused, "bands": bands})
        elif kind == "Bar":
            for underlying, index in event["index"].items():
                paths[underlying].walk(event["ms"], index)
            for account in accounts.values():
                account.bar(event)
        elif event["account"] not in accounts:
            raise SystemExit(f"oracle: line {number + 1}: {event['account']} was never opened")
        elif kind == "Settled":
            it = contract(event["instrument"])
            index = upcoming[number][it.underlying]
            mean = paths[it.underlying].mean(it.expiry_ms, event["ms"], index)
            accounts[event["account"]].settle(event, mean)
        else:
            account = accounts[event["account"]]
            {
                "OrderSeen": account.order,
                "Traded": account.trade,
                "Funded": account.fund,
                "Transferred": account.transfer,
                "Covered": account.fund,
            }[kind](event)
    return accounts


def _next_index(lines: list[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """Index of the bar that follows each settlement."""
    found: dict[int, dict[str, float]] = {}
    index: dict[str, float] = {}
    for number in range(len(lines) - 1, -1, -1):
        if lines[number]["event"] == "Bar":
            index = lines[number]["index"]
        elif lines[number]["event"] == "Settled":
            found[number] = index
    return found
