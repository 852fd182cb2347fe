"""Margin by hand: the published formulas on numbers, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from hedger.core.model import OrderStatus
from hedger.errors import ConfigError, VenueRejected
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper import margins
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import PaperParams
from hedger.venues.simulator.margin import FutureMargin, MarginRules, asked
from tests.venues.simulator_desk import (
    CALL,
    INVERSE,
    LINEAR,
    LINEAR_CALL,
    LINEAR_PERP,
    LISTED,
    PERP,
    PUT,
    START,
    Desk,
)

RULES = margin_rules()
SPEC = Path(__file__).resolve().parents[3] / "shared" / "spec" / "deribit_messages"


@pytest.mark.parametrize(
    ("name", "lots", "mark", "forward", "initial", "maintenance"),
    [
        # 100 coin of a perpetual at 50,000: 2 % + 100 x 0.005 %, and half of the first part
        (PERP, 500_000, 50_000.0, 50_000.0, 100 * 0.025, 100 * 0.015),
        (PERP, -500_000, 50_000.0, 50_000.0, 100 * 0.025, 100 * 0.015),
        (PERP, 0, 50_000.0, 50_000.0, 0.0, 0.0),
        # 2 short calls of 60,000 at 50,000: 20 % out of the money, so the floor of 0.1
        (CALL, -20, 0.03, 50_000.0, 2 * 0.13, 2 * 0.105),
        # at 58,000: 0.15 - 2000 / 58000
        (CALL, -20, 0.03, 58_000.0, 2 * (0.15 - 2 / 58 + 0.03), 2 * 0.105),
        (CALL, -20, 0.03, 70_000.0, 2 * 0.18, 2 * 0.105),  # in the money
        (CALL, 20, 0.03, 58_000.0, 0.0, 0.0),  # long
        (PUT, -10, 0.03, 60_000.0, 0.15 - 1 / 30 + 0.03, 0.105),
        # a put worth more than its underlying: the mark times 1.075 beside 0.15 + mark
        (PUT, -10, 1.9, 20_000.0, 2.05, 1.9 * 1.075),
        (PUT, -10, 2.4, 17_000.0, 2.4 * 1.075, 2.4 * 1.075),
        # linear, in quote currency: 5 coin x 60,000 x 0.1 + mark
        (LINEAR_CALL, -500, 900.0, 50_000.0, 5 * (5_000 + 900), 5 * (3_750 + 900)),
        # 40 coin at 50,000 = 2 million: the first at 2 %, the second at 3 %
        (LINEAR_PERP, 400_000, 50_000.0, 50_000.0, 20_000 + 30_000, 10_000 + 15_000),
        (LINEAR_PERP, -400, 50_000.0, 50_000.0, 40.0, 20.0),
    ],
)
def test_the_formulas_by_hand(
    name: str, lots: int, mark: float, forward: float, initial: float, maintenance: float
) -> None:
    found = asked(RULES, instrument(name), lots, mark=mark, forward=forward)
    assert found == pytest.approx((initial, maintenance), rel=1e-12)


def test_beyond_the_last_tier_its_rate_goes_on() -> None:
    tiers = ((1_000.0, 0.1, 0.05), (2_000.0, 0.2, 0.1))
    rules = MarginRules(futures={"BTC_USDC": FutureMargin(tiers=tiers)}, options={})
    found = asked(rules, instrument(LINEAR_PERP), 1_000, mark=50_000.0, forward=50_000.0)
    assert found == pytest.approx((100 + 4_000 * 0.2, 50 + 4_000 * 0.1))


@pytest.mark.skipif(not SPEC.is_dir(), reason="captured messages are not here")
def test_the_margin_balance_is_equity_less_the_options_value_as_in_a_captured_summary() -> None:
    found = json.loads((SPEC / "http_get_account_summaries.json").read_text())
    rows = found["result"]["summaries"]
    row = next(
        row for row in rows if row["margin_model"] == "segregated_sm" and row["options_value"]
    )
    assert row["margin_balance"] == pytest.approx(row["equity"] - row["options_value"], abs=1e-9)
    assert row["available_funds"] == pytest.approx(
        row["margin_balance"] - row["initial_margin"], abs=1e-8
    )


def desk(names: tuple[str, ...] = INVERSE, **changes: object) -> Desk:
    rules = msgspec.structs.replace(RULES, **changes)
    made = Desk({n: LISTED[n] for n in names}, margin=rules)
    made.go(START, 60_000.0, depth=(10**6,))
    return made


def test_an_account_reads_its_margin() -> None:
    made = desk()
    made.open(deposit=10.0, positions={CALL: -50, PERP: 60_000})
    mark = made.instant.shown[CALL].mark
    found = made.exchange.margin("a")
    forward = made.forward(LISTED[CALL], 60_000.0)
    keep = 10 * (0.01 + 10 * 0.00005) + 5 * (0.075 + mark)
    out = max(0.0, (60_000 - forward) / forward)
    first = 10 * (0.02 + 10 * 0.00005) + 5 * (0.15 - out + mark)
    assert found.time_ms == START
    assert found.equity == pytest.approx(10.0)
    assert found.balance == pytest.approx(10.0 + 5 * mark)  # premium received is in it
    assert found.maintenance == pytest.approx(keep, rel=1e-9)
    assert found.initial == pytest.approx(first, rel=1e-9)
    assert found.ratio == pytest.approx(found.maintenance / found.balance)
    assert found.initial_ratio == pytest.approx(found.initial / found.balance)
    with pytest.raises(VenueRejected, match="not open"):
        made.exchange.margin("b")
    assert Desk().exchange._state.margin is None


def test_the_worse_collateral_counts_unless_they_are_crossed() -> None:
    for crossed in (False, True):
        made = desk((*INVERSE, *LINEAR), crossed=crossed)
        made.open(deposit=10.0, positions={LINEAR_PERP: -100_000})
        found = made.exchange.margin("a")
        value = 10 * 60_000.0
        assert found.maintenance == pytest.approx(value * 0.01 / 60_000)
        assert found.ratio == (pytest.approx(found.maintenance / 10.0) if crossed else float("inf"))


def test_an_order_that_the_account_cannot_bear_says_so() -> None:
    made = desk()
    made.open(deposit=0.1)  # 2 % of 5 coin would be all of it
    report = made.trade(PERP, 30_500)
    assert report.status is OrderStatus.REJECTED
    assert report.reason.startswith("margin: not enough funds: initial margin would be 0.1")
    assert "BTC, expected at most 0.1" in report.reason
    assert made.trade(PERP, 29_000).status is OrderStatus.FILLED
    assert made.trade(PERP, 10_000).status is OrderStatus.REJECTED
    assert made.trade(PERP, -29_000).status is OrderStatus.FILLED  # what gets smaller is taken


def test_resting_orders_count_on_the_side_that_asks_for_more() -> None:
    made = desk()
    made.open(deposit=0.1)
    low = 110_000
    assert made.trade(PERP, 20_000, limit=low, time_in_force="gtc").status is OrderStatus.OPEN
    assert made.trade(PERP, 20_000, limit=low, time_in_force="gtc").status is OrderStatus.REJECTED
    high = 125_000
    assert made.trade(PERP, -20_000, limit=high, time_in_force="gtc").status is OrderStatus.OPEN


def test_premium_is_paid_out_of_the_margin_balance() -> None:
    made = desk()
    made.open(deposit=0.02)
    mark = made.instant.shown[CALL].mark
    assert mark < 0.02 < 2 * mark + 0.02
    assert made.trade(CALL, 100).status is OrderStatus.REJECTED
    assert made.trade(CALL, -10).status is OrderStatus.REJECTED  # 0.15 is asked for


def test_only_what_is_free_can_be_taken_out() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 60_000})
    free = 10.0 - 10 * 0.0205
    with pytest.raises(VenueRejected, match=f"cannot be taken out, expected at most {free:.8g}"):
        made.exchange.transfer("a", "BTC", -free - 1e-6)
    made.log(made.exchange.transfer("a", "BTC", -free + 1e-6))
    assert made.exchange.margin("a").initial_ratio == pytest.approx(1.0, rel=1e-4)


def test_rules_travel_with_the_parameters() -> None:
    wanted = PaperParams(name="p", socket="/s", log="/l", margin=margin_rules(crossed=True))
    raw = msgspec.json.encode(wanted)
    assert msgspec.json.decode(raw, type=PaperParams) == wanted


def test_a_rate_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        margins.tomllib, "loads", lambda _: {"facts": "x", "BTC": {"future": {}, "option": {}}}
    )
    margin_rules.cache_clear()
    with pytest.raises(ConfigError, match=r"margins.toml"):
        margin_rules()
    margin_rules.cache_clear()
