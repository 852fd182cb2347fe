"""The protocol with one piece taken out, in a worker process: each function is a `Setting.patch`.

Only these runs patch; there is no switch in the service.
"""

from __future__ import annotations

import secrets

import msgspec

from hedger.core.model import Order, OrderReport
from hedger.store.link import Link
from hedger.venues.paper.adapter import PaperVenue
from tests.taken_out import blind, polled, sent_anew

FAR_MS = 3_600_000
POLL_S = 10.0
RETRY_S = 0.15


def deadline() -> None:
    """The venue is told no deadline that it could hold an order to."""
    place = PaperVenue.place

    async def whenever(self: PaperVenue, order: Order) -> OrderReport:
        late = msgspec.structs.replace(order, deadline_ms=order.deadline_ms + FAR_MS)
        return await place(self, late)

    PaperVenue.place = whenever  # type: ignore[method-assign]


def incarnation() -> None:
    """Nobody looks which life of the server a connection ends at."""
    Link._dial = blind(Link._dial)  # type: ignore[method-assign]


def binding() -> None:
    """The incarnation is asked for now and then, whatever connection is used since."""
    Link._on_wire = polled(Link._on_wire, every_s=POLL_S)  # type: ignore[method-assign]


def fixed_id() -> None:
    """What has no answer in time is sent again under a new id."""
    PaperVenue.place = sent_anew(  # type: ignore[method-assign]
        PaperVenue.place, new_id=lambda: secrets.token_hex(16), after_s=RETRY_S
    )
