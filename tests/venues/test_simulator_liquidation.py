"""Liquidation, bankruptcy and deleveraging: by hand, and laws on random markets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hedger.core.model import FillKind, OrderStatus
from hedger.venues.paper.margins import margin_rules
from hedger.venues.simulator.bankruptcy import ranking
from hedger.venues.simulator.collateral import standings
from hedger.venues.simulator.events import Bar, Covered, Funded, Opened, Traded, decoded, encoded
from hedger.venues.simulator.exchange import Exchange
from hedger.venues.simulator.ledger import worth
from hedger.venues.simulator.liquidation import liquidations
from tests.venues.simulator_desk import (
    CALL,
    INVERSE,
    LATER,
    LINEAR,
    LINEAR_PERP,
    LISTED,
    PERP,
    PUT,
    START,
    Desk,
)

SECOND = 1_000
DEEP = (10**7,)
RULES = margin_rules()


def desk(names: tuple[str, ...] = INVERSE, **changes: object) -> Desk:
    """A market of 60,000 with rules of margin."""
    made = Desk({n: LISTED[n] for n in names}, margin=msgspec.structs.replace(RULES, **changes))
    made.go(START, 60_000.0, depth=DEEP)
    return made


def kinds(events: list) -> list[str]:
    return [e.kind for e in events if isinstance(e, Traded)]


def edge() -> float:
    """Where 6 million USD, bought at 60,000 with 10 coin, are liquidated.

    With x = 6 million / spot coin of it, 10 + 100 - x = x (0.01 + 0.00005 x).
    """
    x = (-1.01 + (1.01**2 + 4 * 0.00005 * 110) ** 0.5) / (2 * 0.00005)
    return 6_000_000 / x


def test_a_lone_inverse_long_is_liquidated_where_the_formula_says() -> None:
    for spot, is_liquidated in ((edge() * 1.0005, False), (edge() * 0.9995, True)):
        made = desk()
        made.open(deposit=10.0, positions={PERP: 600_000})
        events = made.go(START + SECOND, spot, depth=DEEP)
        assert (FillKind.LIQUIDATION in kinds(events)) is is_liquidated


def test_partial_closes_stop_as_soon_as_the_margin_is_enough() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    spot = edge() * (1 - 3e-5)
    events = made.go(START + SECOND, spot, depth=DEEP)
    fills = [e for e in events if isinstance(e, Traded)]
    assert {e.kind for e in fills} == {"liquidation"}
    assert len(fills) < 20  # rounds of a second
    assert all(e.lots == -200 for e in fills)  # 2,000 USD each
    assert made.exchange.margin("a").ratio < 1.0
    assert made.exchange.margin("a").ratio > 1.0 - 5e-4  # and not further
    assert kinds(made.go(START + 2 * SECOND, spot, depth=DEEP)) == []


def test_a_round_costs_the_takers_fee_and_one_for_the_fund() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    before = made.exchange.insurance("BTC")
    fills = [e for e in made.go(START + SECOND, 55_350.0, depth=DEEP) if isinstance(e, Traded)]
    for fill in fills:
        coin = 2_000 / fill.price
        assert fill.fee == pytest.approx(coin * (0.0005 + 0.0075), rel=1e-9)
        assert fill.insured == pytest.approx(coin * 0.0075, rel=1e-9)
    assert made.exchange.insurance("BTC") - before == pytest.approx(sum(f.insured for f in fills))


def test_rounds_are_limited_by_time_and_by_what_is_quoted() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    slow = made.go(START + SECOND, 55_000.0, depth=DEEP)
    assert len(kinds(slow)) == 20
    thin = made.go(START + 2 * SECOND, 55_000.0, depth=(150,))
    assert sum(e.lots for e in thin if isinstance(e, Traded)) == -150
    none = made.go(START + 3 * SECOND, 55_000.0, depth=())
    assert kinds(none) == []


def test_resting_orders_go_first_and_say_why() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    assert (
        made.trade(PERP, 1_000, limit=60_000, time_in_force="gtc", client_id="r").status == "open"
    )
    made.go(START + SECOND, 55_000.0, depth=DEEP)
    report = made.exchange.query("a", "r")
    assert (report.status, report.reason) == (OrderStatus.CANCELLED, "cancelled by liquidation")


def test_of_a_hedged_book_what_brings_delta_to_zero_is_closed_first() -> None:
    # short calls and the long perpetual that hedges them: the perpetual alone must not go
    made = desk()
    made.open(deposit=0.82, positions={CALL: -100, PERP: 30_000})
    events = made.go(START + SECOND, 61_500.0, depth=DEEP)
    names = [e.instrument for e in events if isinstance(e, Traded)]
    assert names
    assert set(names) == {CALL}
    # as the calls go the perpetual is too much, and a fall takes it
    for second in range(2, 60):
        events += made.go(START + second * SECOND, 61_500.0 - 400 * second, depth=DEEP)
    assert {e.instrument for e in events if isinstance(e, Traded)} == {CALL, PERP}


def test_a_bankrupt_account_owes_nothing_and_the_fund_pays() -> None:
    made = desk(insurance={"BTC": 100.0})
    made.open(deposit=10.0, positions={PERP: 600_000})
    made.open("b", deposit=50.0, positions={PERP: -100_000})
    events = made.go(START + SECOND, 50_000.0, depth=DEEP)
    assert made.exchange.positions("a") == {}
    assert made.exchange.equity("a") == 0.0
    paid = [e for e in events if isinstance(e, Covered)]
    assert [e.amount for e in paid] == [pytest.approx(120.0 - 110.0)]
    assert made.exchange.insurance("BTC") == pytest.approx(90.0)
    assert made.exchange.positions("b") == {PERP: -100_000}  # nobody was deleveraged


def test_without_a_fund_the_other_side_is_deleveraged_at_the_price_of_bankruptcy() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    made.open("calm", deposit=50.0, positions={PERP: -100_000})
    made.open("bold", deposit=5.0, positions={PERP: -400_000})
    made.open("long", deposit=500.0, positions={PERP: 100_000})
    events = made.go(START + SECOND, 50_000.0, depth=DEEP)
    # 110 - 6,000,000 / p = 0
    price = 6_000_000 / 110
    fills = [e for e in events if isinstance(e, Traded)]
    assert [(e.account, e.kind, e.lots) for e in fills] == [
        ("a", "liquidation", -600_000),
        ("bold", "deleveraging", 400_000),
        ("calm", "deleveraging", 100_000),
    ]
    assert all(e.price == pytest.approx(price) and e.fee == 0.0 for e in fills)
    assert made.exchange.equity("a") == pytest.approx(0.0, abs=1e-9)
    assert made.exchange.insurance("BTC") == pytest.approx(0.0, abs=1e-9)
    assert made.exchange.positions("long") == {PERP: 100_000}
    told = made.exchange.fills("bold", 0)
    assert [(f.kind, f.lots) for f in told] == [("deleveraging", 400_000)]


def test_the_rank_is_profit_times_leverage() -> None:
    made = desk()
    made.open("calm", deposit=50.0, positions={PERP: -100_000})
    made.open("bold", deposit=5.0, positions={PERP: -100_000})
    made.open("lost", deposit=5.0, positions={PERP: 100_000})
    made.go(START + SECOND, 57_000.0, depth=DEEP)
    rows = ranking(made.exchange._state, LISTED[PERP], is_long=False)
    assert [row.account for row in rows] == ["bold", "calm"]
    profit = (1e6 / 57_000 - 1e6 / 60_000) / (1e6 / 60_000)
    size = 1e6 / 57_000
    gain = 1e6 / 57_000 - 1e6 / 60_000
    assert rows[0].score == pytest.approx(profit * size / (5 + gain))
    assert rows[1].score == pytest.approx(profit * size / (50 + gain))
    assert made.exchange.deleveraging_rank("calm", PERP) == (2, 2)
    assert made.exchange.deleveraging_rank("lost", PERP) == (1, 1)
    assert made.exchange.deleveraging_rank("lost", CALL) is None


def test_a_linear_account_in_quote_currency_ends_the_same_way() -> None:
    made = desk((*INVERSE, *LINEAR))
    made.open(deposit=1.0, currency="USDC", positions={LINEAR_PERP: 100_000})  # 10 coin on 60,000
    made.open("b", deposit=10.0, currency="USDC", positions={LINEAR_PERP: -100_000})
    events = made.go(START + SECOND, 53_000.0, depth=DEEP)
    fills = [e for e in events if isinstance(e, Traded)]
    assert [(e.account, e.kind) for e in fills] == [("a", "liquidation"), ("b", "deleveraging")]
    assert fills[0].price == pytest.approx(54_000.0)
    assert made.exchange.equity("a") == pytest.approx(0.0, abs=1e-9)


def test_an_account_with_an_unknown_mark_is_left_alone() -> None:
    made = desk()
    made.open(deposit=10.0, positions={PERP: 600_000})
    made.exchange._state.market._shown.pop(PERP)
    assert list(liquidations(made.exchange._state, elapsed_ms=SECOND)) == []


# --- laws -------------------------------------------------------------------------------------

NAMES = (PERP, CALL, PUT, LATER)
positions = st.fixed_dictionaries(
    {
        PERP: st.integers(-400_000, 400_000),
        CALL: st.integers(-200, 100),
        PUT: st.integers(-200, 100),
        LATER: st.integers(-100, 50),
    }
)
moves = st.lists(st.floats(-0.12, 0.12), min_size=1, max_size=6)
worlds = st.tuples(
    st.lists(st.tuples(positions, st.floats(0.05, 30.0)), min_size=1, max_size=4),
    moves,
    st.sampled_from([0.0, 1.0, 1_000.0]),
    st.booleans(),
)


def played(
    world: tuple, check: Callable[[Desk, list[str]], None] = lambda made, names: None
) -> tuple[Desk, list[str]]:
    """A market on which accounts are opened, moved and liquidated."""
    accounts, walk, fund, crossed = world
    made = Desk(
        {n: LISTED[n] for n in NAMES},
        margin=msgspec.structs.replace(RULES, insurance={"BTC": fund}, crossed=crossed),
        funding_rate_8h=0.01,
    )
    index = 60_000.0
    made.go(START, index, depth=(20_000, 30_000))
    names = [f"a{n}" for n in range(len(accounts))]
    for name, (held, deposit) in zip(names, accounts, strict=True):
        made.open(name, deposit=deposit, positions=held)
    for step, move in enumerate(walk, start=1):
        index *= 1.0 + move
        made.go(START + step * 5 * SECOND, index, depth=(20_000, 30_000))
        check(made, names)
    return made, names


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_what_accounts_fund_and_market_win_is_zero(world: tuple) -> None:
    """The market is the other side of every fill; fees are the venue's."""
    made, names = played(world)
    exchange = made.exchange
    other: dict[str, int] = defaultdict(int)
    market_cash = fees = funding = covered = deposits = insured = 0.0
    for event in made.events:
        if isinstance(event, Opened):
            deposits += event.deposit
        if isinstance(event, Opened):
            trades = [(n, q, event.marks[n]) for n, q in event.positions.items()]
        elif isinstance(event, Traded):
            trades = [(event.instrument, event.lots, event.price)]
            fees += event.fee
            insured += event.insured
        else:
            trades = []
        for name, lots, price in trades:
            other[name] -= lots
            market_cash += worth(LISTED[name], lots, price)
        if isinstance(event, Funded):
            funding += event.amount
        if isinstance(event, Covered):
            covered += event.amount
    mark = exchange._state.market.shown_mark
    market = market_cash + sum(worth(LISTED[n], q, mark(n)) for n, q in other.items())
    ours = sum(exchange.equity(name) for name in names) - deposits
    scale = 1.0 + abs(market) + deposits
    assert ours + market + fees - funding - covered == pytest.approx(0.0, abs=1e-9 * scale)
    fund = exchange.insurance("BTC") - world[2]
    assert fund == pytest.approx(insured - covered, abs=1e-9 * scale)


def own_equity(made: Desk, account: str) -> float:
    """Deposit, what every fill has won since its price, fees, funding and the fund: no more."""
    mark = made.exchange._state.market.shown_mark
    total = 0.0
    for event in made.events:
        if isinstance(event, Bar) or event.account != account:
            continue
        if isinstance(event, Opened):
            total += event.deposit
            trades = [(n, q, event.marks[n]) for n, q in event.positions.items()]
        elif isinstance(event, Traded):
            total -= event.fee
            trades = [(event.instrument, event.lots, event.price)]
        else:
            trades = []
            total += event.amount if isinstance(event, Funded | Covered) else 0.0
        for name, lots, price in trades:
            total += worth(LISTED[name], lots, mark(name)) - worth(LISTED[name], lots, price)
    return total


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_equity_moves_by_marks_fills_fees_funding_and_the_fund_alone(world: tuple) -> None:
    def check(made: Desk, names: list[str]) -> None:
        for name in names:
            equity = made.exchange.equity(name)
            assert equity == pytest.approx(own_equity(made, name), abs=1e-7)

    played(world, check)


@settings(max_examples=30, deadline=None)
@given(worlds)
def test_a_log_gives_the_same_accounts_and_fund_back(world: tuple) -> None:
    made, names = played(world)
    restored = Exchange(
        instruments=made.instruments, margin=made.exchange._state.margin, funding_rate_8h=0.01
    )
    restored.restore(decoded(encoded(event)) for event in made.events)
    for name in names:
        assert restored.positions(name) == made.exchange.positions(name)
        cash = restored._state.ledger.accounts[name].cash
        assert cash == made.exchange._state.ledger.accounts[name].cash
        assert restored.fills(name, 0) == made.exchange.fills(name, 0)
    assert restored.insurance("BTC") == made.exchange.insurance("BTC")


@settings(max_examples=60, deadline=None)
@given(worlds)
def test_no_round_raises_what_is_asked(world: tuple) -> None:
    """At unchanged marks, fill by fill; an account that is not called is never liquidated."""
    accounts, walk, fund, crossed = world
    rules = msgspec.structs.replace(RULES, insurance={"BTC": fund}, crossed=crossed)
    made = Desk({n: LISTED[n] for n in NAMES})
    made.go(START, 60_000.0, depth=(20_000, 30_000))
    for number, (held, deposit) in enumerate(accounts):
        made.open(f"a{number}", deposit=deposit, positions=held)
    index = 60_000.0 * (1.0 + walk[0])
    made.go(START + SECOND, index, depth=(20_000, 30_000))
    state = made.exchange._state
    state.margin = rules

    def asks(account: str) -> float:
        return sum(side.maintenance for side in standings(state, rules, account))

    called = {
        f"a{n}" for n in range(len(accounts))
        if any(s.is_called for s in standings(state, rules, f"a{n}"))
    }  # fmt: skip
    for event in liquidations(state, elapsed_ms=5 * SECOND):
        before = asks(event.account)
        state.apply(event)
        assert asks(event.account) <= before + 1e-9
        if isinstance(event, Traded) and event.kind == FillKind.LIQUIDATION:
            assert event.account in called
