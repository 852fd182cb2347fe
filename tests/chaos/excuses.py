"""What the oracle objects to in these runs and is no over-hedge after all: two excuses, no more.

That a position went no further than its decision allowed has none.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from tests.chaos.naked import SLACK, deltas_of

OVER = ("across the band", "outside the band", "lots, decided")
ASKED_ANEW = " lots, decided {"
"""An order of other lots than its decision. Where the exchange refused it and nothing was traded, a
server took the first decision with it before anybody could read it, and the second is what is left.
"""
WHERE_IT_ENDED = (", outside the band", ", across the band")
"""On the market of the fill. A busy machine gives an order hundreds of milliseconds, which are
minutes of these markets, so what counts is whether it would have ended inside on the market of its
decision, with the position that it met: a second hedge of the same delta would not have.
"""


class Over(NamedTuple):
    """Over-hedges among the oracle's objections, and those that are none."""

    wrong: list[str]
    unread: list[str]
    moved: list[str]


def over(
    objections: list[str],
    lines: list[dict[str, Any]],
    decisions: list[dict[str, Any]],
    *,
    band: float,
    base_coin: float,
) -> Over:
    """Sort what the oracle said of orders that went too far."""
    refused = never_traded(lines)
    right = right_when_decided(lines, decisions, band=band, base_coin=base_coin)
    found = Over([], [], [])
    for text in objections:
        if not any(word in text for word in OVER):
            continue
        one = text.partition("order ")[2].partition(":")[0]
        if ASKED_ANEW in text and one in refused:
            found.unread.append(text)
        elif text.endswith(WHERE_IT_ENDED) and one in right:
            found.moved.append(text)
        else:
            found.wrong.append(text)
    return found


def never_traded(lines: list[dict[str, Any]]) -> set[str]:
    """Orders that the exchange refused and that filled nothing, in no copy of theirs."""
    seen = {line["client_id"] for line in lines if line["event"] == "OrderSeen"}
    taken = {
        line["client_id"]
        for line in lines
        if line["event"] == "Traded"
        or (line["event"] == "OrderSeen" and line["status"] != "rejected")
    }
    return seen - taken


def right_when_decided(
    lines: list[dict[str, Any]],
    decisions: list[dict[str, Any]],
    *,
    band: float,
    base_coin: float,
) -> set[str]:
    """Ids of orders that, filled at the bar of their decision, would have ended in the band.

    Positions are those at the order's last fill without its own: what other orders did counts.
    """
    decided = {i["id"]: i["market_ms"] for entry in decisions for i in entry["intents"]}
    bars: dict[int, dict[str, Any]] = {}
    held: dict[str, dict[str, int]] = {}
    others: dict[str, dict[str, int]] = {}
    filled: dict[str, int] = defaultdict(int)
    asked: dict[str, dict[str, Any]] = {}
    for line in lines:
        kind = line["event"]
        if kind == "Bar":
            bars[line["ms"]] = line
        elif kind == "Opened":
            held[line["account"]] = defaultdict(int, line["positions"])
        elif kind == "Traded":
            own = held[line["account"]]
            own[line["instrument"]] += line["lots"]
            filled[line["client_id"]] += line["lots"]
            others[line["client_id"]] = dict(own)
            others[line["client_id"]][line["instrument"]] -= filled[line["client_id"]]
        elif kind == "OrderSeen":
            asked.setdefault(line["client_id"], line)
    found = set()
    for one, positions in others.items():
        bar = bars.get(decided.get(one, -1))
        if bar is None or bar["equity"].get(asked[one]["account"]) is None:
            continue
        name = asked[one]["instrument"]
        positions[name] = positions.get(name, 0) + asked[one]["lots"]
        deltas = deltas_of(bar)
        parts = (lots * deltas[name] for name, lots in positions.items() if lots)
        delta = sum(parts) + bar["equity"][asked[one]["account"]] - base_coin
        if abs(delta) <= band * (1.0 + SLACK):
            found.add(one)
    return found
