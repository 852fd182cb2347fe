"""Excused are a market that moved and an order that never traded, never a second hedge."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.chaos.excuses import Over, over, right_when_decided
from tests.oracle import judged

PERP = "BTC-PERPETUAL"
PRICE, MS = 60_000.0, 1_782_435_480_000
BASE, BAND = 20.0, 0.05
LOTS = -600
"""A tenth of a coin at 60,000: what brings `LONG` back to nothing."""
LONG = 20.1


class Fill(NamedTuple):
    """One trade: of which order, how much, and how long after the decision [ms of the market]."""

    order: str
    lots: int
    after_ms: int = 0


def bar(after_ms: int = 0, equity: float = LONG) -> dict[str, Any]:
    return {
        "event": "Bar", "ms": MS + after_ms, "index": {"BTC": PRICE},
        "marks": {PERP: (PRICE, None, None)}, "equity": {"a": equity},
    }  # fmt: skip


def log(*fills: Fill, refused: str = "", lots: int = LOTS) -> list[dict[str, Any]]:
    """What the exchange wrote; an order is over with its last trade, a refused one at the end."""
    opened = {"event": "Opened", "ms": MS, "account": "a", "deposit": LONG, "positions": {}}
    lines, held = [opened | {"marks": {}}, bar()], 0
    own = {"account": "a", "instrument": PERP, "real_ms": 1}
    for number, fill in enumerate(fills):
        held += fill.lots
        lines.append(
            own | {
                "event": "Traded", "ms": MS + fill.after_ms, "trade_id": f"T{number}",
                "client_id": fill.order, "lots": fill.lots, "price": PRICE, "mid": PRICE,
                "fee": 0.0, "legs": [[PERP, held, None, None, PRICE]], "equity": None,
            }
        )  # fmt: skip
        if not any(later.order == fill.order for later in fills[number + 1 :]):
            filled = sum(each.lots for each in fills if each.order == fill.order)
            lines.append(own | seen(fill.order, lots, filled, "filled"))
    return lines + [own | seen(refused, lots, 0, "rejected")] * bool(refused)


def seen(order: str, lots: int, filled: int, status: str) -> dict[str, Any]:
    ends = {"lots": lots, "filled": filled, "status": status}
    return {"event": "OrderSeen", "ms": MS, "client_id": order, **ends}


def decided(
    *orders: str, lots: int = LOTS, low: int = -10_000, **more: Any
) -> list[dict[str, Any]]:
    """A decision for each order, all on one market; by default with no bound that would tell."""
    intent = {"account": "a", "instrument": PERP, "lots": lots, "low": low, "high": 0}
    return [
        {
            "id": f"d{seq}", "book": "a", "epoch": 1, "worker": "w1", "action": "hedge",
            "intents": [intent | {"id": one, "seq": seq, "market_ms": MS}], **more,
        }
        for seq, one in enumerate(orders)
    ]  # fmt: skip


def sorted_out(lines: list[dict[str, Any]], decisions: list[dict[str, Any]]) -> Over:
    rules = {"*": {"base_coin": BASE, "lower": -BAND, "upper": BAND}}
    objections = judged(lines, rules=rules, decisions=decisions)["violations"]
    return over(objections, lines, decisions, band=BAND, base_coin=BASE)


ORACLES = {
    "none": {},
    "uncertain": {"exposure": {"low": 0.09, "high": 0.11}},
    "limited": {"plan": {"wanted": -0.2, "allowed": -0.1, "lines": ()}},
}
"""The oracle's own excuses but `moved`, which a later fill is."""


@pytest.mark.parametrize("after_ms", [0, 60_000])
@pytest.mark.parametrize("excuse", ORACLES)
def test_a_second_hedge_has_no_excuse(excuse: str, after_ms: int) -> None:
    one, two = Fill("one", LOTS, after_ms), Fill("two", LOTS, after_ms)
    assert sorted_out(log(one), decided("one", **ORACLES[excuse])) == Over([], [], [])
    found = sorted_out(log(one, two), decided("one", "two", **ORACLES[excuse]))
    assert [text.partition(":")[0] for text in found.wrong] == ["a"], found
    assert "order two: delta" in found.wrong[0]


def test_nor_has_one_that_fills_while_the_first_does() -> None:
    parts = Fill("one", LOTS // 10), Fill("two", LOTS), Fill("one", LOTS - LOTS // 10)
    found = sorted_out(log(*parts), decided("one", "two"))
    assert len(found.wrong) == 1
    assert found.wrong[0].endswith("across the band")


def test_a_position_beyond_what_was_decided_has_none() -> None:
    fills = Fill("one", LOTS // 2), Fill("two", LOTS // 2)
    inside = sorted_out(log(*fills, lots=LOTS // 2), decided("one", "two", lots=LOTS // 2))
    assert inside.wrong == [], "two halves, as the band sees them"
    decisions = decided("one", "two", lots=LOTS // 2, low=LOTS // 2)
    (wrong,) = sorted_out(log(*fills, lots=LOTS // 2), decisions).wrong
    assert wrong == f"order two: position {LOTS} lots, decided {LOTS // 2} to 0"


def test_an_order_of_other_lots_is_excused_where_nothing_was_traded_of_it() -> None:
    found = sorted_out(log(refused="one"), decided("one", lots=5))
    assert (len(found.unread), found.wrong) == (1, [])


def test_not_where_only_its_second_copy_was_refused() -> None:
    found = sorted_out(log(Fill("one", LOTS), refused="one"), decided("one", lots=5))
    assert found.unread == []
    assert found.wrong


def test_an_order_that_its_own_market_did_not_want_is_not_right() -> None:
    lines = [log()[0], bar(0, LONG), bar(1, BASE), *log(Fill("one", LOTS))[2:]]
    right = lambda decisions: right_when_decided(lines, decisions, band=BAND, base_coin=BASE)
    late = decided("one")
    late[0]["intents"][0]["market_ms"] = MS + 1
    assert right(decided("one")) == {"one"}
    assert right(late) == set()


def test_one_that_ended_outside_as_the_market_moved_is_excused() -> None:
    lines = log(Fill("one", LOTS, 60_000))
    lines[2] |= {"price": PRICE / 2, "mid": PRICE / 2}
    found = sorted_out(lines, decided("one"))
    assert (len(found.moved), found.wrong) == (1, [])
