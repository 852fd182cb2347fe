"""Several exchanges' trade logs as one, for a book that is hedged at more than one of them.

Its delta is that of all its accounts together, so it is judged on one line of events: what happened
at another venue is named INSTRUMENT@VENUE, as everywhere. Balances are not compared here; each log
alone is judged for those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

Line = dict[str, Any]


def joint(
    logs: Mapping[str, list[Line]], accounts: Mapping[str, str], *, speed: float = 1.0
) -> list[Line]:
    """Events of one account per venue, by venue (``""`` for the book's own, whose bars count).

    In the order of real time, which trades tell; in between it goes on at the markets' speed.
    """
    own = accounts[""]
    opened = [_opening(logs, accounts)]
    events = [
        (real_ms, mark, line)
        for mark, lines in logs.items()
        for real_ms, line in _timed(lines, speed)
        if line["event"] == "Bar" or line["account"] == accounts[mark]
        if line["event"] != "Opened"
    ]
    events.sort(key=lambda entry: entry[0])
    seen = _first_seen(events)
    held: dict[str, int] = defaultdict(int, opened[0]["positions"])
    found = opened
    for _, mark, line in events:
        if line["event"] == "Bar":
            for name, (price, vol, forward) in line["marks"].items():
                seen[at(name, mark)] = [forward, vol, price]
            if not mark:
                found.append(line | {"equity": {}})
            continue
        event = line | {"account": own}
        if "instrument" in event:
            event["instrument"] = at(event["instrument"], mark)
        if event["event"] == "Traded":
            event["trade_id"] = at(event["trade_id"], mark)
            seen |= {at(leg[0], mark): leg[2:] for leg in event["legs"]}
            held[event["instrument"]] += event["lots"]
            legs = [[n, lots, *seen.get(n, [None] * 3)] for n, lots in held.items() if lots]
            event |= {"legs": legs, "equity": None}
        elif event["event"] == "Settled":
            held[event["instrument"]] += event["lots"]
        found.append(event)
    return found


def _first_seen(events: list[tuple[float, str, Line]]) -> dict[str, list[Any]]:
    """What each instrument was first shown at, for what trades before that on another venue."""
    found: dict[str, list[Any]] = {}
    for _, mark, line in events:
        for name, (price, vol, forward) in line.get("marks", {}).items():
            found.setdefault(at(name, mark), [forward, vol, price])
        for leg in line.get("legs", ()):
            found.setdefault(at(leg[0], mark), leg[2:])
    return found


def _timed(lines: list[Line], speed: float) -> list[tuple[float, Line]]:
    """Lines with their real time, exact where they have one."""
    known = [(line["ms"], line["real_ms"]) for line in lines if line.get("real_ms")]
    ms, real_ms = known[0] if known else (0, 0)
    found = []
    for line in lines:
        if line.get("real_ms"):
            ms, real_ms = line["ms"], line["real_ms"]
        found.append((real_ms + (line.get("ms", ms) - ms) / speed, line))
    return found


def renamed(decisions: list[Line], account: str) -> list[Line]:
    """Decisions whose intents are all of the one account that `joint` makes of several."""
    return [
        entry | {"intents": [intent | {"account": account} for intent in entry.get("intents", ())]}
        for entry in decisions
    ]


def at(name: str, mark: str) -> str:
    return f"{name}@{mark}" if mark else name


def _opening(logs: Mapping[str, list[Line]], accounts: Mapping[str, str]) -> Line:
    """One account with all deposits and positions."""
    found: Line = {}
    for mark, lines in logs.items():
        line = next(e for e in lines if e["event"] == "Opened" and e["account"] == accounts[mark])
        positions = {at(name, mark): lots for name, lots in line["positions"].items()}
        marks = {at(name, mark): price for name, price in line["marks"].items()}
        if not mark:
            found = line | {"positions": positions, "marks": marks}
        else:
            found["deposit"] += line["deposit"]
            found["positions"] |= positions
            found["marks"] |= marks
    return found
