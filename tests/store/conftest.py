"""One real server per module, a raw client beside it, and a fresh deployment per test."""

import asyncio
import tempfile
import uuid

import pytest
import redis

from hedger.store import StoreParams, embedded


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="hs") as home:
        params = StoreParams(deployment="own", state_dir=f"{home}/s", runtime_dir=f"{home}/r")
        attached = asyncio.run(embedded.attach(params))
        yield attached
        asyncio.run(attached.leave())


@pytest.fixture
def raw(server):
    with redis.Redis(unix_socket_path=server.path) as client:
        yield client


@pytest.fixture
def params(server):
    return StoreParams(deployment=f"d-{uuid.uuid4().hex[:12]}", url=server.url, timeout_s=5.0)
