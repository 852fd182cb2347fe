"""The protocol without one of its pieces, under the fault that the piece is for: it must fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random

from tests.chaos import labels
from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.chaos.stale import back_in_time

LATE_S = 1.0
LONG = {
    "HEDGER__WORKER__LEASE_S": "2.0",
    "HEDGER__WORKER__ORDER_TIMEOUT_S_MIN": "1.5",
    "HEDGER__WORKER__ORDER_TIMEOUT_S_MAX": "1.5",
}
"""Deadlines that outlast a restart and the pause which a worker makes after one."""
PLAIN = Setting(workers=3, books=16, lines=behind_lines)
LABELS = replace(PLAIN, worker_env=LONG, exchange=labels.COMMAND)
"""Ids are numbered alike by whoever decides anew, so that only an exchange which does not know its
ids again shows that an order was forgotten."""
Inject = Callable[[Rig, Random], Awaitable[None]]


async def late(rig: Rig, rng: Random) -> None:
    """Orders reach the exchange when nobody counts on them any more."""
    for line in lines_of(rig).venue.values():
        line.late_s, line.faults = LATE_S, frozenset({"late_accept"})
    await _until_the_end(rig)


async def unanswered(rig: Rig, rng: Random) -> None:
    """Orders are taken, and nobody hears of it in time."""
    for line in lines_of(rig).venue.values():
        line.faults = frozenset({"timeout_after_accept"})
    await _until_the_end(rig)


async def forgotten(rig: Rig, rng: Random) -> None:
    """The server forgets orders that are on their way."""
    while rig.goes_on():
        await rig.sleep(rng.uniform(1.0, 1.5))
        await back_in_time(rig, age_s=0.0, held_s=1.0)


async def _until_the_end(rig: Rig) -> None:
    await rig.sleep(rig.length_s)
    for line in lines_of(rig).venue.values():
        line.calm()
        for kind, times in line.done.items():
            rig.count(kind, times)


def _pair(
    name: str,
    patch: str,
    inject: Inject,
    must_fail: tuple[str, ...] = ("over",),
    setting: Setting = PLAIN,
    minutes: float = 0.3,
) -> list[Run]:
    """The same market and faults without the piece, and with it."""
    patched = replace(setting, patch=f"tests.chaos.without:{patch}")
    return [
        Run(
            name=name,
            figure=f"must fail: {' or '.join(must_fail)}",
            minutes=minutes,
            inject=inject,
            setting=patched,
            must_fail=must_fail,
        ),
        Run(
            name=f"{name}-whole",
            figure="the same with the piece in place: 0 over, 0 lost",
            minutes=minutes,
            inject=inject,
            setting=setting,
        ),
    ]


RUNS = [
    *_pair("no-deadline", "deadline", late),
    *_pair("random-id", "fixed_id", unanswered),
    *_pair("no-incarnation", "incarnation", forgotten, setting=LABELS, minutes=0.5),
    _pair("polled-incarnation", "binding", forgotten, setting=LABELS, minutes=1.0)[0],
]
