"""The account's delta and band along the history and at each hedge, by the hedger's own rules.

The delta is that of `hedger.core.exposure`: Black deltas at the marked vol, faded out linearly over
the settlement window, in the book's numeraire.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hedger.backtest.averaging import Legs, legs_of
from hedger.backtest.history import Floats, History
from hedger.backtest.journalled import Told
from hedger.backtest.ledger import Contracts, worth
from hedger.core import bands
from hedger.core.bands.adaptive import ADAPTIVE
from hedger.core.exposure import own_value
from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.core.model import Instrument, Kind, Rules
from hedger.venues.simulator.events import Leg, Traded
from pricing import black
from pricing.conventions import MS_PER_YEAR

Bools: TypeAlias = NDArray[np.bool_]


class Deltas(NamedTuple):
    """Per row [coin]: of the hedges and of the book, and of each leg (n, legs) what will fade.

    ``fading`` is the part of a leg's delta that settlement takes away; what the leg is worth stays
    as cash, which has a delta where it does not settle in the numeraire.
    """

    hedge: Floats
    fading: Floats
    book: Floats
    gross: Floats


class Unit(NamedTuple):
    """One unit of a leg [coin]: fading and staying part of its delta, Black delta, value."""

    fading: Floats
    staying: Floats
    black: Floats
    value: Floats


class Edges(NamedTuple):
    """Band per row, and the triggers beyond it at which a hedge is due [coin]."""

    lower: Floats
    upper: Floats
    trigger_low: Floats
    trigger_high: Floats


def deltas(history: History, rules: Rules) -> Deltas:
    """Delta after the fills of each row, at the market that the hedger could see."""
    legs = legs_of(history)
    hedge, futures = _futures(history, rules)
    unit = _unit(history, legs, coin=rules.numeraire == "coin")
    amount = history.lots[:, legs.column] * legs.lot
    fading, staying, black_delta, _ = (
        np.where(amount != 0.0, amount * column, 0.0) for column in unit
    )
    cash = np.zeros_like(hedge)
    styles = {it.inverse for it in history.instruments}
    if rules.numeraire == "usd":
        cash = _balance(history, history.coin, inverse=True) - rules.base_coin
    if rules.numeraire == "coin" and False in styles:
        cash = -_balance(history, history.quote, inverse=False) / history.index
    options = (fading + staying).sum(axis=1)
    return Deltas(
        hedge=hedge,
        fading=fading,
        book=rules.hedge.ratio * options + futures + hedge + cash,
        gross=np.abs(black_delta).sum(axis=1),
    )


def account_equity(history: History) -> Floats:
    """Coin value of the account after the fills of each row, by our own count."""
    total = history.coin + history.quote / history.index
    for i, instrument in enumerate(history.instruments):
        lots = history.lots[:, i]
        value = worth(instrument, lots, np.where(lots != 0.0, history.mark[:, i], 1.0))
        is_coin = instrument.settlement == history.underlying
        total = total + np.where(lots != 0.0, value if is_coin else value / history.index, 0.0)
    return total


def _balance(history: History, cash: Floats, *, inverse: bool) -> Floats:
    """Cash of one settlement and the profit of its futures: equity without the options."""
    total = cash
    for i, instrument in enumerate(history.instruments):
        if instrument.kind is not Kind.OPTION and instrument.inverse is inverse:
            lots = history.lots[:, i]
            profit = worth(instrument, lots, np.where(lots != 0.0, history.mark[:, i], 1.0))
            total = total + np.where(lots != 0.0, profit, 0.0)
    return total


def edges(history: History, rules: Rules, gross: Floats, known: Told) -> Edges:
    """Band and triggers at each row; see `hedger.core.policy` for the rule.

    A band that follows gamma is as the journal tells it.
    """
    if rules.band.kind in ADAPTIVE:
        return Edges(*known.at(history.ms)[1:])
    index = history.index
    scale = {"coin": np.ones_like(index), "usd": 1.0 / index, "gross_delta": gross}[rules.band.unit]
    lower, upper = rules.band.lower * scale, rules.band.upper * scale
    half = 0.5 * (upper - lower)
    reach = np.zeros_like(half)
    if rules.band.rehedge_to == "edge":
        reach = np.minimum(0.5 * rules.band.clip_min * half, half)
    return Edges(lower, upper, lower - reach, upper + reach)


def _futures(history: History, rules: Rules) -> tuple[Floats, Floats]:
    """Delta of the hedge instruments, and of other futures and perpetuals."""
    hedge, other = np.zeros_like(history.index), np.zeros_like(history.index)
    for i, instrument in enumerate(history.instruments):
        if instrument.kind is Kind.OPTION:
            continue
        lots, price = history.lots[:, i], history.mark[:, i]
        amount = lots * instrument.lot
        with np.errstate(invalid="ignore", divide="ignore"):
            delta = amount / price if instrument.inverse else amount * price / history.index
        share = np.ones_like(price)
        if instrument.expiry_ms:
            share = np.clip((instrument.expiry_ms - history.ms) / WINDOW_MS, 0.0, 1.0)
        mine = instrument.name in (rules.hedge.buy, rules.hedge.sell)
        total = hedge if mine else other
        total += np.where(lots != 0.0, share * delta, 0.0)
    return hedge, other


def _unit(history: History, legs: Legs, *, coin: bool) -> Unit:
    left = (legs.expiry_ms - history.ms[:, None]).astype(np.float64)
    return unit_of(
        forward=history.shown_forward[:, legs.column],
        strike=legs.strike,
        vol=history.shown_vol[:, legs.column],
        left_ms=left,
        is_call=np.broadcast_to(legs.is_call, left.shape),
        inverse=legs.inverse,
        index=history.index[:, None],
        coin=coin,
    )


def unit_of(
    *,
    forward: Floats,
    strike: Floats,
    vol: Floats,
    left_ms: Floats,
    is_call: Bools,
    inverse: Bools,
    index: Floats,
    coin: bool,
) -> Unit:
    """Delta and value of one unit of each leg, faded over the settlement window."""
    greeks = black(
        forward=forward,
        strike=strike,
        time_to_expiry=left_ms / MS_PER_YEAR,
        vol=vol,
        is_call=is_call,
    )
    share = np.clip(left_ms / WINDOW_MS, 0.0, 1.0)
    value = np.where(inverse, greeks.price / forward, greeks.price / index)
    net = np.where(inverse, greeks.delta - value, greeks.delta * forward / index)
    styles = (own_value(inverse=style, coin=coin) for style in (True, False))
    staying = np.where(inverse, *styles) * value
    return Unit(share * net, staying, greeks.delta, value)


class AtFill(NamedTuple):
    """The book right after a fill at the market as shown then: delta and band [coin]."""

    delta: float
    lower: float
    upper: float


def at_fill(trade: Traded, rules: Rules, contracts: Contracts, known: Told) -> AtFill | None:
    """Delta and band at a fill; None while not everything held has been shown."""
    if rules.band.kind in ADAPTIVE and not known.ms.size:
        return None
    if trade.equity is None or trade.quote_equity is None:  # a mark is missing
        return None
    data = [(leg, contracts(leg.instrument)) for leg in trade.legs]
    total = gross = value = 0.0
    options = [(leg, it) for leg, it in data if it.kind is Kind.OPTION]
    if options:
        total, value, gross = _options(trade, options, coin=rules.numeraire == "coin")
    book = rules.hedge.ratio * total + _others(trade, data)
    styles, quote = {it.inverse for _, it in data}, trade.quote_equity / trade.index
    if rules.numeraire == "usd":
        book += trade.equity - quote - value - rules.base_coin
    if rules.numeraire == "coin" and False in styles:
        book += value - quote
    if rules.band.kind in ADAPTIVE:
        band = known.at(np.array([trade.ms], dtype=np.int64))
        return AtFill(book, float(band.lower[0]), float(band.upper[0]))
    scale = bands.scale_of(rules.band, index=trade.index, gross_delta=gross)
    return AtFill(book, rules.band.lower * scale, rules.band.upper * scale)


def _others(trade: Traded, data: list[tuple[Leg, Instrument]]) -> float:
    """Delta of futures and perpetuals; the traded one at its middle price."""
    total = 0.0
    for leg, instrument in data:
        if instrument.kind is Kind.OPTION or leg.mark is None:
            continue
        price = trade.mid if leg.instrument == trade.instrument else leg.mark
        left = (instrument.expiry_ms - trade.ms) / WINDOW_MS if instrument.expiry_ms else 1.0
        share = min(max(left, 0.0), 1.0)
        total += share * instrument.future_delta(leg.lots, price=price, index=trade.index)
    return total


def _options(
    trade: Traded, options: list[tuple[Leg, Instrument]], *, coin: bool
) -> tuple[float, float, float]:
    """Delta of the options, value of those not settled in the numeraire, sum of |Black delta|."""
    inverse = np.array([it.inverse for _, it in options])
    unit = unit_of(
        forward=np.array([leg.forward for leg, _ in options], dtype=np.float64),
        strike=np.array([it.strike for _, it in options]),
        vol=np.array([leg.vol for leg, _ in options], dtype=np.float64),
        left_ms=np.array([it.expiry_ms - trade.ms for _, it in options], dtype=np.float64),
        is_call=np.array([it.is_call for _, it in options]),
        inverse=inverse,
        index=np.full(len(options), trade.index),
        coin=coin,
    )
    amount = np.array([leg.lots * it.lot for leg, it in options])
    return (
        float(amount @ (unit.fading + unit.staying)),
        float(amount @ np.where(inverse != coin, unit.value, 0.0)),
        float(np.abs(amount * unit.black).sum()),
    )
