"""Legs whose price is not fresh: their delta as an interval, with the reason.

A leg with a last good vol is known up to ``vol_width`` each way, wider as that vol ages; a leg
that never had one is known only up to its no-arbitrage range.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hedger.core.columns import Book, Market
from hedger.core.exposure.legs import JoinedLegs, own_value
from hedger.core.model import DataRule, Doubt
from pricing import black
from pricing.conventions import FloatArray


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
    """One doubtful leg, in coin: its numeraire delta, and what that leaves open of the book's.

    ``point``, with the leg's ``value`` there, is at the last good vol where there is one
    (``known``), else the middle. ``down`` and ``up`` are how far the book's delta may lie from it.
    """

    group: int
    known: bool
    point: float
    value: float
    down: float
    up: float
    doubt: Doubt


class _Reach(NamedTuple):
    """Range over all vols of one part of a leg, and its value at the point [coin]."""

    low: float
    high: float
    point: float

    def times(self, factor: float) -> _Reach:
        low, high = sorted((factor * self.low, factor * self.high))
        return _Reach(low, high, factor * self.point)

    def plus(self, other: _Reach) -> _Reach:
        return _Reach(self.low + other.low, self.high + other.high, self.point + other.point)


def doubtful(book: Book, market: Market, legs: JoinedLegs, rule: DataRule, now: int) -> list[Leg]:
    """Legs whose newest quote has no two sides, whose vol is too old, or that were never priced."""
    age = now - market.vol_ms.take(legs.rows)
    priced = market.priced.take(legs.rows)
    old = age > rule.vol_age_ms_max
    if legs.whole and priced.all() and not old.any():
        return []
    unpriced = ~priced
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


def doubted(leg: Leg, *, coin: bool, index: float, ratio: float) -> Doubted:
    """Interval of one leg's numeraire delta, and of the book's through it [coin].

    Notes
    -----
    A leg's numeraire delta is m + s c with m its moving part (w (D - C) for inverse options,
    w D F / index for linear ones), c its value in coin and s = `own_value`. The account's equity
    is known, and with it the true s c: a hedge ratio r leaves r m + (r - 1) s c in doubt.
    m is not monotone in vol (a call's turns at total vol sqrt(2 |ln F/K|)), c is: both ends and
    that turning point bound them. Never priced: both lie where no arbitrage puts them.
    """
    known = not np.isnan(leg.vol)
    own = own_value(inverse=leg.inverse, coin=coin)
    moving, value = _within_width(leg, index) if known else _no_arbitrage(leg, index)
    numeraire = moving.plus(value.times(own))
    book = moving.times(ratio).plus(value.times((ratio - 1.0) * own))
    return Doubted(
        group=leg.group,
        known=known,
        point=numeraire.point,
        value=value.point,
        down=book.low - book.point,
        up=book.high - book.point,
        doubt=Doubt(
            instrument=leg.name,
            low=numeraire.low,
            high=numeraire.high,
            age_ms=leg.age_ms,
            reason=leg.reason,
        ),
    )


def _within_width(leg: Leg, index: float) -> tuple[_Reach, _Reach]:
    """Moving part and value over all vols within the width of the last good one."""
    least, most = max(leg.vol - leg.width, 0.0), leg.vol + leg.width
    turning = np.sqrt(2.0 * abs(np.log(leg.forward / leg.strike)) / leg.time_to_expiry)
    vols = np.array([least, most, np.clip(turning, least, most), leg.vol])
    greeks = black(
        forward=leg.forward,
        strike=leg.strike,
        time_to_expiry=leg.time_to_expiry,
        vol=vols,
        is_call=leg.is_call,
    )
    unit = 1.0 if leg.inverse else leg.forward / index
    value = unit * np.asarray(greeks.price) / leg.forward
    net = unit * np.asarray(greeks.delta) - (value if leg.inverse else 0.0)
    moving = leg.quantity * leg.weight * net
    return _reach(moving), _reach(leg.quantity * value)


def _reach(at_vols: FloatArray) -> _Reach:
    """Range over the vols of `_within_width`, of which the last good one stands last."""
    return _Reach(float(at_vols.min()), float(at_vols.max()), float(at_vols[-1]))


def _no_arbitrage(leg: Leg, index: float) -> tuple[_Reach, _Reach]:
    """Moving part and value of a leg of which nothing but its forward is known."""
    strike = leg.strike / leg.forward
    net = (min(1.0, strike) if leg.is_call else strike) if leg.inverse else 1.0
    least = max(1.0 - strike if leg.is_call else strike - 1.0, 0.0)
    most = 1.0 if leg.is_call else strike
    unit = leg.quantity * (1.0 if leg.inverse else leg.forward / index)
    moving = leg.weight * unit * (net if leg.is_call else -net)
    return _between(0.0, moving), _between(unit * least, unit * most)


def _between(a: float, b: float) -> _Reach:
    return _Reach(min(a, b), max(a, b), 0.5 * (a + b))
