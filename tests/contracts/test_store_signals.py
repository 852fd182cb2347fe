"""Signals that somebody else writes into the store: there, not there, and nonsense."""

import pytest

from hedger.errors import ConfigError
from hedger.store.memory import MemoryStore
from tests.store.desk import asynchronous

NOW = 1_795_368_931_221


async def put(store, name, **fields):
    """As the owner of a signal does; with HSET on a server."""
    known = {field: str(value).encode() for field, value in fields.items()}
    if isinstance(store, MemoryStore):
        store._server.signals[name] = (known.get("value"), known.get("time_ms"))
        return
    pairs = [part for pair in fields.items() for part in map(str, pair)]
    await store._link.commands(("HSET", store._keys.signal(name), *pairs))


@asynchronous
async def test_signals_are_read_side_by_side_with_their_instants(world):
    store = await world.store()
    await put(store, "trend", value=0.25, time_ms=NOW)
    await put(store, "carry", value="-1e3", time_ms=NOW - 5)
    found = await store.signals(["trend", "carry", "none"])
    assert (found["trend"].value, found["trend"].time_ms) == (0.25, NOW)
    assert (found["carry"].value, found["carry"].time_ms) == (-1_000.0, NOW - 5)
    assert (found["none"].value, found["none"].reason) == (None, "there is no such key")
    assert await store.signals([]) == {}


@asynchronous
async def test_what_is_no_number_or_has_no_instant_has_a_reason_instead(world):
    store = await world.store()
    await put(store, "word", value="up", time_ms=NOW)
    await put(store, "timeless", value=1.0)
    await put(store, "odd", value=1.0, time_ms="9" * 40)
    found = await store.signals(["word", "timeless", "odd"])
    assert found["word"].reason == "its value is no number"
    assert found["timeless"].reason == "its time_ms is no instant in milliseconds"
    assert found["odd"].reason == found["timeless"].reason
    assert all(one.value is None and one.time_ms is None for one in found.values())


@asynchronous
async def test_a_name_that_no_key_may_have_is_refused(world):
    store = await world.store()
    if isinstance(store, MemoryStore):
        pytest.skip("spells no key")
    with pytest.raises(ConfigError, match="signal"):
        await store.signals(["a b"])
