"""Shown depth of one instrument within one instant, and what is left of it.

Accounts trade against the depth that the market shows, never against one another; what one order
takes is gone for all until the next instant shows new depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hedger.core.model import Instrument
from hedger.venues.simulator.instant import Level, Shown

__all__ = ["Depth", "Take", "price_fault"]

# A level counts as on a tick within this share of a tick: prices are products of decimals.
_SLACK = 1e-6


class Take(NamedTuple):
    """Signed lots taken from one level at its price."""

    price: float
    lots: int


@dataclass(slots=True)
class _Resting:
    price: float
    lots: int


class Depth:
    """Bids and offers of one instrument, in lots, best first, consumed as orders walk them."""

    def __init__(self, instrument: Instrument, shown: Shown) -> None:
        self._tick = instrument.tick
        self._bids = _in_lots(shown.bids, instrument.lot)
        self._asks = _in_lots(shown.asks, instrument.lot)

    def crosses(self, *, lots: int, limit_ticks: int | None) -> bool:
        """Whether an order would meet a quote at once."""
        return any(level.lots for level in self._within(lots, limit_ticks))

    def take(self, *, lots: int, limit_ticks: int | None) -> list[Take]:
        """Walk the opposite side from the best price to the limit; consumes what it takes."""
        sign = 1 if lots > 0 else -1
        left = abs(lots)
        takes: list[Take] = []
        for level in self._within(lots, limit_ticks):
            size = min(level.lots, left)
            if size:
                level.lots -= size
                left -= size
                takes.append(Take(level.price, sign * size))
        return takes

    def _within(self, lots: int, limit_ticks: int | None) -> Iterator[_Resting]:
        """Levels of the opposite side from the best price up to the limit."""
        for level in self._asks if lots > 0 else self._bids:
            if limit_ticks is not None:
                room = limit_ticks - level.price / self._tick
                if (room if lots > 0 else -room) < -_SLACK:
                    return
            yield level


def price_fault(instrument: Instrument, ticks: int) -> str:
    """Why a limit of so many ticks is no price of this instrument; empty if it is one."""
    if ticks <= 0:
        return f"price of {ticks} ticks, expected a positive number"
    price = ticks * instrument.tick
    step = instrument.tick
    for above, coarser in instrument.tick_steps:
        if price > above * (1.0 + 1e-12):
            step = coarser
    if ticks % round(step / instrument.tick):
        return f"price {price:.10g} is not a multiple of {step:g}"
    return ""


def _in_lots(levels: Sequence[Level], lot: float) -> list[_Resting]:
    return [_Resting(level.price, int(level.amount / lot + 1e-9)) for level in levels]
