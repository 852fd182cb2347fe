"""Partitions: a worker's line to the store or to the exchange swallows, holds, slows or breaks."""

from __future__ import annotations

import asyncio
from random import Random

from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.proxy import Proxy
from tests.chaos.rig import Rig
from tests.chaos.run import Run

LASTS_S = (0.15, 0.5, 0.9, 1.4, 3.0)
SLOW_S = (0.02, 0.1, 0.25)
KINDS = ("hole", "hole up", "hole down", "late", "late up", "late down", "slow", "reset")


async def inject(rig: Rig, rng: Random) -> None:
    """Each worker has troubles of its own, now and then two at once."""
    made = lines_of(rig)
    await asyncio.gather(
        *(
            _troubles(rig, Random(rng.random()), name, line, to)
            for to, lines in (("store", made.store), ("venue", made.venue))
            for name, line in lines.items()
        )
    )


async def _troubles(rig: Rig, rng: Random, name: str, line: Proxy, to: str) -> None:
    while rig.goes_on():
        await rig.sleep(rng.uniform(0.5, 5.0))
        if not rig.goes_on():
            return
        user = rig.workers.get(name)
        if user is None or not user.is_alive:
            continue
        kind = rng.choice(KINDS)
        await _once(line, kind, rng)
        rig.count(f"{to} {kind.partition(' ')[0]}")
        rig.count("partitions")


async def _once(line: Proxy, kind: str, rng: Random) -> None:
    what, _, way = kind.partition(" ")
    try:
        if what == "hole":
            line.hole(way or "both")
        elif what == "late":
            line.hold(way or "both")
        elif what == "slow":
            line.slow(rng.choice(SLOW_S))
        else:
            line.reset()
            return
        await asyncio.sleep(rng.choice(LASTS_S))
    finally:
        line.mend()


RUNS = [
    Run(
        name="partition",
        figure=">= 200 partitions of worker and store or exchange, 0 over, 0 lost",
        minutes=2.6,
        inject=inject,
        setting=Setting(workers=3, books=24, lines=behind_lines),
        least={"partitions": 200},
    )
]
