"""Quotes -> `Market`: a board that keeps the newest good quote per instrument, column by column.

It refuses what cannot be a quote (not finite, not positive, crossed, back in time) and holds back
what jumped until a second source confirms it (`hedger.core.jumps`). It knows no clock: ages are
judged where a decision is made, against the decision's own instant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hedger.core.columns import Forecast, Index, Market, Smile, Suspect, VolAnswer, index_name
from hedger.core.jumps import Track
from hedger.core.model import Account, Instrument, Kind, Quote, Refusal
from hedger.core.returns import PERIOD_MS, Returns
from pricing.conventions import MS_PER_YEAR
from pricing.forecast import ewma_forecast, fit_har, har_ahead

VOL_MAX = 20.0
PRICE_MIN, PRICE_MAX = 1e-30, 1e30  # beyond, sums and quotients of prices leave what floats hold
_PRICES = frozenset(("bid", "ask", "forward", "index"))  # a mark may be next to nothing
FORECAST_PERIODS_MIN = 36
"""Known returns, three hours of them, before there is a forecast."""
_DECAY = 0.99
HAR_LAGS = (1, 6, 24)
HAR_HOURS_MIN = 72
"""Known hours of the last week, three days of them, before an autoregression is fitted."""
_HOUR = 12
_HOUR_KNOWN_MIN = 9
"""Periods of an hour, and how many of them must be known for it to count."""
_FIELDS = ("bid", "ask", "bid_size", "ask_size", "mark", "vol", "forward", "index")


def quote_fault(quote: Quote) -> str:
    """Why a quote cannot be one, or an empty string.

    Examples
    --------
    >>> quote_fault(Quote(instrument="BTC-PERPETUAL", time_ms=1, bid=101.0, ask=100.0))
    'crossed: bid 101.0 above ask 100.0'
    """
    for field in _FIELDS:
        value = getattr(quote, field)
        if value is None:
            continue
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            return f"{field} is {value!r}, expected a finite number"
        if value < 0.0 or (value == 0.0 and field not in ("mark", "bid_size", "ask_size")):
            return f"{field} is {value!r}, expected a positive number"
        if field in _PRICES and not PRICE_MIN <= value <= PRICE_MAX:
            return f"{field} is {value!r}, expected {PRICE_MIN:g} to {PRICE_MAX:g}"
    if quote.time_ms <= 0:
        return f"time_ms is {quote.time_ms}, expected milliseconds since the epoch"
    if quote.bid is not None and quote.ask is not None and quote.bid > quote.ask:
        return f"crossed: bid {quote.bid} above ask {quote.ask}"
    if quote.vol is not None and quote.vol > VOL_MAX:
        return f"vol is {quote.vol}, expected at most {VOL_MAX:g}"
    return ""


class Board:
    """The newest good quote of each instrument, the indices, and the venue's account figures."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments: dict[str, Instrument] = {}
        self._row: dict[str, int] = {}
        self._prices = np.empty((7, 0))  # bid, ask, vol, ratio, both sizes, the venue's delta
        self._times = np.empty((3, 0), dtype=np.int64)  # quote, vol, ratio
        self._priced = np.empty(0, dtype=np.bool_)
        self._index: dict[str, Index] = {}
        self._accounts: dict[str, Account] = {}
        self._returns: dict[str, Returns] = {}
        self._forecasts: dict[str, Forecast] = {}
        self._hars: dict[str, tuple[int, float]] = {}
        self._smiles: dict[tuple[str, int], Smile] = {}
        self._answers: dict[str, VolAnswer] = {}
        self._tracks: dict[str, Track] = {}
        self._suspects: dict[str, Suspect] = {}
        self._refused: dict[str, Refusal] = {}
        self._seen_at: dict[str, Mapping[str, Index]] = {}
        self._snapshot: Market | None = None
        self.add(instruments)

    def add(self, instruments: Mapping[str, Instrument]) -> None:
        """Make room for further instruments; known ones keep their quotes."""
        new = {n: i for n, i in instruments.items() if n not in self._instruments}
        if not new:
            return
        self._instruments.update(new)
        self._row = {**self._row, **{n: len(self._row) + k for k, n in enumerate(new)}}
        pad = len(new)
        self._prices = np.hstack([self._prices, np.full((7, pad), np.nan)])
        self._times = np.hstack([self._times, np.full((3, pad), -1, dtype=np.int64)])
        self._priced = np.hstack([self._priced, np.zeros(pad, dtype=np.bool_)])
        self._snapshot = None

    def apply(self, quote: Quote, *, latest_ms: int | None = None) -> Refusal | None:
        """Take a quote in; a refused one changes nothing but the note that it was refused.

        One dated after ``latest_ms`` is refused: every later one would seem to go back in time.
        """
        row = self._row.get(quote.instrument)
        if row is None:
            return _refusal(quote, "unknown_instrument", "no such instrument is subscribed")
        if fault := quote_fault(quote):
            return self._refuse(quote, "bad_quote", fault)
        if latest_ms is not None and quote.time_ms > latest_ms:
            return self._refuse(quote, "in_the_future", f"time_ms {quote.time_ms} is yet to come")
        seen = int(self._times[0, row])
        if quote.time_ms < seen:
            return self._refuse(
                quote, "back_in_time", f"time_ms {quote.time_ms} is before {seen}, already seen"
            )
        self._snapshot = None
        self._refused.pop(quote.instrument, None)
        instrument = self._instruments[quote.instrument]
        if quote.index is not None:
            self._see_index(instrument.underlying, quote.index, quote.time_ms)
        self._times[0, row] = quote.time_ms
        self._prices[0, row] = np.nan if quote.bid is None else quote.bid
        self._prices[1, row] = np.nan if quote.ask is None else quote.ask
        self._prices[4, row] = np.nan if quote.bid_size is None else quote.bid_size
        self._prices[5, row] = np.nan if quote.ask_size is None else quote.ask_size
        self._prices[6, row] = _delta(quote)
        priced = quote.bid is not None and quote.ask is not None
        self._priced[row] = priced
        if instrument.kind is Kind.OPTION:
            self._see_option(row, quote, priced)
        else:
            self._see_future(row, quote, priced)
        self._confirm(instrument.underlying)
        return None

    def apply_account(self, account: Account, *, latest_ms: int | None = None) -> Refusal | None:
        """Take the venue's account figures in, refused unless finite, of now and not back in time.

        As for quotes, what is dated after ``latest_ms`` is refused.
        """
        known = self._accounts.get(account.account)
        if not all(math.isfinite(e or 0.0) for e in (account.equity, account.quote_equity)):
            figures = f"{account.equity!r} and {account.quote_equity!r}"
            fault = f"equity is {figures}, expected finite numbers"
        elif latest_ms is not None and account.time_ms > latest_ms:
            fault = f"time_ms {account.time_ms} is yet to come"
        elif known is not None and account.time_ms < known.time_ms:
            fault = f"time_ms {account.time_ms} is before {known.time_ms}, already seen"
        else:
            self._accounts[account.account] = account
            self._seen_at[account.account] = dict(self._index)
            self._snapshot = None
            return None
        return Refusal(
            rule="bad_account", wanted=0.0, allowed=0.0, reason=fault, instrument=account.account
        )

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Contract data of everything listed here."""
        return dict(self._instruments)

    def take_smiles(self, smiles: Mapping[tuple[str, int], Smile]) -> None:
        """Take fitted smiles in, each for the one before; those of expiries that are over go."""
        latest_ms = max((index.time_ms for index in self._index.values()), default=0)
        kept = {**self._smiles, **smiles}
        self._smiles = {key: smile for key, smile in kept.items() if key[1] > latest_ms}
        self._snapshot = None

    def take_answers(self, answers: Mapping[str, VolAnswer]) -> None:
        """Take in how vols answer to their forwards, each for the one before."""
        self._answers = {**self._answers, **answers}
        self._snapshot = None

    def market(self) -> Market:
        """Frozen snapshot; the same object until something changes."""
        if self._snapshot is None:
            prices, times = self._prices.copy(), self._times.copy()
            self._snapshot = Market(
                row=self._row,
                bid=prices[0],
                ask=prices[1],
                vol=prices[2],
                ratio=prices[3],
                bid_size=prices[4],
                ask_size=prices[5],
                delta=prices[6],
                quote_ms=times[0],
                vol_ms=times[1],
                ratio_ms=times[2],
                priced=self._priced.copy(),
                index=dict(self._index),
                accounts=dict(self._accounts),
                suspects=dict(self._suspects),
                refused=dict(self._refused),
                seen_at=dict(self._seen_at),
                forecasts=dict(self._forecasts),
                smiles=dict(self._smiles),
                answers=dict(self._answers),
            )
        return self._snapshot

    def _see_option(self, row: int, quote: Quote, priced: bool) -> None:
        if priced and quote.vol is not None:
            self._prices[2, row] = quote.vol
            self._times[1, row] = quote.time_ms
        self._see_ratio(row, quote, quote.forward)

    def _see_future(self, row: int, quote: Quote, priced: bool) -> None:
        middle = None
        if priced and quote.bid is not None and quote.ask is not None:
            middle = 0.5 * (quote.bid + quote.ask)
            instrument = self._instruments[quote.instrument]
            perpetual = instrument.kind is Kind.PERPETUAL
            level = index_name(instrument.underlying) if perpetual else instrument.name
            track = self._tracks.setdefault(quote.instrument, Track(level))
            track.see(middle, quote.time_ms)
            if quote.mark:
                marks = self._tracks.setdefault(f"mark of {quote.instrument}", Track(level))
                marks.see(quote.mark, quote.time_ms)
        self._see_ratio(row, quote, middle if middle is not None else quote.mark)

    def _see_ratio(self, row: int, quote: Quote, price: float | None) -> None:
        """Basis of a price over the index, taken only when the index is of the same moment."""
        index = self._index.get(self._instruments[quote.instrument].underlying)
        if price and index is not None and abs(index.time_ms - quote.time_ms) <= 1_000:
            self._prices[3, row] = price / index.value
            self._times[2, row] = quote.time_ms

    def _see_index(self, underlying: str, value: float, time_ms: int) -> None:
        known = self._index.get(underlying)
        if known is not None and time_ms < known.time_ms:
            return
        name = index_name(underlying)
        if known is not None and name not in self._suspects:
            self._learn(underlying, known)
        self._index[underlying] = Index(value, time_ms)
        self._tracks.setdefault(name, Track(name)).see(value, time_ms)

    def _learn(self, underlying: str, seen: Index) -> None:
        """Take an index that was believed into its returns; a period's end gives a forecast."""
        returns = self._returns.setdefault(underlying, Returns())
        if not returns.see(seen.value, seen.time_ms):
            return
        hour = returns.end_ms // (_HOUR * PERIOD_MS)
        if self._hars.get(underlying, (-1, 0.0))[0] != hour:
            self._hars[underlying] = hour, har_vol(returns)
        if (found := forecast(returns)) is not None:
            self._forecasts[underlying] = replace(found, har=self._hars[underlying][1])

    def _confirm(self, underlying: str) -> None:
        """Let every jumped source of an underlying look for a second source that moved with it."""
        if not self._suspects and not any(t.jumped for t in self._tracks.values()):
            return
        tracks = {n: t for n, t in self._tracks.items() if self._underlying(n) == underlying}
        for track in tracks.values():
            if track.jumped:
                track.anchor(tracks)
        for name, track in tracks.items():
            if track.jumped and any(track.agrees(n, t) for n, t in tracks.items() if n != name):
                track.accept()
            if track.jumped:
                self._suspects[name] = Suspect(name, track.time_ms, track.move, track.limit)
            else:
                self._suspects.pop(name, None)

    def _underlying(self, name: str) -> str:
        name = name.removeprefix("mark of ")
        instrument = self._instruments.get(name)
        return instrument.underlying if instrument else name.removesuffix(" index")

    def _refuse(self, quote: Quote, rule: str, reason: str) -> Refusal:
        refusal = _refusal(quote, rule, reason)
        self._refused = {**self._refused, quote.instrument: refusal}
        self._snapshot = None
        return refusal


def _delta(quote: Quote) -> float:
    """The venue's delta; what cannot be one is none, and no reason to do without its prices."""
    value = quote.delta
    return value if isinstance(value, float) and abs(value) <= 1.0 else math.nan


def forecast(returns: Returns) -> Forecast | None:
    """Exponentially weighted vol of an index; None before enough of its returns are known."""
    squares = np.array(returns.squares)
    known = np.flatnonzero(np.isfinite(squares))
    if known.size < FORECAST_PERIODS_MIN:
        return None
    # from the first known one on, so that what it begins with is a mean of as many as it should be
    squares = squares[known[0] :]
    variance = ewma_forecast(variance=squares, decay=_DECAY, seed=FORECAST_PERIODS_MIN)[-1]
    vol = math.sqrt(variance * MS_PER_YEAR / PERIOD_MS)
    missing = squares.size - 1 - int(known[-1] - known[0])
    return Forecast(vol, returns.end_ms - missing * PERIOD_MS) if 0.0 < vol <= VOL_MAX else None


def har_vol(returns: Returns) -> float:
    """Vol of the next day by an autoregression of hours; 0 before enough of them are known.

    An hour with a few periods missing counts by the mean of the others; the last day must be whole.
    """
    squares = np.array(returns.squares)
    hours = squares[squares.size % _HOUR :].reshape(-1, _HOUR)
    known = np.isfinite(hours).sum(axis=1)
    whole = known >= _HOUR_KNOWN_MIN
    if whole.sum() < HAR_HOURS_MIN:
        return 0.0
    total = np.nansum(hours, axis=1) * _HOUR / np.maximum(known, 1)
    variance = np.where(whole, total, np.nan)
    fitted = fit_har(variance=variance, lags=HAR_LAGS)
    expected = har_ahead(variance=variance, fitted=fitted, periods=HAR_LAGS[-1])
    vol = math.sqrt(max(expected, 0.0) * MS_PER_YEAR / (_HOUR * PERIOD_MS))
    return vol if 0.0 < vol <= VOL_MAX else 0.0  # NaN is neither


def _refusal(quote: Quote, rule: str, reason: str) -> Refusal:
    return Refusal(rule=rule, wanted=0.0, allowed=0.0, reason=reason, instrument=quote.instrument)
