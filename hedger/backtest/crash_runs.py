"""Many crashes at once: one after the other or in processes, each with its story in a file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from pathlib import Path
from typing import NamedTuple

import msgspec

from hedger.backtest.crash_stage import Crash
from hedger.backtest.crashes import Outcome, crashed
from hedger.backtest.replay import Terms
from hedger.backtest.sweep import fresh_processes
from hedger.errors import ConfigError
from hedger.service.params import BookParams
from hedger.venues.paper.params import PaperParams

__all__ = ["Subject", "played", "story_name"]

WAIT_S = 1.0


class Subject(NamedTuple):
    """Who is crashed: an exchange, a book, its terms; ``laddered`` is the book with a ladder."""

    params: PaperParams
    book: BookParams
    laddered: BookParams
    terms: Terms


def story_name(crash: Crash) -> str:
    """The file of one crash's story."""
    return f"{crash.kind}-{crash.seed}-ladder-{'on' if crash.ladder else 'off'}.jsonl"


def played(
    subject: Subject,
    wanted: Sequence[Crash],
    *,
    jobs: int = 1,
    keep: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Play crashes in the order given; the same, however many processes share them.

    Parameters
    ----------
    subject, wanted
        Who, through what.
    jobs
        Processes; with 1 it is this one.
    keep
        A folder for the stories, one file each: a line has ms, kind and text.
    progress
        Told how many are done, now and then.
    """
    folder = None if keep is None else str(keep)
    if jobs == 1:
        done = []
        for number, crash in enumerate(wanted):
            progress(number)
            done.append(one(subject, crash, folder))
        return done
    with fresh_processes(jobs) as executor:
        sent: list[Future[Outcome]] = [executor.submit(one, subject, c, folder) for c in wanted]
        left: set[Future[Outcome]] = set(sent)
        while left:
            _, left = wait(left, timeout=WAIT_S, return_when=FIRST_COMPLETED)
            progress(len(sent) - len(left))
        try:
            return [future.result() for future in sent]
        except BrokenExecutor as error:
            raise ConfigError(f"a process that played crashes is gone: {error}") from error


def one(subject: Subject, crash: Crash, folder: str | None) -> Outcome:
    """One crash, and its story in the folder."""
    book = subject.laddered if crash.ladder else subject.book
    with contextlib.ExitStack() as stack:
        if folder is None:
            return crashed(subject.params, book, subject.terms, crash)
        path = Path(folder) / story_name(crash)
        try:
            file = stack.enter_context(path.open("wb"))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}: expected to write there") from error

        def tell(ms: int, kind: str, text: str) -> None:
            file.write(msgspec.json.encode({"ms": ms, "kind": kind, "text": text}) + b"\n")

        return crashed(subject.params, book, subject.terms, crash, tell=tell)
