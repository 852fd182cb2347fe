"""The ledger: flat in the chosen numeraire at exposure zero, and nothing made or lost."""

import random
from collections import defaultdict

import pytest

from hedger.core.model import Kind
from hedger.venues.simulator.events import Bar, Funded, Opened, Settled, Traded
from hedger.venues.simulator.ledger import Holding, average_price
from tests.venues.simulator_desk import (
    CALL,
    EXPIRY,
    FUTURE,
    INVERSE,
    LATER,
    LINEAR,
    LINEAR_CALL,
    LINEAR_PERP,
    LINEAR_PUT,
    LISTED,
    MINUTE_MS,
    PERP,
    PUT,
    START,
    Desk,
    fine,
)

INDEX = 60_000.0
INVERSE_BOOK = {CALL: -10.0, PUT: -7.0, LATER: 12.0, FUTURE: 90_000.0}
LINEAR_BOOK = {LINEAR_CALL: -10.0, LINEAR_PUT: 4.0}
MIXED_BOOK = INVERSE_BOOK | LINEAR_BOOK


def exposure(desk, account, numeraire, index):
    """Value change per unit of log index, in coin, by the conventions and the test's own Black."""
    delta, linear_value = 0.0, 0.0
    for name, lots in desk.exchange.positions(account).items():
        contract = desk.instruments[name]
        amount = lots * contract.lot
        mark, black_delta = desk.greeks(name, START, index)
        if contract.inverse and contract.kind is Kind.OPTION:
            delta += amount * (black_delta - mark)
        elif contract.inverse:
            delta += amount / mark
        else:
            forward = mark if contract.kind is not Kind.OPTION else desk.forward(contract, index)
            delta += amount * black_delta * forward / index
    coin, _ = desk.exchange.balances(account)
    linear_value = desk.exchange.equity(account) - coin
    return delta + coin if numeraire == "usd" else delta - linear_value


def hedged(book, hedge, numeraire, *, deposit=25.0):
    """A desk whose account has exposure zero through the hedge instrument."""
    desk = Desk(fine())
    desk.go(START, INDEX)
    held = {name: round(amount / desk.instruments[name].lot) for name, amount in book.items()}
    desk.open("probe", deposit=deposit, positions=held)
    contract = desk.instruments[hedge]
    price, _ = desk.greeks(hedge, START, INDEX)
    amount = -exposure(desk, "probe", numeraire, INDEX) * (price if contract.inverse else 1.0)
    lots = held.get(hedge, 0) + round(amount / contract.lot)
    desk.open("a", deposit=deposit, positions=held | {hedge: lots})
    assert abs(exposure(desk, "a", numeraire, INDEX)) < 1e-8
    return desk


def change(desk, account, numeraire, move):
    """Ledger value change, in coin at the old index, for a relative move of index and all marks."""
    values = []
    for index in (INDEX, INDEX * (1.0 + move)):
        desk.go(START, index)
        coin = desk.exchange.equity(account)
        values.append(coin * index / INDEX if numeraire == "usd" else coin)
    return values[1] - values[0]


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@pytest.mark.parametrize(
    ("book", "hedge"),
    [(INVERSE_BOOK, PERP), (LINEAR_BOOK, LINEAR_PERP), (MIXED_BOOK, PERP), (MIXED_BOOK, FUTURE)],
    ids=["inverse", "linear", "mixed", "mixed-with-future"],
)
def test_at_exposure_zero_value_moves_to_second_order_only(book, hedge, numeraire):
    desk = hedged(book, hedge, numeraire)
    for sign in (1, -1):
        large = change(desk, "a", numeraire, sign * 1e-4)
        small = change(desk, "a", numeraire, sign * 1e-5)
        assert 0.0 < abs(large) < 5e-6
        assert large / small == pytest.approx(100.0, rel=0.02)


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_the_first_order_change_is_the_exposure(numeraire):
    desk = hedged(INVERSE_BOOK, PERP, numeraire)
    for account in ("probe", "a"):
        first = (
            change(desk, account, numeraire, 1e-5) - change(desk, account, numeraire, -1e-5)
        ) / 2
        desk.go(START, INDEX)
        assert first / 1e-5 == pytest.approx(exposure(desk, account, numeraire, INDEX), abs=1e-5)


def test_the_other_numeraire_is_not_flat():
    desk = hedged(INVERSE_BOOK, PERP, "usd")
    assert abs(change(desk, "a", "coin", 1e-4)) > 1e-3


def test_opening_costs_nothing():
    desk = Desk()
    desk.go(START, INDEX)
    desk.open(deposit=3.0, positions={CALL: -100, PUT: 7, PERP: -5_000, LINEAR_PUT: 30, FUTURE: 9})
    assert desk.exchange.equity("a") == pytest.approx(3.0, abs=1e-15)
    assert desk.exchange.valued_equity("a") == pytest.approx(3.0, abs=1e-15)


def test_inverse_profit_is_the_difference_of_reciprocals():
    desk = Desk()
    desk.go(START, 60_000.0)
    desk.open(deposit=1.0)
    entry = desk.trade(PERP, 100).fills[0]
    desk.go(START + MINUTE_MS, 66_000.0)
    leave = desk.trade(PERP, -100).fills[0]
    profit = 1_000.0 * (1 / entry.price - 1 / leave.price) - entry.fee - leave.fee
    assert desk.exchange.equity("a") - 1.0 == pytest.approx(profit, rel=1e-12)


def test_linear_profit_is_in_quote_currency():
    desk = Desk()
    desk.go(START, 60_000.0)
    desk.open(deposit=1.0)
    entry = desk.trade(LINEAR_PERP, -100).fills[0]
    desk.go(START + MINUTE_MS, 54_000.0)
    leave = desk.trade(LINEAR_PERP, 100).fills[0]
    profit = 0.01 * (entry.price - leave.price) - entry.fee - leave.fee
    assert (desk.exchange.equity("a") - 1.0) * 54_000.0 == pytest.approx(profit, rel=1e-9)
    assert desk.exchange.balances("a")[0] == 1.0


def test_average_price_is_harmonic_for_inverse_and_arithmetic_for_linear():
    perp, linear = LISTED[PERP], LISTED[LINEAR_PERP]
    held = Holding(lots=200, basis=-1_000 / 50_000.0 - 1_000 / 60_000.0)
    assert average_price(perp, held) == pytest.approx(2 / (1 / 50_000 + 1 / 60_000))
    held = Holding(lots=-200, basis=-0.01 * 50_000.0 - 0.01 * 60_000.0)
    assert average_price(linear, held) == pytest.approx(55_000.0)
    assert average_price(perp, Holding()) is None


@pytest.mark.parametrize(("lots", "sign"), [(600, -1), (-600, 1)])
def test_longs_pay_a_positive_funding_rate_continuously(lots, sign):
    desk = Desk(funding_rate_8h=0.0008)
    desk.go(START, 60_000.0)
    desk.open(positions={PERP: lots, LINEAR_PERP: lots, CALL: 5, FUTURE: 7})
    for minute in range(1, 481):
        desk.go(START + minute * MINUTE_MS, 60_000.0)
    paid = defaultdict(float)
    for event in desk.events:
        if isinstance(event, Funded):
            paid[event.instrument] += event.amount
    assert paid == pytest.approx(
        {PERP: sign * 0.0008 * 6_000 / 60_000, LINEAR_PERP: sign * 0.0008 * 0.06 * 60_000}
    )


def test_funding_of_a_torn_log_is_not_charged_twice():
    desk = Desk(funding_rate_8h=0.0008)
    desk.go(START, 60_000.0)
    desk.open(positions={PERP: 600})
    desk.go(START + MINUTE_MS, 60_000.0)
    torn = [e for e in desk.events if not (isinstance(e, Bar) and e.ms > START)]
    fresh = Desk(funding_rate_8h=0.0008)
    fresh.exchange.restore(torn)
    fresh.go(START + MINUTE_MS, 60_000.0)
    assert fresh.exchange.equity("a") == desk.exchange.equity("a")
    assert not any(isinstance(e, Funded) for e in fresh.events)


def accumulated(desk, account, index):
    """Equity in coin and gross turnover, from the events alone, by cost and final value."""
    money, turnover, held = defaultdict(float), defaultdict(float), defaultdict(int)

    def book(name, lots, price, fee=0.0):
        contract = LISTED[name]
        amount = lots * contract.lot
        reciprocal = contract.inverse and contract.kind is not Kind.OPTION
        flow = amount / price if reciprocal else -amount * price
        money[contract.settlement] += flow - fee
        turnover[contract.settlement] += abs(flow)
        held[name] += lots

    for event in desk.events:
        if getattr(event, "account", None) != account:
            continue
        if isinstance(event, Opened):
            money["BTC"] += event.deposit
            for name, lots in event.positions.items():
                book(name, lots, event.marks[name])
        elif isinstance(event, Traded):
            book(event.instrument, event.lots, event.price, event.fee)
        elif isinstance(event, Funded):
            money[LISTED[event.instrument].settlement] += event.amount
        elif isinstance(event, Settled):
            book(event.instrument, event.lots, event.value)
    for name, lots in held.items():
        if lots:
            book(name, -lots, desk.instant.shown[name].mark)
    return money["BTC"] + money["USDC"] / index, turnover["BTC"] + turnover["USDC"] / index


@pytest.mark.parametrize("seed", range(4))
def test_equity_is_deposit_plus_fills_fees_funding_and_settlement(seed):
    dice = random.Random(seed)
    desk = Desk(funding_rate_8h=0.0005)
    index = 60_000.0
    desk.go(EXPIRY - 50 * MINUTE_MS, index)
    desk.open(deposit=10.0, positions={name: dice.randint(-50, 50) for name in LISTED})
    for minute in range(-49, 12):
        index *= 1.0 + dice.gauss(0.0, 1e-3)
        desk.go(EXPIRY + minute * MINUTE_MS, index)
        for _ in range(4):
            name = dice.choice([*INVERSE, *LINEAR])
            mark = desk.instant.shown[name].mark if name in desk.instant.shown else 1.0
            limit = dice.choice([None, round(mark / LISTED[name].tick)])
            tif = "gtc" if limit else "ioc"
            desk.trade(name, dice.randint(-150, 150), limit=limit, time_in_force=tif)
    expected, turnover = accumulated(desk, "a", index)
    assert turnover > 5.0
    assert desk.exchange.equity("a") - expected == pytest.approx(0.0, abs=1e-12 * turnover)
    assert {e.instrument for e in desk.events if isinstance(e, Settled)} >= {CALL, FUTURE}
    assert any(isinstance(e, Traded) and e.maker for e in desk.events)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_partial_close_realises_its_share_and_keeps_the_average_price(sign):
    desk = Desk()
    desk.go(START, 60_000.0)
    desk.open(deposit=1.0)
    entry = desk.trade(PERP, sign * 100).fills[0].price
    desk.go(START + MINUTE_MS, 66_000.0)
    leave = desk.trade(PERP, -sign * 40).fills[0].price
    held = desk.exchange._state.ledger.accounts["a"].holdings[PERP]
    assert held.realised == pytest.approx(sign * 400.0 * (1 / entry - 1 / leave), rel=1e-12)
    assert average_price(LISTED[PERP], held) == pytest.approx(entry, rel=1e-12)
    turned = desk.trade(PERP, -sign * 90).fills[-1].price
    assert desk.exchange.positions("a") == {PERP: -sign * 30}
    assert average_price(LISTED[PERP], held) == pytest.approx(turned, rel=1e-12)


def test_realised_profit_adds_up_to_the_cash():
    """Fees aside, cash of a futures-only account is its deposit plus what it realised."""
    dice = random.Random(7)
    desk = Desk()
    desk.go(START, 60_000.0)
    desk.open(deposit=2.0)
    for minute in range(60):
        desk.go(START + minute * MINUTE_MS, 60_000.0 + dice.uniform(-500, 500))
        desk.trade(PERP, dice.randint(-300, 300))
    account = desk.exchange._state.ledger.accounts["a"]
    realised = account.holdings[PERP].realised
    assert abs(realised) > 1e-4
    assert account.cash["BTC"] == pytest.approx(2.0 + realised - account.fees["BTC"], rel=1e-13)
