"""Made-up depth on tick: a ladder around a future's mid, and one level each side of an option."""

from __future__ import annotations

import math
from typing import NamedTuple

from hedger.core.model import Instrument, Kind
from hedger.venues.simulator.instant import Level

# a price that is on the grid but for rounding stays where it is
_SLACK = 1e-6

Sides = tuple[tuple[Level, ...], tuple[Level, ...]]


class Depth(NamedTuple):
    """Configured depth: levels each side, quote currency per level, and half the spread."""

    half_spread_bps: float
    levels: int
    amount_usd: float


def step_at(price: float, instrument: Instrument) -> float:
    """Tick that applies at a price."""
    step = instrument.tick
    for start, coarser in instrument.tick_steps:
        if price >= start:
            step = coarser
    return step


def below(price: float, instrument: Instrument) -> float:
    """Highest price on tick that is not above ``price``."""
    step = step_at(price, instrument)
    return round(math.floor(price / step + _SLACK) * step, 10)


def above(price: float, instrument: Instrument) -> float:
    """Lowest price on tick that is not below ``price``."""
    step = step_at(price, instrument)
    return round(math.ceil(price / step - _SLACK) * step, 10)


def nearest(price: float, instrument: Instrument) -> float:
    """Price on tick that is nearest to ``price``."""
    step = step_at(price, instrument)
    return round(round(price / step) * step, 10)


def amount(usd: float, instrument: Instrument, index: float) -> float:
    """Venue amount worth about ``usd``, on lot and at least the minimum."""
    in_quote = instrument.inverse and instrument.kind is not Kind.OPTION
    wanted = usd if in_quote else usd / index
    lots = max(round(wanted / instrument.lot), instrument.min_lots, 1)
    return round(lots * instrument.lot, 10)


def ladder(mid: float, instrument: Instrument, depth: Depth, *, index: float) -> Sides:
    """Depth of a future or perpetual: equal levels, half a spread apart, at least one tick wide."""
    tick = step_at(mid, instrument)
    half = max(mid * depth.half_spread_bps * 1e-4, tick / 2)
    step = max(tick, round(half / tick) * tick)
    bid, ask = below(mid - half, instrument), above(mid + half, instrument)
    size = amount(depth.amount_usd, instrument, index)
    bids = tuple(Level(round(bid - i * step, 10), size) for i in range(depth.levels))
    asks = tuple(Level(round(ask + i * step, 10), size) for i in range(depth.levels))
    return tuple(level for level in bids if level.price > 0), asks


def around(
    mark: float, half_width: float | None, instrument: Instrument, depth: Depth, *, index: float
) -> Sides:
    """One level each side of an option's mark, as wide; nothing where no width is known."""
    if half_width is None:
        return (), ()
    size = amount(depth.amount_usd, instrument, index)
    bid = min(nearest(mark - half_width, instrument), below(mark, instrument))
    ask = nearest((bid if bid > 0 else mark - half_width) + 2 * half_width, instrument)
    ask = max(ask, above(mark, instrument), above(max(bid, 0.0) + instrument.tick, instrument))
    return (Level(bid, size),) if bid > 0 else (), (Level(ask, size),)
