"""Many trials, each run once: results lie in a folder by what they are results of.

A result's name is the digest of configuration, data, code and seed, so a sweep that was broken off
goes on where it was, one that is asked for again reads, and changed code or data runs anew. Who
computes is an `Executor`: local processes, a Dask cluster's workers (`farm`), or any other that
takes a function.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from pathlib import Path
from typing import Any

import msgspec

from hedger.backtest.trial import Trial, identity, tried
from hedger.errors import ConfigError

Found = dict[str, Any]
CHECK_S = 2.0
"""How often it is looked whether anybody computes, while nothing is done."""


def swept(
    trials: Mapping[str, Trial],
    folder: Path,
    *,
    executor: Executor | None = None,
    processes: int = 1,
    progress: Callable[[str], None] = lambda text: None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Found]:
    """Results of all trials by name; those already in the folder are read, not run.

    Parameters
    ----------
    trials
        What to run, by a name of one's own; equal trials are run once.
    folder
        Where results lie; made if need be.
    executor
        Who computes; else so many local ``processes`` of its own.
    progress
        Told of each trial that is done.
    check
        Asked now and then while nothing is done; raises once nobody computes any more.

    Raises
    ------
    ConfigError
        Where a trial's data or book cannot be used, or who computed is gone. What was done until
        then is in the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}: expected a folder for results") from error
    ids = {name: str(identity(trial)["id"]) for name, trial in trials.items()}
    found = {key: _read(folder, key) for key in dict.fromkeys(ids.values())}
    missing = {ids[name]: trial for name, trial in trials.items() if found[ids[name]] is None}
    progress(f"{len(found) - len(missing)} of {len(found)} results are there")
    if missing:
        own = None if executor else _processes(min(processes, len(missing)))
        try:
            found |= _computed(executor or own, missing, folder, progress, check)
        finally:
            if own is not None:
                own.shutdown(cancel_futures=True)
    return {name: _given(found[key]) for name, key in ids.items()}


def run(trial: Trial, key: str) -> bytes:
    """One trial in whatever process; raises `ConfigError` where it is another trial there."""
    known = str(identity(trial)["id"])
    if known != key:
        raise ConfigError(
            f"trial {key[:12]}: code or data differ where it is computed, expected the same release"
            f" and the same {trial.params.data} everywhere"
        )
    result = {k: v for k, v in tried(trial).found.items() if k != "definitions"}
    return msgspec.json.encode(result)


def _computed(
    executor: Executor | None,
    missing: Mapping[str, Trial],
    folder: Path,
    progress: Callable[[str], None],
    check: Callable[[], None],
) -> dict[str, Found | None]:
    assert executor is not None
    jobs = {executor.submit(run, trial, key): key for key, trial in missing.items()}
    done: dict[str, Found | None] = {}
    waiting = set(jobs)
    while waiting:
        ready, waiting = wait(waiting, timeout=CHECK_S, return_when=FIRST_COMPLETED)
        for job in ready:
            done[jobs[job]] = _kept(job, folder, jobs[job])
            progress(f"{len(done)} of {len(jobs)} trials done")
        if not ready:
            check()
    return done


def _kept(job: Future[bytes], folder: Path, key: str) -> Found:
    """A trial's result, in the folder before anybody is told of it: whole or not at all."""
    try:
        encoded = job.result()
    except BrokenExecutor as error:
        raise ConfigError(
            f"trial {key[:12]}: who computed it is gone ({' '.join(str(error).split())}): expected"
            " workers that last; run again to go on"
        ) from error
    path = folder / f"{key}.json"
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        partial.write_bytes(encoded)
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: expected to keep a result there") from error
    found: Found = msgspec.json.decode(encoded)
    return found


def _processes(count: int) -> ProcessPoolExecutor:
    """Processes that begin anew: a fork would copy threads and locks of this one."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


def _read(folder: Path, key: str) -> Found | None:
    """A result that is there; one that cannot be read is made again."""
    try:
        found: Found = msgspec.json.decode((folder / f"{key}.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.get("run", {}).get("id") == key else None


def _given(found: Found | None) -> Found:
    assert found is not None
    return found
