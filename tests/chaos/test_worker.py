"""A worker that ends though nobody ended it is told of, with the reason; one that was ended not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hedger.service.crew import Crew
from tests.chaos import calm
from tests.chaos.__main__ import play
from tests.chaos.books import Setting
from tests.chaos.nursery import told
from tests.chaos.rig import ROOT
from tests.chaos.worker import Worker, last_words

ENDS = [
    pytest.param({}, 1, True, id="an error"),
    pytest.param({}, 0, True, id="in order, but nobody asked it to"),
    pytest.param({}, -signal.SIGSEGV, True, id="a crash"),
    pytest.param({}, -signal.SIGKILL, True, id="killed by somebody else"),
    pytest.param({"is_killed": True}, -signal.SIGKILL, False, id="killed"),
    pytest.param({"is_stopping": True, "is_ready": True}, 0, False, id="stopped"),
    pytest.param({"is_stopping": True, "is_ready": True}, 1, True, id="an error as it stops"),
    pytest.param({"is_stopping": True, "is_ready": True}, -signal.SIGTERM, True, id="no order"),
    pytest.param({"is_stopping": True}, -signal.SIGTERM, False, id="stopped before it listens"),
]


@pytest.mark.parametrize(("told", "code", "died"), ENDS)
def test_what_counts_as_dying(told: dict[str, bool], code: int, died: bool) -> None:
    worker = Worker("w1", 1, **told)
    assert not worker.has_died, "it lives"
    worker.code = code
    assert worker.has_died is died
    assert not worker.is_alive


def test_its_last_words_are_found_among_those_of_others() -> None:
    worker = Worker("w1", 12, code=1)
    log = [
        last_words("w1", 123, "another of the name"),
        "{}",
        last_words("w1", 12, "ValueError: x"),
    ]
    assert worker.end("\n".join([*log, "Traceback"])) == "w1 ended by itself with 1: ValueError: x"
    assert worker.end("").endswith("not a word")


def test_of_a_group_the_error_within_is_told_with_its_lines() -> None:
    async def broken() -> None:
        raise ZeroDivisionError("of ours")

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(broken())

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(together())
    line = told(caught.value)
    assert line.startswith(f"ZeroDivisionError: of ours ({Path(__file__).name}:")
    assert "\n" not in line


def breaks() -> None:
    """In a worker process."""
    raise ZeroDivisionError("of ours")


def test_the_nursery_tells_births_and_ends(tmp_path: Path) -> None:
    log, (life, held) = tmp_path / "log", os.pipe()
    birth = {"config": "", "environ": {}, "log": str(log), "patch": f"{__name__}:breaks"}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.nursery", str(life)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=(life,),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in ("w1", "w2"):
            process.stdin.write(json.dumps(birth | {"name": name}) + "\n")
        process.stdin.flush()
        lines = [process.stdout.readline().split() for _ in range(4)]
        process.stdin.close()
    os.close(life)
    os.close(held)
    born = {name: pid for word, name, pid in lines if word == "born"}
    assert born.keys() == {"w1", "w2"}
    for name, pid in born.items():
        place = lines.index(["born", name, pid])
        assert ["ended", pid, "1"] in lines[place:], "its end is told after its birth"
        said = Worker(name, int(pid), code=1).end(log.read_text())
        assert said.startswith(f"{name} ended by itself with 1: ZeroDivisionError: of ours (")


def dies_later() -> None:
    """In a worker process: one of them has a loop that ends it."""
    loops = Crew.loops

    async def late() -> None:
        await asyncio.sleep(4.0)
        raise ZeroDivisionError("of ours")

    def and_another(self: Crew) -> list[Any]:
        return [*loops(self), *([late()] if self.world.params.worker == "w1" else [])]

    Crew.loops = and_another  # type: ignore[assignment, method-assign]


@pytest.mark.long
@pytest.mark.parametrize("must_fail", [(), ("died",)])
def test_a_death_is_a_violation_also_where_others_are_wanted(must_fail: tuple[str, ...]) -> None:
    setting = Setting(books=8, shards=8, patch=f"{__name__}:dies_later")
    run = replace(calm.RUNS[0], minutes=0.15, setting=setting, must_fail=must_fail)
    line = asyncio.run(play(run, seed=1, scale=1.0))
    (wrong,) = line.wrong
    assert wrong.startswith("died: w1 ended by itself with 1: ZeroDivisionError: of ours (")
