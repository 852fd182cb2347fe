"""Stores with replicas: two primaries at once, and the primaries that Sentinels choose.

Two primaries: all workers but one are led to a replica that was promoted, while the last one still
speaks to the old primary. As documented (``store.replicas = 1``) whatever the old one records
reaches nobody and is not sent; without that, both sides trade: the guard of this run.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from random import Random

from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.store.servers import HOST, Group, client, free_port, primary_port, until, watched

SPLIT_S = (0.3, 2.5)
TOGETHER_S = 1.2
DOWN_MS = 1_800
UNAWARE_S = (0.5, 2.5)
REJOIN_S = 30.0
GUARDED = {"HEDGER__STORE__REPLICAS": "1"}


@contextlib.contextmanager
def pair(rig: Rig) -> Iterator[None]:
    """A primary and a replica, watched by nobody but this run."""
    with _two(rig) as other:
        client(other).replicaof(HOST, rig.port)
        until(lambda: client(rig.port).info("replication")["connected_slaves"] == 1, "a replica")
        rig.more_environ = GUARDED
        yield


@contextlib.contextmanager
def unguarded(rig: Rig) -> Iterator[None]:
    """The same, but the replica comes when nobody looks any more whether there are any."""
    with _two(rig):
        yield


@contextlib.contextmanager
def _two(rig: Rig) -> Iterator[int]:
    with Group(rig.folder) as group:
        rig.group, other = group, free_port()
        for port in (rig.port, other):
            group.start(port, appendonly="yes", repl_diskless_sync_delay=0)
        rig.facts["other"] = other
        yield other


@contextlib.contextmanager
def chosen(rig: Rig) -> Iterator[None]:
    """One primary, two replicas, three Sentinels."""
    with watched(rig.folder, down_ms=DOWN_MS) as (group, url, ports, eyes):
        rig.group, rig.url, rig.port = group, url, ports[0]
        rig.facts["eyes"], rig.more_environ = eyes, GUARDED
        yield


async def split(rig: Rig, rng: Random) -> None:
    """Again and again two primaries, then one with the other as its replica."""
    lines = lines_of(rig).store
    old, new = home, _ = rig.port, int(str(rig.facts.pop("other")))
    await asyncio.to_thread(client(new).replicaof, HOST, old)
    await asyncio.to_thread(_follows, new)
    while rig.goes_on() or old != home:
        await asyncio.sleep(TOGETHER_S * (0.5 + rng.random()))
        last = rng.choice(list(lines))
        await asyncio.to_thread(client(new).replicaof, "NO", "ONE")
        rig.count("two primaries")
        for name, line in lines.items():
            line.there = (HOST, new)
            if name != last:
                line.reset()
        rig.port = new  # the judge reads what the winning side records
        await asyncio.sleep(rng.uniform(*SPLIT_S))
        lines[last].reset()
        await asyncio.to_thread(client(old).replicaof, HOST, new)
        await asyncio.to_thread(_follows, old)
        old, new = new, old
    if not rig.more_environ:
        # The judge opens the store anew, which is refused beside a replica that nobody asks about.
        await asyncio.to_thread(client(new).replicaof, "NO", "ONE")
        alone = lambda: client(old).info("replication")["connected_slaves"] == 0
        await asyncio.to_thread(until, alone, "it is alone")


def _follows(replica: int) -> None:
    """Wait until a replica has all of its primary: one that has not yet would be promoted as it was
    before, and until then nothing can be recorded on two servers, so that no order is sent."""
    until(lambda: client(replica).info("replication")["master_link_status"] == "up", "it follows")


async def fail_over(rig: Rig, rng: Random) -> None:
    """Kill or stop whoever is primary; go on when the old one follows the new one."""
    eyes = rig.facts.pop("eyes")
    assert isinstance(eyes, list)
    kinds = ["kill", "pause"]
    while rig.goes_on():
        await rig.sleep(rng.uniform(1.0, 2.0))
        kind = kinds[rig.faults["fail-overs"] % 2]
        old = await asyncio.to_thread(primary_port, eyes)
        if kind == "kill":
            await asyncio.to_thread(rig.group.kill, old)
        else:
            rig.group.signal(old, signal.SIGSTOP)
        await asyncio.to_thread(
            until, lambda gone=old: primary_port(eyes) != gone, "another primary", REJOIN_S
        )
        rig.port = await asyncio.to_thread(primary_port, eyes)
        rig.count("fail-overs")
        rig.count(f"primary {kind}")
        await rig.sleep(rng.uniform(0.5, 1.5))
        if kind == "kill":
            await asyncio.to_thread(rig.group.again, old)
        else:
            rig.group.signal(old, signal.SIGCONT)
        # It believes itself primary still; the Sentinels would leave it there for 8 s.
        await asyncio.sleep(rng.uniform(*UNAWARE_S))
        await asyncio.to_thread(client(old).replicaof, HOST, rig.port)
        await asyncio.to_thread(until, lambda: _whole(rig.port), "all follow", REJOIN_S)


def _whole(primary: int) -> bool:
    return bool(client(primary).info("replication")["connected_slaves"] == 2)


RUNS = [
    Run(
        name="two-primaries",
        figure=">= 30 times two primaries with store.replicas = 1, 0 over, 0 lost",
        minutes=2.2,
        inject=split,
        setting=Setting(workers=3, books=24, serve=pair, lines=behind_lines),
        least={"two primaries": 30},
    ),
    Run(
        name="two-primaries-unguarded",
        figure="must fail: over",
        minutes=0.4,
        inject=split,
        setting=Setting(workers=3, books=24, serve=unguarded, lines=behind_lines),
        must_fail=("over",),
    ),
    Run(
        name="sentinel",
        figure="20 fail-overs, primary killed or paused under load, 0 over, 0 lost",
        minutes=3.2,
        inject=fail_over,
        setting=Setting(workers=3, books=24, serve=chosen),
        least={"fail-overs": 20},
    ),
]
