"""A running Dask cluster as who computes a sweep: the scheduler's workers, and when to give up.

Needs the extra ``dask``. Workers run this release of the package and read the recorded data by the
same path; results come back to whoever asked, so that no folder of results need be shared.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Any, NamedTuple

from hedger.errors import ConfigError

if TYPE_CHECKING:
    from distributed import Client

ANSWER_S = 30.0
"""How long a scheduler may take to answer."""
ALONE_S = 30.0
"""How long a scheduler may be without any worker."""
LOGGERS = ("distributed", "distributed.client", "distributed.comm", "distributed.core", "tornado")


class Farm(NamedTuple):
    """Who computes, and a check that raises `ConfigError` once nobody does any more."""

    executor: Executor
    check: Callable[[], None]


@contextlib.contextmanager
def farm(address: str) -> Iterator[Farm]:
    """Workers of the scheduler at an address, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    ConfigError
        Where the extra is not installed or no scheduler answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "--dask: is not installed, expected the extra: pip install 'delta-hedger[dask]'"
        ) from None
    for name in LOGGERS:  # what they log of a lost connection is said by our error, on one line
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        # Asked first: a client that was never connected cannot be closed quietly.
        asyncio.run(_greet(address))
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except Exception as error:  # whatever a wrong address or a stranger's port comes to
        raise _lost(address, error) from error
    try:
        yield Farm(_Workers(client), _Watch(client, address).check)
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=1.0)


async def _greet(address: str) -> None:
    from distributed.core import rpc

    scheduler = rpc(address, timeout=ANSWER_S)
    try:
        answer = await asyncio.wait_for(scheduler.identity(), ANSWER_S)
    except TimeoutError:
        raise TimeoutError(f"no answer in {ANSWER_S:g} s") from None
    finally:
        await scheduler.close_rpc()
    if not isinstance(answer, dict) or answer.get("type") != "Scheduler":
        raise ValueError("something else answers there")


class _Workers(Executor):
    """The scheduler's workers; whatever ends a trial but the trial itself is `BrokenExecutor`."""

    def __init__(self, client: Client) -> None:
        self._inner = client.get_executor(pure=False)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        asked, told = self._inner.submit(fn, *args, **kwargs), Future[Any]()
        asked.add_done_callback(lambda done: _hand_on(done, told))
        return told


def _hand_on(done: Future[Any], told: Future[Any]) -> None:
    """One result or error; a trial whose scheduler or workers are gone was not wrong itself."""
    if done.cancelled():
        told.set_exception(BrokenExecutor("the scheduler is gone"))
        return
    error = done.exception()
    if error is None:
        told.set_result(done.result())
    elif type(error).__module__.startswith("distributed") or isinstance(error, ImportError):
        told.set_exception(BrokenExecutor(_why(error)))
    else:
        told.set_exception(error)


class _Watch:
    """Whether the scheduler answers and has workers."""

    def __init__(self, client: Client, address: str) -> None:
        self._client, self._address = client, address
        self._attended_s = time.monotonic()

    def check(self) -> None:
        """Raise `ConfigError` where the scheduler is gone, or long without a worker."""
        try:
            workers = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER_S)
        except Exception as error:
            raise _lost(self._address, error) from error
        now_s = time.monotonic()
        if workers:
            self._attended_s = now_s
        elif now_s - self._attended_s > ALONE_S:
            raise ConfigError(
                f"--dask {self._address}: no worker for {ALONE_S:g} s, expected Dask workers"
            )


def _lost(address: str, error: Exception) -> ConfigError:
    return ConfigError(f"--dask {address}: {_why(error)}: expected a running Dask scheduler")


def _why(error: BaseException) -> str:
    """A foreign error on one line."""
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."
