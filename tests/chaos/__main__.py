"""``python -m tests.chaos``: the long runs, one after the other, and their table."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.judge import verdict
from tests.chaos.rig import rig
from tests.chaos.run import Run, runs
from tests.chaos.table import Line, append, finished, line_of, table

SAY_S = 15.0


async def play(run: Run, *, seed: int, scale: float) -> Line:
    """One run for its share of the minutes, judged."""
    rng, length_s = Random(f"{seed}:{run.name}"), 60.0 * run.minutes * scale
    async with rig(run.setting, seed=seed, length_s=length_s) as running:
        telling = asyncio.create_task(tell(run, running))
        try:
            await run.inject(running, rng)
            await running.settle()
        finally:
            telling.cancel()
        found = await verdict(running)
        return line_of(run, running, found, seed=seed, scale=scale)


async def tell(run: Run, running: Any) -> None:
    """How far it is, every few seconds."""
    while True:
        await asyncio.sleep(SAY_S)
        faults = ", ".join(f"{n} {kind}" for kind, n in sorted(running.faults.items()))
        left_s = running.end_s - asyncio.get_running_loop().time()
        hedges = sum(entry["action"] == "hedge" for entry in running.recorder.decisions)
        died = sum(worker.has_died for worker in running.born)
        print(
            f"  {run.name}: {max(left_s, 0):.0f} s left, {hedges} hedges, {died} died; {faults}",
            flush=True,
        )


async def main() -> int:
    """Play what is not in the result file yet; 1 if any run, old or new, has a violation."""
    known = runs()
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, help="of harm, all chosen runs together")
    add("--seed", type=int, default=1, help="of the market and of all faults")
    add("--only", action="append", choices=list(known), help="this run; may be given again")
    add("--result", type=Path, default=Path("chaos.jsonl"), help="appended to, run by run")
    given = parser.parse_args()
    if given.minutes is not None and not 0.0 < given.minutes < 10_000.0:
        parser.error(f"--minutes {given.minutes}: expected more than 0")
    chosen = [run for name, run in known.items() if not given.only or name in given.only]
    scale = given.minutes / sum(run.minutes for run in chosen) if given.minutes else 1.0
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    lines = finished(given.result, seed=given.seed, scale=scale)
    for run in chosen:
        if run.name in lines:
            print(f"{run.name}: finished before, see {given.result}")
            continue
        print(f"{run.name}: {run.minutes * scale:.1f} minutes, wanted: {run.figure}", flush=True)
        lines[run.name] = await play(run, seed=given.seed, scale=scale)
        append(given.result, lines[run.name])
        print("\n".join(f"  VIOLATION {text}" for text in lines[run.name].wrong), flush=True)
    shown = [lines[run.name] for run in chosen]
    print(table(shown))
    return int(any(line.wrong for line in shown))


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
