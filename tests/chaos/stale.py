"""A server that comes back as it was some time ago, with orders on their way that it forgot."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random

from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.chaos.server_log import journal_entries

AGES_S = (0.0, 0.1, 0.5, 2.0)
"""How old what it comes back with is, when the orders begin to be held."""
RECOVERY_S = 1.5


async def inject(rig: Rig, rng: Random) -> None:
    while rig.goes_on():
        await rig.sleep(rng.uniform(0.3, RECOVERY_S))
        await back_in_time(rig, age_s=rng.choice(AGES_S), held_s=rng.uniform(0.05, 0.3))


async def back_in_time(rig: Rig, *, age_s: float, held_s: float) -> None:
    """Copy what the server has, let it work on, kill it with orders held, and bring the copy up.

    What is appended to the file is there before an answer leaves, so that a copy is a state which
    the server was in, and a later restart from it is one from an old backup or a stale replica.
    """
    lines = lines_of(rig).venue.values()
    kept = rig.folder / str(rig.port) / "appendonlydir"
    copy = rig.folder / "earlier"
    shutil.rmtree(copy, ignore_errors=True)
    await asyncio.to_thread(_copied, kept, copy)
    await asyncio.sleep(age_s)
    try:
        for line in lines:
            line.hold("up")
        await asyncio.sleep(0.05)
        await asyncio.to_thread(rig.group.kill, rig.port)
        # What nobody had time to read is published all the same: orders may be on their way for it.
        for id_, payload in await asyncio.to_thread(journal_entries, kept, _lengths(copy)):
            rig.recorder.hear(id_, payload)
        shutil.rmtree(kept)
        copy.rename(kept)
        await asyncio.to_thread(rig.group.again, rig.port)
        rig.count("stale server")
        await asyncio.sleep(held_s)
    finally:
        for line in lines:
            line.mend()


def _copied(kept: Path, copy: Path) -> None:
    """A copy of a log that is being written may end in half an entry, which its reader drops."""
    shutil.copytree(kept, copy)


def _lengths(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


RUNS = [
    Run(
        name="stale",
        figure=">= 30 servers that come back with an old state, 0 over, 0 lost",
        minutes=1.3,
        inject=inject,
        setting=Setting(workers=3, books=24, lines=behind_lines),
        least={"stale server": 30},
    )
]
