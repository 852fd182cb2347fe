"""The answer to "can this much delta be taken now?", and the limits that made it."""

from __future__ import annotations

from hedger.core.model.record import Record

VALID_MS = 500
"""How long an offer holds; what was set aside for it and not taken up ends by itself then."""


class Room(Record, frozen=True, kw_only=True):
    """What one limit leaves for new delta in one direction: unsigned coin, by name, and why."""

    limit: str
    size: float
    reason: str


class Hedged(Record, frozen=True, kw_only=True):
    """Where a part of the hedge would go, and at what cost in quote currency.

    ``size`` is signed delta of the hedge, ``price_bound`` the worst price of its order; ``impact``
    is the larger of what the size goes beyond the best price and of what recent fills did.
    """

    venue: str
    instrument: str
    size: float
    price_bound: float
    half_spread: float
    fee: float
    impact: float

    @property
    def cost(self) -> float:
        """All of it."""
        return self.half_spread + self.fee + self.impact


class Offer(Record, frozen=True, kw_only=True):
    """How much delta a book may be given now, signed like the ``wanted`` one, and its hedge.

    ``limit`` names what allows no more than ``size``, and is empty where all of it is allowed;
    ``capacity`` is what may be outstanding in that direction by all who ask together, ``least``
    the least order. Costs are quote currency, ``rooms`` everything that was asked. An offer holds
    for ``valid_ms`` of real time: for sure where a ``reservation`` has its id (until ``until_ms``
    by the store's clock), as advice where not.
    """

    book: str
    time_ms: int
    seq: int
    wanted: float
    size: float
    capacity: float
    limit: str
    reason: str
    least: float = 0.0
    cost: float = 0.0
    hedges: tuple[Hedged, ...] = ()
    rooms: tuple[Room, ...] = ()
    warnings: tuple[str, ...] = ()
    valid_ms: int = 0
    reservation: str = ""
    until_ms: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was asked for may be taken."""
        return self.size == self.wanted
