"""What befalls an account on request: deleveraging, liquidation, blocks, transfers.

A block is traded at the shown marks, as one event; a position is closed out at its mark. A
liquidation pays the taker's fee, auto-deleveraging none. What befalls an account by the venue's
margin rules is in `liquidation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from hedger.core.model import FillKind
from hedger.errors import VenueRejected
from hedger.venues.simulator import collateral
from hedger.venues.simulator.deals import deal
from hedger.venues.simulator.events import Event, Traded, Transferred
from hedger.venues.simulator.fees import fee
from hedger.venues.simulator.matching import Take
from hedger.venues.simulator.state import State

__all__ = ["block", "closed_out", "transfer"]


def closed_out(
    state: State, account: str, instrument: str, lots: int, kind: FillKind
) -> Iterator[Event]:
    """Take so many lots of a position away; raises `VenueRejected` if there are not so many."""
    held = state.positions(account).get(instrument, 0)
    if lots == 0 or held * lots >= 0 or abs(lots) > abs(held):
        raise VenueRejected(
            f"{kind} of {lots:+d} lots of {instrument}: account {account!r} holds {held}"
        )
    yield _trade(state, account, instrument, lots, kind=kind)


def block(state: State, account: str, legs: Mapping[str, int], name: str) -> Iterator[Event]:
    """Trade all legs at once under one id, or each by itself where that is empty.

    Raises `VenueRejected` for a leg that cannot be.
    """
    underlying = state.ledger.accounts[account].underlying
    for instrument in legs:
        contract = state.instruments.get(instrument)
        if contract is None or contract.underlying != underlying or not legs[instrument]:
            raise VenueRejected(f"block {name}: {instrument} is no leg for account {account!r}")
    for instrument, lots in legs.items():
        yield _trade(state, account, instrument, lots, block=name, legs=len(legs) if name else 0)


def transfer(state: State, account: str, currency: str, amount: float) -> Transferred:
    """Event of coin or money that comes in or goes out; raises `VenueRejected`."""
    if not isfinite(amount) or amount == 0.0 or not currency:
        raise VenueRejected(f"transfer of {amount} {currency!r}: expected an amount of a currency")
    if amount < 0.0 and state.margin is not None:
        fault = collateral.withdrawal_fault(state, state.margin, account, currency, -amount)
        if fault:
            raise VenueRejected(fault)
    number = len(state.transfers.get(account, ())) + 1
    return Transferred(
        ms=state.market.time_ms,
        account=account,
        transfer_id=f"X{number}",
        currency=currency,
        amount=amount,
    )


def _trade(
    state: State,
    account: str,
    instrument: str,
    lots: int,
    *,
    kind: FillKind = FillKind.TRADE,
    block: str = "",
    legs: int = 0,
) -> Traded:
    market, contract = state.market, state.instruments[instrument]
    price, index = market.shown_mark(instrument), market.index_of(contract.underlying)
    cost = fee(contract, lots=lots, price=price, index=index, is_maker=False)
    return deal(
        state,
        account,
        contract,
        Take(price, lots),
        fee=0.0 if kind is FillKind.DELEVERAGING else cost,
        mid=price,
        kind=kind,
        block=block,
        block_legs=legs,
    )
