"""The store's server dies and comes back with what its log kept, under both ways of syncing."""

from __future__ import annotations

from random import Random
from typing import Any

from hedger.clock import wall_ms
from tests.chaos.books import Setting
from tests.chaos.judge import Verdict
from tests.chaos.rig import Rig
from tests.chaos.run import Run

AGAIN_MS = 2_000


async def inject(rig: Rig, rng: Random) -> None:
    pongs: list[int] = []
    rig.facts["pongs_ms"] = pongs
    while rig.goes_on():
        await rig.sleep(rng.uniform(2.2, 4.0))
        down_s = rng.choice([0.0, 0.0, 0.0, rng.uniform(0.0, 1.5)])
        await rig.restart_server(down_s)
        pongs.append(wall_ms())


def trades_again(rig: Rig, verdict: Verdict) -> list[str]:
    """From each PONG to the next order that the exchange accepted."""
    pongs = rig.facts.pop("pongs_ms")
    accepted = sorted(
        line["real_ms"]
        for line in verdict.lines
        if line["event"] == "OrderSeen" and line["status"] != "rejected" and line["real_ms"]
    )
    waits = [next((ms for ms in accepted if ms > pong), 1 << 60) - pong for pong in pongs]
    rig.facts["trading again ms, p50 and max"] = told(waits)
    return [
        f"figure: no order for {wait} ms after PONG number {number}"
        for number, wait in enumerate(waits)
        if wait > AGAIN_MS
    ]


def told(waits: list[int]) -> list[Any]:
    ordered = sorted(waits)
    return [ordered[len(ordered) // 2], ordered[-1]] if ordered else []


RUNS = [
    Run(
        name=f"server-{how}",
        figure=">= 50 SIGKILLs of the server, 0 over, 0 lost, trading <= 2 s after PONG",
        minutes=3.5,
        inject=inject,
        setting=Setting(appendfsync=how),
        least={"server SIGKILL": 50},
        judge=trades_again,
    )
    for how in ("everysec", "always")
]
