"""Whether an order was right on the market that it was decided on.

A busy machine gives an order hundreds of milliseconds, which are minutes of these markets: one that
was right may end outside the band. That the position went no further than its decision allowed is
judged elsewhere; here the delta is formed anew, from the bar of the decision and the trades since.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.chaos.naked import SLACK, deltas_of


def right_when_decided(
    lines: list[dict[str, Any]],
    decisions: list[dict[str, Any]],
    *,
    band: float,
    base_coin: float,
) -> set[str]:
    """Ids of orders that, filled at the bar of their decision, would have ended in the band.

    Positions are those before the order's first fill: what another order did meanwhile counts.
    """
    decided = {i["id"]: i["market_ms"] for entry in decisions for i in entry["intents"]}
    bars: dict[int, dict[str, Any]] = {}
    held: dict[str, dict[str, int]] = {}
    before: dict[str, dict[str, int]] = {}
    asked: dict[str, dict[str, Any]] = {}
    for line in lines:
        kind = line["event"]
        if kind == "Bar":
            bars[line["ms"]] = line
        elif kind == "Opened":
            held[line["account"]] = defaultdict(int, line["positions"])
        elif kind == "Traded":
            own = held[line["account"]]
            before.setdefault(line["client_id"], dict(own))
            own[line["instrument"]] += line["lots"]
        elif kind == "OrderSeen":
            asked.setdefault(line["client_id"], line)
    found = set()
    for one, positions in before.items():
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
