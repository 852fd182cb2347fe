"""The protocol with one piece taken out, in a worker process: each function is a `Setting.patch`.

Only these runs patch; there is no switch in the service.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hedger.core.model import Order, OrderReport
from hedger.errors import OutcomeUnknown
from hedger.store.link import Link, Wire
from hedger.venues.paper.adapter import PaperVenue

Ask = Callable[[Wire], Awaitable[Any]]
FAR_MS = 3_600_000
POLL_S = 10.0
RETRY_S, TRIES = 0.15, 3


def deadline() -> None:
    """The venue is told no deadline that it could hold an order to."""
    place = PaperVenue.place

    async def whenever(self: PaperVenue, order: Order) -> OrderReport:
        late = msgspec.structs.replace(order, deadline_ms=order.deadline_ms + FAR_MS)
        return await place(self, late)

    PaperVenue.place = whenever  # type: ignore[method-assign]


def incarnation() -> None:
    """Nobody looks which life of the server a connection ends at."""
    dial = Link._dial

    async def blind(self: Link) -> Wire:
        return (await dial(self))._replace(run_id="any")

    Link._dial = blind  # type: ignore[method-assign]


def binding() -> None:
    """The incarnation is asked for now and then, whatever connection is used since."""
    on_wire = Link._on_wire
    polled: dict[int, tuple[float, str]] = {}

    async def stale(self: Link, what: str, ask: Ask) -> Any:
        async def with_polled(wire: Wire) -> Any:
            now_s = time.monotonic()
            at_s, run_id = polled.get(id(self), (now_s - POLL_S, ""))
            if now_s - at_s >= POLL_S:
                at_s, run_id = polled[id(self)] = now_s, wire.run_id
            return await ask(wire._replace(run_id=run_id))

        return await on_wire(self, what, with_polled)

    Link._on_wire = stale  # type: ignore[method-assign]


def fixed_id() -> None:
    """What has no answer in time is sent again under a new id, as is so often done."""
    place = PaperVenue.place

    async def again(self: PaperVenue, order: Order) -> OrderReport:
        for _ in range(TRIES):
            new = msgspec.structs.replace(order, client_id=secrets.token_hex(16))
            try:
                async with asyncio.timeout(RETRY_S):
                    return _renamed(await place(self, new), order.client_id)
            except (OutcomeUnknown, TimeoutError):
                continue
        raise OutcomeUnknown("given up")

    PaperVenue.place = again  # type: ignore[method-assign]


def _renamed(report: OrderReport, client_id: str) -> OrderReport:
    fills = tuple(msgspec.structs.replace(fill, client_id=client_id) for fill in report.fills)
    return msgspec.structs.replace(report, client_id=client_id, fills=fills)
