"""Many trials, each run once: results lie in a folder by what they are results of.

A result's name is the digest of configuration, data, code and seed, so a sweep that was broken off
goes on where it was, one that is asked for again reads, and changed code or data runs anew. Who
computes is an `Executor`: local processes, or any other that takes a function.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import msgspec

from hedger.backtest.trial import Trial, identity, tried
from hedger.errors import ConfigError

Found = dict[str, Any]


def swept(
    trials: Mapping[str, Trial],
    folder: Path,
    *,
    executor: Executor | None = None,
    processes: int = 1,
    progress: Callable[[str], None] = lambda text: None,
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
            found |= _computed(executor or own, missing, folder, progress)
        finally:
            if own is not None:
                own.shutdown(cancel_futures=True)
    return {name: _given(found[key]) for name, key in ids.items()}


def run(trial: Trial, folder: str, key: str) -> bytes:
    """One trial in whatever process; its result is in the folder before it is told of."""
    result = {k: v for k, v in tried(trial).found.items() if k != "definitions"}
    if result["run"]["id"] != key:
        raise ConfigError(f"trial {key}: code or data differ here, expected the same everywhere")
    encoded = msgspec.json.encode(result)
    path = Path(folder) / f"{key}.json"
    partial = path.with_suffix(f".{os.getpid()}.part")
    partial.write_bytes(encoded)
    partial.replace(path)  # whole or not at all
    return encoded


def _computed(
    executor: Executor | None,
    missing: Mapping[str, Trial],
    folder: Path,
    progress: Callable[[str], None],
) -> dict[str, Found | None]:
    assert executor is not None
    jobs = {executor.submit(run, trial, str(folder), key): key for key, trial in missing.items()}
    done: dict[str, Found | None] = {}
    for job in as_completed(jobs):
        done[jobs[job]] = msgspec.json.decode(job.result())
        progress(f"{len(done)} of {len(jobs)} trials done")
    return done


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
