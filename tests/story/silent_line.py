"""A line between the workers and an exchange that goes dead at the first order on it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tests.chaos.proxy import PIECE, Address, Pipe, Proxy, Streams

PLACE = b"\xa5Place"
"""How a request to place an order begins on the wire."""


class SilentLine(Proxy):
    """Passes everything on until an order comes; after that nothing, both ways.

    ``accepted`` says whether that order still arrives. `heal` breaks what is connected, so that
    whoever calls again is heard again.
    """

    def __init__(self, here: Address, there: Address, *, accepted: bool) -> None:
        super().__init__(here, there)
        self.has_healed = False
        self.silenced = asyncio.Event()
        self._accepted = accepted

    def heal(self) -> None:
        self.has_healed = True
        self.mend()
        self.reset()

    def _pipes(self, near: Streams, far: Streams) -> tuple[Pipe, Pipe]:
        _, down = super()._pipes(near, far)
        return Pipe(self.up, lambda: near[0].read(PIECE), far[1], self._request), down

    def _request(self, piece: bytes) -> Iterable[tuple[float, bytes]]:
        """What is said after the order is not heard, also on connections that are made later."""
        if self.has_healed or not (self.silenced.is_set() or PLACE in piece):
            return [(0.0, piece)]
        is_first = not self.silenced.is_set()
        self.silenced.set()
        self.hole("down")
        return [(0.0, piece)] if is_first and self._accepted else []
