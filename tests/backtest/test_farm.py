"""The same sweep on a real Dask scheduler and two worker processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hedger.backtest import farm as farms
from hedger.backtest.farm import farm
from hedger.backtest.sweep import swept
from hedger.backtest.trial import Trial, identity
from hedger.core.model import BandRule
from hedger.errors import ConfigError
from tests.backtest.recording import perpetual, recorded, trial, with_band

pytest.importorskip("distributed", reason="the extra dask is not installed")

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (0.5, 1.0, 2.0, 4.0)


class Cluster:
    """A scheduler and its workers, as processes of their own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        self._count = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._start(
            "scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"
        )

    def hire(self, workers: int = 1) -> list[str]:
        names = [f"worker{self._count + n}" for n in range(workers)]
        self._count += workers
        for name in names:
            self._start(
                name, "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--name", name, "--local-directory", str(self._folder),
            )  # fmt: skip
        return names

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _start(self, name: str, *command: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    made = trial(recorded(tmp_path_factory.mktemp("bars"), perpetual(1_440 + 20)))
    return {f"{w:g}": with_band(made, BandRule(lower=-w, upper=w)) for w in WIDTHS}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "dask").mkdir()
    made = Cluster(tmp_path / "dask")
    try:
        yield made
    finally:
        made.close()


def test_two_workers_find_what_local_processes_find(
    trials: dict[str, Trial], cluster: Cluster, tmp_path: Path
) -> None:
    """Byte for byte, both workers at work, broken off half-way and resumed."""
    here, there = tmp_path / "here", tmp_path / "there"
    swept(trials, here, processes=1)
    cluster.hire(2)
    first = dict(list(trials.items())[:2])
    told: list[str] = []
    with farm(cluster.address) as workers:
        swept(first, there, executor=workers.executor, check=workers.check)
        assert len(list(there.glob("*.json"))) == 2
        found = swept(
            trials, there, executor=workers.executor, check=workers.check, progress=told.append
        )
        assert told[0] == "2 of 4 results are there"
        assert told[-1] == "2 of 2 trials done"
        places = [workers.executor.submit(_slow_pid) for _ in range(4)]
        assert len({place.result(timeout=30) for place in places}) == 2
    assert list(found) == list(trials)
    kept = {path.name: path.read_bytes() for path in here.glob("*")}
    assert {path.name: path.read_bytes() for path in there.glob("*")} == kept
    assert len(kept) == len(WIDTHS)


def test_a_worker_that_dies_costs_no_result(
    trials: dict[str, Trial], cluster: Cluster, tmp_path: Path
) -> None:
    doomed, _ = cluster.hire(2)

    def progress(text: str) -> None:
        if text == "1 of 4 trials done":
            cluster.kill(doomed)

    with farm(cluster.address) as workers:
        found = swept(
            trials, tmp_path, executor=workers.executor, check=workers.check, progress=progress
        )
    assert all(found[n]["run"]["id"] == identity(trials[n])["id"] for n in trials)


def test_a_scheduler_that_dies_is_one_line_and_what_was_done_stays(
    trials: dict[str, Trial], cluster: Cluster, tmp_path: Path
) -> None:
    cluster.hire(1)

    def progress(text: str) -> None:
        if text == "1 of 4 trials done":
            cluster.kill("scheduler")

    out = tmp_path / "out"
    since = time.monotonic()
    with (
        pytest.raises(ConfigError, match=r"gone|running Dask scheduler") as caught,
        farm(cluster.address) as workers,
    ):
        swept(trials, out, executor=workers.executor, check=workers.check, progress=progress)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - since < 60.0
    done = len(list(out.glob("*.json")))
    assert done >= 1
    assert not list(out.glob("*.part"))
    told: list[str] = []
    swept(trials, out, processes=1, progress=told.append)
    assert told[0] == f"{done} of 4 results are there"


def test_a_scheduler_without_workers_is_given_up(
    trials: dict[str, Trial],
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(farms, "ALONE_S", 1.0)
    with (
        pytest.raises(ConfigError, match=r"no worker for 1 s, expected Dask workers"),
        farm(cluster.address) as workers,
    ):
        swept(trials, tmp_path / "out", executor=workers.executor, check=workers.check)


def test_workers_of_other_data_are_refused(
    trials: dict[str, Trial], cluster: Cluster, tmp_path: Path
) -> None:
    """What was computed from other bars than asked for is no answer."""
    cluster.hire(1)
    made = trials["1"]
    folder = recorded(tmp_path / "bars", perpetual(1_440 + 20))
    mine = msgspec.structs.replace(
        made, params=msgspec.structs.replace(made.params, data=str(folder))
    )
    key = str(identity(mine)["id"])
    recorded(folder, perpetual(1_440 + 60, seed=9))
    with farm(cluster.address) as workers:
        from hedger.backtest.sweep import run

        job = workers.executor.submit(run, mine, key)
        with pytest.raises(ConfigError, match="code or data differ"):
            job.result(timeout=60)


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://127.0.0.1:1", "tcp://127.0.0.1"])
def test_an_address_that_is_none_is_one_line(address: str) -> None:
    with pytest.raises(ConfigError) as caught, farm(address):
        pass
    assert str(caught.value).startswith(f"--dask {address}: ")
    assert "\n" not in str(caught.value)


def test_nobody_there_and_a_stranger_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farms, "ANSWER_S", 1.0)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        for listening in (False, True):
            if listening:
                mute.listen()
            since = time.monotonic()
            with (
                pytest.raises(ConfigError, match="expected a running Dask scheduler") as caught,
                farm(f"tcp://127.0.0.1:{port}"),
            ):
                pass
            assert "\n" not in str(caught.value)
            assert time.monotonic() - since < 10.0


def test_local_processes_that_die_are_one_line(trials: dict[str, Trial], tmp_path: Path) -> None:
    class Broken(Executor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            job: Future[Any] = Future()
            job.set_exception(BrokenExecutor("a process was killed"))
            return job

    with pytest.raises(ConfigError, match=r"is gone \(a process was killed\)"):
        swept(trials, tmp_path, executor=Broken())


def _slow_pid() -> int:
    time.sleep(0.5)
    return os.getpid()
