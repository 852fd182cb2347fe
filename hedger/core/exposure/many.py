"""The deltas of many books in one pass over all their legs, for those that nothing puts in doubt.

The same sums as `hedger.core.exposure.total`, made for a whole shelf at once: one kernel call
prices every leg, the rest is arithmetic on columns. Whatever makes a delta an interval or a number
unknown is said and not worked out: such a book is NaN or doubtful here, a matter for `exposure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hedger.core.columns import Bools, Floats, Ints, Market
from hedger.core.exposure.legs import own_value, window_shares
from hedger.core.shelf import Held, Shelf
from pricing.bends import strike_order
from pricing.conventions import MS_PER_YEAR
from pricing.portfolio import Ladder
from pricing.prepared import PreparedBook

PRESENT = np.ones(1)
"""The ladder of present spot alone."""


class Futures(NamedTuple):
    """Futures that are not hedged with, one after the other: slot, market row, venue amount."""

    slot: Ints
    row: Ints
    amount: Floats
    inverse: Bools
    expiry_ms: Ints


@dataclass(frozen=True, slots=True)
class Layout:
    """The legs and futures of a shelf at one version of it.

    ``rows`` are the market rows of all option legs, each once, ``leg_row`` and ``leg_group`` places
    in those and in the groups. A group is what of one book shares expiry, settlement currency and
    the sign of its Black delta, so that groups add up to the gross delta too. ``group_row`` has
    the row whose forward stands for a group, ``starts`` and ``by_strike`` are for `pricing.bends`.
    """

    version: int
    slots: int
    prepared: PreparedBook
    rows: Ints
    row_slot: Ints
    leg_row: Ints
    leg_group: Ints
    leg_slot: Ints
    group_slot: Ints
    group_expiry_ms: Ints
    group_inverse: Bools
    leg_sizes: Floats
    group_row: Ints
    starts: Ints
    by_strike: Ints
    futures: Futures

    def by_slot(self, per_group: Floats, where: Bools) -> Floats:
        """Sum over the groups of each slot of what holds for them."""
        return _sums(self.group_slot, np.where(where, per_group, 0.0), self.slots)


@dataclass(frozen=True, slots=True)
class Deltas:
    """Per slot: book delta and gross delta [coin], NaN where unknown, and what they are worth.

    ``error`` bounds how far rounding may take the delta from that of `exposure`; ``doubtful`` says
    that a leg has no fresh two-sided price. ``index`` is the underlying's index, ``lot_delta`` the
    delta of one lot of the coarser hedge instrument. ``legs`` and ``forward`` are what was priced,
    ``black`` the Black delta of each group.
    """

    delta: Floats
    gross: Floats
    error: Floats
    doubtful: Bools
    index: Floats
    index_ms: Ints
    account_ms: Ints
    lot_delta: Floats
    legs: PreparedBook
    forward: Floats
    black: Floats


def layout(shelf: Shelf) -> Layout:
    """Everything of a shelf that changes only with the positions."""
    there = [
        (slot, held) for slot, held in enumerate(shelf.held) if held is not None and held.known
    ]
    counts = [len(held.legs.names) for _, held in there]
    leg_slot = np.repeat(np.array([slot for slot, _ in there], dtype=np.int64), counts)
    legs = [held.legs for _, held in there]
    strike, quantity = _joined([x.strike for x in legs]), _joined([x.quantity for x in legs])
    is_call = _joined([x.is_call for x in legs], np.bool_)
    expiry_ms = _joined([x.expiry_ms for x in legs], np.int64)
    inverse = _joined([x.inverse for x in legs], np.bool_)
    expiries, expiry = np.unique(expiry_ms, return_inverse=True)
    long = (quantity >= 0.0) == is_call
    keys = 4 * (leg_slot * max(expiries.size, 1) + expiry) + 2 * inverse + long
    groups, first, leg_group = np.unique(keys, return_index=True, return_inverse=True)
    rows, leg_row = np.unique(
        _joined([held.leg_rows for _, held in there], np.int64), return_inverse=True
    )
    row_slot = np.zeros(rows.size, dtype=np.int64)
    row_slot[leg_row] = leg_slot
    prepared = PreparedBook(
        strike=strike,
        time_to_expiry=np.zeros(strike.size),
        vol=np.zeros(strike.size),
        is_call=is_call,
        quantity=quantity,
        group=leg_group,
        groups=groups.size,
        expiry=leg_row,
        expiries=rows.size,
    )
    place = np.argsort(prepared.layout.places[2])
    return Layout(
        version=shelf.version,
        slots=len(shelf.held),
        prepared=prepared,
        rows=rows,
        row_slot=row_slot,
        leg_row=leg_row,
        leg_group=leg_group,
        leg_slot=leg_slot,
        group_slot=leg_slot[first],
        group_expiry_ms=expiry_ms[first],
        group_inverse=inverse[first],
        leg_sizes=_sums(leg_slot, np.abs(quantity), len(shelf.held)),
        group_row=leg_row[_last(keys >> 1, groups >> 1)],
        starts=np.searchsorted(leg_slot, np.arange(len(shelf.held) + 1)),
        by_strike=strike_order(place, strike, expiry_ms, leg_slot),
        futures=_future_columns(there),
    )


def _last(keys: Ints, wanted: Ints) -> Ints:
    """The last place at which each of the wanted keys stands."""
    found, place = np.unique(keys[::-1], return_index=True)
    return keys.size - 1 - place[np.searchsorted(found, wanted)]


def deltas(shelf: Shelf, laid_out: Layout, market: Market, now: int) -> Deltas:
    """Delta of every judged book of a shelf at one instant.

    Parameters
    ----------
    shelf : Shelf
        Books of this market.
    laid_out : Layout
        `layout` of the shelf at its present version.
    market : Market
        Snapshot of the board; its rows are those that the shelf was filled with.
    now : int
        The instant of the screen [ms].
    """
    cards = shelf.cards
    index, index_ms = _indices(shelf, market)
    equity, quote_equity, account_ms = _accounts(shelf, market)
    legs, forward = _priced(laid_out, market, now, index)
    greeks = legs.ladder(forward, PRESENT)
    options, value, gross, sizes = _options(cards, laid_out, greeks, now, index)
    futures = _futures(laid_out, market, now, index)
    buy, buy_lot = _hedge(cards["buy"], market, index)
    sell, sell_lot = _hedge(cards["sell"], market, index)
    coin, linear = cards["coin"], cards["linear"]
    cash = np.where(coin, value - quote_equity / index, equity - value - cards["base_coin"])
    cash = np.where(coin & ~linear, 0.0, cash)
    parts = (cards["ratio"] * options, futures, buy, sell, cash)
    whole = sizes * np.maximum(1.0, np.abs(cards["ratio"])) + sum(map(np.abs, parts[1:]))
    return Deltas(
        delta=np.sum(parts, axis=0),
        gross=gross,
        error=1e-9 * whole,
        doubtful=_doubtful(cards, laid_out, market, now),
        index=index,
        index_ms=index_ms,
        account_ms=account_ms,
        lot_delta=np.maximum(buy_lot, sell_lot),
        legs=legs,
        forward=forward,
        black=greeks.delta[0],
    )


def _future_columns(there: list[tuple[int, Held]]) -> Futures:
    futures = [(slot, *future) for slot, held in there for future in held.futures]
    columns = zip(*futures, strict=True) if futures else ((),) * len(Futures._fields)
    kinds = (np.int64, np.int64, np.float64, np.bool_, np.int64)
    return Futures(*(np.array(c, dtype=kind) for c, kind in zip(columns, kinds, strict=True)))


def _joined(pieces: list[Any], kind: Any = np.float64) -> NDArray[Any]:
    return np.concatenate(pieces).astype(kind) if pieces else np.empty(0, dtype=kind)


def _sums(slot: Ints, weights: Floats, slots: int) -> Floats:
    """Sum of the weights of each slot."""
    return np.asarray(np.bincount(slot, weights, slots), dtype=np.float64)


def _indices(shelf: Shelf, market: Market) -> tuple[Floats, Ints]:
    """Index and its time per slot; NaN and -1 where never seen."""
    seen = [market.index.get(name) for name in shelf.underlyings] or [None]
    value = np.array([np.nan if s is None else s.value for s in seen])
    time_ms = np.array([-1 if s is None else s.time_ms for s in seen], dtype=np.int64)
    which = shelf.cards["underlying"]
    return value[which], time_ms[which]


def _accounts(shelf: Shelf, market: Market) -> tuple[Floats, Floats, Ints]:
    """Both equities and their time per slot; NaN and -1 where the venue has not told."""
    seen = [market.accounts.get(name) for name in shelf.accounts] or [None]
    coin = np.array([np.nan if a is None else a.equity for a in seen])
    quote = np.array(
        [np.nan if a is None or a.quote_equity is None else a.quote_equity for a in seen]
    )
    time_ms = np.array([-1 if a is None else a.time_ms for a in seen], dtype=np.int64)
    which = shelf.cards["account"]
    return coin[which], quote[which], time_ms[which]


def _priced(
    laid_out: Layout, market: Market, now: int, index: Floats
) -> tuple[PreparedBook, Floats]:
    """All legs at the market's vols at this instant, and the forward of each row."""
    left_ms = laid_out.group_expiry_ms - now
    legs = laid_out.prepared.updated(
        vol=market.vol[laid_out.rows].take(laid_out.leg_row),
        time_to_expiry=(left_ms / MS_PER_YEAR).take(laid_out.leg_group),
    )
    return legs, market.ratio[laid_out.rows] * index[laid_out.row_slot]


def _options(
    cards: NDArray[Any], laid_out: Layout, greeks: Ladder, now: int, index: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Per slot: the options' delta, their share of the equity that counts, gross delta, size."""
    group_slot, by_slot = laid_out.group_slot, laid_out.by_slot
    value, coin_value, black = greeks.value[0], greeks.coin_value[0], greeks.delta[0]
    inverse, coin = laid_out.group_inverse, cards["coin"][group_slot]
    spot, alive = index[group_slot], laid_out.group_expiry_ms > now
    weight = window_shares(laid_out.group_expiry_ms, now)
    # `own_value` of either settlement, chosen by the book's numeraire.
    coined = np.where(coin, own_value(inverse=True, coin=True), own_value(inverse=True, coin=False))
    quoted = np.where(
        coin, own_value(inverse=False, coin=True), own_value(inverse=False, coin=False)
    )
    delta = np.where(
        inverse,
        weight * (black - coin_value) + coined * coin_value,
        (weight * greeks.delta_cash[0] + quoted * value) / spot,
    )
    worth = np.where(inverse, coin_value, value / spot)
    counted = alive & (inverse != coin)
    sizes = by_slot(np.abs(delta) + np.abs(worth), alive) + laid_out.leg_sizes
    gross = by_slot(np.abs(black), alive)
    return by_slot(delta, alive), by_slot(worth, counted), gross, sizes


def _futures(laid_out: Layout, market: Market, now: int, index: Floats) -> Floats:
    """Delta per slot of futures that are not hedged with; NaN where one was never priced."""
    slot, row, held, inverse, expiry_ms = laid_out.futures
    price = market.ratio[row] * index[slot]
    amount = window_shares(expiry_ms, now) * held
    delta = np.where(inverse, amount / price, amount * price / index[slot])
    return _sums(slot, np.where(expiry_ms > now, delta, 0.0), laid_out.slots)


def _hedge(hedge: NDArray[Any], market: Market, index: Floats) -> tuple[Floats, Floats]:
    """Delta of what is held of a hedge instrument, and of one lot of it."""
    price = 0.5 * (market.bid[hedge["row"]] + market.ask[hedge["row"]])
    unit = np.where(hedge["inverse"], 1.0 / price, price / index)
    return hedge["amount"] * unit, hedge["lot"] * unit


def _doubtful(cards: NDArray[Any], laid_out: Layout, market: Market, now: int) -> Bools:
    """Which books hold a leg without a fresh two-sided price."""
    rows, judged = laid_out.rows, cards["judged"]
    known = np.isfinite(market.vol[rows]) & np.isfinite(market.ratio[rows]) & market.priced[rows]
    age = now - market.vol_ms[rows]
    least = cards["vol_age"].min(where=judged, initial=np.iinfo(np.int64).max)
    wanting = ~known | (age > least)
    if not wanting.any():  # the common case, told from the instruments without a look at each leg
        return np.zeros(laid_out.slots, dtype=np.bool_)
    some = np.flatnonzero(wanting[laid_out.leg_row])
    row, slot = laid_out.leg_row[some], laid_out.leg_slot[some]
    doubtful = ~known[row] | (age[row] > cards["vol_age"][slot])
    doubtful &= (laid_out.group_expiry_ms > now)[laid_out.leg_group[some]]
    return np.bincount(slot[doubtful], minlength=laid_out.slots) > 0
