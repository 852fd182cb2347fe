"""The server stops answering while the market moves: the workers say so, and not through it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from hedger.app.deployment import Deployment, deployment
from hedger.clock import wall_ms
from hedger.settings import load
from tests.story.aftermath import Aftermath
from tests.story.fleet import fleet

RULES = {"*": {"base_coin": 20.0}}
NAKED_S = 2.0
SILENT_S = 12.0


def alarms(log: Path, since: int) -> list[dict[str, Any]]:
    """Alarms on the workers' standard error, beyond a place in it."""
    lines = log.read_text()[since:].splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    return [line for line in found if line.get("alarm") == "naked"]


async def first_alarm(log: Path, since: int) -> list[dict[str, Any]]:
    """The first alarms beyond a place in the log; none if there are none for long."""
    for _ in range(round(SILENT_S / 0.1)):
        await asyncio.sleep(0.1)
        if found := alarms(log, since):
            return found
    return []


async def server_pid(running: Deployment) -> int:
    (link,) = await running.store.servers()  # type: ignore[attr-defined]
    return int((await link.info("server"))["process_id"])


async def silenced(folder: Path, path: Path) -> tuple[Aftermath, dict[str, Any]]:
    config = load(path, environ={"HOME": str(folder)})
    log, seen = folder / "workers.log", {}
    async with deployment(
        config, workers=2, temporary=True, restarts=False, worker_log=log
    ) as running:
        await asyncio.sleep(3.0)
        pid, before = await server_pid(running), log.stat().st_size
        seen["silent_ms"] = wall_ms()
        os.kill(pid, signal.SIGSTOP)
        try:
            found = await first_alarm(log, before)
            seen["after_s"] = (wall_ms() - seen["silent_ms"]) / 1_000
        finally:
            os.kill(pid, signal.SIGCONT)
        seen["alarms"], seen["back_ms"] = found, wall_ms()
        await asyncio.sleep(5.0)
        await running.crew.stop()
        return await Aftermath.of(running), seen


@pytest.mark.long
def test_a_naked_book_is_told_while_the_server_does_not_answer(tmp_path: Path) -> None:
    path = fleet(tmp_path, books=3, lease_s=1.5, latency_ms=5.0)
    text = path.read_text()
    path.write_text(text.replace("[worker]\n", f"[worker]\nnaked_s_max = {NAKED_S}\n"))
    found, seen = asyncio.run(silenced(tmp_path, path))
    assert seen["alarms"], f"no alarm within {SILENT_S} s"
    alarm = seen["alarms"][0]
    print(f"\nalarm after {seen['after_s']:.1f} s: {alarm}")
    assert alarm["level"] == "critical"
    assert alarm["book"].startswith("book-")
    assert "store" in alarm["reason"]
    assert alarm["seconds"] >= NAKED_S
    assert abs(alarm["delta"]) > 0.25
    # What was sent just before may still fill; nothing is sent that cannot be recorded.
    silence = found.hedges(seen["silent_ms"] + 1_500, seen["back_ms"])
    assert silence == []
    assert found.hedges(seen["back_ms"])
    found.check(RULES)
