"""Capacity set aside: what a client asks of the store before it takes risk, and what it is told.

The half of the store's port that clients use, not workers. Amounts are integers of 1e-8 coin, since
nothing in the store is a float; a side is that of the hedge which the risk would need.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from hedger.core.model import VALID_MS

PER_COIN = 100_000_000
LINGER_MS = 5_000
"""One that was taken up counts so much longer: until the risk is in the book and hedged there."""
LIVE_MAX = 100
"""Live reservations that one book may have; each ask counts them all, and so does a hedge."""


class Reserve(NamedTuple):
    """A wish: ``amount``, of which less than ``least`` is no use, out of ``capacity``.

    Capacity was worked out on the book at ``seq`` and ``facts``, which a worker runs under
    ``epoch``; the store says no where any of the three is another by now. With ``keep`` false
    nothing is set aside, and the answer says what would have been.
    """

    book: str
    id: str
    sells: bool
    amount: int
    capacity: int
    least: int
    seq: int
    facts: int
    epoch: int
    keep: bool = True
    valid_ms: int = VALID_MS


class Grant(NamedTuple):
    """What the store grants: ``ok``, ``unkept`` (not run under that epoch any more) or ``full``.

    ``others`` is what others have set aside on that side, ``until_ms`` the end by the server's
    clock.
    """

    result: str
    amount: int = 0
    others: int = 0
    until_ms: int = 0


class Reservations(Protocol):
    """Shared capacity of books; every method raises `StoreUnavailable`."""

    async def reserve(self, wish: Reserve) -> Grant:
        """Set aside what is left of the capacity, at most the amount; the same id asks again.

        Never more in sum than the capacity. Raises `RevisionConflict` (``stale``) where the book is
        not as it was read.
        """
        ...

    async def consume(self, book: str, reservation: str, *, linger_ms: int = LINGER_MS) -> str:
        """Take a reservation up, once: ``ok``, ``again`` (it was before) or ``gone`` (it ended).

        It goes on counting for ``linger_ms``; 0 gives it back unused.
        """
        ...


def floored(coin: float) -> int:
    """A size as an integer amount, never more than it is."""
    return math.floor(min(coin, 1e7) * PER_COIN)


def ceiled(coin: float) -> int:
    """A size as an integer amount, never less than it is.

    Examples
    --------
    >>> ceiled(0.1), floored(0.29999999999999), ceiled(1e-9)
    (10000000, 29999999, 1)
    """
    return math.ceil(coin * PER_COIN - 1e-6)


def coins(amount: int) -> float:
    """An amount in coin."""
    return amount / PER_COIN
