"""The clock of a venue: asked for, followed, and no further off than half the answer took."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hedger.venues.paper.launch import launch, stop
from tests.venues.paper_desk import COMMAND, client, params


def test_the_venues_clock_is_read_and_followed(tmp_path: Path) -> None:
    wanted = params(tmp_path)

    async def story() -> None:
        await launch(wanted, command=COMMAND)
        try:
            async with client(wanted) as venue:
                first = await venue.read_clock()
                venue._link.offset_ms -= 250  # as if the venue's clock had been set since
                reading = await venue.read_clock()
                assert abs(reading.ahead_ms - 250) <= 2 * first.error_ms + reading.error_ms + 2
                again = await venue.read_clock()
                assert abs(again.ahead_ms) <= 2 * reading.error_ms + again.error_ms + 2
                assert again.venue_ms >= reading.venue_ms
                venue._link.offset_ms -= 250
                await venue._link._wire.close()  # type: ignore[union-attr]
                await venue.status()  # connects anew, and follows the clock
                late = await venue.read_clock()
                assert abs(late.ahead_ms - 250) <= 2 * again.error_ms + 2 * late.error_ms + 4
        finally:
            await stop(wanted.socket)

    asyncio.run(story())
