"""Each store behind one fixture: a fresh deployment per test, whatever holds its data."""

import asyncio
import os
import tempfile
import uuid

import pytest
from fakeredis import FakeServer

from hedger.store import StoreParams, embedded
from hedger.store.memory import MemoryServer, MemoryStore
from hedger.store.redis import RedisStore
from tests.store import servers
from tests.store.desk import FakeLink, World


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def store_cluster():
    with tempfile.TemporaryDirectory(prefix="hc") as home, servers.cluster(home) as (_, url, _):
        yield url


@pytest.fixture(scope="session")
def store_guarded():
    """A server that speaks TLS alone, and to a user alone that may do what is documented."""
    with tempfile.TemporaryDirectory(prefix="ht") as home, servers.guarded(home, "d-*") as url:
        yield url


@pytest.fixture(params=["memory", "server", "fakeredis", "cluster", "guarded"])
def world(request):
    deployment = f"d-{uuid.uuid4().hex[:12]}"
    if request.param == "memory":
        shared = MemoryServer(shards=16)
        return World(lambda: MemoryStore(shared))
    url = ""
    if request.param != "fakeredis":
        url = request.getfixturevalue(f"store_{request.param}")
    params = StoreParams(deployment=deployment, url=url, shards=16, timeout_s=5.0)
    if request.param == "fakeredis":
        fake = FakeServer(version=(7,))
        return World(lambda: RedisStore(params, link=FakeLink(fake)))
    return World(lambda: RedisStore(params))
