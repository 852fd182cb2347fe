"""SIGSTOP for 1.2 to 5 leases: at random moments, and exactly where it hurts most.

The exact ones are the workers' own: a patch of the worker process, not of the service, stops it
when the answer of BEGIN has arrived and nothing is sent yet, or after the last check of an order
and before its first byte leaves.
"""

from __future__ import annotations

import asyncio
import os
import signal
from random import Random
from typing import Any

from hedger.store.redis import RedisStore
from hedger.venues.paper.adapter import PaperVenue
from tests.chaos.books import LEASE_S, Setting
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.chaos.worker import Worker, woken_soon

LEASES = (1.2, 5.0)
SHARE = 1 / 80
"""Of the orders of a worker, for each of the two places."""
WORDS = {"begun": "SIGSTOP after BEGIN", "sending": "SIGSTOP before the send"}


def stops_itself() -> None:
    """In a worker process: stop now and then, and say so first."""
    rng = Random(os.getpid())
    begin, place = RedisStore.begin, PaperVenue.place

    def stop(word: str) -> None:
        if rng.random() < SHARE:
            os.write(1, f"{word} {os.getpid()}\n".encode())
            os.kill(os.getpid(), signal.SIGSTOP)

    async def begin_then_stop(self: RedisStore, *args: Any, **more: Any) -> Any:
        answer = await begin(self, *args, **more)
        stop("begun")
        return answer

    async def stop_then_place(self: PaperVenue, *args: Any, **more: Any) -> Any:
        stop("sending")
        return await place(self, *args, **more)

    RedisStore.begin = begin_then_stop  # type: ignore[method-assign]
    PaperVenue.place = stop_then_place  # type: ignore[method-assign]


async def inject(rig: Rig, rng: Random) -> None:
    before = rig.told
    async with asyncio.TaskGroup() as group:
        rig.told = wakers(rig, rng, group)
        while rig.goes_on():
            await rig.sleep(rng.uniform(0.5, 3.0))
            victim = rig.any_ready(rng)
            if victim is not None:
                group.create_task(rig.pause(victim, LEASE_S * rng.uniform(*LEASES)))
        rig.told = before


def wakers(rig: Rig, rng: Random, group: asyncio.TaskGroup) -> Any:
    """What hears that a worker has stopped itself, and wakes it; after the end at once."""

    def stopped(word: str, worker: Worker) -> None:
        if word not in WORDS:
            return
        if not rig.goes_on():
            woken_soon(worker)
            return
        seconds = LEASE_S * rng.uniform(*LEASES)
        group.create_task(rig.pause(worker, seconds, WORDS[word]))

    return stopped


RUNS = [
    Run(
        name="pause",
        figure=">= 100 stops of 1.2 to 5 leases, also between check and write, 0 over, 0 lost",
        minutes=4.0,
        inject=inject,
        setting=Setting(patch="tests.chaos.pause:stops_itself"),
        least={"SIGSTOP": 50, "SIGSTOP after BEGIN": 20, "SIGSTOP before the send": 20},
    )
]
