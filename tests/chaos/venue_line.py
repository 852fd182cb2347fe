"""A line before the paper exchange that reads what it carries, and does to orders what venues do.

Requests and answers are whole frames with ids, so any of them may be lost, doubled or overtaken
without tearing the stream. Whatever it does is what an exchange may do: no answer is invented that
would claim an end which has not come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import Random

import msgspec

from hedger.core.model import OrderStatus
from hedger.venues.paper import protocol as p
from tests.chaos.proxy import Address, Pipe, Proxy, Streams

Parts = Iterable[tuple[float, bytes]]
Say = Callable[[bytes], None]

ORDERS = (
    "timeout_after_accept",
    "late_accept",
    "lost",
    "doubled",
    "reordered",
    "fill_after_end",
    "5xx",
)
"""Faults of single orders."""
OTHERS = ("rate_limit", "loss", "stream_lost", "stream_doubled", "stream_reordered", "reads_5xx")
"""Faults of a line for a while."""
LOSS = 0.2
FILL_LATE_S = 0.6
"""A fill that its order's end was told without comes so much later."""
_READS = p.Cancel | p.Query | p.Positions | p.Fills | p.Transfers
_ASKS = p.Place | _READS


class VenueLine(Proxy):
    """Meddles with a share of what passes, by the ``faults`` that are set at the moment."""

    def __init__(self, here: Address, there: Address, rng: Random, *, late_s: float) -> None:
        super().__init__(here, there)
        self.faults: frozenset[str] = frozenset()
        self.share = 0.3
        """Of the orders (or frames) that a fault could touch, so many it does."""
        self.done: dict[str, int] = {}
        """How often each fault has happened."""
        self._rng = rng
        self.late_s = late_s
        """How late an order comes that comes late, about."""

    def calm(self) -> None:
        """No faults from now on."""
        self.faults = frozenset()
        self.mend()

    def _pipes(self, near: Streams, far: Streams) -> tuple[Pipe, Pipe]:
        mute: dict[int, str] = {}  # requests here whose answer is to be meddled with
        down = Pipe(self.down, _framed(far), near[1], lambda frame: self._answer(frame, mute))
        up = Pipe(
            self.up, _framed(near), far[1], lambda frame: self._request(frame, mute, down.put)
        )
        return up, down

    # --- requests -----------------------------------------------------------------------------

    def _request(self, frame: bytes, mute: dict[int, str], say: Say) -> Parts:
        request = p.request_of(frame[4:])
        if not isinstance(request, _ASKS):
            return [(0.0, frame)]
        if self._strikes("loss", LOSS / 2):
            return []
        if self._strikes("rate_limit", 1.0):
            say(p.frame(p.Refused(request.id, "too many requests")))
            return []
        if isinstance(request, _READS):
            if self._strikes("reads_5xx", 1.0):
                say(p.frame(p.Ok(request.id)))  # an answer that says nothing
                return []
            return [(0.0, frame)]
        return self._order(request.id, frame, mute, say)

    def _order(self, id_: int, frame: bytes, mute: dict[int, str], say: Say) -> Parts:
        if self._strikes("lost"):
            return []
        if self._strikes("late_accept"):
            return [(self._rng.uniform(0.3, 1.3) * self.late_s, frame)]
        if self._strikes("doubled"):
            return [(0.0, frame), (self._rng.uniform(0.0, 1.2) * self.late_s, frame)]
        if self._strikes("reordered"):
            return [(self._rng.uniform(0.0, 0.2) * self.late_s, frame)]
        if self._strikes("5xx"):
            say(p.frame(p.Ok(id_)))
            return [(0.0, frame)] if self._rng.random() < 0.5 else []
        for fault in ("timeout_after_accept", "fill_after_end"):
            if self._strikes(fault):
                mute[id_] = fault
                break
        return [(0.0, frame)]

    # --- answers ------------------------------------------------------------------------------

    def _answer(self, frame: bytes, mute: dict[int, str]) -> Parts:
        message = p.message_of(frame[4:])
        if isinstance(message, p.Push):
            return self._push(frame, message)
        if isinstance(message, p.Report | p.Holdings | p.FillList) and self._strikes(
            "loss", LOSS / 2
        ):
            return []
        fault = mute.pop(message.id, "") if not isinstance(message, p.End) else ""
        if fault == "timeout_after_accept":
            return []
        if fault == "fill_after_end" and isinstance(message, p.Report):
            return [(0.0, p.frame(_terse(message)))]
        return [(0.0, frame)]

    def _push(self, frame: bytes, push: p.Push) -> Parts:
        """Fills may come without their time, twice or never; quotes go on as they are."""
        if not push.fills:
            return [(0.0, frame)]
        without = p.frame(msgspec.structs.replace(push, fills=[]))
        only = p.frame(msgspec.structs.replace(push, quotes=[], accounts=[], events=[]))
        if self._strikes("stream_lost"):
            return [(0.0, without)]
        if self._strikes("stream_doubled"):
            return [(0.0, frame), (self._rng.uniform(0.0, FILL_LATE_S), only)]
        if self._strikes("stream_reordered") or self._strikes("fill_after_end"):
            return [(0.0, without), (self._rng.uniform(0.0, FILL_LATE_S), only)]
        return [(0.0, frame)]

    def _strikes(self, fault: str, share: float | None = None) -> bool:
        if fault not in self.faults:
            return False
        if self._rng.random() >= (self.share if share is None else share):
            return False
        self.done[fault] = self.done.get(fault, 0) + 1
        return True


def _framed(streams: Streams) -> Callable[[], Awaitable[bytes]]:
    """Reads one whole frame, its length included; nothing at the end."""

    async def read() -> bytes:
        try:
            payload = await p.read_frame(streams[0])
        except ConnectionError:
            return b""
        return len(payload).to_bytes(4, "big") + payload

    return read


def _terse(report: p.Report) -> p.Report:
    """The end of an order without its fills: those come on their own."""
    if report.report.status not in (OrderStatus.FILLED, OrderStatus.CANCELLED):
        return report
    return p.Report(report.id, msgspec.structs.replace(report.report, fills=()))
