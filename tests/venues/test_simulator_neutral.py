"""What decide() plans makes the exchange's own ledger flat to first order, whatever is held."""

import random

import pytest

from hedger.backtest.exposure import at_fill
from hedger.backtest.journalled import told
from hedger.core.book import book
from hedger.core.decide import decide
from hedger.core.market import Board
from hedger.core.model import (
    Account,
    BandRule,
    BookState,
    HedgeRule,
    Kind,
    LimitRule,
    Quote,
    Rules,
)
from hedger.venues.simulator.events import Traded
from tests.venues.simulator_desk import (
    FUTURE,
    LINEAR_CALL,
    LISTED,
    PERP,
    START,
    Desk,
    fine,
)
from tests.venues.simulator_desk import LINEAR_PERP as LINEAR

HEDGES = (PERP, LINEAR, FUTURE)
LIMITS = LimitRule(order_max=1e9, per_minute_max=1e9, position_max=1e9, first_trade_max=1e9)


def rules(numeraire, buy, sell, *, half=1e-9):
    return Rules(
        config="test",
        numeraire=numeraire,
        hedge=HedgeRule(buy=buy, sell=sell),
        band=BandRule(lower=-half, upper=half, rehedge_to="centre"),
        limits=LIMITS,
    )


def decision(desk, rule, index):
    """What is decided on exactly what the exchange shows and tells."""
    board, now = Board(desk.instruments), desk.instant.time_ms
    for name, shown in desk.instant.shown.items():
        price = max(shown.mark, desk.instruments[name].tick)
        board.apply(
            Quote(
                instrument=name,
                time_ms=now,
                bid=price,
                ask=price,
                mark=shown.mark,
                vol=shown.vol,
                forward=shown.forward,
                index=index,
            )
        )
    coin, quote = desk.exchange.balances("a")
    board.apply_account(Account(account="a", time_ms=now, equity=coin, quote_equity=quote))
    state = BookState(book="b", seq=1, digest="", positions=desk.exchange.positions("a"))
    hedges = {rule.hedge.buy, rule.hedge.sell}
    held = book(state, desk.instruments, account="a", hedges=hedges)
    return decide(held, board.market(), rule, now)


def some_book(rng, instruments, index):
    """Up to 8 coin of some of everything."""
    lots = {}
    for name in rng.sample(sorted(instruments), rng.randint(1, len(instruments))):
        contract = instruments[name]
        in_usd = contract.inverse and contract.kind is not Kind.OPTION
        amount = rng.uniform(-8.0, 8.0) * (index if in_usd else 1.0)
        lots[name] = round(amount / contract.lot)
    return lots


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
@pytest.mark.parametrize("seed", range(20))
def test_the_ledger_is_flat_once_the_plan_is_executed(seed, numeraire):
    rng = random.Random(seed)
    index = rng.uniform(30_000.0, 90_000.0)
    rule = rules(numeraire, rng.choice(HEDGES), rng.choice(HEDGES))
    desk = Desk(fine())
    desk.go(START, index)
    desk.open(deposit=25.0, positions=some_book(rng, desk.instruments, index) | {PERP: 10**10})
    index *= rng.uniform(0.85, 1.2)  # so that quote currency was made or lost
    desk.go(START, index)
    for _ in range(2):  # the second trade takes up the cost of the first
        plan = decision(desk, rule, index).plan
        for line in plan.lines if plan else ():
            desk.go(START, index, depth=(1e18,))
            assert desk.trade(line.instrument, line.lots).filled == line.lots

    def value(move):
        desk.go(START, index * (1.0 + move))
        return desk.exchange.equity("a") * (1.0 + move if numeraire == "usd" else 1.0)

    for step in (1e-4, 1e-5):
        assert abs(value(step) - value(-step)) / (2 * step) < 2e-4


@pytest.mark.parametrize("currency", ["", "USDC"])
@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_a_linear_account_is_flat_whatever_its_deposit_is_held_in(numeraire, currency):
    rule, index = rules(numeraire, LINEAR, LINEAR), 60_000.0
    desk = Desk(fine())
    desk.go(START, index)
    desk.open(deposit=4.0, positions={LINEAR_CALL: -10_000}, currency=currency)
    assert desk.exchange.equity("a") == pytest.approx(4.0, rel=1e-12)
    coin, quote = desk.exchange.balances("a")
    assert (coin, round(quote)) == ((0.0, 240_000) if currency else (4.0, 0))
    for _ in range(2):
        plan = decision(desk, rule, index).plan
        for line in plan.lines if plan else ():
            desk.go(START, index, depth=(1e18,))
            assert desk.trade(line.instrument, line.lots).filled == line.lots

    def value(move):
        desk.go(START, index * (1.0 + move))
        return desk.exchange.equity("a") * (1.0 + move if numeraire == "usd" else 1.0)

    assert abs(value(1e-4) - value(-1e-4)) / 2e-4 < 2e-4


@pytest.mark.parametrize("numeraire", ["usd", "coin"])
def test_the_report_judges_a_fill_by_the_same_delta(numeraire):
    desk = Desk()
    desk.go(START, 60_000.0)
    held = dict.fromkeys(LISTED, 70) | {LINEAR_CALL: -900}
    desk.open(deposit=3.0, positions=held)
    desk.go(START, 54_000.0)
    desk.trade(LINEAR, -3)
    fill = next(e for e in desk.events if isinstance(e, Traded))
    rule = rules(numeraire, PERP, LINEAR)
    judged = at_fill(fill, rule, desk.instruments.__getitem__, told(()))
    seen = decision(desk, rule, 54_000.0).exposure
    assert judged.delta == pytest.approx(seen.book_delta, abs=1e-7)
