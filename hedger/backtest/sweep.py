"""Many trials, each run once: results lie in a folder by what they are results of.

A result's name is the digest of configuration, data, code and seed, so a sweep that was broken off
goes on where it was, one that is asked for again reads, and changed code or data runs anew. Who
computes is an `Executor`: local processes, a Dask cluster's workers (`farm`), or any other that
takes a function.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from multiprocessing import connection
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
    if missing and executor is not None:
        found |= _computed(executor, missing, folder, progress, check)
    elif missing:
        with fresh_processes(min(processes, len(missing))) as own:
            found |= _computed(own, missing, folder, progress, check)
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
    executor: Executor,
    missing: Mapping[str, Trial],
    folder: Path,
    progress: Callable[[str], None],
    check: Callable[[], None],
) -> dict[str, Found | None]:
    jobs: dict[Future[bytes], str] = {}
    done: dict[str, Found | None] = {}
    try:
        for key, trial in missing.items():
            jobs[executor.submit(run, trial, key)] = key
        waiting = set(jobs)
        while waiting:
            ready, waiting = wait(waiting, timeout=CHECK_S, return_when=FIRST_COMPLETED)
            for job in ready:
                done[jobs[job]] = _kept(job, folder, jobs[job])
                progress(f"{len(done)} of {len(jobs)} trials done")
            if not ready:
                check()
    except BaseException:
        for job, key in jobs.items():  # what has been computed by now is not lost
            if key not in done and job.done() and not job.cancelled() and not job.exception():
                with contextlib.suppress(ConfigError):
                    _kept(job, folder, key)
        raise
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


@contextlib.contextmanager
def fresh_processes(count: int) -> Iterator[Executor]:
    """So many processes that begin anew: a fork would copy threads and locks of this one.

    None of them outlives its use: whatever ends the sweep early ends what they were at too.
    """
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    own = ProcessPoolExecutor(count, mp_context=context, initializer=_attended)
    try:
        yield own
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        own.shutdown(cancel_futures=True)


def _attended() -> None:
    """End this process with the one that asked: a killed parent would leave it waiting for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's: the parent ends us
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int = parent.sentinel) -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
