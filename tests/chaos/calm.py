"""No faults at all: what every other run stands beside."""

from __future__ import annotations

from random import Random

from tests.chaos.rig import Rig
from tests.chaos.run import Run


async def inject(rig: Rig, rng: Random) -> None:
    await rig.sleep(rig.length_s)


RUNS = [Run(name="calm", figure="0/0, the measure of all others", minutes=1.0, inject=inject)]
