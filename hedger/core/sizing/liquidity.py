"""Liquidity (trade): no more at once than the book shows, the market trades and impact allows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hedger.core.model import LiquidityRule, Record, Scales, Scaling
from hedger.core.sizing.answers import positive, stale, unknown

MODEL = "liquidity"
Levels = Sequence[tuple[float, float]]
"""Price and size [coin] of one side, the best first."""


class Depth(Record, frozen=True, kw_only=True):
    """One instrument as a trade meets it: both sides, daily volume [coin] and daily vol."""

    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    age_ms: int | None
    daily_volume: float | None = None
    daily_vol: float | None = None

    def fault(self, age_ms_max: int) -> str:
        """Why these sides cannot be believed; empty if they can."""
        if found := stale(self.age_ms, age_ms_max):
            return found
        if not (self.bids and self.asks):
            return "a side is empty"
        if not self.bids[0][0] < self.asks[0][0]:
            return f"crossed, bid {self.bids[0][0]:g} and ask {self.asks[0][0]:g}"
        for side, sign in ((self.bids, -1.0), (self.asks, 1.0)):
            last = -math.inf
            for price, size in side:
                if not (0.0 < price < math.inf and 0.0 <= size < math.inf and sign * price >= last):
                    return f"a level of {size:g} at {price:g} is out of order or no number"
                last = sign * price
        return ""


def walk(levels: Levels, size: float) -> float | None:
    """Mean price of so much [coin], from the best level on; None where the side is too short.

    Examples
    --------
    >>> walk([(100.0, 1.0), (101.0, 1.0)], 1.5), walk([(100.0, 1.0)], 2.0)
    (100.33333333333333, None)
    """
    paid, left = 0.0, size
    for price, there in levels:
        part = min(there, left)
        paid += part * price
        left -= part
        if left <= 0.0:
            return paid / size
    return None


def within(levels: Levels, *, mid: float, budget: float) -> float:
    """Most [coin] whose mean price is at most ``budget`` (a fraction) away from mid.

    Notes
    -----
    The mean cost only rises, so the level at which it passes the budget is shared: q of it with
    ``cost so far + q (price - mid) = budget mid (size so far + q)``.

    Examples
    --------
    >>> round(within([(100.1, 1.0), (100.3, 5.0)], mid=100.0, budget=0.002), 9)
    2.0
    """
    total = cost = 0.0
    allowed = budget * mid
    for price, there in levels:
        beyond = abs(price - mid)
        if cost + beyond * there > allowed * (total + there):
            return total + max(allowed * total - cost, 0.0) / (beyond - allowed)
        total, cost = total + there, cost + beyond * there
    return total


def square_root_room(
    *, budget: float, impact: float, daily_vol: float, daily_volume: float
) -> float:
    """Size [coin] whose impact by the square-root law is the budget.

    Notes
    -----
    ``Y sigma sqrt(Q / V) = c`` gives ``Q = V (c / (Y sigma))^2``.

    References
    ----------
    B. Toth et al., Anomalous price impact and the critical nature of liquidity in financial
    markets, Physical Review X 1, 2011.

    Examples
    --------
    >>> found = square_root_room(budget=0.001, impact=1.0, daily_vol=0.03, daily_volume=1e4)
    >>> round(found, 2)
    11.11
    """
    return float(daily_volume * (budget / (impact * daily_vol)) ** 2)


def liquidity(rule: LiquidityRule, *, wanted: float, depth: Depth, spent: float = 0.0) -> Scaling:
    """Share of a trade that may be sent at once.

    Parameters
    ----------
    rule : LiquidityRule
    wanted : float
        Signed trade. [coin]
    depth : Depth
    spent : float
        Traded within the window already, which its share of the volume must hold too. [coin]

    Notes
    -----
    The smallest of what the book holds within the budget, what participation allows and what the
    square-root law allows, over the size wanted. Volumes that are not known bound nothing; sides
    that cannot be believed are no bound either, which is told: the order's limit price then is.
    """
    if wanted == 0.0 or not math.isfinite(wanted):
        return unknown(MODEL, Scales.TRADE, f"a trade of {wanted:g}")
    size, bounds = abs(wanted), []
    fault = depth.fault(rule.age_ms_max)
    if not fault and rule.budget:
        mid = 0.5 * (depth.bids[0][0] + depth.asks[0][0])
        side = depth.asks if wanted > 0.0 else depth.bids
        bounds.append(("book", within(side, mid=mid, budget=rule.budget)))
    volume, vol = depth.daily_volume, depth.daily_vol
    if volume is not None and positive(volume):
        if rule.participation:
            share = rule.participation * volume * rule.window_s / 86_400.0
            bounds.append(("participation", max(share - spent, 0.0)))
        if rule.impact and rule.budget and vol is not None and positive(vol):
            room = square_root_room(
                budget=rule.budget, impact=rule.impact, daily_vol=vol, daily_volume=volume
            )
            bounds.append(("impact", room))
    name, least = min(bounds, key=lambda bound: bound[1], default=("nothing", math.inf))
    factor = min(1.0, least / size)
    said = f"; the book is not believed: {fault}" if fault else ""
    return Scaling(
        what="trade",
        model=MODEL,
        factor=factor,
        is_known=not fault,
        reason=f"{size:g} wanted, {name} allows {least:.4g}{said}",
        inputs=(("wanted", wanted), *bounds),
    )
