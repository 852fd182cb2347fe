"""Three workers, many books; one is killed with an order under way: nothing twice, nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.core.model import Intent, IntentState
from hedger.settings import load
from tests.oracle import read_lines
from tests.story.aftermath import Aftermath, filled
from tests.story.fleet import fleet

RULES = {"*": {"base_coin": 20.0}}
GRACE_MS = 2_000
FIND_S = 20.0
QUIET_S = 15.0


class Kill(NamedTuple):
    """What was killed and when: the intent that was PENDING, and all books of the dead worker."""

    wall_ms: int
    worker: str
    intent: Intent
    books: set[str]


class Story(NamedTuple):
    kill: Kill
    left: Aftermath


async def killed(running: Deployment, names: list[str]) -> Kill:
    """Wait for an order under way, and kill the worker that sent it.

    The worker is stopped first, so that nobody answers between the look and the kill.
    """
    by_name = {child.command.name: child.pid for child in running.workers}
    store = running.store
    end_s = time.monotonic() + FIND_S
    while time.monotonic() < end_s:
        owners = {info.shard: info.owner for info in await store.shard_info()}
        for name in names:
            owner = owners.get(store.shard_of(name), "")
            if owner not in by_name or not await pending(running, name):
                continue
            os.kill(by_name[owner], signal.SIGSTOP)
            left = await pending(running, name)
            if not left:
                os.kill(by_name[owner], signal.SIGCONT)
                continue
            os.kill(by_name[owner], signal.SIGKILL)
            books = {n for n in names if owners.get(store.shard_of(n)) == owner}
            return Kill(wall_ms(), owner, left[0], books)
    raise AssertionError(f"no PENDING intent within {FIND_S} s")


async def pending(running: Deployment, book: str) -> list[Intent]:
    state = await running.store.load(book)
    assert state is not None
    return [intent for intent in state.intents if intent.state is IntentState.PENDING]


async def told(
    folder: Path, path: Path, *, before_s: float, after_s: float, enough: int = 0
) -> Story:
    """Play for so long before and after the kill; where some hedges are ``enough``, no longer."""
    config = load(path, environ={"HOME": str(folder)})
    names = [book.name for book in config.settings.book]
    async with deployment(
        config, workers=3, temporary=True, restarts=False, worker_log=folder / "workers.log"
    ) as running:
        await many(running, enough, since_ms=0, within_s=before_s)
        kill = await killed(running, names)
        if enough:  # the dead worker's books must be decided again
            await asyncio.sleep(config.settings.worker.lease_s + GRACE_MS / 1_000)
        await many(running, enough, since_ms=wall_ms(), within_s=after_s)
        await running.crew.stop()
        return Story(kill, await Aftermath.of(running))


async def many(running: Deployment, enough: int, *, since_ms: int, within_s: float) -> None:
    """Wait for so many filled orders; for none, that is for as long as it may take."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        await asyncio.sleep(0.25)
        if enough and len(filled(read_lines(running.paper.log), since_ms)) >= enough:
            return


def check(story: Story, *, lease_s: float, least: int) -> None:
    kill = story.kill
    at_ms = kill.wall_ms + 1
    before, after = len(story.left.hedges(0, at_ms)), len(story.left.hedges(at_ms))
    verdict = story.left.check(RULES)
    print(  # shown with -s and when something fails
        f"\nkilled {kill.worker} with {len(kill.books)} books; hedges before {before}, "
        f"after {after}; {verdict['decisions']}"
    )
    assert before >= least
    assert after >= least
    taken = taken_over_ms(story)
    print(f"books taken over after {sorted(taken.values())} ms")
    assert taken.keys() == kill.books, f"never decided again: {kill.books - taken.keys()}"
    assert max(taken.values()) <= lease_s * 1_000 + GRACE_MS


def taken_over_ms(story: Story) -> dict[str, int]:
    """Real time from the kill to the first decision of each of the dead worker's books."""
    found: dict[str, int] = {}
    for entry in story.left.decisions:
        if entry["wall_ms"] > story.kill.wall_ms and entry["book"] in story.kill.books:
            assert entry["worker"] != story.kill.worker, "a decision by a dead worker"
            found.setdefault(entry["book"], entry["wall_ms"] - story.kill.wall_ms)
    return found


def play(folder: Path, *, books: int, lease_s: float, **spans: Any) -> Story:
    path = fleet(folder, books=books, lease_s=lease_s, latency_ms=120.0)
    return asyncio.run(told(folder, path, **spans))


def test_a_killed_workers_books_go_on_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    story = play(tmp_path, books=6, lease_s=2.0, before_s=15.0, after_s=15.0, enough=10)
    check(story, lease_s=2.0, least=10)


@pytest.mark.long
def test_thirty_books_one_minute_one_kill(tmp_path: Path) -> None:
    story = play(tmp_path, books=30, lease_s=5.0, before_s=25.0, after_s=35.0)
    check(story, lease_s=5.0, least=100)
