"""How much of a wanted trade goes at once: each choice has room for what its market can take.

Only the best level of a market is known; each further one is taken to show as much again, half a
spread further, as `hedger.core.costs.beyond_best` takes it. A trade beyond the hard band, or of an
act, is not held up by any of this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from hedger.core.columns import Book, Market
from hedger.core.freshness import forecast_vol
from hedger.core.limits import MINUTE_MS
from hedger.core.model import DAYS_PER_YEAR, LiquidityRule, Refusal, Rules, Scaling
from hedger.core.plan import Choice
from hedger.core.sizing.liquidity import Depth, liquidity

LEVELS = 20


def paced(
    book: Book,
    market: Market,
    rules: Rules,
    picked: Sequence[Choice],
    *,
    size: float,
    index: float,
    now: int,
    urgent: bool,
) -> tuple[tuple[Choice, ...], tuple[Scaling, ...]]:
    """Choices with room for what may be sent of a signed trade [coin] now, and why that is."""
    sizing = rules.sizing
    if sizing is None or sizing.liquidity is None:
        return tuple(picked), ()
    rule, found, said = sizing.liquidity, [], []
    if urgent:
        text = "urgent: all of it at once"
        return tuple(picked), (Scaling(what="trade", model="liquidity", reason=text),)
    spent = spent_within(book, rule, now)
    for choice in picked:
        wanted = math.copysign(min(abs(size), choice.room), size)
        if wanted == 0.0:
            found.append(choice)
            continue
        depth = _depth(
            book, market, choice, wanted, index=index, now=now, volume=sizing.daily_volume
        )
        one = liquidity(rule, wanted=wanted, depth=depth, spent=spent)
        said.append(one)
        room = choice.room if one.factor >= 1.0 else one.factor * abs(wanted)
        found.append(choice._replace(room=room))
    return tuple(found), tuple(said)


def shortage(said: Sequence[Scaling], size: float, most: float) -> Refusal:
    """Why less than the whole of a trade is sent: what these models say, else the venues' room."""
    bound = [one for one in said if one.factor < 1.0]
    room = f"the venues that can be hedged at have room for {most:.4f} more"
    return Refusal(
        rule=bound[0].model if bound else "share_max",
        wanted=size,
        allowed=math.copysign(most, size),
        reason="; ".join(one.reason for one in bound) or room,
    )


def spent_within(book: Book, rule: LiquidityRule, now: int) -> float:
    """What was traded of late [coin], which a share of the market's volume must still hold."""
    window_ms = min(1_000.0 * rule.window_s, MINUTE_MS)
    return sum(abs(size) for ms, size in book.memory.recent if abs(now - ms) < window_ms)


def _depth(
    book: Book,
    market: Market,
    choice: Choice,
    wanted: float,
    *,
    index: float,
    now: int,
    volume: float,
) -> Depth:
    """The side that is traded on to some levels, of the other one the best."""
    instrument, quote = choice.instrument, choice.quote
    assert quote.bid is not None
    assert quote.ask is not None
    row = market.row[instrument.name]
    lot = instrument.future_delta(1, price=choice.middle, index=index) / instrument.lot
    step = max(0.5 * (quote.ask - quote.bid), instrument.tick)
    down, up = (1, LEVELS) if wanted > 0.0 else (LEVELS, 1)
    vol = forecast_vol(market, book.underlying, now)
    return Depth(
        bids=_side(quote.bid, float(market.bid_size[row]) * lot, -step, down),
        asks=_side(quote.ask, float(market.ask_size[row]) * lot, step, up),
        age_ms=quote.age_ms,
        daily_volume=volume or None,
        daily_vol=vol / math.sqrt(DAYS_PER_YEAR) if vol > 0.0 else None,
    )


def _side(best: float, size: float, step: float, levels: int) -> tuple[tuple[float, float], ...]:
    """Levels of one side; none where it shows no size."""
    if not (math.isfinite(size) and size > 0.0):
        return ()
    prices = (best + n * step for n in range(levels))
    return tuple((price, size) for price in prices if price > 0.0)
