"""Pieces of the protocol taken out, for the simulation and for the long runs on real processes.

Each takes a method of a link or of a venue and returns what stands in its place; there is no switch
in the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from hedger.core.model import Order, OrderReport
from hedger.errors import OutcomeUnknown
from hedger.store.link import Wire

Method = Callable[..., Awaitable[Any]]
TRIES = 3


def blind(dial: Method) -> Method:
    """Nobody looks which life of the server a connection ends at."""

    async def dialled(link: Any) -> Wire:
        wire: Wire = await dial(link)
        return wire._replace(run_id="any")

    return dialled


def polled(on_wire: Method, *, every_s: float) -> Method:
    """The server is asked for its incarnation now and then, whatever connection is used since."""
    known: dict[int, tuple[float, str]] = {}

    async def stale(link: Any, what: str, ask: Callable[[Wire], Awaitable[Any]]) -> Any:
        async def with_polled(wire: Wire) -> Any:
            now_s = asyncio.get_running_loop().time()
            at_s, run_id = known.get(id(link), (now_s - every_s, ""))
            if now_s - at_s >= every_s:
                at_s, run_id = known[id(link)] = now_s, wire.run_id
            return await ask(wire._replace(run_id=run_id))

        return await on_wire(link, what, with_polled)

    return stale


def sent_anew(place: Method, *, new_id: Callable[[], str], after_s: float) -> Method:
    """What has no answer in time is sent again under a new id, as is so often done."""

    async def again(venue: Any, order: Order) -> OrderReport:
        for _ in range(TRIES):
            new = msgspec.structs.replace(order, client_id=new_id())
            try:
                async with asyncio.timeout(after_s):
                    return _renamed(await place(venue, new), order.client_id)
            except (OutcomeUnknown, TimeoutError):
                continue
        raise OutcomeUnknown("given up")

    return again


def _renamed(report: OrderReport, client_id: str) -> OrderReport:
    fills = tuple(msgspec.structs.replace(fill, client_id=client_id) for fill in report.fills)
    return msgspec.structs.replace(report, client_id=client_id, fills=fills)
