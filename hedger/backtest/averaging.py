"""Option legs and what they are worth while they average into settlement.

Over the last 30 minutes an expiry's mean of the index builds up; `pricing.settling` values a leg on
what is known of it. A quoted vol belongs to the full time, so the two thirds of the window that
averaging takes from a leg's time are taken off gradually over the last day, as the exchange values
it. This is the profit-and-loss view; the hedger's own delta in the window is `hedger.core`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.backtest.history import Floats, History, Ints
from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.core.model import Kind
from pricing import settling
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
    """What the legs amount to at each row, (n, m) each; ``mean`` is m A, ``expected`` m A + w F.

    ``years`` is the time to expiry that `pricing.settling` is to take its part of the window off.
    """

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
    return Contract(
        forward=forward,
        strike=strike,
        years=_settling_ms(left_ms) / MS_PER_YEAR,
        vol=vol,
        weight=weight,
        mean=mean,
        expected=mean + weight * forward,
    )


def value(at: Contract, is_call: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Value:
    """Value and Greeks by the forward, of the mean over time; with nothing left, what it pays."""
    share = 1.0 - at.weight
    greeks = settling(
        forward=at.forward,
        strike=at.strike,
        time_to_expiry=at.years,
        vol=at.vol,
        is_call=is_call,
        running_mean=at.mean / np.where(share > 0.0, share, 1.0),
        samples=float("inf"),
    )
    return Value(greeks.price, greeks.delta, greeks.gamma, greeks.vega)


def _settling_ms(left_ms: Floats) -> Floats:
    """Time to expiry, and what averaging takes off it: in full a day ahead, none in the window."""
    taken = 2.0 / 3.0 * WINDOW_MS
    ahead = np.clip((left_ms - WINDOW_MS) / (DAY_MS - WINDOW_MS), 0.0, 1.0)
    return left_ms + taken * ahead
