"""Option legs as plain Black-76 contracts, also while they average into settlement.

Over the last 30 minutes an expiry's mean of the index builds up. With the share m done at mean A, a
leg is worth ``w B(F, K')`` with w = 1 - m and ``K' = (K - m A) / w``, over a third of the time
left, because the mean of what is to come varies that much less. Before the window the effective
time is the time to it plus that third, reached gradually over the last day, as the exchange values
it. This is the profit-and-loss view; the hedger's own delta in the window is `hedger.core`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.backtest.history import Floats, History, Ints
from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.core.model import Kind
from pricing import black
from pricing.conventions import MS_PER_YEAR

DAY_MS = 86_400_000


class Legs(NamedTuple):
    """The option columns of a history: contract data, (m,) each."""

    column: Ints
    expiry_ms: Ints
    strike: Floats
    is_call: np.ndarray[tuple[int], np.dtype[np.bool_]]
    inverse: np.ndarray[tuple[int], np.dtype[np.bool_]]
    lot: Floats


class Contract(NamedTuple):
    """What the legs amount to at each row, (n, m) each; ``mean`` is m A, ``expected`` m A + w F."""

    forward: Floats
    strike: Floats
    years: Floats
    vol: Floats
    weight: Floats
    mean: Floats
    expected: Floats


class Value(NamedTuple):
    """Value and Greeks of one unit, in quote currency, on the part of the mean still to come."""

    price: Floats
    delta: Floats
    gamma: Floats
    vega: Floats


def legs_of(history: History) -> Legs:
    """The options of a history."""
    chosen = [(i, it) for i, it in enumerate(history.instruments) if it.kind is Kind.OPTION]
    return Legs(
        column=np.array([i for i, _ in chosen], dtype=np.int64),
        expiry_ms=np.array([it.expiry_ms for _, it in chosen], dtype=np.int64),
        strike=np.array([it.strike for _, it in chosen], dtype=np.float64),
        is_call=np.array([it.is_call for _, it in chosen], dtype=np.bool_),
        inverse=np.array([it.inverse for _, it in chosen], dtype=np.bool_),
        lot=np.array([it.lot for _, it in chosen], dtype=np.float64),
    )


def known_mean(history: History, expiry_ms: int) -> tuple[Floats, Floats]:
    """Share of an expiry's mean that is known at each row, and the index's mean over it.

    Each index stands for the time since the one before, so its sum over time is a line between
    bars.
    """
    ms, path = history.index_ms, history.index_path
    area = np.concatenate([[0.0], np.cumsum(path[1:] * np.diff(ms))])
    start = expiry_ms - WINDOW_MS
    now = np.clip(history.ms, start, expiry_ms)
    share = (now - start) / WINDOW_MS
    seen = np.maximum(now - max(start, int(ms[0])), 0)
    total = np.interp(now, ms, area) - np.interp(max(start, int(ms[0])), ms, area)
    mean = np.divide(total, seen, out=history.index.copy(), where=seen > 0)
    return share, mean


def contract(history: History, legs: Legs) -> Contract:
    """Effective contracts at each row; a forward that is not in the log is the index itself."""
    forward = history.forward[:, legs.column]
    forward = np.where(np.isfinite(forward), forward, history.index[:, None])
    columns = {int(e): known_mean(history, int(e)) for e in np.unique(legs.expiry_ms)}
    shape = forward.shape
    share = np.stack([columns[int(e)][0] for e in legs.expiry_ms], axis=1).reshape(shape)
    mean = np.stack([columns[int(e)][1] for e in legs.expiry_ms], axis=1).reshape(shape)
    left = (legs.expiry_ms - history.ms[:, None]).astype(np.float64)
    return averaged(
        forward=forward,
        strike=np.broadcast_to(legs.strike, shape),
        vol=history.vol[:, legs.column],
        left_ms=left,
        share=share,
        mean=share * mean,
    )


def averaged(
    *, forward: Floats, strike: Floats, vol: Floats, left_ms: Floats, share: Floats, mean: Floats
) -> Contract:
    """Contracts with ``share`` of the mean known and ``mean`` = share x mean so far."""
    weight = 1.0 - share
    rest = np.where(weight > 0.0, weight, 1.0)
    return Contract(
        forward=forward,
        strike=np.where(weight > 0.0, (strike - mean) / rest, strike - mean),
        years=_effective_ms(left_ms) / MS_PER_YEAR,
        vol=vol,
        weight=weight,
        mean=mean,
        expected=mean + weight * forward,
    )


def value(at: Contract, is_call: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Value:
    """``w B`` and its Greeks by the forward.

    Once the known part alone is above the strike, K' is negative: a call is then a forward, a put
    is worth nothing. With nothing left to average the value is what the mean pays.
    """
    calls = np.broadcast_to(is_call, at.forward.shape)
    certain = at.strike <= 0.0
    greeks = black(
        forward=at.forward,
        strike=np.where(certain, at.forward, at.strike),
        time_to_expiry=at.years,
        vol=at.vol,
        is_call=calls,
    )
    sure = np.where(calls, 1.0, 0.0)
    price = np.where(certain, sure * (at.forward - at.strike), greeks.price)
    paid = np.maximum(np.where(calls, -at.strike, at.strike), 0.0)  # strike is K - A when w = 0
    done = at.weight <= 0.0
    w = at.weight
    return Value(
        price=np.where(done, paid, w * price),
        delta=np.where(done, 0.0, w * np.where(certain, sure, greeks.delta)),
        gamma=np.where(done | certain, 0.0, w * greeks.gamma),
        vega=np.where(done | certain, 0.0, w * greeks.vega),
    )


def _effective_ms(left_ms: Floats) -> Floats:
    third = WINDOW_MS / 3.0
    slope = (DAY_MS - third) / (DAY_MS - WINDOW_MS)
    last_day = third + (left_ms - WINDOW_MS) * slope
    inside = np.maximum(left_ms, 0.0) / 3.0
    return np.where(left_ms >= DAY_MS, left_ms, np.where(left_ms > WINDOW_MS, last_day, inside))
