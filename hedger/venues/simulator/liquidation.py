"""What the exchange does to accounts whose margin is not enough: close in rounds, then take over.

An account is in liquidation while its maintenance margin is not below its margin balance. Its
resting orders are cancelled; then, in rounds, a small part of one position is closed at the shown
quotes, with a fee for the insurance fund, until the margin is enough again. No round raises the
maintenance margin, and none trades where nothing is quoted.

An account without equity is bankrupt: its positions are taken over at their marks and the fund pays
what it owes. What the fund does not have is taken from the other side of its futures by
auto-deleveraging: they are closed at the price at which nothing is owed, with the accounts of the
highest rank (profit times leverage) first. A debt without futures is left to the fund, which is
below zero then.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, erfc, inf, log, sqrt
from typing import NamedTuple

from msgspec.structs import replace

from hedger.core.model import FillKind, Instrument, Kind
from hedger.errors import MissingQuote
from hedger.venues.simulator.bankruptcy import taken_over
from hedger.venues.simulator.collateral import Standing, standings
from hedger.venues.simulator.deals import deal
from hedger.venues.simulator.events import Event
from hedger.venues.simulator.fees import fee
from hedger.venues.simulator.margin import MarginRules, pair
from hedger.venues.simulator.matching import Take
from hedger.venues.simulator.state import State
from hedger.venues.simulator.trading import closed

__all__ = ["liquidations"]

_YEAR_MS = 365 * 86_400_000


def liquidations(state: State, *, elapsed_ms: int) -> Iterator[Event]:
    """Events of all accounts that are in liquidation, for the time since the last instant.

    Each must be applied before the next is drawn. An account of which a mark is missing is left as
    it is: nothing is closed on a number that is not known.
    """
    rules = state.margin
    if rules is None or elapsed_ms <= 0:
        return
    rounds = ceil(rules.rounds_per_s * elapsed_ms / 1_000)
    for account in list(state.ledger.accounts):
        try:
            yield from _liquidated(state, rules, account, rounds)
        except MissingQuote:
            continue


def _liquidated(state: State, rules: MarginRules, account: str, rounds: int) -> Iterator[Event]:
    silent: set[str] = set()
    for number in range(rounds):
        sides = standings(state, rules, account)
        if any(side.equity <= 0.0 < side.maintenance for side in sides):
            yield from _orders_cancelled(state, account)
            yield from taken_over(state, rules, account, sides)
            return
        if not any(side.is_called for side in sides):
            return
        if number == 0:
            yield from _orders_cancelled(state, account)
        while True:
            chosen = _next(state, rules, account, sides, silent)
            if chosen is None:
                return
            takes = state.market.depth(chosen.instrument).take(lots=chosen.lots, limit_ticks=None)
            if takes:
                break
            silent.add(chosen.instrument.name)
        for take in takes:
            yield _close(state, rules, account, chosen.instrument, take)


def _orders_cancelled(state: State, account: str) -> Iterator[Event]:
    for seen in [s for s in state.orders.resting.values() if s.account == account]:
        yield closed(state, seen, "cancelled by liquidation")


def _close(
    state: State, rules: MarginRules, account: str, instrument: Instrument, take: Take
) -> Event:
    """One fill of a liquidation; what it pays beside the taker's fee is the fund's."""
    index = state.market.index_of(instrument.underlying)
    table = rules.options if instrument.kind is Kind.OPTION else rules.futures
    own = instrument.fees
    rate = table[pair(instrument)].liquidation_fee if pair(instrument) in table else 0.0
    usual = fee(instrument, lots=take.lots, price=take.price, index=index)
    extra = fee(
        _charged(instrument, own.taker + rate), lots=take.lots, price=take.price, index=index
    )
    return deal(
        state,
        account,
        instrument,
        take,
        fee=extra,
        kind=FillKind.LIQUIDATION,
        insured=extra - usual,
    )


def _charged(instrument: Instrument, taker: float) -> Instrument:
    """The contract with another taker's fee, under the same cap."""
    return replace(instrument, fees=replace(instrument.fees, taker=taker))


class _Choice(NamedTuple):
    instrument: Instrument
    lots: int


def _next(
    state: State,
    rules: MarginRules,
    account: str,
    sides: tuple[Standing, ...],
    silent: set[str],
) -> _Choice | None:
    """What the next round closes, a part of a position; None where nothing can be.

    Futures first, then short options, as long as it brings the account's delta nearer to zero;
    then whatever asks for margin; long options, which do not, at the very end.
    """
    underlying = state.ledger.accounts[account].underlying
    called = [rules.crossed or side.is_called for side in (*sides, *sides[:1])[:2]]
    rows = []
    for name, lots in state.positions(account).items():
        instrument = state.instruments[name]
        is_ours = called[instrument.settlement != underlying]
        expired = instrument.expiry_ms and instrument.expiry_ms <= state.market.time_ms
        if is_ours and not expired and name not in silent:
            rows.append((instrument, lots, _delta(state, instrument, lots)))
    if not rows:
        return None
    net = sum(
        _delta(state, state.instruments[name], lots)
        for name, lots in state.positions(account).items()
    )

    def order(row: tuple[Instrument, int, float]) -> tuple[int, float]:
        instrument, lots, delta = row
        if instrument.kind is Kind.OPTION and lots > 0:
            return 4, -abs(delta)
        is_option = instrument.kind is Kind.OPTION
        return (int(is_option) if delta * net > 0.0 else 2 + (not is_option)), -abs(delta)

    instrument, lots, _ = min(rows, key=order)
    part = min(abs(lots), _round_lots(state, rules, instrument))
    return _Choice(instrument, -part if lots > 0 else part)


def _round_lots(state: State, rules: MarginRules, instrument: Instrument) -> int:
    """Lots of one round: so many coins of an option, so much quote currency of a future."""
    if instrument.kind is Kind.OPTION:
        return max(int(rules.round_coin / instrument.lot + 1e-9), 1)
    value = instrument.lot
    if not instrument.inverse:
        value *= state.market.shown_mark(instrument.name)
    return max(int(rules.round_usd / value + 1e-9), 1)


def _delta(state: State, instrument: Instrument, lots: int) -> float:
    """Black delta of a position, in coin: it only orders what is closed."""
    shown = state.market.shown(instrument.name)
    amount = lots * instrument.lot
    if instrument.kind is not Kind.OPTION:
        return amount / shown.mark if instrument.inverse else amount
    left = max(instrument.expiry_ms - state.market.time_ms, 1) / _YEAR_MS
    if shown.vol is None or shown.forward is None:
        return 0.0
    deviation = shown.vol * sqrt(left)
    d1 = log(shown.forward / instrument.strike) / deviation + 0.5 * deviation
    call = 0.5 * erfc(-d1 / sqrt(2.0)) if deviation < inf else 1.0
    return amount * (call if instrument.is_call else call - 1.0)
