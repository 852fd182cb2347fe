"""What the passing of market time does to accounts: funding, settlement, and the closing bar."""

from __future__ import annotations

from collections.abc import Iterator

from hedger.core.model import Instrument, Kind
from hedger.venues.simulator.events import Bar, Funded, MarkLine, Settled
from hedger.venues.simulator.settlement import payoff
from hedger.venues.simulator.state import State

__all__ = ["bar", "funding", "printed", "settlements"]

_FUNDING_PERIOD_MS = 8 * 3_600_000


def funding(state: State, *, since_ms: int, rate_8h: float) -> list[Funded]:
    """Funding since the last instant on every perpetual held; longs pay a positive rate.

    Notes
    -----
    ``-amount rate time / 8 h`` of the position's value at the index, accrued continuously.
    """
    if rate_8h == 0.0 or since_ms == 0:
        return []
    now = state.market.time_ms
    found: list[Funded] = []
    for account, instrument, lots in _held(state):
        if instrument.kind is not Kind.PERPETUAL:
            continue
        last_ms = state.ledger.accounts[account].funded_ms.get(instrument.name, 0)
        elapsed = now - max(since_ms, last_ms)
        if elapsed <= 0:
            continue
        paid = -_value(state, instrument, lots) * rate_8h * elapsed / _FUNDING_PERIOD_MS
        found.append(Funded(ms=now, account=account, instrument=instrument.name, amount=paid))
    return found


def printed(state: State, *, rate: float) -> list[Funded]:
    """One funding payment at once on every perpetual held; longs pay a positive rate."""
    return [
        Funded(
            ms=state.market.time_ms,
            account=account,
            instrument=instrument.name,
            amount=-_value(state, instrument, lots) * rate,
        )
        for account, instrument, lots in _held(state)
        if instrument.kind is Kind.PERPETUAL
    ]


def _value(state: State, instrument: Instrument, lots: int) -> float:
    """What a perpetual position is worth at the index, in its settlement currency."""
    index = state.market.index_of(instrument.underlying)
    amount = lots * instrument.lot
    return amount / index if instrument.inverse else amount * index


def settlements(state: State) -> list[Settled]:
    """Cash settlement of every position whose contract has expired, at the mean of the index."""
    now = state.market.time_ms
    found: list[Settled] = []
    for account, instrument, lots in _held(state):
        if not instrument.expiry_ms or instrument.expiry_ms > now:
            continue
        delivery = state.market.delivery(instrument)
        value = payoff(instrument, delivery)
        found.append(
            Settled(
                ms=now,
                account=account,
                instrument=instrument.name,
                lots=-lots,
                trade_id=f"S{instrument.expiry_ms}-{account}-{instrument.name}",
                delivery=delivery,
                value=value,
                cash=state.ledger.delivery_cash(account, instrument, value),
            )
        )
    return found


def bar(state: State) -> Bar:
    """Index, valued marks of what is held or can hedge, and equities; the unknown is left out."""
    market = state.market
    names = {instrument.name for _, instrument, _ in _held(state)}
    names.update(
        name
        for name, instrument in state.instruments.items()
        if instrument.kind is not Kind.OPTION and market.is_shown(name)
    )
    marks = {}
    for name in sorted(names):
        if market.is_marked(name):
            valued = market.valued(name)
            marks[name] = MarkLine(
                mark=market.valued_mark(name), vol=valued.vol, forward=valued.forward
            )
    equities = {
        account: state.known_equity(account, market.valued_mark)
        for account in state.ledger.accounts
    }
    return Bar(
        ms=market.time_ms,
        index=dict(market.index),
        marks=marks,
        equity={account: value for account, value in equities.items() if value is not None},
    )


def _held(state: State) -> Iterator[tuple[str, Instrument, int]]:
    for account, holder in state.ledger.accounts.items():
        for name, lots in holder.positions().items():
            yield account, state.instruments[name], lots
