"""Orders and hedges of one account, counted from the trade log."""

from __future__ import annotations

from typing import NamedTuple

from hedger.backtest.exposure import AtFill, at_fill
from hedger.backtest.history import History
from hedger.backtest.journalled import Told
from hedger.backtest.ledger import Contracts
from hedger.core.model import Instrument, Kind, OrderStatus, Rules
from hedger.venues.simulator.events import Traded

SLACK = 1e-9


class Trades(NamedTuple):
    """What became of the orders; turnover in quote currency, and the share that ended in band."""

    hedges: int
    orders: int
    rejected: int
    unfilled: int
    partial: int
    turnover_usd: float
    in_band: int
    judged: int


def trades(history: History, rules: Rules, contracts: Contracts, known: Told) -> Trades:
    """Count orders by their last state; a hedge is an order of which something was filled."""
    hedges = {rules.hedge.buy, rules.hedge.sell}
    last: dict[str, Traded] = {}
    turnover = 0.0
    for _, trade in history.fills:
        turnover += notional(contracts(trade.instrument), trade)
        if trade.instrument in hedges:
            last[trade.client_id] = trade
    places = [at for trade in last.values() if (at := at_fill(trade, rules, contracts, known))]
    orders = history.orders
    return Trades(
        hedges=len(last),
        orders=len(orders),
        rejected=sum(order.status is OrderStatus.REJECTED for order in orders),
        unfilled=sum(
            order.status is OrderStatus.CANCELLED and order.filled == 0 for order in orders
        ),
        partial=sum(0 < abs(order.filled) < abs(order.lots) for order in orders),
        turnover_usd=turnover,
        in_band=sum(_inside(at) for at in places),
        judged=len(places),
    )


def notional(instrument: Instrument, trade: Traded) -> float:
    """Size of a fill in quote currency."""
    amount = abs(trade.lots) * instrument.lot
    if instrument.kind is Kind.OPTION:
        return amount * trade.index
    return amount if instrument.inverse else amount * trade.price


def _inside(at: AtFill) -> bool:
    return at.lower - SLACK <= at.delta <= at.upper + SLACK
