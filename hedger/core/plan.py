"""Allowed trade -> `Plan`: rounded to lots, limited in price, bounded in position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hedger.core.columns import Book
from hedger.core.model import HedgeQuote, Instrument, LimitRule, Plan, PlanLine, Target
from hedger.core.orders import remaining

HARD_STEPS_BPS = (25.0, 100.0)


def slippage_bps(rule: LimitRule, *, hard: bool, stage: int) -> float:
    """Price cap of this attempt: the configured one, then 25, then 100 bp beyond the hard band."""
    if not hard or stage == 0:
        return rule.slippage_bps_max
    step = HARD_STEPS_BPS[min(stage, len(HARD_STEPS_BPS)) - 1]
    return max(rule.slippage_bps_max, step)


class Choice(NamedTuple):
    """Something to hedge with, its market (both sides present), and how much of it may be traded.

    ``room`` is unsigned, in coin.
    """

    instrument: Instrument
    quote: HedgeQuote
    room: float

    @property
    def middle(self) -> float:
        """Middle of its market."""
        assert self.quote.bid is not None
        assert self.quote.ask is not None
        return 0.5 * (self.quote.bid + self.quote.ask)

    @property
    def cost_bps(self) -> float:
        """What taking it costs: half the spread, and the fee [basis points]."""
        assert self.quote.ask is not None
        spread = self.quote.ask / self.middle - 1.0
        return 1e4 * (spread + self.instrument.fees.taker)


def plan(
    book: Book,
    choices: Sequence[Choice],
    target: Target,
    *,
    interval: tuple[float, float],
    wanted: float,
    allowed: float,
    room: float,
    reduces: bool,
    bps: float,
    index: float,
) -> Plan:
    """Orders to be sent for an allowed trade; no line where less than the minimum order is left.

    Parameters
    ----------
    book : Book
        Gives the present position and what is open, for the bound of the new position.
    choices : sequence of Choice
        What to trade, the best first: the next one gets what the one before has no room for.
    target : Target
        The band, in which the delta after the trade is to lie.
    interval : (float, float)
        Book delta on every reading [coin].
    wanted, allowed : float
        Signed trade before and after the limits [coin].
    room : float
        Largest trade that the limits allow [coin].
    reduces : bool
        Whether |delta| falls on every reading.
    bps : float
        Largest distance of the limit price from mid [basis points].
    index : float
        The underlying's index.
    """
    lines: list[PlanLine] = []
    moved, end = 0.0, interval[0] if allowed < 0 else interval[1]
    for choice in choices:
        instrument, rest = choice.instrument, allowed - moved
        unit = instrument.future_delta(1, price=choice.middle, index=index)
        if abs(rest) > choice.room:
            lots = math.trunc(math.copysign(choice.room, rest) / unit)
        else:
            most = abs(rest) if allowed != wanted else min(room - abs(moved), choice.room)
            lots = _lots(rest, unit, end + moved, target, room=most)
        if lots and abs(lots) >= instrument.min_lots:
            lines.append(_line(book, choice, lots, lots * unit, bps=bps))
            moved += lines[-1].delta
        if abs(rest) <= choice.room:
            break
    return Plan(
        wanted=wanted,
        allowed=allowed,
        slippage_bps=bps,
        reduces=reduces,
        expected=(interval[0] + moved, interval[1] + moved),
        lines=tuple(lines),
    )


def _line(book: Book, choice: Choice, lots: int, delta: float, *, bps: float) -> PlanLine:
    instrument = choice.instrument
    ticks = limit_ticks(instrument, choice.middle, bps=bps, buy=lots > 0)
    low, high = bounds(book, instrument, lots)
    return PlanLine(
        instrument=instrument.name,
        lots=lots,
        limit_ticks=ticks,
        limit_price=ticks * instrument.tick,
        delta=delta,
        low=low,
        high=high,
    )


def limit_ticks(instrument: Instrument, middle: float, *, bps: float, buy: bool) -> int:
    """Limit price in ticks, never further from mid than the cap.

    Examples
    --------
    >>> perpetual = Instrument(name="BTC-PERPETUAL", kind="perpetual", underlying="BTC",
    ...     quote="USD", settlement="BTC", inverse=True, lot=10.0, contract=10.0, tick=0.5)
    >>> limit_ticks(perpetual, 60_000.25, bps=10.0, buy=True) * 0.5
    60060.0
    """
    cap = middle * (1.0 + (bps if buy else -bps) * 1e-4)
    step = 1
    for above, coarse in instrument.tick_steps:
        if cap >= above:
            step = max(step, round(coarse / instrument.tick))
    exact = cap / (instrument.tick * step)
    nearest = round(exact)
    if abs(exact - nearest) < 1e-9 * abs(exact):
        return nearest * step
    return (math.floor(exact) if buy else math.ceil(exact)) * step


def _lots(allowed: float, unit: float, end: float, target: Target, *, room: float) -> int:
    """Whole lots: of the two neighbours of the exact number the best placed one.

    Of those within the room (a trade that a limit has cut is rounded towards zero) the neighbour
    inside the band and nearest to the wanted end is taken; if none lies inside, the one that ends
    nearest the centre.
    """
    exact = allowed / unit
    outward = math.copysign(math.ceil(abs(exact)), exact)
    choices = {math.trunc(exact)} | ({int(outward)} if abs(outward) * unit <= room else set())
    inside = [n for n in choices if target.lower <= end + n * unit <= target.upper]
    if inside:
        return min(inside, key=lambda n: abs(n - exact))
    return min(choices, key=lambda n: abs(end + n * unit - target.centre))


def bounds(book: Book, instrument: Instrument, lots: int) -> tuple[int, int]:
    """Position bounds that hold on every reading of what is open, with the new order or without."""
    held = _held(book, instrument)
    open_lots = [remaining(i) for i in book.open if i.instrument == instrument.name]
    low = held + sum(min(n, 0) for n in open_lots) + min(lots, 0)
    high = held + sum(max(n, 0) for n in open_lots) + max(lots, 0)
    return low, high


def _held(book: Book, instrument: Instrument) -> int:
    """Lots of anything that a book holds; 0 of what it does not."""
    for position in (*book.hedges, *book.futures):
        if position.instrument.name == instrument.name:
            return position.lots
    return book.legs.lots(instrument)


def told(lines: Sequence[PlanLine]) -> str:
    """What is to be sent, in words."""
    return "; ".join(
        f"{'buy' if line.lots > 0 else 'sell'} {abs(line.lots)} lots of {line.instrument} "
        f"({line.delta:+.4f}) at {line.limit_price:g} or better"
        for line in lines
    )
