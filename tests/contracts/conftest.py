"""Each store behind one fixture: a fresh deployment per test, whatever holds its data."""

import asyncio
import os
import tempfile
import uuid

import msgspec
import pytest
from fakeredis import FakeServer

from hedger.store import StoreParams, embedded
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.store.redis import RedisStore
from tests.store.desk import FakeLink, World


@pytest.fixture(scope="module")
def store_server():
    with tempfile.TemporaryDirectory(prefix="hs") as home:
        params = StoreParams(
            deployment="contract",
            state_dir=os.path.join(home, "state"),
            runtime_dir=os.path.join(home, "run"),
            temporary=True,
        )
        attached = asyncio.run(embedded.attach(params))
        yield attached.url
        asyncio.run(attached.leave())


@pytest.fixture(params=["memory", "server", "fakeredis"])
def world(request):
    params = StoreParams(deployment=f"d-{uuid.uuid4().hex[:12]}", shards=16, timeout_s=5.0)
    if request.param == "memory":
        shared = MemoryServer(shards=16)
        return World(lambda: MemoryStore(shared))
    if request.param == "fakeredis":
        fake = FakeServer(version=(7,))
        return World(lambda: RedisStore(params, link=FakeLink(fake)))
    params = msgspec.structs.replace(params, url=request.getfixturevalue("store_server"))
    return World(lambda: RedisStore(params))
