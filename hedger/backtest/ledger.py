"""Our own count of one account: positions and balances from fills, funding and settlements.

Every instrument counts the same way, by what its lots are worth at a price: buying takes that much
out of the balance, holding is worth that much at the mark. An inverse future of A USD is worth
``-A / price`` coin, so a round trip leaves ``A / entry - A / exit``. There is no average price and
no realised profit here, which makes this other code than the exchange's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hedger.core.model import Instrument, Kind

Contracts = Callable[[str], Instrument]
Number = TypeVar("Number", float, NDArray[np.float64])


class Money(NamedTuple):
    """Amounts in coin of the underlying and in quote currency."""

    coin: float = 0.0
    quote: float = 0.0

    def plus(self, other: Money) -> Money:
        """The sum, currency by currency."""
        return Money(self.coin + other.coin, self.quote + other.quote)

    def minus(self, other: Money) -> Money:
        """The difference, currency by currency."""
        return Money(self.coin - other.coin, self.quote - other.quote)


def money(instrument: Instrument, amount: float) -> Money:
    """An amount in the currency that the instrument settles in."""
    if instrument.settlement == instrument.underlying:
        return Money(coin=amount)
    return Money(quote=amount)


def worth(instrument: Instrument, lots: Number, price: Number) -> Number:
    """What lots are worth at a price, in settlement currency; of numbers or of whole columns.

    Examples
    --------
    >>> from hedger.venues.deribit.contracts import instrument
    >>> perpetual = instrument("BTC-PERPETUAL")
    >>> worth(perpetual, 6_000.0, 60_000.0), worth(perpetual, -6_000.0, 60_000.0)
    (-1.0, 1.0)
    """
    if instrument.inverse and instrument.kind is not Kind.OPTION:
        return -lots * instrument.lot / price
    return lots * instrument.lot * price


class Cost(NamedTuple):
    """What a fill cost: ``spread`` from the middle to the best price, ``slippage`` beyond it.

    ``marking`` is the way from the middle to the mark.
    """

    spread: Money
    slippage: Money
    marking: Money
    fee: Money


class Ledger:
    """Balances and lots of one account, or of a part of its fills."""

    def __init__(
        self, contracts: Contracts, deposit: float = 0.0, quote_deposit: float = 0.0
    ) -> None:
        self._contracts = contracts
        self.cash = Money(coin=deposit, quote=quote_deposit)
        self.lots: dict[str, int] = {}

    def trade(self, name: str, lots: int, price: float, fee: float = 0.0) -> None:
        """Book a fill; settlement at expiry is a fill at the delivery value."""
        instrument = self._contracts(name)
        paid = money(instrument, worth(instrument, float(lots), price) + fee)
        self.cash = self.cash.minus(paid)
        self.lots[name] = self.lots.get(name, 0) + lots

    def receive(self, name: str, amount: float) -> None:
        """Book funding on an instrument."""
        self.cash = self.cash.plus(money(self._contracts(name), amount))

    def equity(self, index: float, marks: Mapping[str, float]) -> float:
        """Coin value at these marks; KeyError where a mark of something held is missing."""
        total = self.cash
        for name, lots in self.lots.items():
            if lots:
                instrument = self._contracts(name)
                total = total.plus(money(instrument, worth(instrument, float(lots), marks[name])))
        return total.coin + total.quote / index


def cost(
    instrument: Instrument,
    *,
    lots: int,
    price: float,
    mid: float,
    best: float,
    mark: float,
    fee: float,
) -> Cost:
    """Cost of a fill as P&L: what is lost is negative; ``best`` is the best price it met."""
    size = float(lots)
    paid, at_mid = worth(instrument, size, price), worth(instrument, size, mid)
    at_best = worth(instrument, size, best)
    return Cost(
        spread=money(instrument, at_mid - at_best),
        slippage=money(instrument, at_best - paid),
        marking=money(instrument, worth(instrument, size, mark) - at_mid),
        fee=money(instrument, -fee),
    )
