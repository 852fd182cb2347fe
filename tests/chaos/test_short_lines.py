"""The short forms of what networks, venues and clocks do; the long ones: ``python -m tests.chaos``.

One rig suffers everything at once, as starting one costs more than harming it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.chaos import ablations, clock, partition, replicas, stale, venue
from tests.chaos.__main__ import play
from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines
from tests.chaos.rig import Rig
from tests.chaos.run import Run, runs
from tests.chaos.table import Line

LENGTH_S = 6.0
AROUND_MIN = 0.25
"""What starting a rig, settling and judging add to a run, as measured."""


@contextlib.asynccontextmanager
async def lines_and_clocks(rig: Rig) -> AsyncIterator[None]:
    async with behind_lines(rig), clock.told(rig):
        yield


async def everything(rig: Rig, rng: Random) -> None:
    rngs = [Random(rng.random()) for _ in range(3)]
    runs = partition, venue, clock
    await asyncio.gather(*(run.inject(rig, own) for run, own in zip(runs, rngs, strict=True)))


def played(run: Run, seconds: float) -> Line:
    return asyncio.run(play(run, seed=1, scale=seconds / (60.0 * run.minutes)))


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler to build a shifted clock with")
def test_partitions_venue_faults_and_clocks_at_once() -> None:
    run = Run(
        name="everything",
        figure="0 over, 0 lost",
        minutes=1.0,
        inject=everything,
        setting=Setting(
            workers=3,
            books=12,
            serve=clock.shifted,
            lines=lines_and_clocks,
            patch="tests.chaos.clocks:follow",
        ),
        least={"partitions": 20, "venue faults": 60, "clock jumps": 10},
    )
    line = played(run, LENGTH_S)
    assert line.wrong == []
    assert line.orders > 50


def test_without_deadlines_the_checker_sees_late_orders() -> None:
    (run,) = (run for run in ablations.RUNS if run.name == "no-deadline")
    line = played(run, LENGTH_S)
    assert line.wrong == []
    assert line.counts["over"] > 0


def test_all_runs_together_fit_into_75_minutes() -> None:
    known = runs().values()
    assert sum(run.minutes + AROUND_MIN for run in known) <= 75.0


@pytest.mark.long
@pytest.mark.parametrize("run", [*replicas.RUNS, *stale.RUNS], ids=lambda run: run.name)
def test_other_servers_for_half_a_minute(run: Run) -> None:
    assert played(run, 30.0).wrong == []
