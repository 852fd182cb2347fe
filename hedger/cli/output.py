"""Results to standard output, progress to standard error, and the loop that commands run on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hedger.cli.ending import Terminated, heeded
from hedger.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

T = TypeVar("T")
PIPE_COLUMNS = 240
"""Width of a table where nobody's window limits it."""
PROGRESS_S = 2.0


_notices: list[str] = []


def notice(text: str) -> None:
    """Keep something to be said with the first progress or result: a failure is one line alone."""
    _notices.append(text)


def forget_notices() -> None:
    """Another command begins."""
    _notices.clear()


def say(text: str) -> None:
    """Tell a person, on standard error; that nobody listens any more stops nothing."""
    with contextlib.suppress(OSError):
        for line in (*_notices, text):
            sys.stderr.write(f"hedger: {line}\n")
        sys.stderr.flush()
    _notices.clear()


def progress() -> Callable[[str], None]:
    """Returns what says how far a command is, every two seconds at most."""
    last = time.monotonic()

    def tell(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_S:
            last = time.monotonic()
            say(text)

    return tell


def _say_notices() -> None:
    if _notices:
        say(_notices.pop())


def print_text(*lines: str) -> None:
    """Print lines of a result."""
    _say_notices()
    for line in lines:
        sys.stdout.write(line + "\n")


def print_json(result: object) -> None:
    """Print a result as one JSON document."""
    import msgspec

    _say_notices()
    raw = msgspec.json.encode(result)
    sys.stdout.write(msgspec.json.format(raw, indent=2).decode() + "\n")


def writable(option: str, path: Path | None) -> None:
    """Refuse a file that cannot be written, before the work that would fill it."""
    if path is not None and path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder, expected a file to write")
    if path is not None and not path.absolute().parent.is_dir():
        raise ConfigError(f"{option} {path}: its folder does not exist, expected one that does")


def write_page(option: str, path: Path, text: str) -> None:
    """Write a page and say where it is."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{option} {path}: cannot be written: {error.strerror}") from None
    say(f"page: {path}")


def print_table(*tables: RenderableType) -> None:
    """Print tables, as wide as the window or, where there is none, as they need to be."""
    from rich.console import Console

    _say_notices()
    wide = None if sys.stdout.isatty() else PIPE_COLUMNS
    console = Console(file=sys.stdout, width=wide, highlight=False, soft_wrap=False)
    for table in tables:
        console.print(table)


def table(title: str, *columns: str) -> Table:
    """An empty table; ``>name`` is a column of numbers, ``~name`` one of text that may wrap."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        if column.startswith(">"):
            made.add_column(column[1:], justify="right", no_wrap=True)
        elif column.startswith("~"):
            made.add_column(column[1:], overflow="fold", min_width=20)
        else:
            made.add_column(column, no_wrap=True)
    return made


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; Ctrl-C raises KeyboardInterrupt, `SIGNALS` `Terminated`, after clean-up."""

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        signalled: list[bool] = []
        assert task is not None

        def stop() -> None:
            if not signalled:
                signalled.append(True)
                task.cancel()

        before = {number: signal.getsignal(number) for number in heeded()}
        for number in before:
            loop.add_signal_handler(number, stop)
        try:
            return await work()
        except asyncio.CancelledError:
            if signalled:
                raise Terminated from None
            raise
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    return asyncio.run(guarded())


def instant(ms: int | None) -> str:
    """Market time for people: UTC, to the second.

    Examples
    --------
    >>> instant(1_782_409_230_000)
    '2026-06-25 17:40:30Z'
    """
    if ms is None:
        return "-"
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def day(ms: int) -> str:
    """Expiry for people: UTC, to the minute where it is not 08:00.

    Examples
    --------
    >>> day(1_783_065_600_000)
    '2026-07-03'
    """
    when = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute) == (8, 0) else f"{when:%Y-%m-%d %H:%MZ}"
