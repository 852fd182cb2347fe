"""``hedger run``: the deployment until somebody ends it; and the processes that it is made of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from hedger.cli.ending import Terminated
from hedger.cli.options import Common, Flag, Whole, positive
from hedger.cli.output import print_json, run_async, say

WORKERS_MAX = 64


def run(
    *,
    workers: Annotated[Whole, Parameter(validator=Number(gte=1, lte=WORKERS_MAX))] = 2,
    seconds: Annotated[float | None, Parameter(validator=positive)] = None,
    restart: bool = True,
    common: Common | None = None,
) -> int:
    """Hedge the configured books with several worker processes, until Ctrl-C or SIGTERM.

    Starts the embedded store and the paper exchange where the configuration asks for them. The
    first signal stops everything in order: workers finish what is in flight; hedges stay on.

    Parameters
    ----------
    workers
        Number of worker processes.
    seconds
        Stop after so many seconds of real time.
    restart
        Start a worker again when it dies, later each time that it dies young.
    """
    common = common or Common()
    from hedger.app.deployment import deployment
    from hedger.telemetry import start_logging

    config = common.load()
    start_logging(level="info")

    async def work() -> None:
        async with deployment(config, workers=workers, restarts=restart, say=say) as running:
            books = ", ".join(book.name for book in config.settings.book)
            say(f"deployment {config.settings.deployment} hedges {books}; Ctrl-C stops it")
            try:
                async with asyncio.timeout(seconds):
                    raise await running.failure()
            except TimeoutError:
                return

    ended = "time"
    try:
        run_async(work)
    except Terminated:
        ended = "terminated"
    if common.json:
        print_json({"deployment": config.settings.deployment, "ended": ended})
    return 0


def worker(*, name: str, temporary: Flag = False, common: Common | None = None) -> int:
    """One worker process; started by `hedger run`, stopped by SIGTERM or the end of its input.

    Parameters
    ----------
    name
        Name of the worker, which no other living worker may have.
    temporary
        The embedded store removes its files when its last user leaves.
    """
    common = common or Common()
    import sys

    from hedger.app.worker import work

    config = common.load()

    def ready() -> None:
        # The one line that whoever started us waits for; nothing else goes to standard output.
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    with _runner() as runner:
        runner.run(work(config, name=name, temporary=temporary, ready=ready))
    return 0


def exchange(parameters: Path, /) -> int:
    """One paper exchange process.

    Parameters
    ----------
    parameters
        JSON file of its parameters.
    """
    # Its last line is quoted by whoever started it, so it does not begin with our name.
    from hedger.venues.paper.process import main

    return main([str(parameters)])


def _runner() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)
