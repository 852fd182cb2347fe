"""Half an hour of everything at once, while one worker that nobody kills must not grow."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from random import Random
from statistics import fmean

from hedger.clock import wall_ms
from hedger.store.keys import Keys
from tests.chaos import partition, venue
from tests.chaos.books import DEPLOYMENT, LEASE_S, Setting
from tests.chaos.judge import Verdict
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.pause import LEASES, wakers
from tests.chaos.rig import ROUSED_MS, Rig
from tests.chaos.run import Run
from tests.chaos.worker import Worker
from tests.store.servers import client

LOOK_S = 5.0
GROWTH_MAX = 0.05
STREAM_FULL = 2_000
STREAM_MAX = STREAM_FULL + 200
"""Entries of a stream: what it is told to keep, and a node or two as it is cut roughly."""
SAMPLES_MIN = 20
JUDGED_S = LOOK_S * (SAMPLES_MIN + 2)
"""A run of this length must have seen enough to judge memory by."""
WHOLE_S = 1_800.0
FINE_S, FOUL_S = (3.0, 12.0), (4.0, 12.0)
FOUL = ((partition,), (venue,), (partition, venue))
SPARE = 4
"""Names of workers, beyond the first ones, that have lines of their own."""


async def inject(rig: Rig, rng: Random) -> None:
    """The first worker is stopped like the others, but lives through the whole run."""
    veteran = next(iter(rig.workers.values()))
    async with asyncio.TaskGroup() as group:
        rig.told = wakers(rig, rng, group)
        watching = group.create_task(watch(rig, veteran))
        group.create_task(weather(rig, Random(rng.random())))
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
                    await rig.start_worker(successor(rig, rng, victim))
        watching.cancel()


def successor(rig: Rig, rng: Random, victim: Worker) -> str:
    """The name of the dead one, or one that nobody has."""
    taken = {worker.name for worker in rig.alive()}
    free = [name for name in lines_of(rig).venue if name not in taken]
    return victim.name if rng.random() < 0.5 else rng.choice(free or [victim.name])


async def weather(rig: Rig, rng: Random) -> None:
    """Lines and exchange have troubles for a while, then none: then take-overs have a bound."""
    while rig.goes_on():
        await rig.sleep(rng.uniform(*FINE_S))
        began_ms = wall_ms()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(*FOUL_S)):
                foul = rng.choice(FOUL)
                await asyncio.gather(*(kind.inject(rig, Random(rng.random())) for kind in foul))
        rig.disturbed.append((began_ms, wall_ms() + ROUSED_MS))


async def watch(rig: Rig, veteran: Worker) -> None:
    """Memory of the veteran, of the server, and the longest streams, every few seconds."""
    resident: list[float] = []
    rig.facts |= {"resident_mb": resident, "stream_max": 0}
    while veteran.is_alive:
        with contextlib.suppress(OSError, ValueError):  # it may have ended just now
            resident.append(resident_mb(veteran.pid))
        with contextlib.suppress(Exception):  # the server may be away just now
            rig.facts["stream_max"] = max(rig.facts["stream_max"], longest(rig))
            with client(rig.port) as server:
                used = int(server.info("memory")["used_memory"])
            rig.facts["server_mb"] = round(used / 1e6, 1)
        await asyncio.sleep(LOOK_S)


def resident_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def longest(rig: Rig) -> int:
    keys = Keys(DEPLOYMENT)
    with client(rig.port) as server, server.pipeline(transaction=False) as asked:
        for shard in range(rig.setting.shards):
            asked.xlen(keys.log(shard))
            asked.xlen(keys.journal(shard))
        return max(asked.execute())


def growth(rig: Rig, verdict: Verdict) -> list[str]:
    """Late against early, once what is filled up to a bound is full.

    What a run is too short to judge is said among its facts; one that is long enough must judge.
    """
    resident, longest_ = rig.facts.pop("resident_mb"), rig.facts["stream_max"]
    wrong, fifth = [], len(resident) // 5
    if len(resident) >= SAMPLES_MIN:
        early, late = fmean(resident[fifth : 2 * fifth]), fmean(resident[-fifth:])
        rig.facts["worker_mb"] = [round(early, 1), round(late, 1)]
        rig.facts["growth"] = round(late / early - 1.0, 4)
        tenth = len(resident) // 10
        parts = (resident[n * tenth : (n + 1) * tenth] for n in range(10))
        rig.facts["worker_mb_by_tenths"] = [round(fmean(part), 1) for part in parts]
        if late > early * (1.0 + GROWTH_MAX):
            wrong.append(f"figure: a worker grew from {early:.1f} to {late:.1f} MB")
    elif rig.length_s >= JUDGED_S:
        wrong.append(f"figure: memory was seen only {len(resident)} times")
    else:
        rig.facts["growth"] = f"not judged, {len(resident)} samples"
    if longest_ > STREAM_MAX:
        wrong.append(f"figure: a stream of {longest_} entries")
    if rig.length_s >= WHOLE_S and longest_ < STREAM_FULL:
        wrong.append(f"figure: no stream came to its bound, the longest had {longest_} entries")
    return wrong


RUNS = [
    Run(
        name="soak",
        figure="30 minutes of mixed faults: 0 over, 0 lost, memory growth < 5 %, streams bounded",
        minutes=30.0,
        inject=inject,
        setting=Setting(
            books=16,
            shards=16,
            lines=partial(behind_lines, more=SPARE),
            patch="tests.chaos.pause:stops_itself",
        ),
        least={
            "SIGKILL": 100,
            "SIGSTOP": 50,
            "server SIGKILL": 30,
            "partitions": 200,
            "venue faults": 500,
        },
        orders=10_000,
        judge=growth,
    )
]
