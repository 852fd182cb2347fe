"""The demo's sample book: short strangles that a market maker could hold, and legs that expire."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.errors import ConfigError
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.publish import ChainRow, Market

DAY_MS = 86_400_000
AHEAD_DAYS = (8, 15)
STRANGLE_COIN = 10.0
STRANGLE_DELTA = 0.25
EXPIRING_COIN = 5.0
IN_THE_MONEY = 0.02
EXPIRY_SHARE = 0.75
"""Where in a simulated run an expiry is to fall."""
COIN = 20.0
"""Deposit of the account, all of it the owner's own coin that is not to be hedged."""


class Sample(NamedTuple):
    """Positions in coin by instrument, and what a reader must know about how they were chosen."""

    positions: dict[str, float]
    notes: list[str]


def sample(market: Market, underlying: str, *, end_ms: int | None) -> Sample:
    """Strangles that outlive the run, and legs that settle within it.

    Parameters
    ----------
    market
        Where the book is to be held.
    underlying
        Of which underlying.
    end_ms
        Last instant that will be played.
    """
    rows = [row for row in market.chain(market.start_ms, underlying) if row.bid and row.ask]
    expiries = sorted({row.expiry_ms for row in rows})
    positions: dict[str, float] = {}
    notes: list[str] = []
    lasting = [e for e in expiries if end_ms is None or e > end_ms]
    for days in AHEAD_DAYS:
        for name in _strangle(rows, lasting, market.start_ms + days * DAY_MS):
            positions[name] = -STRANGLE_COIN
    names = ", ".join(positions)
    notes.append(
        f"Sample book: short {STRANGLE_COIN:g} {underlying} a leg of the strangles nearest to "
        f"{STRANGLE_DELTA:.0%} delta, {AHEAD_DAYS[0]} and {AHEAD_DAYS[1]} days ahead: {names}."
    )
    settling = [e for e in expiries if end_ms is not None and e + WINDOW_MS <= end_ms]
    settling = [e for e in settling if e - WINDOW_MS > market.start_ms]
    for row, why in _expiring(market, underlying, rows, settling):
        positions[row.instrument] = -EXPIRING_COIN
        notes.append(f"Short {EXPIRING_COIN:g} {underlying} of {row.instrument}: {why}.")
    if not positions:
        raise ConfigError(f"no option of {underlying} is quoted at {_day(market.start_ms)}")
    return Sample(positions, notes)


def lots(positions: dict[str, float]) -> dict[str, int]:
    """Positions in lots."""
    return {name: round(coin / instrument(name).lot) for name, coin in positions.items()}


def _strangle(rows: Sequence[ChainRow], expiries: Sequence[int], when_ms: int) -> Iterable[str]:
    if not expiries:
        return
    expiry_ms = min(expiries, key=lambda e: abs(e - when_ms))
    for is_call in (False, True):
        side = [row for row in rows if row.expiry_ms == expiry_ms and row.is_call is is_call]
        if side:
            yield min(side, key=lambda row: abs(abs(row.delta) - STRANGLE_DELTA)).instrument


def _expiring(
    market: Market, underlying: str, rows: Sequence[ChainRow], expiries: Sequence[int]
) -> list[tuple[ChainRow, str]]:
    """One leg that ends near its strike and one that ends in the money, of different expiries."""
    prices = deliveries(market, underlying, expiries)
    listed = [row for row in rows if row.expiry_ms in prices]
    if not listed:
        return []

    def miss(row: ChainRow) -> float:
        return abs(row.strike / prices[row.expiry_ms] - 1.0)

    def off(row: ChainRow) -> float:
        sign = 1.0 if row.is_call else -1.0
        return abs(sign * (1.0 - row.strike / prices[row.expiry_ms]) - IN_THE_MONEY)

    pinned = min((row for row in listed if row.is_call), key=miss, default=None)
    chosen = []
    if pinned is not None:
        near = abs(pinned.strike - prices[pinned.expiry_ms])
        chosen.append((pinned, f"with hindsight, to end {near:,.0f} from its strike"))
    others = [row for row in listed if pinned is None or row.expiry_ms != pinned.expiry_ms]
    if others:
        chosen.append((min(others, key=off), "with hindsight, to end in the money"))
    return chosen


def deliveries(market: Market, underlying: str, expiries: Sequence[int]) -> dict[int, float]:
    """Mean index over the last half hour before each expiry, as the market will make it."""
    seen: dict[int, list[float]] = {expiry: [] for expiry in expiries}
    last_ms = max(expiries, default=0)
    for instant in market.instants():
        if instant.time_ms > last_ms:
            break
        for expiry, prices in seen.items():
            if expiry - WINDOW_MS < instant.time_ms <= expiry:
                prices.append(instant.index[underlying])
    return {e: math.fsum(prices) / len(prices) for e, prices in seen.items() if prices}


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
