"""The judge of a run: the exchange's own trade log against the decisions that were published.

Positions in the store are compared with the exchange's once everything has stopped; nothing else
of the hedger is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.books import BAND, DEADLINE_S, DEPOSIT, LEASE_S
from tests.chaos.excuses import over
from tests.chaos.naked import Naked, naked
from tests.chaos.rig import Kill, Rig
from tests.oracle import judged, read_lines

TAKE_OVER_MS = 1_000 * (LEASE_S + DEADLINE_S + 1.0)
TWICE = ("decided twice", "in the log twice", "seen again", "no decision asked", "lots filled")


@dataclass
class Verdict:
    """What came of a run; ``wrong`` holds every violation, by kind."""

    wrong: dict[str, list[str]]
    orders: int
    rejected: int
    moved: int
    naked: Naked
    latency_ms: dict[str, float]
    take_over_ms: list[float]
    again: int
    decisions: list[dict[str, Any]] = field(repr=False)
    lines: list[dict[str, Any]] = field(repr=False)


async def verdict(rig: Rig) -> Verdict:
    """Judge a rig whose workers have stopped."""
    await rig.recorder.last()
    stored, traded, unfinished = await rig.left()
    lines = read_lines(rig.paper.log)
    decisions, again = once(lines, rig.recorder.decisions)
    rules = {"*": {"base_coin": DEPOSIT, "lower": -BAND, "upper": BAND}}
    found = judged(lines, rules=rules, decisions=decisions)
    bare = naked(
        lines, band=BAND, base_coin=DEPOSIT, speed=rig.setting.speed, end_ms=rig.stopped_ms
    )
    taken, slow = take_overs(decisions, rig.kills, rig.disturbed)
    differing = [n for n in rig.names if stored[n] != traded[n]]
    beyond = over(found["violations"], lines, decisions, band=BAND, base_coin=DEPOSIT)
    rig.facts["refused, its decision forgotten unread"] = len(beyond.unread)
    rig.facts["right when decided"] = len(beyond.moved)
    wrong = {
        "over": beyond.wrong,
        "twice": [
            *(t for t in found["violations"] if any(word in t for word in TWICE)),
            *revived(lines, rig.recorder.decisions),
        ],
        "lost": [*unfinished, *(f"{n}: outside its band at the end" for n in bare.lost)],
        "differs": [f"{n}: store {stored[n]}, exchange {traded[n]}" for n in differing],
        "take-over": slow,
        "died": rig.died(),
    }
    known = {text for texts in wrong.values() for text in texts}
    known |= {*beyond.unread, *beyond.moved}
    wrong["other"] = [text for text in found["violations"] if text not in known]
    seen = {line["client_id"]: line for line in lines if line["event"] == "OrderSeen"}
    accounts = found["accounts"].values()
    return Verdict(
        wrong=wrong,
        orders=sum(line["status"] != "rejected" for line in seen.values()),
        rejected=sum(line["status"] == "rejected" for line in seen.values()),
        moved=sum(account.get("moved", 0) for account in accounts),
        naked=bare,
        latency_ms=latencies(lines, decisions),
        take_over_ms=sorted(taken),
        again=again,
        decisions=decisions,
        lines=lines,
    )


def once(
    lines: list[dict[str, Any]], decisions: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    """Decisions without those that a server forgot before their orders were sent.

    Such a revision is decided again under the same id. Of two decisions of one id that stands
    which the exchange's order agrees with, else the later; two orders of one id are seen as such.
    """
    sent = {line["client_id"]: line["lots"] for line in lines if line["event"] == "OrderSeen"}
    by_id: dict[str, list[dict[str, Any]]] = {}
    for entry in decisions:
        for intent in entry["intents"] if entry["action"] == "hedge" else ():
            by_id.setdefault(intent["id"], []).append(entry)
    dropped = set[int]()  # by object: two decisions of a book may have one id, see `Recorder.hear`
    for one, entries in by_id.items():
        agreeing = [
            entry
            for entry in entries
            if any(i["id"] == one and i["lots"] == sent.get(one) for i in entry["intents"])
        ]
        keep = (agreeing or entries)[-1]
        dropped |= {id(entry) for entry in entries if entry is not keep}
    return [entry for entry in decisions if id(entry) not in dropped], len(dropped)


def revived(lines: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> list[str]:
    """Orders that came to life after another decision had been made in their place.

    A server may forget a decision; it may be made anew only when the order of the first is dead.
    """
    seen: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line["event"] == "OrderSeen" and line["status"] != "rejected" and line["real_ms"]:
            seen.setdefault(line["client_id"], line)
    first: dict[str, int] = {}
    wrong = []
    for entry in decisions:
        for intent in entry["intents"] if entry["action"] == "hedge" else ():
            order, lots = seen.get(intent["id"]), first.setdefault(intent["id"], intent["lots"])
            if order is None or intent["lots"] == lots or order["lots"] != lots:
                continue
            late_ms = order["real_ms"] - entry["wall_ms"]
            if late_ms > 0:
                wrong.append(
                    f"order {intent['id']}: {lots} lots filled {late_ms} ms after"
                    f" {intent['lots']} had been decided instead"
                )
    return wrong


def latencies(lines: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> dict[str, float]:
    """From a decision to its order at the exchange, if accepted [ms]; one machine has one clock."""
    decided = {
        intent["id"]: entry["wall_ms"]
        for entry in decisions
        if entry["action"] == "hedge"
        for intent in entry["intents"]
    }
    first: dict[str, int] = {}
    for line in lines:
        if line["event"] != "OrderSeen" or line["status"] == "rejected" or not line["real_ms"]:
            continue
        if line["client_id"] in decided:
            first.setdefault(line["client_id"], line["real_ms"])
    times = sorted(float(real_ms - decided[one]) for one, real_ms in first.items())
    if not times:
        return {"p50": math.nan, "p99": math.nan, "max": math.nan}
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    return {"p50": at(0.5), "p99": at(0.99), "max": times[-1]}


def take_overs(
    decisions: list[dict[str, Any]], kills: list[Kill], disturbed: list[tuple[int, int]]
) -> tuple[list[float], list[str]]:
    """Real time from a worker's death to the next decision of each of its books.

    Another death meanwhile may have been that of the successor: each gives one lease more. Where a
    pause or an outage lay in between there is no bound, but an end there must be.
    """
    made: dict[str, list[int]] = {}
    for entry in decisions:
        made.setdefault(entry["book"], []).append(entry["wall_ms"])
    for times in made.values():
        times.sort()
    found, slow = [], []
    for number, kill in enumerate(kills):
        for book in kill.books:
            after = next((ms for ms in made.get(book, ()) if ms > kill.wall_ms), None)
            if after is None:
                slow.append(f"{book}: never decided again after the death of {kill.worker}")
                continue
            more = sum(later.wall_ms < after for later in kills[number + 1 :])
            found.append(float(after - kill.wall_ms))
            if any(start <= after and kill.wall_ms <= end for start, end in disturbed):
                continue
            if after - kill.wall_ms > TAKE_OVER_MS + more * 1_000 * LEASE_S:
                slow.append(f"{book}: {after - kill.wall_ms} ms after {kill.worker}, {more} more")
    return found, slow


def counts(wrong: dict[str, list[str]]) -> dict[str, int]:
    return {kind: len(texts) for kind, texts in wrong.items()}
