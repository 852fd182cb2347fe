"""Exposure step by step, in plain array arithmetic: what the fused kernel must come to.

The same sums as `hedger.core.exposure`, written for reading: every quantity is an array with a name
and no step is joined with another. Doubtful legs and silent venues are taken from the package.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Iterable
from functools import partial

import numpy as np

from hedger.core.bands import formulas
from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.columns import Book, Floats, Market
from hedger.core.exposure.doubt import Doubted, doubted, doubtful
from hedger.core.exposure.legs import HERE, MOVES, JoinedLegs, joined, own_value
from hedger.core.exposure.silence import silence
from hedger.core.model import Curve, ExpiryLine, Exposure, Rules
from hedger.core.orders import remaining
from pricing.portfolio import Ladder, ladder


def sum(numbers: Iterable[float]) -> float:  # noqa: A001
    """A sum that is a float also of nothing."""
    return builtins.sum(numbers, 0.0)


_NODES, _WEIGHTS = np.array(formulas.SPREAD_NODES), np.array(formulas.SPREAD_WEIGHTS)


def slow_exposure(
    book: Book, market: Market, rules: Rules, now: int, *, prices: dict[str, float]
) -> Exposure:
    index, coin = market.index[book.underlying].value, rules.numeraire == "coin"
    legs = joined(book, market, now, index)
    greeks = _greeks(book, legs, book.legs.quantity, legs.vol, MOVES)
    ahead = _group_forward(book, legs)
    deltas, gammas = _by_group(book, legs, greeks, ahead, coin=coin, index=index)
    ratio, wanting = rules.hedge.ratio, doubtful(book, market, legs, rules.data, now)
    found = [doubted(leg, coin=coin, index=index, ratio=ratio) for leg in wanting]
    lines = _lines(book, legs, greeks, ahead, deltas[HERE], gammas[HERE], found, index)
    value = sum(line.value_coin for line in lines if line.inverse is not coin)
    cash, equity = _cash(book, market, rules, value)
    held = partial(_held, book, now, prices, index)
    futures = sum(held(p.instrument.name, p.lots) for p in book.futures)
    hedge = sum(held(p.instrument.name, p.lots) for p in book.hedges)
    open_ = [held(i.instrument, remaining(i)) for i in book.open]
    down, up = sum(min(d, 0.0) for d in open_), sum(max(d, 0.0) for d in open_)
    options = sum(line.delta for line in lines)
    here = ratio * options + futures + hedge + cash
    gross = _gross(book, legs)
    silent = silence(book, market, rules, now, prices=prices, reach=gross)
    along, alive = ratio * deltas.sum(axis=1), int(np.count_nonzero(legs.alive))
    return Exposure(
        numeraire=rules.numeraire,
        index=index,
        ratio=ratio,
        options_delta=options,
        futures_delta=futures,
        hedge_delta=hedge,
        hedge_low=hedge + down,
        hedge_high=hedge + up,
        cash_delta=cash,
        equity=equity,
        base_coin=0.0 if coin else rules.base_coin + book.moved_coin,
        options_value=value,
        book_delta=here,
        low=here + sum(d.down for d in found) + down + sum(d.low for d in silent),
        high=here + sum(d.up for d in found) + up + sum(d.high for d in silent),
        gross_delta=gross if rules.band.unit == "gross_delta" else 0.0,
        gamma=sum(line.gamma for line in lines),
        vega=sum(line.vega for line in lines),
        theta=sum(line.theta for line in lines),
        expiries=lines,
        ladder=_rungs(index * MOVES, along - along[HERE] + here, ratio * gammas.sum(axis=1)),
        doubts=(*(d.doubt for d in found), *silent),
        legs=alive,
        fresh_legs=alive - len(found),
        curve=_curve(book, legs, greeks, rules, ahead, index, now),
    )


def _held(
    book: Book, now: int, prices: dict[str, float], index: float, name: str, lots: int
) -> float:
    contract = book.instruments[name]
    left_ms = contract.expiry_ms - now
    share = min(max(left_ms / 1_800_000, 0.0), 1.0) if contract.expiry_ms else 1.0
    if not (share and lots):
        return 0.0
    return share * contract.future_delta(lots, price=prices[name], index=index)


def _rungs(*columns: Floats) -> tuple[tuple[float, float, float], ...]:
    return tuple(zip(*(column.tolist() for column in columns), strict=True))


def slow_shift(
    book: Book, market: Market, now: int, *, index: float, factor: float, years: float
) -> float:
    """Black delta of the options at their vols, less that at their vols times a factor.

    That factor holds for so many years of a leg's life.
    """
    legs = joined(book, market, now, index)
    ahead = _group_forward(book, legs)
    there = []
    share = np.minimum(np.where(legs.years > 0.0, years / np.maximum(legs.years, 1e-12), 1.0), 1.0)
    for vol in (legs.vol, legs.vol * np.sqrt(1.0 + (factor**2 - 1.0) * share)):
        delta = _greeks(book, legs, book.legs.quantity, vol, np.ones(1)).delta[0]
        there.append((legs.weight * np.where(_inverse(book), delta, delta * ahead / index)).sum())
    return float(there[0] - there[1])


def _greeks(book: Book, legs: JoinedLegs, quantity: Floats, vol: Floats, moves: Floats) -> Ladder:
    known = legs.known
    return ladder(
        forward=legs.forward,
        strike=book.legs.strike,
        time_to_expiry=np.where(known, legs.years, 1.0),
        vol=np.where(known, vol, 1.0),
        is_call=book.legs.is_call,
        quantity=np.where(known, quantity, 0.0),
        group=book.legs.group,
        groups=len(book.legs.groups),
        moves=moves,
    )


def _inverse(book: Book) -> np.ndarray:
    return np.array([inverse for _, inverse in book.legs.groups], dtype=np.bool_)


def _group_forward(book: Book, legs: JoinedLegs) -> Floats:
    forward = np.ones(len(book.legs.groups))
    for group, ahead in zip(book.legs.group, legs.forward, strict=True):
        forward[group] = ahead
    return forward


def _by_group(
    book: Book, legs: JoinedLegs, greeks: Ladder, ahead: Floats, *, coin: bool, index: float
) -> tuple[Floats, Floats]:
    weight, forward, spot = legs.weight, ahead * MOVES[:, None], index * MOVES[:, None]
    own = own_value(inverse=True, coin=coin)
    net = greeks.delta - greeks.coin_value
    delta = weight * net + own * greeks.coin_value
    gamma = weight * greeks.gamma_cash / forward - weight * net + own * net
    own = own_value(inverse=False, coin=coin)
    linear = (weight * greeks.delta_cash + own * greeks.value) / spot
    bent = (weight * greeks.gamma_cash + own * (greeks.delta_cash - greeks.value)) / spot
    return np.where(_inverse(book), delta, linear), np.where(_inverse(book), gamma, bent)


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
    lines = []
    for g, (expiry_ms, inverse) in enumerate(book.legs.groups):
        count = int(legs.alive[book.legs.group == g].sum())
        if not count:
            continue
        mine = [d for d in found if d.group == g]
        middle = float(delta[g]) + sum(d.point for d in mine if not d.known)
        worth = float(greeks.coin_value[HERE, g] if inverse else greeks.value[HERE, g] / index)
        lines.append(
            ExpiryLine(
                expiry_ms=expiry_ms,
                inverse=inverse,
                forward=float(ahead[g]),
                legs=count,
                delta=middle,
                delta_low=middle + sum(d.doubt.low - d.point for d in mine),
                delta_high=middle + sum(d.doubt.high - d.point for d in mine),
                delta_black=float(greeks.delta[HERE, g]),
                value_coin=worth + sum(d.value for d in mine if not d.known),
                gamma=float(gamma[g]),
                vega=float(greeks.vega[HERE, g]),
                theta=float(greeks.theta[HERE, g]),
            )
        )
    return tuple(lines)


def _cash(book: Book, market: Market, rules: Rules, value: float) -> tuple[float, float]:
    coin = rules.numeraire == "coin"
    if coin and not book.linear:
        return 0.0, 0.0
    accounts = [market.accounts[name] for name in (book.account, *book.accounts)]
    if coin:
        quoted = sum(account.quote_equity or 0.0 for account in accounts)
        equity = quoted / market.index[book.underlying].value
        return value - equity, equity
    equity = sum(account.equity for account in accounts)
    return equity - value - (rules.base_coin + book.moved_coin), equity


def _gross(book: Book, legs: JoinedLegs) -> float:
    size = np.abs(book.legs.quantity)
    signed = np.where(book.legs.is_call, size, -size)
    priced = _greeks(book, legs, signed, legs.vol, np.ones(1)).delta.sum()
    return float(priced + size[legs.alive & ~legs.known].sum())


def _curve(
    book: Book,
    legs: JoinedLegs,
    greeks: Ladder,
    rules: Rules,
    ahead: Floats,
    index: float,
    now: int,
) -> Curve:
    if rules.band.kind not in ADAPTIVE:
        return Curve()
    ratio = rules.hedge.ratio
    price = np.where(_inverse(book), ahead, index) * MOVES[:, None]
    here = (legs.weight * greeks.gamma_cash / price).sum(axis=1)
    gamma, vol = ratio * float(here[HERE]), _vol(book, legs)
    horizon = rules.band.horizon_days / 365.0
    steps = (formulas.spread(vol, horizon) if vol > 0.0 else 0.0) * _NODES
    along = np.full(steps.size, here[HERE])
    for i, move in enumerate(np.exp(steps)):
        if move != 1.0:
            there = _greeks(book, legs, book.legs.quantity, legs.vol, np.array([move]))
            along[i] = (legs.weight * there.gamma_cash[0] / (price[HERE] * move)).sum()
    near = ratio * along * np.exp(-steps)
    bent = legs.known & (legs.vol > 0.0) & (book.legs.quantity != 0.0)
    changes = np.unique(np.sign(book.legs.quantity[bent])).size == 2
    far = np.array([expiry_ms - now > 86_400_000 for expiry_ms, _ in book.legs.groups], np.bool_)
    inside = (legs.weight < 1.0) & (legs.weight > 0.0)
    return Curve(
        gamma=gamma,
        square_gamma=float(_WEIGHTS @ near**2) if changes else gamma * gamma,
        vol=vol,
        need=ratio * _need(book, legs),
        to_rest=ratio * _to_rest(book, legs, greeks),
        lasting=ratio * float((legs.weight * greeks.gamma_cash[HERE] / price[HERE])[far].sum()),
        settling=ratio * abs(float(greeks.delta[HERE][inside].sum())),
    )


def _vol(book: Book, legs: JoinedLegs) -> float:
    good = legs.known & (legs.vol > 0.0)
    if not good.any():
        return 0.0
    vol, deviation = legs.vol[good], legs.vol[good] * np.sqrt(legs.years[good])
    distance = np.log(legs.forward[good] / book.legs.strike[good]) / deviation + 0.5 * deviation
    size = -0.5 * distance**2 - np.log(deviation) + np.log(np.abs(book.legs.quantity[good]))
    weight = np.exp(size - size.max())
    return float(weight @ vol / weight.sum())


def _to_rest(book: Book, legs: JoinedLegs, greeks: Ladder) -> float:
    columns = book.legs
    if not columns.groups:
        return 0.0
    quantity = np.where(legs.alive, legs.weight[columns.group] * columns.quantity, 0.0)
    delta = float(legs.weight @ greeks.delta[HERE])
    far = (-quantity[~columns.is_call].sum(), quantity[columns.is_call].sum())
    return min((float(end) - delta for end in far), key=abs)


def _need(book: Book, legs: JoinedLegs) -> float:
    columns = book.legs
    weight = legs.weight[columns.group] if columns.groups else np.empty(0)
    quantity = np.where(legs.alive, weight * columns.quantity, 0.0)
    below = -float(quantity[~columns.is_call].sum())
    # Between two legs of one strike and expiry there is no slope.
    bends: dict[tuple[float, int], float] = defaultdict(float)
    for strike, expiry_ms, lots in zip(columns.strike, columns.expiry_ms, quantity, strict=True):
        bends[(strike, expiry_ms)] += lots
    passed = below + np.cumsum([bends[place] for place in sorted(bends)])
    return max(abs(below), float(np.abs(passed).max(initial=0.0)))
