"""SIGKILL storm: a worker dies about every second, another of its name or a new one comes."""

from __future__ import annotations

from random import Random

from tests.chaos.rig import Rig
from tests.chaos.run import Run

PAUSE_S = (0.1, 1.7)


async def inject(rig: Rig, rng: Random) -> None:
    while rig.goes_on():
        await rig.sleep(rng.uniform(*PAUSE_S))
        victim = rig.any_ready(rng)
        if victim is None:
            continue
        await rig.kill(victim)
        await rig.start_worker(victim.name if rng.random() < 0.5 else "")


RUNS = [
    Run(
        name="kill",
        figure=">= 500 kills, >= 10,000 orders, 0 over, 0 lost",
        minutes=9.5,
        inject=inject,
        least={"SIGKILL": 500},
        orders=10_000,
    )
]
