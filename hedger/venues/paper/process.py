"""The paper exchange as a process of its own: socket, lock, signals, orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from hedger.errors import ConfigError, HedgerError
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperParams, check, read_params
from hedger.venues.paper.server import Server
from hedger.venues.paper.tradelog import TradeLogBrokenError

IDLE_CHECK_S = 0.5


def run_exchange(params: PaperParams) -> None:
    """Run one exchange until it is stopped by request or signal; raises `ConfigError`.

    Returns only when nothing is left behind but the trade log.
    """
    _run(serve(check(params)))


async def serve(params: PaperParams) -> None:
    """Open the exchange, answer on its socket, move its market; returns when stopped."""
    engine = Engine(params)
    try:
        server = Server(engine)
        await _refuse_second(params.socket)
        listener = await asyncio.start_unix_server(server.serve, params.socket, backlog=128)
        os.chmod(params.socket, 0o600)
        try:
            await _until_stopped(server, params)
        finally:
            listener.close()
            await server.goodbye()
            _unlink(params.socket)
    finally:
        engine.log.close()


async def _until_stopped(server: Server, params: PaperParams) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stopped.set)
    market = asyncio.create_task(server.run())
    stopped = asyncio.create_task(server.stopped.wait())
    try:
        while not stopped.done():
            watched = {stopped} if market.done() else {stopped, market}
            await asyncio.wait(watched, timeout=IDLE_CHECK_S, return_when=asyncio.FIRST_COMPLETED)
            if market.done():
                market.result()  # a market that broke ends the exchange, loudly
            if params.idle_exit_s is not None and server.idle_s() > params.idle_exit_s:
                return
        if server.broken is not None:
            raise server.broken
    finally:
        for task in (market, stopped):
            task.cancel()
        await asyncio.gather(market, stopped, return_exceptions=True)


async def _refuse_second(socket: str) -> None:
    """Remove a dead exchange's socket; refuse to replace a living one's."""
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_unix_connection(socket)
    except (OSError, TimeoutError):
        _unlink(socket)
        return
    writer.close()
    raise ConfigError(f"{socket}: another exchange answers here: expected a free socket")


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def main(argv: list[str] | None = None) -> int:
    """Run the exchange of a parameter file; 0 in the end, 2 for bad parameters, 1 otherwise."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        if len(arguments) != 1:
            raise ConfigError(f"{len(arguments)} arguments: expected one parameter file")
        run_exchange(read_params(arguments[0]))
    except HedgerError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, ConfigError) else 1
    except (OSError, TradeLogBrokenError) as error:
        sys.stderr.write(f"paper exchange: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
