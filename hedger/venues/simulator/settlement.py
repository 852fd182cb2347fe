"""The settlement mean of the index, what expiring contracts pay, and their value on the way there.

Options and dated futures of an expiry settle in cash on the mean of the index over the last 30
minutes. Inside that window part of the mean is known, and a contract is worth what it pays on the
known part plus what the rest is worth.
"""

from __future__ import annotations

from collections import deque
from math import erfc, log, sqrt
from typing import NamedTuple

from hedger.core.model import SETTLEMENT_WINDOW_MS as WINDOW_MS
from hedger.core.model import Instrument, Kind

__all__ = ["DAY_MS", "IndexPath", "Known", "payoff", "value_on_mean"]

DAY_MS = 86_400_000
_YEAR_MS = 365 * DAY_MS


class Known(NamedTuple):
    """The settled share of an expiry's mean, in [0, 1], and the index's mean over that share."""

    share: float
    mean: float


class IndexPath:
    """The recent index of one underlying as steps: each value stands for the time since the last.

    A gap in the market is carried by the first value after it, and what was never seen of a window
    is taken to be at the mean of what was.
    """

    def __init__(self) -> None:
        self._steps: deque[tuple[int, int, float]] = deque()
        self._now: int | None = None
        self._last = 0.0

    def step(self, time_ms: int, index: float) -> None:
        """Extend the path to an instant not before the last."""
        if self._now is not None and time_ms > self._now:
            while self._steps and self._steps[0][1] <= self._now - WINDOW_MS:
                self._steps.popleft()
            self._steps.append((self._now, time_ms, index))
        self._now, self._last = time_ms, index

    def known(self, expiry_ms: int) -> Known:
        """What is known of the mean that settles at this instant."""
        start, now = expiry_ms - WINDOW_MS, self._now or 0
        if now <= start:
            return Known(0.0, self._last)
        weight, total = 0, 0.0
        for since, until, index in self._steps:
            overlap = min(until, expiry_ms) - max(since, start)
            if overlap > 0:
                weight += overlap
                total += overlap * index
        share = min(1.0, (now - start) / WINDOW_MS)
        return Known(share, total / weight if weight else self._last)


def payoff(instrument: Instrument, delivery: float) -> float:
    """Value per unit of venue amount at delivery: in coin for inverse options, else in quote."""
    if instrument.kind is not Kind.OPTION:
        return delivery
    intrinsic = _intrinsic(delivery, instrument.strike, instrument.is_call)
    return intrinsic / delivery if instrument.inverse else intrinsic


def value_on_mean(
    instrument: Instrument,
    *,
    mark: float,
    vol: float | None,
    forward: float | None,
    left_ms: int,
    known: Known,
) -> float:
    """Value per unit of a contract that settles on a mean, in its price unit.

    Parameters
    ----------
    mark, vol, forward
        The contract's mark [price unit], annualised vol and forward [quote currency].
    left_ms
        Market time to expiry.
    known
        The settled part of the mean.

    Notes
    -----
    With share m of the window done at running mean A, a call is worth
    ``(1 - m) Black(F, (K - m A) / (1 - m))`` with a third of the remaining time: the mean of what
    is to come varies that much less. The expected delivery ``m A + (1 - m) F`` turns it into coin.
    Before the window the effective time is the time to it plus a third of it; those 20 minutes are
    taken off gradually over the last day, as a correction of the mark, because a quoted vol
    belongs to the full time.
    """
    if instrument.kind is Kind.PERPETUAL or left_ms >= DAY_MS:
        return mark
    if instrument.kind is Kind.FUTURE:
        return known.share * known.mean + (1.0 - known.share) * mark
    if vol is None or forward is None:
        return mark
    expected = known.share * known.mean + (1.0 - known.share) * forward
    per_unit = expected if instrument.inverse else 1.0
    strike, is_call = instrument.strike, instrument.is_call
    years = _effective_ms(left_ms) / _YEAR_MS
    if left_ms > WINDOW_MS:
        full = _black(forward, strike, vol * sqrt(left_ms / _YEAR_MS), is_call)
        return mark + (_black(forward, strike, vol * sqrt(years), is_call) - full) / per_unit
    rest = 1.0 - known.share
    if rest <= 0.0:
        return _intrinsic(known.mean, strike, is_call) / per_unit
    strike = (strike - known.share * known.mean) / rest
    return rest * _black(forward, strike, vol * sqrt(years), is_call) / per_unit


def _effective_ms(left_ms: int) -> float:
    """Time that counts for the variance of the mean still to come."""
    if left_ms <= WINDOW_MS:
        return max(0, left_ms) / 3.0
    slope = (DAY_MS - WINDOW_MS / 3.0) / (DAY_MS - WINDOW_MS)
    return WINDOW_MS / 3.0 + (left_ms - WINDOW_MS) * slope


def _black(forward: float, strike: float, deviation: float, is_call: bool) -> float:
    """Black-76 price per unit, undiscounted; ``deviation`` is vol times root of time."""
    if strike <= 0.0 or deviation <= 0.0:
        return _intrinsic(forward, strike, is_call)
    sign = 1.0 if is_call else -1.0
    d1 = log(forward / strike) / deviation + 0.5 * deviation
    tail = -sign / sqrt(2.0)
    inside = forward * erfc(tail * d1) - strike * erfc(tail * (d1 - deviation))
    return 0.5 * sign * inside


def _intrinsic(price: float, strike: float, is_call: bool) -> float:
    return max(0.0, price - strike if is_call else strike - price)
