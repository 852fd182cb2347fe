"""The store of a deployment that runs already; commands that look on start nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import msgspec

from hedger.app.translate import store_params
from hedger.errors import StoreUnavailable
from hedger.ports import Store
from hedger.settings import Configuration
from hedger.store import StoreParams, open_store
from hedger.store.embedded import socket_path

PROBE_S = 1.0


@contextlib.asynccontextmanager
async def running_store(config: Configuration) -> AsyncIterator[Store]:
    """The store, closed in the end; raises `StoreUnavailable` where none is running."""
    store = await open_store(_running(store_params(config)))
    try:
        yield store
    finally:
        await store.shutdown()


def _running(params: StoreParams) -> StoreParams:
    """Parameters that reach the server by address, without becoming one of its keepers."""
    if params.url:
        return params
    path = socket_path(params)
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_S)
            probe.connect(path)
    except OSError:
        raise StoreUnavailable(
            f"deployment {params.deployment}: its embedded store is not running, "
            "expected `hedger run` to be running"
        ) from None
    return msgspec.structs.replace(params, url=f"unix://{path}")
