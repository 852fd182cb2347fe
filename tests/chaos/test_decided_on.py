"""An order is excused by the market that moved, never by one that was sent before it."""

from __future__ import annotations

from typing import Any

from tests.chaos.decided_on import right_when_decided

PERP = "BTC-PERPETUAL"
LOTS = 600  # 0.1 coin at 60,000


def bar(ms: int, equity: float) -> dict[str, Any]:
    marks = {PERP: (60_000.0, None, None)}
    return {"event": "Bar", "ms": ms, "marks": marks, "equity": {"a": equity}}


def order(one: str) -> list[dict[str, Any]]:
    own = {"account": "a", "instrument": PERP, "client_id": one, "lots": LOTS}
    return [{"event": "Traded", **own}, {"event": "OrderSeen", **own}]


def right(*orders: str, decided_ms: int = 1) -> set[str]:
    lines = [{"event": "Opened", "account": "a", "positions": {}}, bar(1, 19.9), bar(2, 20.0)]
    for one in orders:
        lines += order(one)
    decisions = [{"intents": [{"id": one, "market_ms": decided_ms}]} for one in orders]
    return right_when_decided(lines, decisions, band=0.05, base_coin=20.0)


def test_an_order_that_was_right_on_its_own_market_is_right() -> None:
    assert right("one") == {"one"}


def test_the_second_order_for_the_same_delta_is_not() -> None:
    assert right("one", "two") == {"one"}


def test_an_order_that_its_own_market_did_not_want_is_not() -> None:
    assert right("one", decided_ms=2) == set()
