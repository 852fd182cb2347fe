"""Book x Market -> `Exposure`: what the book gains per unit of log spot, and how surely.

Every leg without a fresh two-sided price contributes an interval, every open intent counts as
filled and as unfilled at once; where it matters, a decision uses the ends and not the middle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.columns import Book, Floats, Market
from hedger.core.exposure.curve import curve
from hedger.core.exposure.doubt import Doubted, doubted, doubtful
from hedger.core.exposure.legs import (
    HERE,
    MOVES,
    JoinedLegs,
    by_group,
    gross,
    group_forward,
    joined,
    sums,
    window_share,
)
from hedger.core.exposure.silence import silence
from hedger.core.model import Curve, Doubt, ExpiryLine, Exposure, Instrument, Position, Rules
from hedger.core.orders import remaining
from pricing.portfolio import Ladder


def exposure(
    book: Book, market: Market, rules: Rules, now: int, *, prices: Mapping[str, float]
) -> Exposure:
    """Exposure of a book, in coin of the underlying at the index.

    Parameters
    ----------
    book, market, rules
        What is held, what is known, and the numeraire, hedge ratio and data limits.
    now : int
        The instant of the decision [ms].
    prices : mapping of str to float
        Price of every future, perpetual and hedge instrument of the book.

    Notes
    -----
    With D the sum of Black deltas, C the options' value in coin and w the share of the settlement
    window still to run (1 before it), an inverse expiry has the net transaction delta w (D - C).
    Numeraire coin: that. Numeraire usd: w (D - C) + C, which with the cash part
    ``equity - C - base_coin`` makes ``equity + delta_total - base_coin``. A linear expiry has
    w D F / index; in numeraire coin its value and all other quote currency count against it, as
    usd loses coin when the index rises: w D F / index - C and the cash part ``-(equity - C)``.
    """
    index = market.index[book.underlying].value
    coin = rules.numeraire == "coin"
    legs = joined(book, market, now, index)
    greeks = sums(book, legs)
    ahead = group_forward(book, legs)
    deltas, gammas = by_group(book, legs, greeks, ahead, coin=coin, index=index)
    found = [
        doubted(leg, coin=coin, index=index, ratio=rules.hedge.ratio)
        for leg in doubtful(book, market, legs, rules.data, now)
    ]
    lines = _lines(book, legs, greeks, ahead, deltas[HERE], gammas[HERE], found, index)
    cash, equity, value = _cash(book, market, rules, lines)
    futures = _held(book.futures, prices, index, now)
    hedge = _held(book.hedges, prices, index, now)
    options = sum(line.delta for line in lines)
    ratio, rest = rules.hedge.ratio, futures + hedge + cash
    open_down, open_up = _in_flight(book, prices, index, now)
    here = ratio * options + rest
    silent = _silent(book, market, rules, now, prices, legs)
    alive = int(np.count_nonzero(legs.alive))
    return Exposure(
        numeraire=rules.numeraire,
        index=index,
        ratio=ratio,
        options_delta=options,
        futures_delta=futures,
        hedge_delta=hedge,
        hedge_low=hedge + open_down,
        hedge_high=hedge + open_up,
        cash_delta=cash,
        equity=equity,
        base_coin=0.0 if coin else rules.base_coin + book.moved_coin,
        options_value=value,
        book_delta=here,
        low=here + sum(d.down for d in found) + open_down + sum(d.low for d in silent),
        high=here + sum(d.up for d in found) + open_up + sum(d.high for d in silent),
        gross_delta=gross(book, legs) if rules.band.unit == "gross_delta" else 0.0,
        gamma=sum(line.gamma for line in lines),
        vega=sum(line.vega for line in lines),
        theta=sum(line.theta for line in lines),
        expiries=lines,
        ladder=_spot_ladder(deltas, gammas, ratio, here, index),
        doubts=(*(d.doubt for d in found), *silent),
        legs=alive,
        fresh_legs=alive - len(found),
        curve=_curve(book, legs, greeks, rules, index),
    )


def _curve(book: Book, legs: JoinedLegs, greeks: Ladder, rules: Rules, index: float) -> Curve:
    """What a band that follows gamma needs; nothing for the others, which are not to pay for it."""
    if rules.band.kind not in ADAPTIVE:
        return Curve()
    horizon = rules.band.horizon_days / 365.0
    return curve(book, legs, greeks, ratio=rules.hedge.ratio, index=index, horizon=horizon)


def _held(
    positions: tuple[Position, ...], prices: Mapping[str, float], index: float, now: int
) -> float:
    """Delta of futures and perpetuals."""
    return sum(_future_delta(p.instrument, p.lots, prices, index, now) for p in positions)


def _future_delta(
    contract: Instrument, lots: int, prices: Mapping[str, float], index: float, now: int
) -> float:
    """Delta of so many lots; that of a dated contract fades out over its settlement window."""
    share = window_share(contract.expiry_ms, now) if contract.expiry_ms else 1.0
    if not (share and lots):
        return 0.0
    return share * contract.future_delta(lots, price=prices[contract.name], index=index)


def _lines(
    book: Book,
    legs: JoinedLegs,
    greeks: Ladder,
    ahead: Floats,
    delta: Floats,
    gamma: Floats,
    found: list[Doubted],
    index: float,
) -> tuple[ExpiryLine, ...]:
    """One line per expiry and settlement style; a leg never priced enters as its middle."""
    groups = book.legs.groups
    count = np.bincount(book.legs.group[legs.alive], minlength=len(groups))
    black = greeks.delta[HERE]
    coined, valued = greeks.coin_value[HERE], greeks.value[HERE] / index
    columns = (count, ahead, delta, gamma, black, coined, valued, greeks.vega[HERE])
    rows = zip(*(column.tolist() for column in (*columns, greeks.theta[HERE])), strict=True)
    lines = []
    for g, (number, forward, point, slope, plain, coin, quote, vega, theta) in enumerate(rows):
        if not number:
            continue
        expiry_ms, inverse = groups[g]
        shift, worth, down, up = _doubts_of(found, g) if found else _NO_DOUBT
        middle = point + shift
        lines.append(
            ExpiryLine(
                expiry_ms=expiry_ms,
                inverse=inverse,
                forward=forward,
                legs=number,
                delta=middle,
                delta_low=middle + down,
                delta_high=middle + up,
                delta_black=plain,
                value_coin=(coin if inverse else quote) + worth,
                gamma=slope,
                vega=vega,
                theta=theta,
            )
        )
    return tuple(lines)


_NO_DOUBT = (0.0, 0.0, 0.0, 0.0)


def _doubts_of(found: list[Doubted], group: int) -> tuple[float, float, float, float]:
    """What a group's doubtful legs add to delta and value, and what they leave open of it."""
    shift = worth = down = up = 0.0
    for d in found:
        if d.group == group:
            shift += 0.0 if d.known else d.point
            worth += 0.0 if d.known else d.value
            down += d.doubt.low - d.point
            up += d.doubt.high - d.point
    return shift, worth, down, up


def _cash(
    book: Book, market: Market, rules: Rules, lines: tuple[ExpiryLine, ...]
) -> tuple[float, float, float]:
    """Delta of what is not an option's own, and equity and options' value with that settlement."""
    coin = rules.numeraire == "coin"
    value = sum(line.value_coin for line in lines if line.inverse is not coin)
    if coin and not book.linear:
        return 0.0, 0.0, value
    accounts = [market.accounts[name] for name in (book.account, *book.accounts)]
    if not coin:
        base = rules.base_coin + book.moved_coin
        equity = sum(account.equity for account in accounts)
        return equity - value - base, equity, value
    quoted = sum(account.quote_equity or 0.0 for account in accounts)
    equity = quoted / market.index[book.underlying].value
    return value - equity, equity, value


def _silent(
    book: Book,
    market: Market,
    rules: Rules,
    now: int,
    prices: Mapping[str, float],
    legs: JoinedLegs,
) -> tuple[Doubt, ...]:
    """What silent venues leave open; one venue alone is never silent, it blocks."""
    if not rules.hedge.also:
        return ()
    return silence(book, market, rules, now, prices=prices, reach=gross(book, legs))


def _spot_ladder(
    deltas: Floats, gammas: Floats, ratio: float, here: float, index: float
) -> tuple[tuple[float, float, float], ...]:
    """(spot, book delta, gamma): the options move along the ladder, the rest stays."""
    delta = ratio * deltas.sum(axis=1)
    gamma = ratio * gammas.sum(axis=1)
    shift = here - delta[HERE]
    columns = (index * MOVES, delta + shift, gamma)
    return tuple(zip(*(column.tolist() for column in columns), strict=True))


def _in_flight(
    book: Book, prices: Mapping[str, float], index: float, now: int
) -> tuple[float, float]:
    """How far open intents may still move the book's delta, down and up [coin]."""
    down = up = 0.0
    for intent in book.open:
        contract = book.instruments[intent.instrument]
        delta = _future_delta(contract, remaining(intent), prices, index, now)
        down, up = down + min(delta, 0.0), up + max(delta, 0.0)
    return down, up
