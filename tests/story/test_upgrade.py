"""Rolling upgrade: version N and N + 1 as real processes on one store, and then N + 1 alone.

N + 1 is this checkout, copied, with its version raised: nothing else makes it newer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from hedger.app.attach import running_store
from hedger.app.children import Child, Command, start
from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.settings import load
from hedger.store import keys
from tests.story.aftermath import Aftermath
from tests.story.fleet import fleet

ROOT = Path(__file__).parents[2]
RULES = {"*": {"base_coin": 20.0}}
BOOKS = 6
READY_S, STOP_S, WAIT_S = 40.0, 10.0, 20.0


def next_release(folder: Path) -> Path:
    """Copy what has a version, and raise it; the numbers of `pricing` are shared."""
    shutil.copytree(
        ROOT / "hedger", folder / "hedger", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "pricing").symlink_to(ROOT / "pricing")
    path = folder / "hedger" / "store" / "keys.py"
    text = path.read_text(encoding="utf-8")
    ours, theirs = f"\nSCHEMA = {keys.SCHEMA}\n", f"\nSCHEMA = {keys.SCHEMA + 1}\n"
    assert text.count(ours) == 1
    path.write_text(text.replace(ours, theirs), encoding="utf-8")
    return folder


class Release(NamedTuple):
    """Where a release lies, and how its workers are started beside a deployment."""

    folder: Path
    running: Deployment
    log: Path

    def command(self, name: str) -> Command:
        mine = self.running.crew.children[0].command
        own = [name if word == mine.name else word for word in mine.arguments[3:]]
        # -P: nothing is imported from the folder that the test happens to run in.
        words = [sys.executable, "-P", "-m", "hedger", *own]
        return Command(name, words, {**mine.environ, "PYTHONPATH": str(self.folder)}, self.log)

    @contextlib.asynccontextmanager
    async def worker(self, name: str) -> AsyncIterator[Child]:
        child = await start(self.command(name))
        try:
            await child.ready(READY_S)
            yield child
        finally:
            await child.stop(STOP_S)

    async def refusal(self, name: str) -> str:
        """What a worker says that does not start."""
        command = self.command(name)
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            env=dict(command.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(READY_S):
            _, said = await process.communicate()
        assert process.returncode == 2
        return said.decode()


async def deciders(running: Deployment) -> dict[str, str]:
    """Who made the newest decision of each book."""
    found = {}
    for book in running.config.settings.book:
        (entry,) = await running.store.journal(book=book.name, count=1)
        found[book.name] = msgspec.json.decode(entry.payload)["worker"]
    return found


async def until_decided_by(running: Deployment, books: set[str], worker: str) -> None:
    end_s = time.monotonic() + WAIT_S
    while {who for book, who in (await deciders(running)).items() if book in books} != {worker}:
        assert time.monotonic() < end_s, f"decided by {await deciders(running)}"
        await asyncio.sleep(0.1)


async def upgraded(folder: Path, path: Path) -> tuple[Aftermath, dict[str, Any]]:
    config = load(path, environ={"HOME": str(folder)})
    log = folder / "workers.log"
    seen: dict[str, Any] = {}
    async with (
        deployment(config, workers=2, temporary=True, restarts=False, worker_log=log) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        newer = Release(next_release(folder / "next"), running, log)
        older = Release(ROOT, running, log)
        await asyncio.sleep(2.0)
        n1 = await stack.enter_async_context(newer.worker("n1"))
        n2 = await stack.enter_async_context(newer.worker("n2"))
        seen["both_ms"] = wall_ms()
        await asyncio.sleep(4.0)
        seen["shared"] = set((await deciders(running)).values())
        os.kill(n1.pid, signal.SIGKILL)  # what it leaves, whoever is elected must be able to read
        await asyncio.sleep(4.0)
        seen["killed_ms"] = wall_ms()
        await _raised(newer, running)
        seen["refusal"] = await older.refusal("late")
        await stack.enter_async_context(newer.worker("n3"))
        await asyncio.sleep(4.0)
        theirs = {book for book, who in (await deciders(running)).items() if who[0] == "n"}
        os.kill(n2.pid, signal.SIGKILL)  # the two of N that still run cannot read what it leaves
        await until_decided_by(running, theirs, "n3")
        seen["left"], seen["alive"] = theirs, len(running.workers)
        await running.crew.stop()
        names = {book.name for book in config.settings.book}
        await until_decided_by(running, names, "n3")
        seen["alone_ms"] = wall_ms()
        await asyncio.sleep(4.0)
        seen["end_ms"] = wall_ms()
        await stack.aclose()
        found = await _read_by_the_next(running)
        seen["log"] = log.read_text()
        return found, seen


async def _raised(newer: Release, running: Deployment) -> None:
    """`hedger config upgrade` of the newer release."""
    command = newer.command("n2")
    words = [*command.arguments[: command.arguments.index("_worker")], "config", "upgrade"]
    words += ["--config", str(running.config.path.absolute())]
    process = await asyncio.create_subprocess_exec(
        *words, env=dict(command.environ), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(READY_S):
        said, _ = await process.communicate()
    assert process.returncode == 0, said
    assert f"version {keys.SCHEMA + 1}" in said.decode()


async def _read_by_the_next(running: Deployment) -> Aftermath:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "SCHEMA", keys.SCHEMA + 1)
        async with running_store(running.config) as store:
            return await Aftermath.of(running._replace(store=store))


@pytest.mark.long
def test_two_releases_share_the_books_and_the_older_one_leaves_what_it_cannot_read(
    tmp_path: Path,
) -> None:
    path = fleet(tmp_path, books=BOOKS, lease_s=2.0, latency_ms=20.0)
    found, seen = asyncio.run(upgraded(tmp_path, path))
    verdict = found.check(RULES)
    together = len(found.hedges(seen["both_ms"], seen["killed_ms"]))
    alone = len(found.hedges(seen["alone_ms"], seen["end_ms"]))
    print(f"\nhedges together {together}, N + 1 alone {alone}; {verdict['decisions']}")
    assert together >= 10
    assert alone >= 5
    assert seen["shared"] & {"w1", "w2"}
    assert seen["shared"] & {"n1", "n2"}
    assert seen["left"]
    assert seen["alive"] == 2, "a worker of N ended: it should have left the books, no more"
    assert f"has schema '{keys.SCHEMA + 1}', expected '{keys.SCHEMA}'" in seen["refusal"]
    assert seen["refusal"].count("\n") == 1
    assert "book_unreadable" in seen["log"]
    assert '"event": "defect"' not in seen["log"]
