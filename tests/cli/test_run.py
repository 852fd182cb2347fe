"""``hedger run`` as a process: signals, a killed worker, a killed parent, and nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hedger.app.deployment import IDLE_EXIT_S, deployment, names
from hedger.settings import load
from hedger.venues.paper import launch
from tests.cli.conftest import left_over, processes
from tests.cli.place import HEDGED, Place


def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def worker_pids(place: Place) -> dict[str, int]:
    """Process ids of the workers of a place, by name."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            if "_worker" in words and str(place.config) in words:
                found[words[words.index("--name") + 1]] = int(entry.name)
    return found


def lines(log: Path) -> list[dict[str, Any]]:
    """The log's JSON lines; a line that is being written is left out."""
    found = []
    for line in log.read_text().splitlines():
        if line.startswith("{"):
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
    return found


def start(place: Place, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """``hedger run`` with its standard error in a file; returns when it starts its workers."""
    command = [sys.executable, "-m", "hedger", "run", "--config", str(place.config), *arguments]
    with log.open("w") as file:
        process = subprocess.Popen(command, env=place.environ, stdout=subprocess.PIPE, stderr=file)
    until(lambda: process.poll() is not None or "starting " in log.read_text())
    assert process.poll() is None, log.read_text()
    return process


def test_a_killed_worker_comes_back_and_none_outlives_its_parent(place: Place) -> None:
    place.write(HEDGED)
    log = place.folder / "log"
    process = start(place, log)
    until(lambda: "workers are ready" in log.read_text())
    first = worker_pids(place)
    assert set(first) == {"w1", "w2"}
    os.kill(first["w1"], signal.SIGKILL)
    until(lambda: any(line["event"] == "worker_restarted" for line in lines(log)))
    again = worker_pids(place)
    assert again["w1"] != first["w1"]
    assert again["w2"] == first["w2"]
    (exchange,) = (pid for pid, line in processes(place) if "_exchange" in line)
    os.kill(exchange, signal.SIGKILL)
    until(lambda: any(line["event"] == "exchange_restarted" for line in lines(log)))
    process.kill()
    process.wait(10)
    until(lambda: worker_pids(place) == {}, within_s=15.0)
    assert {line["worker"] for line in lines(log) if line["event"] == "stopped"} == {"w1", "w2"}
    for line in lines(log):
        if line["event"] == "decision":
            assert {"book", "worker", "epoch", "decision"} <= line.keys()
    # The exchange outlives those who trade on it, that the next `run` attaches, but not for ever.
    (socket,) = place.folder.glob("hedger-*/venue-paper.sock")
    assert json.loads(Path(f"{socket}.json").read_text())["idle_exit_s"] == IDLE_EXIT_S
    asyncio.run(launch.stop(str(socket)))
    until(lambda: left_over(place) == [])


def test_two_runs_that_start_at_once_do_not_share_a_worker_name(tmp_path: Path) -> None:
    with names(2, taken={"w2"}, folder=tmp_path) as first:
        assert first == ("w1", "w3")
        with names(2, taken=set(), folder=tmp_path) as second:
            assert second == ("w2", "w4")
    with names(1, taken=set(), folder=tmp_path, prefix="here-") as again:
        assert again == ("here-w1",)


def test_ctrl_c_while_the_workers_start_ends_all(place: Place) -> None:
    place.write(HEDGED)
    log = place.folder / "log"
    process = start(place, log, "--workers", "3")
    until(lambda: len(worker_pids(place)) == 3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert log.read_text().splitlines()[-1] == "hedger: interrupted"
    assert left_over(place) == []


def test_a_temporary_deployment_leaves_nothing(place: Place) -> None:
    place.write(HEDGED)
    said: list[str] = []

    async def scenario() -> tuple[Path, list[int]]:
        config = load(place.config, environ=place.environ)
        log = place.folder / "workers.log"
        async with deployment(
            config, workers=1, temporary=True, worker_log=log, say=said.append
        ) as running:
            folder = Path(running.paper.log).parents[2]
            assert os.stat(running.paper.log).st_size > 0
            assert [info.worker for info in await running.store.workers()] == ["w1"]
            until_hedged = asyncio.get_running_loop().time() + 15.0
            while not await running.store.journal(book="btc-main", count=1):
                assert asyncio.get_running_loop().time() < until_hedged
                await asyncio.sleep(0.05)
            pids = [child.pid for child in running.workers]
            # A worker that was killed still seems to live: that keeps nothing running.
            os.kill(pids[0], signal.SIGKILL)
            return folder, pids

    folder, pids = asyncio.run(scenario())
    assert folder.parent == Path("/tmp")
    assert not folder.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert left_over(Place(folder)) == []
    assert '"event": "decision"' in (place.folder / "workers.log").read_text()
    assert "workers are ready" in said
