"""The loop itself: time jumps, order is drawn, and what is killed or stopped does not run."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from tests.simulation.faults import drawn, only
from tests.simulation.loop import LiveLock, Process, SimLoop
from tests.simulation.shrink import shrunk


def run(main: Any, seed: int = 0) -> Any:
    loop = SimLoop(Random(seed))
    return loop.run(main(loop))


async def clerk(notes: list[str], *, every_s: float = 1.0) -> None:
    """Writes a line a second, and one last line if it is given the chance."""
    try:
        while True:
            await asyncio.sleep(every_s)
            notes.append(f"{asyncio.get_running_loop().time():.0f}")
    finally:
        notes.append("cleaned up")


def test_an_hour_passes_at_once() -> None:
    async def main(loop: SimLoop) -> float:
        before_s = loop.time()
        await asyncio.sleep(3_600)
        return loop.time() - before_s

    assert run(main) == pytest.approx(3_600)


def test_the_order_is_drawn_and_the_same_for_the_same_seed() -> None:
    async def main(loop: SimLoop) -> list[int]:
        order: list[int] = []
        for number in range(8):
            loop.call_soon(order.append, number)
        await asyncio.sleep(0.1)
        return order

    orders = [tuple(run(main, seed)) for seed in range(10)]
    assert len(set(orders)) > 5
    assert orders == [tuple(run(main, seed)) for seed in range(10)]


def test_nothing_of_a_killed_process_runs_again() -> None:
    notes: list[str] = []

    async def main(loop: SimLoop) -> list[str]:
        process = Process("w")

        async def parent() -> None:
            await asyncio.gather(clerk(notes), clerk(notes))

        loop.spawn(process, parent())
        await asyncio.sleep(1.5)
        loop.kill(process)
        await asyncio.sleep(10)
        return list(notes)

    assert run(main) == ["1001", "1001"], "neither work nor clean-up after the kill"


def test_a_stopped_process_stands_still_and_then_does_what_came_due() -> None:
    async def main(loop: SimLoop) -> tuple[list[str], list[str]]:
        notes, process = list[str](), Process("w")
        loop.spawn(process, clerk(notes))
        await asyncio.sleep(1.5)
        loop.stop_process(process)
        await asyncio.sleep(5)
        while_stopped = list(notes)
        loop.resume_process(process)
        await asyncio.sleep(1.2)
        return while_stopped, list(notes)

    stopped, after = run(main)
    assert stopped == ["1001"]
    assert after == ["1001", "1006", "1008"], "one late line, and the next a second later"


@pytest.mark.parametrize("still", [True, False])
def test_a_live_lock_is_an_error(still: bool) -> None:
    async def main(loop: SimLoop) -> None:
        def spin() -> None:
            loop.call_soon(spin)

        if still:
            spin()
        await asyncio.Event().wait()

    with pytest.raises(LiveLock):
        run(main)


def test_a_schedule_shrinks_to_what_it_takes() -> None:
    plan = drawn(3, length_s=100.0, faults=20)
    tries = []

    def fails(one: Any) -> bool:
        tries.append(len(one.faults))
        return {4, 17} <= {fault.number for fault in one.faults}

    assert [fault.number for fault in shrunk(plan, fails).faults] == [4, 17]
    assert len(tries) < 60
    assert shrunk(only(plan, {4}), lambda one: True).faults == ()
