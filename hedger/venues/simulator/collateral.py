"""What an account has against what is asked of it, now and after an order.

The margin balance is equity less the options' value: premium received is in it, premium paid is
not, and what a short option asks for contains its mark (a captured account summary of the venue
shows the identity). Long options ask for nothing and back nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from hedger.core.model import AccountMargin, Instrument, Kind, Order
from hedger.errors import MissingQuote
from hedger.venues.simulator.ledger import worth
from hedger.venues.simulator.margin import MarginRules, asked
from hedger.venues.simulator.state import State

__all__ = ["Standing", "order_fault", "standings", "summary", "withdrawal_fault"]


class Standing(NamedTuple):
    """One collateral of an account against what is asked of it, all in one unit.

    ``balance`` is what counts as margin: ``equity`` less the options' value.
    """

    equity: float
    balance: float
    initial: float
    maintenance: float

    @property
    def is_called(self) -> bool:
        """Whether the venue liquidates."""
        return self.maintenance > 0.0 and self.maintenance >= self.balance

    def over(self, amount: float) -> float:
        """An amount over the margin balance; infinite where something is asked of nothing."""
        if amount <= 0.0 <= self.balance:
            return 0.0
        return amount / self.balance if self.balance > 0.0 else inf


class _Sums(NamedTuple):
    """What positions ask for and what their options are worth, in one settlement currency."""

    initial: float = 0.0
    maintenance: float = 0.0
    options: float = 0.0

    def plus(self, initial: float, maintenance: float, options: float) -> _Sums:
        return _Sums(self.initial + initial, self.maintenance + maintenance, self.options + options)


def standings(state: State, rules: MarginRules, account: str) -> tuple[Standing, ...]:
    """Coin side and quote side, or one in coin where they are crossed; raises `MissingQuote`."""
    held = state.positions(account)
    underlying = state.ledger.accounts[account].underlying
    coin, quote = _sums(state, rules, held, underlying)
    equity, other = state.ledger.balances(account, state.market.shown_mark)
    sides = (
        Standing(equity, equity - coin.options, coin.initial, coin.maintenance),
        Standing(other, other - quote.options, quote.initial, quote.maintenance),
    )
    if not rules.crossed:
        return sides
    index = state.market.index_of(underlying)
    return (Standing(*(a + b / index for a, b in zip(*sides, strict=True))),)


def summary(state: State, rules: MarginRules, account: str) -> AccountMargin:
    """An account's margin as its owner reads it, in coin; raises `MissingQuote`."""
    sides = standings(state, rules, account)
    index = state.market.index_of(state.ledger.accounts[account].underlying)
    totals = list(sides[0])
    for side in sides[1:]:
        totals = [a + b / index for a, b in zip(totals, side, strict=True)]
    return AccountMargin(
        account=account,
        time_ms=state.market.time_ms,
        equity=totals[0],
        balance=totals[1],
        initial=totals[2],
        maintenance=totals[3],
        ratio=max(side.over(side.maintenance) for side in sides),
        initial_ratio=max(side.over(side.initial) for side in sides),
    )


def order_fault(state: State, rules: MarginRules, order: Order, instrument: Instrument) -> str:
    """Why the account cannot bear this order; empty if it can, or if it only gets smaller by it.

    Everything that rests is taken to fill, on whichever side of each instrument asks for more. The
    premium of a bought option leaves the margin balance, that of a sold one joins it.
    """
    account = state.ledger.accounts[order.account]
    held = account.lots(order.instrument)
    if held * order.lots < 0 and abs(order.lots) <= abs(held):
        return ""
    try:
        sides = standings(state, rules, order.account)
        asks = _worst(state, rules, order)
        mark, _ = _priced(state, instrument)
    except MissingQuote as error:
        return f"margin: {error}"
    premium = 0.0
    if instrument.kind is Kind.OPTION:
        limit = order.limit_ticks
        premium = worth(instrument, order.lots, mark if limit is None else limit * instrument.tick)
    place = int(instrument.settlement != account.underlying)
    unit, balance, after = instrument.settlement, sides[0].balance, asks[place]
    if rules.crossed:
        index = state.market.index_of(account.underlying)
        unit, after = account.underlying, asks[0] + asks[1] / index
        premium /= index if place else 1.0
    else:
        balance = sides[place].balance
    if after <= balance - premium:
        return ""
    return (
        f"margin: not enough funds: initial margin would be {after:.8g} {unit}, "
        f"expected at most {balance - premium:.8g}"
    )


def withdrawal_fault(
    state: State, rules: MarginRules, account: str, currency: str, amount: float
) -> str:
    """Why so much cannot be taken out; empty if the initial margin stays covered without it."""
    try:
        sides = standings(state, rules, account)
        underlying = state.ledger.accounts[account].underlying
        is_coin = currency == underlying
        if rules.crossed and not is_coin:
            amount /= state.market.index_of(underlying)
    except MissingQuote as error:
        return f"margin: {error}"
    side = sides[0 if rules.crossed or is_coin else 1]
    free = side.balance - side.initial
    if amount <= free:
        return ""
    return f"margin: {amount:.8g} cannot be taken out, expected at most {max(free, 0.0):.8g}"


def _worst(state: State, rules: MarginRules, order: Order) -> tuple[float, float]:
    """Initial margin in coin and in quote currency, with what rests and this order."""
    account = state.ledger.accounts[order.account]
    reach = {name: [lots, lots] for name, lots in account.positions().items()}
    resting = [
        (seen.instrument, seen.lots - seen.filled)
        for seen in state.orders.resting.values()
        if seen.account == order.account and not seen.reduce_only
    ]
    for name, lots in (*resting, (order.instrument, order.lots)):
        ends = reach.setdefault(name, [0, 0])
        ends[lots > 0] += lots
    totals = [0.0, 0.0]
    for name, ends in reach.items():
        instrument = state.instruments[name]
        mark, forward = _priced(state, instrument)
        totals[instrument.settlement != account.underlying] += max(
            asked(rules, instrument, lots, mark=mark, forward=forward)[0] for lots in ends
        )
    return totals[0], totals[1]


def _sums(
    state: State, rules: MarginRules, held: Mapping[str, int], underlying: str
) -> tuple[_Sums, _Sums]:
    """Of positions settled in coin, and of the rest; raises `MissingQuote`."""
    found = [_Sums(), _Sums()]
    for name, lots in held.items():
        instrument = state.instruments[name]
        mark, forward = _priced(state, instrument)
        first, keep = asked(rules, instrument, lots, mark=mark, forward=forward)
        value = worth(instrument, lots, mark) if instrument.kind is Kind.OPTION else 0.0
        place = instrument.settlement != underlying
        found[place] = found[place].plus(first, keep, value)
    return found[0], found[1]


def _priced(state: State, instrument: Instrument) -> tuple[float, float]:
    """Mark, and the price of the underlying at the expiry; raises `MissingQuote`."""
    shown = state.market.shown(instrument.name)
    forward = shown.forward
    return shown.mark, state.market.index_of(instrument.underlying) if forward is None else forward
