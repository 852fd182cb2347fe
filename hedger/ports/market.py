"""Three of the four ports: `Clock`, `Feed` and `Venue`, and what they deliver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import NamedTuple, Protocol

from hedger.core.model import (
    Account,
    AccountEvent,
    AccountMargin,
    Conduct,
    Fill,
    Instrument,
    Order,
    OrderReport,
    Quote,
)


class Clock(Protocol):
    """Time, twice: the market's (may be a replay's) and the machine's."""

    def market_ms(self) -> int:
        """Market time: expiry, funding, quote age, cooldown, per-minute limits."""
        ...

    def monotonic_s(self) -> float:
        """Machine time that never goes back: leases, request time-outs, latencies."""
        ...


class Batch(NamedTuple):
    """What a feed delivers at once: one market instant, in order of arrival."""

    market_ms: int
    quotes: Sequence[Quote] = ()
    accounts: Sequence[Account] = ()
    fills: Sequence[Fill] = ()
    events: Sequence[AccountEvent] = ()


class ClockReading(NamedTuple):
    """A venue's clock as it has just told it, against what `Venue.venue_ms` said before.

    ``ahead_ms`` is how far the venue was ahead of the estimate, ``error_ms`` how wrong that can be:
    half of the time that the answer took.
    """

    venue_ms: int
    ahead_ms: float
    error_ms: float


class Feed(Protocol):
    """Market data and account events of one venue."""

    async def subscribe(self, instruments: Collection[str], accounts: Collection[str]) -> None:
        """Ask for these instruments and accounts too; raises `VenueUnavailable`."""
        ...

    def batches(self) -> AsyncIterator[Batch]:
        """Yield batches until the connection ends; raises `VenueUnavailable` when it breaks."""
        ...

    async def caught_up(self, market_ms: int) -> None:
        """Tell a replayed venue that everything up to this instant is worked off; live: no-op."""
        ...


class Venue(Protocol):
    """Orders at one venue."""

    @property
    def name(self) -> str:
        """The configured name of the venue."""
        ...

    def conduct(self, instrument: str) -> Conduct:
        """What is known, and from where, of orders without an answer in this product."""
        ...

    def venue_ms(self) -> int:
        """The venue's real clock, estimated; deadlines are set and compared in it."""
        ...

    async def read_clock(self) -> ClockReading:
        """Ask the venue for its time, and let `venue_ms` follow; raises `VenueUnavailable`.

        ``venue_ms`` of the reading is no estimate: it was that late at the venue when it answered.
        """
        ...

    async def instruments(self, names: Collection[str]) -> dict[str, Instrument]:
        """Contract data of those names that exist; raises `VenueUnavailable`."""
        ...

    async def place(self, order: Order) -> OrderReport:
        """Send once. Raises `VenueRejected`, or `OutcomeUnknown` when no answer proves its fate."""
        ...

    async def cancel(self, account: str, client_id: str) -> OrderReport:
        """Cancel what is open; raises `OutcomeUnknown`."""
        ...

    async def query(self, account: str, client_id: str) -> OrderReport:
        """State of one order (`OrderStatus.NOT_FOUND` too); raises `VenueUnavailable`."""
        ...

    async def positions(self, account: str) -> dict[str, int]:
        """Signed lots of every instrument held; raises `VenueUnavailable`."""
        ...

    def fills(self, account: str, since_ms: int) -> AsyncIterator[Sequence[Fill]]:
        """All fills since a market instant, oldest first, in pages as the venue hands them out.

        Raises `VenueUnavailable`, also between pages. What is filled meanwhile comes at the end.
        """
        ...

    async def transfers(self, account: str, since_ms: int) -> list[AccountEvent]:
        """Deposits and withdrawals since a market instant; raises `VenueUnavailable`."""
        ...

    async def margin(self, account: str) -> AccountMargin | None:
        """What the venue asks of an account, None where it does not tell; `VenueUnavailable`.

        Its age is market time less ``time_ms``.
        """
        ...

    def credits(self, account: str) -> float | None:
        """Share of an account's limit of orders that is left; None where the venue does not tell.

        From what it last told, without asking: an answer that tells what is left costs nothing.
        """
        ...

    async def close(self) -> None:
        """Release the connection."""
        ...
