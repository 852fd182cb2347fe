"""Cost of a large order on a recorded book: sent at once, and by the liquidity-scaled schedule.

Costs are against the mid at arrival; every start is traded both ways, so that drift cancels. What
we take from the book comes back at a stated half-life, as the recording does not know of us. Beyond
the recorded levels everything trades at the last one: that flatters the single order.
"""

from __future__ import annotations

import csv
import gzip
import pathlib
from typing import NamedTuple

from hedger.core.model import LiquidityRule
from hedger.core.sizing.liquidity import Depth, liquidity
from hedger.core.sizing.schedule import Impact, schedule

DATA = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"
FILE = DATA / "binance_btcusd_inverse_perp_depth20_1s_20240808.csv.gz"
CONTRACT_USD = 100.0
LEVELS = 20
HORIZON_S = 60
EVERY_S = 7
SIZES = (10, 20, 50, 100, 200, 500)
RULE = LiquidityRule(budget=0.5e-4, age_ms_max=5_000)
Side = tuple[tuple[float, float], ...]


class Snapshot(NamedTuple):
    """Both sides at one second, (price, coin) with the best first."""

    bids: Side
    asks: Side

    @property
    def mid(self) -> float:
        """Between the best prices."""
        return 0.5 * (self.bids[0][0] + self.asks[0][0])


class Outcome(NamedTuple):
    """Mean cost beyond the arrival mid of one size [bp], and how often the book was too short."""

    multiple: int
    coin: float
    at_once: float
    scheduled: float
    beyond: float


def recorded() -> list[Snapshot]:
    """The recording, or nothing where it is not there."""
    if not FILE.is_file():
        return []
    with gzip.open(FILE, "rt", newline="") as file:
        return [
            Snapshot(_side(row, "bid"), _side(row, "ask")) for row in csv.DictReader(file) if row
        ]


def _side(row: dict[str, str], side: str) -> Side:
    found = []
    for level in range(LEVELS):
        price = float(row[f"{side}_price_{level}"])
        found.append((price, float(row[f"{side}_contracts_{level}"]) * CONTRACT_USD / price))
    return tuple(found)


def thinned(side: Side, taken: float) -> Side:
    """What is left of a side once so much of its best is gone."""
    left = []
    for price, size in side:
        gone = min(size, taken)
        taken -= gone
        if size > gone:
            left.append((price, size - gone))
    return tuple(left) or ((side[-1][0], 1e9),)


def paid(side: Side, size: float) -> tuple[float, float]:
    """Money for so much, and how much of it lay beyond the recorded levels."""
    money, left = 0.0, size
    for price, there in side:
        part = min(there, left)
        money, left = money + part * price, left - part
    return money + left * side[-1][0], left


def in_parts(
    book: list[Snapshot], start: int, size: float, sign: float, half_life_s: float
) -> float:
    """Money for an order of `size`: what liquidity allows each second, at least the schedule."""
    pace = schedule(
        size,
        impact=Impact(sigma=5.0, temporary=1.0),
        risk_aversion=1e-4,
        horizon=float(HORIZON_S),
        parts=HORIZON_S,
    )
    left, money, taken, keep = size, 0.0, 0.0, 0.5 ** (1.0 / half_life_s) if half_life_s else 0.0
    due = 0.0
    for second in range(HORIZON_S):
        now = book[start + second]
        side = thinned(now.asks if sign > 0.0 else now.bids, taken)
        other = now.bids if sign > 0.0 else now.asks
        bids, asks = (other, side) if sign > 0.0 else (side, other)
        allowed = (
            left
            * liquidity(
                RULE, wanted=sign * left, depth=Depth(bids=bids, asks=asks, age_ms=0)
            ).factor
        )
        due += pace[second]
        part = min(left, max(allowed, due - (size - left)))
        money += paid(side, part)[0]
        left, taken = left - part, (taken + part) * keep
        if left <= 1e-12:
            break
    return money + paid(side, left)[0]


def outcomes(book: list[Snapshot], *, half_life_s: float) -> list[Outcome]:
    """Each size, over starts spread over the recording."""
    tops = sorted(min(now.bids[0][1], now.asks[0][1]) for now in book)
    top = tops[len(tops) // 2]
    starts = range(0, len(book) - HORIZON_S, EVERY_S)
    found = []
    for multiple in SIZES:
        size, once, parts, short = multiple * top, 0.0, 0.0, 0
        for start in starts:
            now = book[start]
            for sign in (1.0, -1.0):
                money, beyond = paid(now.asks if sign > 0.0 else now.bids, size)
                once += sign * (money / size / now.mid - 1.0)
                short += beyond > 0.0
                money = in_parts(book, start, size, sign, half_life_s)
                parts += sign * (money / size / now.mid - 1.0)
        n = 2 * len(starts)
        found.append(Outcome(multiple, size, 1e4 * once / n, 1e4 * parts / n, short / n))
    return found
