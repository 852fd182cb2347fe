"""Book x Market -> `Exposure`: what the book gains per unit of log spot, and how surely.

Every leg without a fresh two-sided price contributes an interval, every open intent counts as
filled and as unfilled at once; where it matters, a decision uses the ends and not the middle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.columns import Book, Market
from hedger.core.exposure.doubt import Doubted, doubted, doubtful
from hedger.core.exposure.legs import HERE, MOVES, joined, sums, window_share
from hedger.core.exposure.moves import option_move
from hedger.core.exposure.silence import silence
from hedger.core.model import Curve, ExpiryLine, Exposure, Instrument, Kind, Position, Rules
from hedger.core.orders import remaining
from pricing.quoted import Sums


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
    seen = sums(book, market, rules, now)
    wanting, alive, gross, *bend = seen.totals
    found = _doubted(book, market, rules, now, index) if wanting else []
    lines, total = _lines(book, seen, found, coin=coin)
    cash, equity = _cash(book, market, rules, total.value)
    futures = _held(book.futures, prices, index, now)
    hedge = _held(book.hedges, prices, index, now)
    ratio, rest = rules.hedge.ratio, futures + hedge + cash
    open_down, open_up = _in_flight(book, market, rules, now, prices=prices)
    here = ratio * total.delta + rest
    silent = silence(book, market, rules, now, prices=prices, reach=gross)
    doubt_down = doubt_up = 0.0
    if found or silent:
        doubt_down = sum(d.down for d in found) + sum(d.low for d in silent)
        doubt_up = sum(d.up for d in found) + sum(d.high for d in silent)
    return Exposure(
        numeraire=rules.numeraire,
        index=index,
        ratio=ratio,
        options_delta=total.delta,
        futures_delta=futures,
        hedge_delta=hedge,
        hedge_low=hedge + open_down,
        hedge_high=hedge + open_up,
        cash_delta=cash,
        equity=equity,
        base_coin=0.0 if coin else rules.base_coin + book.moved_coin,
        options_value=total.value,
        book_delta=here,
        low=here + doubt_down + open_down,
        high=here + doubt_up + open_up,
        gross_delta=gross if rules.band.unit == "gross_delta" else 0.0,
        gamma=total.gamma,
        vega=total.vega,
        theta=total.theta,
        expiries=lines,
        ladder=_spot_ladder(seen, here, index),
        doubts=(*(d.doubt for d in found), *silent),
        legs=int(alive),
        fresh_legs=int(alive) - len(found),
        curve=_curve(rules, bend),
    )


def _curve(rules: Rules, bend: list[float]) -> Curve:
    """What a band that follows gamma needs; nothing for the others, which did not ask for it."""
    if rules.band.kind not in ADAPTIVE:
        return _STRAIGHT
    gamma, square_gamma, vol, need, settling, lasting, to_rest = bend
    return Curve(
        gamma=gamma,
        square_gamma=square_gamma,
        vol=vol,
        need=need,
        settling=settling,
        lasting=lasting,
        to_rest=to_rest,
    )


_STRAIGHT = Curve()


def _doubted(book: Book, market: Market, rules: Rules, now: int, index: float) -> list[Doubted]:
    """Legs without a fresh price, each as an interval."""
    legs, coin = joined(book, market, now, index), rules.numeraire == "coin"
    return [
        doubted(leg, coin=coin, index=index, ratio=rules.hedge.ratio)
        for leg in doubtful(book, market, legs, rules.data, now)
    ]


def _held(
    positions: tuple[Position, ...], prices: Mapping[str, float], index: float, now: int
) -> float:
    """Delta of futures and perpetuals."""
    total = 0.0
    for p in positions:
        total += _future_delta(p.instrument, p.lots, prices, index, now)
    return total


def _future_delta(
    contract: Instrument, lots: int, prices: Mapping[str, float], index: float, now: int
) -> float:
    """Delta of so many lots; that of a dated contract fades out over its settlement window."""
    share = window_share(contract.expiry_ms, now) if contract.expiry_ms else 1.0
    if not (share and lots):
        return 0.0
    return share * contract.future_delta(lots, price=prices[contract.name], index=index)


class _Total(NamedTuple):
    """Sums over the expiries; ``value`` of those that do not settle in the numeraire [coin]."""

    delta: float
    gamma: float
    vega: float
    theta: float
    value: float


def _lines(
    book: Book, seen: Sums, found: list[Doubted], *, coin: bool
) -> tuple[tuple[ExpiryLine, ...], _Total]:
    """One line per expiry and settlement style; a leg never priced enters as its middle."""
    lines = []
    delta = gamma = vega = theta = value = 0.0
    for g, (number, forward, point, slope, black, worth, by_vol, by_time) in enumerate(seen.groups):
        if not number:
            continue
        expiry_ms, inverse = book.legs.groups[g]
        shift, more, down, up = _doubts_of(found, g) if found else _NO_DOUBT
        middle, settled = point + shift, worth + more
        lines.append(
            ExpiryLine(
                expiry_ms=expiry_ms,
                inverse=inverse,
                forward=forward,
                legs=int(number),
                delta=middle,
                delta_low=middle + down,
                delta_high=middle + up,
                delta_black=black,
                value_coin=settled,
                gamma=slope,
                vega=by_vol,
                theta=by_time,
            )
        )
        delta, gamma, vega, theta = delta + middle, gamma + slope, vega + by_vol, theta + by_time
        value += settled if inverse is not coin else 0.0
    return tuple(lines), _Total(delta, gamma, vega, theta, value)


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


def _cash(book: Book, market: Market, rules: Rules, value: float) -> tuple[float, float]:
    """Delta of what is not an option's own, and equity with that settlement."""
    coin = rules.numeraire == "coin"
    if coin and not book.linear:
        return 0.0, 0.0
    accounts = [market.accounts[name] for name in (book.account, *book.accounts)]
    if not coin:
        base = rules.base_coin + book.moved_coin
        equity = sum(account.equity for account in accounts)
        return equity - value - base, equity
    quoted = sum(account.quote_equity or 0.0 for account in accounts)
    equity = quoted / market.index[book.underlying].value
    return value - equity, equity


def _spot_ladder(seen: Sums, here: float, index: float) -> tuple[tuple[float, float, float], ...]:
    """(spot, book delta, gamma): the options move along the ladder, the rest stays."""
    shift = here - seen.delta[HERE]
    return tuple(
        [(index * m, d + shift, g) for m, d, g in zip(_MOVES, seen.delta, seen.gamma, strict=True)]
    )


_MOVES = MOVES.tolist()


def _in_flight(
    book: Book, market: Market, rules: Rules, now: int, *, prices: Mapping[str, float]
) -> tuple[float, float]:
    """How far open intents may still move the book's delta, down and up [coin]."""
    down = up = 0.0
    index = market.index[book.underlying].value
    for intent in book.open:
        contract, lots = book.instruments[intent.instrument], remaining(intent)
        if contract.kind is Kind.OPTION:
            least, most = option_move(book, market, rules, now, name=contract.name, lots=lots)
        else:
            least = most = _future_delta(contract, lots, prices, index, now)
        down, up = down + min(least, 0.0), up + max(most, 0.0)
    return down, up
