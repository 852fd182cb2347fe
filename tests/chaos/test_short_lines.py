"""The short form of an ablation, and what other servers do for half a minute."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from tests.chaos import ablations, replicas, stale
from tests.chaos.__main__ import play
from tests.chaos.lines import lines_of
from tests.chaos.rig import Rig
from tests.chaos.run import Run, runs
from tests.chaos.table import Line

LENGTH_S_MAX = 20.0
LATE_ORDERS = 30
"""So many, if they may fill whenever they come, do harm."""
AROUND_MIN = 0.25
"""What starting a rig, settling and judging add to a run, as measured."""


def played(run: Run, seconds: float) -> Line:
    return asyncio.run(play(run, seed=1, scale=seconds / (60.0 * run.minutes)))


async def some_late(rig: Rig, rng: Random) -> None:
    """What the ablation suffers, until it has been enough."""
    lines = lines_of(rig).venue.values()
    for line in lines:
        line.late_s, line.faults = ablations.LATE_S, frozenset({"late_accept"})
    while rig.goes_on() and sum(line.done.get("late_accept", 0) for line in lines) < LATE_ORDERS:
        await rig.sleep(0.2)
    for line in lines:
        line.calm()


def test_without_deadlines_the_checker_sees_late_orders() -> None:
    (run,) = (run for run in ablations.RUNS if run.name == "no-deadline")
    line = played(replace(run, inject=some_late), LENGTH_S_MAX)
    assert line.wrong == []
    assert line.counts["over"] > 0


def test_all_runs_together_fit_into_75_minutes() -> None:
    known = runs().values()
    assert sum(run.minutes + AROUND_MIN for run in known) <= 75.0


@pytest.mark.long
@pytest.mark.parametrize("run", [*replicas.RUNS, *stale.RUNS], ids=lambda run: run.name)
def test_other_servers_for_half_a_minute(run: Run) -> None:
    assert played(run, 30.0).wrong == []
