"""The protocol with one piece taken out: the checker must see that each of them is needed.

Only the simulation patches; there is no switch in the service.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from hedger.core.model import OrderStatus
from hedger.service.fills import Fills
from hedger.service.reconcile import Reconciler
from tests.simulation.adapter import SimVenue
from tests.simulation.wire import SimLink
from tests.taken_out import blind, polled, sent_anew

POLL_S = 2.0
RETRY_S = 0.35


class Ablation(NamedTuple):
    """What is taken out, what the checker must find then, and in which episodes soonest."""

    patch: Callable[[], AbstractContextManager[Any]]
    finds: str
    profile: str
    seed: int


def no_deadline() -> AbstractContextManager[Any]:
    """The venue takes an order whenever it comes."""
    return mock.patch("tests.simulation.exchange.DEADLINES", False)


def no_incarnation() -> AbstractContextManager[Any]:
    """Nobody looks which life of the server a connection ends at."""
    return mock.patch.object(SimLink, "_dial", blind(SimLink._dial))


def polled_incarnation() -> AbstractContextManager[Any]:
    """The server is asked for its incarnation now and then, whatever connection is used since."""
    stale = polled(SimLink._on_wire, every_s=POLL_S)
    return mock.patch.object(SimLink, "_on_wire", stale)


def random_id() -> AbstractContextManager[Any]:
    """What has no answer in time is sent again under a new id, as is so often done."""
    numbers = itertools.count(1)
    again = sent_anew(SimVenue.place, new_id=lambda: f"{next(numbers):032x}", after_s=RETRY_S)
    return mock.patch.object(SimVenue, "place", again)


def no_wait() -> AbstractContextManager[Any]:
    """Under a new incarnation books are read at once, whatever is still on its way."""

    async def at_once(self: Reconciler, lease: Any, since_s: float) -> None:
        return

    return mock.patch.object(Reconciler, "_outlast", at_once)


def remembered_fills() -> AbstractContextManager[Any]:
    """A worker believes that the store has every fill which it once applied."""
    apply = Fills.apply

    async def trusting(self: Fills, desk: Any, fill: Any, **more: Any) -> str:
        return await apply(self, desk, fill, **(more | {"trusting": True}))

    return mock.patch.object(Fills, "apply", trusting)


def refused_copy() -> AbstractContextManager[Any]:
    """An order that was sent again and refused counts as dead, whatever the first copy does."""
    seen = SimpleNamespace(OPEN=OrderStatus.OPEN, NOT_FOUND=OrderStatus.NOT_FOUND, REJECTED=None)
    return mock.patch("hedger.service.resolver.OrderStatus", seen)


def same_numbers() -> AbstractContextManager[Any]:
    """After a restart orders are numbered on from what the server, and the history, remember."""

    async def on(self: Reconciler, desk: Any, lease: Any) -> None:
        return

    return mock.patch.object(Reconciler, "_renumber", on)


def every_second() -> AbstractContextManager[Any]:
    """A venue without deadlines beside a server that syncs once a second, if that."""
    return mock.patch("tests.simulation.stage.second_class", return_value="B")


ABLATIONS = {
    "no-deadline": Ablation(no_deadline, "over", "slow", 1),
    "no-incarnation": Ablation(no_incarnation, "over", "back", 5),
    "polled-incarnation": Ablation(polled_incarnation, "over", "back", 27),
    "random-id": Ablation(random_id, "over", "slow", 0),
    "no-wait": Ablation(no_wait, "over", "back", 63),
    "refused-copy": Ablation(refused_copy, "over", "again", 74),
    "same-numbers": Ablation(same_numbers, "twice", "reuse", 1),
    "every-second": Ablation(every_second, "over", "back", 11),
    "remembered-fills": Ablation(remembered_fills, "lost", "back", 1),
}
