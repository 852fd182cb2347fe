"""The shared state: the only truth, on Redis or Valkey, or in memory for tests and backtests."""

from __future__ import annotations

from hedger.ports import Store
from hedger.store.params import StoreParams

__all__ = ["StoreParams", "open_store"]


async def open_store(params: StoreParams) -> Store:
    """Return the store of a deployment, open: the server of ``params.url``, else the embedded one.

    `Store.shutdown` also leaves the embedded server; the last to leave stops it.

    Raises
    ------
    ConfigError
        The server, its settings or the stored data cannot be used; the text says what to do.
    StoreUnavailable
        No server could be reached or started.
    """
    # Imported here so that those who need only names (the command line's help) load no client.
    import msgspec

    from hedger.store import embedded
    from hedger.store.redis import RedisStore

    if params.url:
        store = RedisStore(params)
    else:
        server = await embedded.attach(params)
        params = msgspec.structs.replace(params, url=server.url)
        store = RedisStore(params, leave=server.leave)
    try:
        await store.open()
    except BaseException:
        await store.shutdown()
        raise
    return store
