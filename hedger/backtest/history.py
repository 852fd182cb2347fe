"""One account's history out of a trade log: columns over time, one row per market instant.

A row stands for the account at the end of an instant, after the fills made there; the move to the
next row is made with what was held then. Fills are counted at the instant whose market they met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hedger.backtest.ledger import Contracts
from hedger.backtest.rows import FLOWS, Reader, Row
from hedger.core.model import Instrument
from hedger.errors import ConfigError
from hedger.venues.simulator.events import Event, OrderSeen, Settled, Traded
from hedger.venues.simulator.instant import Instant

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Rows are instants (n), columns instruments (m); NaN where nothing is known.

    ``equity`` is the exchange's own figure (coin), ``coin`` and ``quote`` our balances. ``mark`` is
    the mark at the instant, ``end_mark`` that which ended the move to it: the delivery value where
    a contract settled. ``vol`` and ``forward`` belong to the marks for profit and loss;
    ``shown_*`` are what the hedger could see, where the market was published again, else the same.
    ``hedge_*`` count the fills of the hedge instruments alone. ``flows`` are what fills and funding
    brought at each row, (n, 2) of coin and quote by kind. ``fills`` are (row, trade).
    ``index_ms`` and ``index_path`` are the index over the whole log.
    """

    account: str
    underlying: str
    instruments: tuple[Instrument, ...]
    ms: Ints
    index: Floats
    equity: Floats
    lots: Floats
    hedge_lots: Floats
    mark: Floats
    end_mark: Floats
    vol: Floats
    forward: Floats
    shown_vol: Floats
    shown_forward: Floats
    coin: Floats
    quote: Floats
    hedge_coin: Floats
    hedge_quote: Floats
    flows: dict[str, Floats]
    index_ms: Ints
    index_path: Floats
    fills: tuple[tuple[int, Traded], ...]
    settled: tuple[Settled, ...]
    orders: tuple[OrderSeen, ...]
    bars: int
    left_out: int


def history(
    events: Iterable[Event],
    account: str,
    *,
    hedges: Collection[str],
    contracts: Contracts,
    published: Iterable[Instant] = (),
) -> History:
    """Read one account's history; raises `ConfigError` where the log does not hold one.

    Parameters
    ----------
    events
        A trade log from its beginning.
    account
        Account at the exchange.
    hedges
        Instruments whose fills are hedges.
    contracts
        Contract data by name.
    published
        The market's instants made again, in order: the log holds its marks for P&L alone.
    """
    reader = Reader(account, frozenset(hedges), contracts)
    for event in events:
        reader.take(event)
    reader.finish()
    opened = reader.opened
    if opened is None or len(reader.rows) < 2:
        raise ConfigError(
            f"trade log: {len(reader.rows)} market instants of account {account!r}: expected "
            "its opening and one or more after it"
        )
    return _history(account, opened.underlying, reader, contracts, published)


def _history(
    account: str,
    underlying: str,
    reader: Reader,
    contracts: Contracts,
    published: Iterable[Instant],
) -> History:
    """Rows to columns."""
    rows = reader.rows
    names = sorted(set().union(*(row.lots for row in rows)))
    ms = np.array([row.ms for row in rows], dtype=np.int64)
    mark = _table(rows, names, lambda row, name: _known(row, name, 0))
    vol = _table(rows, names, lambda row, name: _known(row, name, 1))
    forward = _table(rows, names, lambda row, name: _known(row, name, 2))
    ends = _table(rows, names, lambda row, name: row.ends.get(name, math.nan))
    seen_vol, seen_forward = _seen(published, ms, names)
    # An account opens at the marks shown, whose vols and forwards the log does not tell.
    vol, forward = _first_known(vol, seen_vol), _first_known(forward, seen_forward)
    return History(
        account=account,
        underlying=underlying,
        instruments=tuple(contracts(name) for name in names),
        ms=ms,
        index=_column(rows, lambda row: row.index),
        equity=_column(rows, lambda row: row.equity),
        lots=_table(rows, names, lambda row, name: row.lots.get(name, 0)),
        hedge_lots=_table(rows, names, lambda row, name: row.hedge_lots.get(name, 0)),
        mark=mark,
        end_mark=_first_known(ends, mark),
        vol=vol,
        forward=forward,
        shown_vol=_first_known(seen_vol, vol),
        shown_forward=_first_known(seen_forward, forward),
        coin=_column(rows, lambda row: row.cash.coin),
        quote=_column(rows, lambda row: row.cash.quote),
        hedge_coin=_column(rows, lambda row: row.hedge_cash.coin),
        hedge_quote=_column(rows, lambda row: row.hedge_cash.quote),
        flows={kind: np.array([row.flows[kind] for row in rows]) for kind in FLOWS},
        index_ms=np.array([at for at, _ in reader.path], dtype=np.int64),
        index_path=np.array([index[underlying] for _, index in reader.path]),
        fills=tuple(reader.fills),
        settled=tuple(reader.settled),
        orders=tuple(reader.orders.values()),
        bars=len(rows) - 1,
        left_out=reader.left_out,
    )


def _first_known(values: Floats, otherwise: Floats) -> Floats:
    return np.where(np.isfinite(values), values, otherwise)


def _column(rows: Sequence[Row], value: Callable[[Row], float]) -> Floats:
    return np.array([value(row) for row in rows], dtype=np.float64)


def _table(rows: Sequence[Row], names: Sequence[str], value: Callable[[Row, str], float]) -> Floats:
    return np.array([[value(row, name) for name in names] for row in rows], dtype=np.float64)


def _known(row: Row, name: str, number: int) -> float:
    """Mark (0), vol (1) or forward (2) of an instrument at a row; NaN where the log has none."""
    line = row.marks.get(name)
    value = None if line is None else (line.mark, line.vol, line.forward)[number]
    return math.nan if value is None else value


def _seen(published: Iterable[Instant], ms: Ints, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Vol and forward of every instrument as published at each row."""
    vol, forward = (np.full((len(ms), len(names)), np.nan) for _ in range(2))
    for instant in published:
        if instant.time_ms > ms[-1]:
            break
        rows = slice(*np.searchsorted(ms, [instant.time_ms, instant.time_ms + 1]))
        for i, name in enumerate(names):
            if (shown := instant.shown.get(name)) is not None:
                vol[rows, i] = np.nan if shown.vol is None else shown.vol
                forward[rows, i] = np.nan if shown.forward is None else shown.forward
    return vol, forward
