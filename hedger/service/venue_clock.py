"""Whether the clocks of the venues can be relied on: deadlines are set in them.

A venue's clock is read once a second. Where it was surely further from what we took it for than the
margin, the deadlines that were set in the meantime are wrong, and so may be the next ones: nothing
new is sent until every one of them has passed and the clock has agreed with itself since.
"""

from __future__ import annotations

import asyncio

from hedger.errors import HedgerError
from hedger.ports import ClockReading
from hedger.service.world import World
from hedger.telemetry import logger

READ_S = 1.0


class VenueClocks:
    """Watches the clocks of one worker's venues."""

    def __init__(self, world: World) -> None:
        self._venues = world.venues
        self._now_s = world.clock.monotonic_s
        self._request_s = world.request_s
        self._margin_ms = world.params.margin_ms
        self._outlasts_s = world.params.order_timeout_ms_max / 1_000 + world.margin_s
        self._metrics = world.metrics
        self._alarms = world.alarms
        self._books = {
            name: ", ".join(
                book.name
                for book in world.params.books
                if any(route.venue == name for route in book.routes)
            )
            for name in world.venues
        }
        self._log = logger(worker=world.params.worker)
        self._until_s: dict[str, float] = {}
        self._why: dict[str, str] = {}

    def doubt(self, venue: str) -> str:
        """Why no deadline may be set at a venue now; empty where one may."""
        if self._now_s() < self._until_s.get(venue, float("-inf")):
            return self._why[venue]
        return ""

    async def run(self) -> None:
        """Read the clocks until cancelled."""
        while True:
            await asyncio.gather(*(self._look(name) for name in self._venues))
            await asyncio.sleep(READ_S)

    async def _look(self, name: str) -> None:
        """Read one clock; a venue that does not answer takes no orders either."""
        try:
            await self.read(name)
        except (HedgerError, TimeoutError):
            self._metrics.count("clock_unread")
        except Exception:  # a clock that cannot be read is no reason to stop hedging
            self._metrics.count("defects")
            self._log.exception("defect", during="venue clock", venue=name)

    async def read(self, name: str) -> ClockReading:
        """Read one clock, and judge it; raises what the venue raises, and `TimeoutError`.

        Nobody else in the service reads one: a venue's adapter follows the clock with each reading,
        so that a jump shows in one of them only.
        """
        async with asyncio.timeout(self._request_s):
            reading = await self._venues[name].read_clock()
        if abs(reading.ahead_ms) - reading.error_ms > self._margin_ms:
            self._distrust(name, reading)
        return reading

    def _distrust(self, name: str, reading: ClockReading) -> None:
        self._until_s[name] = self._now_s() + self._outlasts_s
        self._why[name] = (
            f"the clock of {name} was {reading.ahead_ms:+.0f} ms from where it was taken to be,"
            f" expected at most margin_ms = {self._margin_ms}"
        )
        self._metrics.count("clock_skews")
        self._alarms.raise_("venue_clock", book=self._books[name], reason=self._why[name])
