"""Legs whose price is not fresh: their delta as an interval, with the reason.

A leg with a last good vol is known up to ``vol_width`` each way, wider as that vol ages; a leg
that never had one is known only up to its no-arbitrage range.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.core.columns import Book, Market
from hedger.core.exposure.legs import JoinedLegs
from hedger.core.model import DataRule, Doubt
from pricing import black

_SAMPLES = np.linspace(0.0, 1.0, 9)
_VOL_LEAST = 1e-3


class Leg(NamedTuple):
    """One doubtful leg: ``quantity`` in coin, ``vol`` NaN if never seen, ``weight`` of its window.

    ``width`` is the half-width of the vol interval; ``age_ms`` None if never priced.
    """

    name: str
    group: int
    quantity: float
    forward: float
    strike: float
    time_to_expiry: float
    is_call: bool
    inverse: bool
    vol: float
    width: float
    weight: float
    age_ms: int | None
    reason: str


class Doubted(NamedTuple):
    """A doubt and the point estimate that belongs to it, of one group."""

    group: int
    point: float
    known: bool
    doubt: Doubt


def doubtful(book: Book, market: Market, legs: JoinedLegs, rule: DataRule, now: int) -> list[Leg]:
    """Legs whose newest quote has no two sides, whose vol is too old, or that were never priced."""
    age = now - market.vol_ms[legs.rows]
    unpriced = ~market.priced[legs.rows]
    old = age > rule.vol_age_ms_max
    columns = book.legs
    out = []
    for i in np.flatnonzero(legs.alive & (unpriced | old | ~legs.known)):
        known, group = bool(legs.known[i]), int(columns.group[i])
        stretch = max(1.0, float(age[i]) / rule.vol_age_ms_max) ** 0.5 if known else 1.0
        out.append(
            Leg(
                name=columns.names[i],
                group=group,
                quantity=float(columns.quantity[i]),
                forward=float(legs.forward[i]),
                strike=float(columns.strike[i]),
                time_to_expiry=float(legs.years[i]),
                is_call=bool(columns.is_call[i]),
                inverse=columns.groups[group][1],
                vol=float(legs.vol[i]) if known else float("nan"),
                width=rule.vol_width * stretch,
                weight=float(legs.weight[group]),
                age_ms=int(age[i]) if known else None,
                reason=_why(known, bool(unpriced[i])),
            )
        )
    return out


def _why(known: bool, unpriced: bool) -> str:
    if not known:
        return "never priced: no-arbitrage range"
    return "no bid or no ask: last good vol" if unpriced else "vol too old: last good vol"


def doubted(leg: Leg, *, coin: bool, index: float) -> Doubted:
    """Interval of one leg's numeraire delta [coin].

    Notes
    -----
    The delta is not monotone in vol (a call's turns at total vol sqrt(2 |ln F/K|)), so the
    interval is taken over nine vols and that turning point. Never priced: an inverse call's Black
    delta lies in [0, 1], its net transaction delta in [0, min(1, K/F)], puts accordingly.
    """
    if np.isnan(leg.vol):
        low, high = _no_arbitrage(leg, coin=coin, index=index)
        point = 0.5 * (low + high)
    else:
        least = max(leg.vol - leg.width, _VOL_LEAST)
        most = leg.vol + leg.width
        root = np.sqrt(max(leg.time_to_expiry, 1e-12))
        turning = np.sqrt(2.0 * abs(np.log(leg.forward / leg.strike))) / root
        vols = np.append(least + (most - least) * _SAMPLES, [np.clip(turning, least, most)])
        deltas = leg.quantity * _unit_delta(leg, np.append(vols, leg.vol), coin, index)
        low, high, point = float(deltas.min()), float(deltas.max()), float(deltas[-1])
    doubt = Doubt(instrument=leg.name, low=low, high=high, age_ms=leg.age_ms, reason=leg.reason)
    return Doubted(leg.group, point, not np.isnan(leg.vol), doubt)


def _unit_delta(
    leg: Leg, vol: np.ndarray[tuple[int], np.dtype[np.float64]], coin: bool, index: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    greeks = black(
        forward=leg.forward,
        strike=leg.strike,
        time_to_expiry=leg.time_to_expiry,
        vol=vol,
        is_call=leg.is_call,
    )
    delta, price = np.asarray(greeks.delta), np.asarray(greeks.price)
    if not leg.inverse:
        return leg.weight * delta * leg.forward / index
    value = price / leg.forward
    return leg.weight * (delta - value) + (0.0 if coin else value)


def _no_arbitrage(leg: Leg, *, coin: bool, index: float) -> tuple[float, float]:
    scale = 1.0
    if leg.inverse and coin:
        scale = min(1.0, leg.strike / leg.forward) if leg.is_call else leg.strike / leg.forward
    elif not leg.inverse:
        scale = leg.forward / index
    edges = (0.0, leg.quantity * (scale if leg.is_call else -scale))
    return min(edges), max(edges)
