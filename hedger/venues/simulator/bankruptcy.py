"""The end of an account without equity: takeover, insurance fund, auto-deleveraging, its rank."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hedger.core.model import FillKind, Instrument, Kind
from hedger.venues.simulator.collateral import Standing
from hedger.venues.simulator.deals import deal
from hedger.venues.simulator.events import Covered, Event
from hedger.venues.simulator.ledger import worth
from hedger.venues.simulator.margin import MarginRules
from hedger.venues.simulator.matching import Take
from hedger.venues.simulator.state import State

__all__ = ["Ranked", "ranking", "taken_over"]


class Ranked(NamedTuple):
    """One account on a side of an instrument, and how soon it is deleveraged."""

    account: str
    lots: int
    score: float


def ranking(state: State, instrument: Instrument, *, is_long: bool) -> list[Ranked]:
    """Who is deleveraged first: the holders of one side by profit times leverage, highest first.

    Notes
    -----
    Profit is the position's, over its value at entry; leverage the position's value over the
    account's equity, all at the shown marks. A loss is divided by the leverage instead, so that
    among losers, too, the riskier comes first. Who has no equity comes first of those who win, and
    first of those who lose.
    """
    rows = []
    mark = state.market.shown_mark
    index = state.market.index_of(instrument.underlying)
    for name, account in state.ledger.accounts.items():
        holding = account.holdings.get(instrument.name)
        if holding is None or not holding.lots or (holding.lots > 0) is not is_long:
            continue
        value = worth(instrument, holding.lots, mark(instrument.name))
        profit = (value - holding.basis) / abs(holding.basis)
        coin, other = state.ledger.balances(name, mark)
        equity = coin + other / index
        size = abs(value) if instrument.settlement == account.underlying else abs(value) / index
        leverage = size / equity if equity > 0.0 else float("inf")
        score = profit * leverage if profit > 0.0 else profit / leverage
        rows.append(Ranked(name, holding.lots, score))
    return sorted(rows, key=lambda row: (-row.score, row.account))


def taken_over(
    state: State, rules: MarginRules, account: str, sides: tuple[Standing, ...]
) -> Iterator[Event]:
    """Close everything that a bankrupt collateral stood behind, and settle what is owed."""
    holder = state.ledger.accounts[account]
    for place, side in enumerate(sides):
        if side.equity > 0.0 or side.maintenance <= 0.0:
            continue
        names = [
            name
            for name in holder.positions()
            if rules.crossed or _place(state, account, name) == place
        ]
        lacking = max(-side.equity - _fund(state, rules, account, place), 0.0)
        futures = [n for n in names if state.instruments[n].kind is not Kind.OPTION]
        for name in sorted(names, key=lambda n: (n not in futures, n)):
            debt = lacking if name in futures else 0.0
            lacking -= debt
            yield from _closed(state, rules, account, name, debt)
        for currency, amount in list(holder.cash.items()):
            is_ours = rules.crossed or int(currency != holder.underlying) == place
            if is_ours and amount:
                yield Covered(
                    ms=state.market.time_ms, account=account, currency=currency, amount=-amount
                )


def _closed(
    state: State, rules: MarginRules, account: str, name: str, debt: float
) -> Iterator[Event]:
    """One position at its mark, or beside it so that the other side bears the debt.

    ``debt`` is in coin or quote currency, as the side of the account counts.
    """
    instrument = state.instruments[name]
    lots = state.ledger.accounts[account].lots(name)
    mark = state.market.shown_mark(name)
    if rules.crossed and instrument.settlement != state.ledger.accounts[account].underlying:
        debt *= state.market.index_of(instrument.underlying)
    price = _price(instrument, lots, mark, debt)
    left = -lots
    yield deal(
        state, account, instrument, Take(price, left), fee=0.0, kind=FillKind.LIQUIDATION, mid=mark
    )
    if price == mark:
        return
    for row in ranking(state, instrument, is_long=lots < 0):
        part = min(abs(left), abs(row.lots))
        if not part:
            return
        signed = -part if row.lots > 0 else part
        left += signed
        yield deal(
            state,
            row.account,
            instrument,
            Take(price, signed),
            fee=0.0,
            kind=FillKind.DELEVERAGING,
            mid=mark,
        )


def _price(instrument: Instrument, lots: int, mark: float, debt: float) -> float:
    """Where closing gains so much more than at the mark, as far as a price can bear it."""
    if debt <= 0.0:
        return mark
    wanted = worth(instrument, lots, mark) + debt
    if not instrument.inverse:
        price = wanted / (lots * instrument.lot)
    else:
        price = -lots * instrument.lot / wanted if wanted * lots < 0.0 else mark
    # A price beyond ten times the mark would be a debt that no position of this size explains.
    return min(max(price, 0.1 * mark), 10.0 * mark)


def _place(state: State, account: str, name: str) -> int:
    return int(state.instruments[name].settlement != state.ledger.accounts[account].underlying)


def _fund(state: State, rules: MarginRules, account: str, place: int) -> float:
    """What the insurance fund has in one collateral, at least zero."""
    holder = state.ledger.accounts[account]
    underlying = holder.underlying
    total = 0.0
    index = state.market.index_of(underlying)
    for currency in holder.cash:
        is_coin = currency == underlying
        if not rules.crossed and int(not is_coin) != place:
            continue
        amount = rules.insurance.get(currency, 0.0) + state.ledger.insurance.get(currency, 0.0)
        total += amount if is_coin or not rules.crossed else amount / index
    return max(total, 0.0)
