"""A fill as the exchange records it, with the market as it was shown at that moment."""

from __future__ import annotations

from hedger.core.model import FillKind, Instrument
from hedger.venues.simulator.events import Traded
from hedger.venues.simulator.matching import Take
from hedger.venues.simulator.state import State

__all__ = ["deal"]


def deal(
    state: State,
    account: str,
    instrument: Instrument,
    take: Take,
    *,
    fee: float,
    mid: float | None = None,
    client_id: str = "",
    kind: FillKind = FillKind.TRADE,
    maker: bool = False,
    real_ms: int = 0,
    block: str = "",
    block_legs: int = 0,
    insured: float = 0.0,
) -> Traded:
    """Event of one fill; without a ``client_id`` it is named by what made it and its number.

    ``mid`` is that of the shown quotes unless it is given, and the mark where one is missing.
    """
    market = state.market
    shown = market.shown(instrument.name)
    bid = shown.bids[0].price if shown.bids else None
    ask = shown.asks[0].price if shown.asks else None
    trade_id = state.orders.next_trade_id()
    if mid is None:
        mid = shown.mark if bid is None or ask is None else 0.5 * (bid + ask)
    return Traded(
        ms=market.time_ms,
        trade_id=trade_id,
        client_id=client_id or f"{block or kind}-{trade_id}",
        account=account,
        instrument=instrument.name,
        lots=take.lots,
        price=take.price,
        fee=fee,
        maker=maker,
        mid=mid,
        bid=bid,
        ask=ask,
        index=market.index_of(instrument.underlying),
        real_ms=real_ms,
        kind=kind,
        block=block,
        block_legs=block_legs,
        insured=insured,
    )
