"""Accounts: cash per currency, positions, realised profit; changed by events and nothing else.

Options are paid for when traded, so their value is their worth at the mark. Futures and perpetuals
are worth the difference to their basis. Every amount is in the instrument's settlement currency;
currencies other than the underlying count one for one as the index's quote currency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hedger.core.model import Instrument, Kind
from hedger.venues.simulator.events import Covered, Funded, Opened, Settled, Traded, Transferred

__all__ = ["Account", "Holding", "Ledger", "average_price", "worth"]


def worth(instrument: Instrument, lots: int, price: float) -> float:
    """Signed value of lots at a price, in settlement currency.

    Notes
    -----
    ``lots lot price``; for inverse futures and perpetuals ``-lots lot / price``, so that a
    difference of two worths is the coin profit ``usd (1 / entry - 1 / exit)``.
    """
    if instrument.inverse and instrument.kind is not Kind.OPTION:
        return -lots * instrument.lot / price
    return lots * instrument.lot * price


@dataclass(slots=True)
class Holding:
    """One position: signed lots, the worth they were entered at, and profit realised so far."""

    lots: int = 0
    basis: float = 0.0
    realised: float = 0.0


def average_price(instrument: Instrument, holding: Holding) -> float | None:
    """Price at which the worth of the holding equals its basis; None without a position."""
    if holding.lots == 0 or holding.basis == 0.0:
        return None
    if instrument.inverse and instrument.kind is not Kind.OPTION:
        return -holding.lots * instrument.lot / holding.basis
    return holding.basis / (holding.lots * instrument.lot)


@dataclass(slots=True)
class Account:
    """One account of one underlying; ``fees`` and ``funding`` are running sums per currency."""

    underlying: str
    cash: dict[str, float] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    fees: dict[str, float] = field(default_factory=dict)
    funding: dict[str, float] = field(default_factory=dict)
    funded_ms: dict[str, int] = field(default_factory=dict)

    def positions(self) -> dict[str, int]:
        """Signed lots of every instrument held."""
        return {name: held.lots for name, held in self.holdings.items() if held.lots}

    def lots(self, instrument: str) -> int:
        """Signed lots of one instrument."""
        held = self.holdings.get(instrument)
        return held.lots if held else 0


class Ledger:
    """All accounts, as the events so far left them."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.accounts: dict[str, Account] = {}
        self.insurance: dict[str, float] = {}
        """What the insurance fund has won and paid since the beginning, by currency."""
        self._instruments = instruments

    def opened(self, event: Opened) -> None:
        """Take over the opening positions at their marks and settle the option premium."""
        account = Account(event.underlying, cash={event.underlying: event.deposit})
        if event.quote_currency:
            _add(account.cash, event.quote_currency, event.quote_deposit)
        for name, lots in event.positions.items():
            self._trade(account, self._instruments[name], lots, event.marks[name])
        self.accounts[event.account] = account

    def traded(self, event: Traded) -> None:
        """Book a fill and its fee."""
        account, instrument = self.accounts[event.account], self._instruments[event.instrument]
        self._trade(account, instrument, event.lots, event.price)
        _add(account.cash, instrument.settlement, -event.fee)
        _add(account.fees, instrument.settlement, event.fee)
        if event.insured:
            _add(self.insurance, instrument.settlement, event.insured)

    def covered(self, event: Covered) -> None:
        """Book what the insurance fund paid for a bankrupt account."""
        _add(self.accounts[event.account].cash, event.currency, event.amount)
        _add(self.insurance, event.currency, -event.amount)

    def transferred(self, event: Transferred) -> None:
        """Book what came in or went out."""
        _add(self.accounts[event.account].cash, event.currency, event.amount)

    def funded(self, event: Funded) -> None:
        """Book a funding payment."""
        account, instrument = self.accounts[event.account], self._instruments[event.instrument]
        _add(account.cash, instrument.settlement, event.amount)
        _add(account.funding, instrument.settlement, event.amount)
        account.funded_ms[event.instrument] = event.ms

    def settled(self, event: Settled) -> None:
        """Take an expired position out against its cash."""
        account, instrument = self.accounts[event.account], self._instruments[event.instrument]
        _add(account.cash, instrument.settlement, event.cash)
        holding = account.holdings[event.instrument]
        is_option = instrument.kind is Kind.OPTION
        holding.realised += event.cash - (holding.basis if is_option else 0.0)
        holding.lots, holding.basis = 0, 0.0

    def delivery_cash(self, account: str, instrument: Instrument, value: float) -> float:
        """What settling the whole position at this value per unit credits."""
        holding = self.accounts[account].holdings[instrument.name]
        return _value(instrument, holding, value)

    def balances(self, account: str, mark: Callable[[str], float]) -> tuple[float, float]:
        """Value of what settles in coin [coin], and of the rest [quote currency], at the marks."""
        state = self.accounts[account]
        coin, other = 0.0, 0.0
        for currency, amount in state.cash.items():
            if currency == state.underlying:
                coin += amount
            else:
                other += amount
        for name, holding in state.holdings.items():
            if holding.lots:
                instrument = self._instruments[name]
                value = _value(instrument, holding, mark(name))
                if instrument.settlement == state.underlying:
                    coin += value
                else:
                    other += value
        return float(coin), float(other)

    def _trade(self, account: Account, instrument: Instrument, lots: int, price: float) -> None:
        holding = account.holdings.setdefault(instrument.name, Holding())
        profit = _moved(instrument, holding, lots, price)
        is_option = instrument.kind is Kind.OPTION
        paid = -worth(instrument, lots, price) if is_option else profit
        _add(account.cash, instrument.settlement, paid)


def _moved(instrument: Instrument, holding: Holding, lots: int, price: float) -> float:
    """Change a holding by a trade; the profit of what it closed."""
    closing = 0
    if holding.lots * lots < 0:
        closing = max(-abs(holding.lots), min(abs(holding.lots), lots))
    profit = 0.0
    if closing:
        left = holding.lots + closing
        closed = holding.basis if left == 0 else holding.basis * (-closing / holding.lots)
        profit = worth(instrument, -closing, price) - closed
        holding.lots, holding.basis = left, 0.0 if left == 0 else holding.basis - closed
    holding.realised += profit
    holding.lots += lots - closing
    holding.basis += worth(instrument, lots - closing, price)
    return profit


def _value(instrument: Instrument, holding: Holding, price: float) -> float:
    value = worth(instrument, holding.lots, price)
    return value if instrument.kind is Kind.OPTION else value - holding.basis


def _add(sums: dict[str, float], currency: str, amount: float) -> None:
    sums[currency] = sums.get(currency, 0.0) + amount
