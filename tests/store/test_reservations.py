"""Fifty clients at one real server, most in processes of their own, one of which is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from typing import Any

import pytest

from hedger.reservations import VALID_MS, Reserve
from hedger.store import StoreParams
from tests.store.askers import Asked, Granted, ask
from tests.store.real_server import opened, ready, run

CAPACITY = 250_000_001
PROCESSES, EACH, HERE = 4, 10, 10
ASK_S = 2.0


async def started(
    params: StoreParams, name: str, of: tuple[int, ...]
) -> asyncio.subprocess.Process:
    numbers = map(str, (EACH, ASK_S, *of))
    command = (sys.executable, "-m", "tests.store.askers", params.url, params.deployment, name)
    return await asyncio.create_subprocess_exec(
        *command,
        *numbers,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def told(process: Process) -> Asked:
    out, _ = await process.communicate()
    times, rows = json.loads(out)
    return Asked(times, [Granted(*row) for row in rows])


async def crowd(params: StoreParams) -> tuple[list[Asked], int, dict[str, Any]]:
    """Let them all ask at once; what each got, what is free afterwards, and how the book stands."""
    async with opened(params) as store:
        lease = await ready(store)
        lease = await store.renew(lease, lease_ms=600_000)
        before = await store.load("b")
        assert before is not None
        of = (before.seq, before.facts, lease.epoch, CAPACITY)
        others = [await started(params, f"p{n}", of) for n in range(PROCESSES)]
        for process in others:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in others:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        wish = Reserve("b", "here", True, CAPACITY, CAPACITY, 1, *of[:3])
        doomed, *living = others
        here = asyncio.create_task(ask(store, HERE, ASK_S, wish))
        asyncio.get_running_loop().call_later(ASK_S / 2, doomed.kill)
        found = [await here, *[await told(process) for process in living]]
        await doomed.wait()
        await asyncio.sleep(VALID_MS / 1_000 + 0.1)
        free = await store.reserve(wish._replace(id="last"))
        after = await store.load("b")
    return found, free.amount, {"before": before, "after": after}


@pytest.fixture(scope="module")
def story(server: Any) -> tuple[list[Asked], int, dict[str, Any]]:
    params = StoreParams(deployment="crowd", url=server.url, timeout_s=5.0)
    return run(crowd(params), within_s=90)


def test_never_more_in_sum_than_there_is(story: tuple[list[Asked], int, dict[str, Any]]) -> None:
    found, _, _ = story
    grants = sorted(grant for one in found for grant in one.grants)
    assert len({grant.id for grant in grants}) == len(grants)
    together = [
        sum(g.amount for g in grants if g.begin_ms <= grant.begin_ms < g.end_ms) for grant in grants
    ]
    assert max(together) == CAPACITY  # all of it is given out, and never more
    assert sum(one.times for one in found) > 3 * len(grants)
    assert sum(bool(one.grants) for one in found) > 1, "more than one process was granted some"


def test_what_nobody_takes_up_comes_back_from_the_dead_too(
    story: tuple[list[Asked], int, dict[str, Any]],
) -> None:
    found, free, _ = story
    assert free == CAPACITY
    assert sum(grant.amount for one in found for grant in one.grants) > CAPACITY


def test_no_client_changes_the_book(story: tuple[list[Asked], int, dict[str, Any]]) -> None:
    assert story[2]["before"] == story[2]["after"]
