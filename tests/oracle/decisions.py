"""Orders at the exchange against the decisions that were published."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

ASKED = ("lots", "instrument", "account")


def against_decisions(
    lines: list[dict[str, Any]], decisions: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Every order stands in a decision, as large and within its bounds; one owner at a time."""
    intents, wrong = _intents(decisions)
    seen: set[str] = set()
    position: dict[tuple[str, str], int] = defaultdict(int)
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for event in lines:
        kind = event["event"]
        if kind == "Opened":
            for name, lots in event["positions"].items():
                position[event["account"], name] += lots
        elif kind == "Settled":
            position[event["account"], event["instrument"]] += event["lots"]
        elif kind == "OrderSeen":
            seen.add(event["client_id"])
            wrong += _order_faults(event, intents.get(event["client_id"]))
        elif kind == "Traded":
            key = event["account"], event["instrument"]
            position[key] += event["lots"]
            intent = intents.get(event["client_id"])
            # Orders may overtake each other: the later decision knew of the earlier order.
            if intent is not None and intent["seq"] >= newest.get(key, intent)["seq"]:
                newest[key] = intent
            wrong += _bound_faults(event, intent and newest[key], position[key])
    owners, more = owned(decisions)
    sent = sum(intent in seen for intent in intents)
    return {"intents": len(intents), "sent": sent, **owners}, wrong + more


def _intents(decisions: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Intents by id; a note on a refused order repeats its intent, a hedge never does."""
    found: dict[str, dict[str, Any]] = {}
    wrong = []
    for entry in decisions:
        if entry["action"] == "hedge":
            for intent in entry["intents"]:
                if intent["id"] in found:
                    wrong.append(f"intent {intent['id']}: decided twice")
                found[intent["id"]] = intent
    return found, wrong


def _order_faults(event: dict[str, Any], intent: dict[str, Any] | None) -> list[str]:
    if intent is None:
        return [f"order {event['client_id']}: no decision asked for it"]
    if any(intent[key] != event[key] for key in ASKED):
        return [f"order {event['client_id']}: {event['lots']} lots, decided {intent}"]
    return []


def _bound_faults(event: dict[str, Any], intent: dict[str, Any] | None, position: int) -> list[str]:
    if intent is None or intent["low"] <= position <= intent["high"]:
        return []
    bounds = f"{intent['low']} to {intent['high']}"
    return [f"order {event['client_id']}: position {position} lots, decided {bounds}"]


def owned(decisions: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Decisions of each book in the order of the store: epochs never fall, one worker in each."""
    wrong: list[str] = []
    epoch: dict[str, int] = {}
    worker: dict[tuple[str, int], str] = {}
    for entry in decisions:
        book, own = entry["book"], entry["epoch"]
        if own < epoch.get(book, 0):
            wrong.append(f"decision {entry['id']}: epoch {own} after {epoch[book]}")
        epoch[book] = max(own, epoch.get(book, 0))
        if worker.setdefault((book, own), entry["worker"]) != entry["worker"]:
            wrong.append(f"decision {entry['id']}: epoch {own} has two owners")
    return {"decisions": len(decisions), "ownerships": len(worker)}, wrong


def excuses(lines: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> dict[str, str]:
    """Orders that need not end in the band at the middle of the market of their fill, and why.

    ``moved``: the market was a later one than that of the decision. ``uncertain``: a leg had no
    two-sided quote, so the delta was an interval, and only what was certain could be traded.
    ``limited``: a limit allowed less than the band asked for, or the trade was split in several.
    None excuses a step away from the band or across it.
    """
    decided = {i["id"]: (i["market_ms"], d) for d in decisions for i in d.get("intents", ())}
    found = {}
    for event in lines:
        if event["event"] == "Traded" and event["client_id"] in decided:
            market_ms, entry = decided[event["client_id"]]
            exposure = entry.get("exposure") or {"low": 0.0, "high": 0.0}
            if market_ms < event["ms"]:
                found[event["client_id"]] = "moved"
            elif exposure["low"] < exposure["high"]:
                found[event["client_id"]] = "uncertain"
            elif _is_part(entry):
                found[event["client_id"]] = "limited"
    return found


def _is_part(entry: dict[str, Any]) -> bool:
    plan = entry.get("plan") or {"wanted": 0.0, "allowed": 0.0, "lines": ()}
    return abs(plan["allowed"]) < abs(plan["wanted"]) or len(plan["lines"]) > 1


def bands(decisions: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Bands of orders whose band follows gamma: which one was in force only its decision tells."""
    return {
        intent["id"]: (target["lower"], target["upper"])
        for entry in decisions
        if (target := entry.get("target")) and target.get("inputs")
        for intent in entry.get("intents", ())
    }
