"""Half an hour of everything at once, while one worker that nobody kills must not grow."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from random import Random
from statistics import fmean

from tests.chaos.books import DEPLOYMENT, LEASE_S, Setting
from tests.chaos.judge import Verdict
from tests.chaos.pause import LEASES, wakers
from tests.chaos.rig import Rig, Worker
from tests.chaos.run import Run
from tests.store.servers import client

LOOK_S = 5.0
GROWTH_MAX = 0.05
STREAM_MAX = 2_000 + 200
"""Entries of a stream: what it is told to keep, and a node or two as it is cut roughly."""
SAMPLES_MIN = 20


async def inject(rig: Rig, rng: Random) -> None:
    """The first worker is stopped like the others, but lives through the whole run."""
    veteran = next(iter(rig.workers.values()))
    async with asyncio.TaskGroup() as group:
        rig.told = wakers(rig, rng, group)
        watching = group.create_task(watch(rig, veteran))
        while rig.goes_on():
            await rig.sleep(rng.uniform(1.0, 4.0))
            if not rig.goes_on():
                break
            if rng.random() < 0.15:
                await rig.restart_server(rng.choice([0.0, 0.5]))
            elif (victim := rig.any_ready(rng)) is not None:
                if victim is veteran or rng.random() < 0.4:
                    group.create_task(rig.pause(victim, LEASE_S * rng.uniform(*LEASES)))
                else:
                    await rig.kill(victim)
                    await rig.start_worker(victim.name if rng.random() < 0.5 else "")
        watching.cancel()


async def watch(rig: Rig, veteran: Worker) -> None:
    """Memory of the veteran, of the server, and the longest streams, every few seconds."""
    resident: list[float] = []
    rig.facts |= {"resident_mb": resident, "stream_max": 0}
    while True:
        resident.append(resident_mb(veteran.pid))
        with contextlib.suppress(Exception):  # the server may be away just now
            rig.facts["stream_max"] = max(rig.facts["stream_max"], longest(rig))
            info = client(rig.port).info("memory")
            rig.facts["server_mb"] = round(int(info["used_memory"]) / 1e6, 1)
        await asyncio.sleep(LOOK_S)


def resident_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def longest(rig: Rig) -> int:
    with client(rig.port) as server, server.pipeline(transaction=False) as asked:
        for shard in range(rig.setting.shards):
            for kind in ("log", "journal"):
                asked.xlen(f"{DEPLOYMENT}:{{s{shard:03d}}}:{kind}")
        return max(asked.execute())


def growth(rig: Rig, verdict: Verdict) -> list[str]:
    """Late against early, once what is filled up to a bound is full."""
    resident, wrong = rig.facts.pop("resident_mb"), []
    fifth = len(resident) // 5
    if len(resident) >= SAMPLES_MIN:
        early, late = fmean(resident[fifth : 2 * fifth]), fmean(resident[-fifth:])
        rig.facts["worker_mb"] = [round(early, 1), round(late, 1)]
        if late > early * (1.0 + GROWTH_MAX):
            wrong.append(f"figure: a worker grew from {early:.1f} to {late:.1f} MB")
    if rig.facts["stream_max"] > STREAM_MAX:
        wrong.append(f"figure: a stream of {rig.facts['stream_max']} entries")
    return wrong


RUNS = [
    Run(
        name="soak",
        figure="30 minutes of mixed faults: 0 over, 0 lost, memory growth < 5 %, streams bounded",
        minutes=30.0,
        inject=inject,
        setting=Setting(books=16, shards=16, patch="tests.chaos.pause:stops_itself"),
        least={"SIGKILL": 100, "SIGSTOP": 50, "server SIGKILL": 30},
        orders=10_000,
        judge=growth,
    )
]
