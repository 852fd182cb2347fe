"""One market instant, the only thing the simulated exchange is told about the world.

Whoever makes instants (a recorded tape, a stochastic market) owns the question of look-ahead:
``shown`` is what the exchange publishes and what it trades on, ``valued`` is used for nothing but
the profit-and-loss marks of the trade log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Level(NamedTuple):
    """Price (instrument's price unit) and amount (venue amount) resting there."""

    price: float
    amount: float


class Shown(NamedTuple):
    """One instrument as published: depth best first, mark price, vol (decimal) and forward.

    ``bids`` or ``asks`` may be empty: no quote on that side. ``vol`` and ``forward`` are None for
    perpetuals; futures carry their own price as ``forward``. ``delta`` is the exchange's own of an
    option, which fades over its settlement window.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    mark: float
    vol: float | None = None
    forward: float | None = None
    delta: float | None = None


class Valued(NamedTuple):
    """One instrument as valued for profit and loss alone (may know the next snapshot)."""

    mark: float
    vol: float | None = None
    forward: float | None = None


class Instant(NamedTuple):
    """The market at ``time_ms`` (market time): index per underlying, instruments by name."""

    time_ms: int
    index: Mapping[str, float]  # type: ignore[assignment]  # hides tuple.index on purpose
    shown: Mapping[str, Shown]
    valued: Mapping[str, Valued]
