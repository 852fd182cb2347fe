"""One account by our own accounting: fills, equity, settlement, and where each hedge ended."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from tests.oracle.contracts import black, contract

TOLERANCE = 1e-9


class Account:
    """One account by our own accounting, and everything that is wrong with it."""

    def __init__(self, opened: dict[str, Any], rules: dict[str, Any]) -> None:
        self.name, self.rules = opened["account"], rules
        self.base_coin: float = rules["base_coin"]
        self.lots: dict[str, int] = defaultdict(int)
        self.cash: float = opened["deposit"]
        self.entries: dict[str, float] = defaultdict(float)
        self.orders: dict[str, dict[str, Any]] = {}
        self.filled: dict[str, int] = defaultdict(int)
        self.trade_ids: set[str] = set()
        self.last: dict[str, tuple[int, float, float]] = {}
        self.counts: dict[str, int] = defaultdict(int)
        self.gap_equity = self.gap_settlement = 0.0
        self.delta_worst = 0.0
        self.wrong: list[str] = []
        for name, lots in opened["positions"].items():
            self._book(name, lots, opened["marks"][name])

    def _book(self, name: str, lots: int, price: float) -> None:
        it = contract(name)
        amount = lots * it.lot
        self.lots[name] += lots
        if it.is_option:
            self.cash -= amount * price
        else:
            self.entries[name] += amount / price  # coin of the entries; less amount / mark: profit

    def _value(self, name: str, mark: float) -> float:
        it = contract(name)
        amount = self.lots[name] * it.lot
        return amount * mark if it.is_option else self.entries[name] - amount / mark

    def held(self) -> list[str]:
        return [name for name, lots in self.lots.items() if lots]

    def equity(self, marks: dict[str, float]) -> float:
        settled = sum(e for n, e in self.entries.items() if not self.lots[n])
        return self.cash + settled + sum(self._value(n, marks[n]) for n in self.held())

    def say(self, text: str) -> None:
        self.wrong.append(f"{self.name}: {text}")

    # --- events -------------------------------------------------------------------------------

    def order(self, event: dict[str, Any]) -> None:
        key = event["client_id"]
        before = self.orders.get(key)
        if before is not None and (before["status"] != "open" or before["lots"] != event["lots"]):
            self.say(f"order {key}: seen again as {event['status']} after {before['status']}")
        self.orders[key] = event
        filled = event.get("filled", 0)
        if self.filled[key] != filled:
            self.say(f"order {key}: says {filled} lots filled, its trades {self.filled[key]}")
        if abs(self.filled[key]) > abs(event["lots"]) or self.filled[key] * event["lots"] < 0:
            self.say(f"order {key}: {self.filled[key]} lots filled of {event['lots']}")
        if event["status"] != "open":
            self._judge(key, event)

    def trade(self, event: dict[str, Any]) -> None:
        key, name = event["client_id"], event["instrument"]
        if event["trade_id"] in self.trade_ids:
            self.say(f"trade {event['trade_id']}: in the log twice")
        self.trade_ids.add(event["trade_id"])
        before = self._delta(event)
        self._book(name, event["lots"], event["price"])
        self.cash -= event["fee"]
        self.filled[key] += event["lots"]
        self._compare_legs(event)
        after = self._delta(event)
        if name in self.rules["hedges"]:
            first = self.last[key][1] if key in self.last else before
            self.last[key] = (event["ms"], first, after)
            self.counts["hedge_fills"] += 1

    def settle(self, event: dict[str, Any], delivery: float) -> None:
        it = contract(event["instrument"])
        lots = self.lots[event["instrument"]]
        if event["lots"] != -lots:
            self.say(f"{event['instrument']}: settled {event['lots']} lots, held {lots}")
        value = delivery
        if it.is_option:
            sign = 1.0 if it.is_call else -1.0
            value = max(0.0, sign * (delivery - it.strike)) / delivery
        self.gap_settlement = max(self.gap_settlement, abs(value - event["value"]))
        if abs(delivery / event["delivery"] - 1.0) > TOLERANCE:
            self.say(f"{event['instrument']}: delivery {event['delivery']}, our mean {delivery}")
        self._book(event["instrument"], -lots, event["value"])
        self.counts["settlements"] += 1

    def transfer(self, event: dict[str, Any]) -> None:
        """Coin of its owner that comes or goes is not to be hedged."""
        self.cash += event["amount"]
        self.base_coin += event["amount"]

    def fund(self, event: dict[str, Any]) -> None:
        self.cash += event["amount"]

    def bar(self, event: dict[str, Any]) -> None:
        stated = event["equity"].get(self.name)
        if stated is None or any(name not in event["marks"] for name in self.held()):
            return
        own = self.equity({name: event["marks"][name][0] for name in self.held()})
        self._same_equity(own, stated, event["ms"])
        self.counts["bars"] += 1

    # --- judgements ---------------------------------------------------------------------------

    def _compare_legs(self, event: dict[str, Any]) -> None:
        legs = {leg[0]: leg[1] for leg in event["legs"]}
        if legs != {name: self.lots[name] for name in self.held()}:
            self.say(f"trade {event['trade_id']}: positions {legs}, ours {dict(self.lots)}")
        marks = {leg[0]: leg[4] for leg in event["legs"]}
        if event["equity"] is not None and None not in marks.values():
            self._same_equity(self.equity(marks), event["equity"], event["ms"])

    def _same_equity(self, own: float, stated: float, ms: int) -> None:
        gap = abs(own - stated) / max(1.0, abs(stated))
        self.gap_equity = max(self.gap_equity, gap)
        if gap > TOLERANCE:
            self.say(f"equity {stated} at {ms}, ours {own}")

    def _delta(self, event: dict[str, Any]) -> float:
        """Delta of what is held now, at the market that came with a fill; NaN if not known."""
        legs = {leg[0]: leg[2:] for leg in event["legs"]}
        usd = self.rules["numeraire"] == "usd"
        options = rest = 0.0
        coin = self.cash + sum(e for n, e in self.entries.items() if not self.lots[n])
        for name in self.held():
            forward, vol, mark = legs.get(name, (None, None, None))
            it = contract(name)
            amount, share = self.lots[name] * it.lot, it.share(event["ms"])
            if it.is_option:
                if forward is None or vol is None:
                    return math.nan
                price, delta = black(forward, it, vol, event["ms"])
                value = price / forward
                options += amount * (share * (delta - value) + (value if usd else 0.0))
            else:
                price = event["mid"] if name == event["instrument"] else mark
                rest += share * amount / price
                coin += self.entries[name] - amount / price
        cash = coin - self.base_coin if usd else 0.0
        return float(self.rules["ratio"]) * options + rest + float(cash)

    def _judge(self, key: str, order: dict[str, Any]) -> None:
        """Where a hedge ended; only what could not be filled may stop short of the band."""
        if key not in self.last:
            return
        _, before, after = self.last[key]
        lower, upper = self.rules["bands"].get(key, (self.rules["lower"], self.rules["upper"]))
        low, high = lower - TOLERANCE, upper + TOLERANCE
        self.counts["hedges"] += 1
        if math.isnan(after):
            self.counts["unknown"] += 1
            return
        self.delta_worst = max(self.delta_worst, abs(after))
        crossed = (before > high and after < low) or (before < low and after > high)
        if low <= after <= high:
            self.counts["in_band"] += 1
        elif crossed:
            self.counts["over_hedged"] += 1
            self.say(f"order {key}: delta from {before:+.4f} to {after:+.4f}, across the band")
        elif abs(after) < abs(before) and self.filled[key] != order["lots"]:
            self.counts["short_of_band"] += 1
        elif abs(after) < abs(before) and key in self.rules["excused"]:
            self.counts[self.rules["excused"][key]] += 1
        else:
            self.say(f"order {key}: delta from {before:+.4f} to {after:+.4f}, outside the band")

    def summary(self) -> dict[str, Any]:
        return {
            "orders": len(self.orders),
            "rejected": sum(o["status"] == "rejected" for o in self.orders.values()),
            **self.counts,
            "delta_worst": self.delta_worst,
            "equity_gap": self.gap_equity,
            "settlement_gap": self.gap_settlement,
            "positions": {name: self.lots[name] for name in self.held()},
        }
