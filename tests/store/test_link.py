"""Connections that break, lose their scripts, fall silent, or end at another incarnation."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time

import msgspec
import pytest
import redis
import redis.exceptions

from hedger.core.model import Memory
from hedger.errors import LeaseLost, StoreUnavailable
from hedger.ports import BookSeed
from hedger.store import StoreParams, embedded, open_store
from hedger.store.link import FOREIGN
from tests.store.desk import LEASE_MS
from tests.store.real_server import begin, fill, intent, opened, ready, run


def test_lost_scripts_fail_the_call_and_are_back_for_the_next(params, raw):
    async def main():
        async with opened(params) as store:
            lease = await ready(store)
            raw.script_flush()
            with pytest.raises(StoreUnavailable, match="lost its scripts"):
                await begin(store, lease)
            assert (await store.load("b")).seq == 0, "a begin must never be sent again by itself"
            await begin(store, lease)
            assert (await store.load("b")).seq == 1

    run(main())


@pytest.mark.parametrize(
    "foreign",
    [
        *FOREIGN,
        redis.exceptions.ConnectionError,
        redis.exceptions.TimeoutError,
        redis.exceptions.ResponseError,
        redis.exceptions.ReadOnlyError,
        redis.exceptions.BusyLoadingError,
        redis.exceptions.OutOfMemoryError,
        redis.exceptions.InvalidResponse,
        redis.exceptions.DataError,
        ConnectionResetError,
        BrokenPipeError,
        TimeoutError,
        asyncio.IncompleteReadError(b"", 1),
    ],
    ids=lambda foreign: getattr(foreign, "__name__", type(foreign).__name__),
)
def test_every_foreign_exception_is_mapped_on_every_call(params, foreign, monkeypatch):
    async def main():
        async with opened(params) as store:
            lease = await ready(store)
            real = store._link._dial

            async def dial():
                wire = await real()

                async def broken(*_, **__):
                    raise foreign

                monkeypatch.setattr(wire.connection, "read_response", broken)
                return wire

            store._link._dial = dial
            await store._link._forget(None)
            for call in (
                store.beat("w", ttl_ms=1),
                store.leave("w"),
                store.claim(1, "w", lease_ms=1),
                store.renew(lease, lease_ms=1),
                store.release(lease),
                store.shard_info(),
                store.seed(BookSeed("c", "x", {})),
                store.books(),
                store.load("b"),
                begin(store, lease),
                store.note(lease, "b", seq=0, memory=Memory(), entry=None),
                store.fill("b", fill("account"), venue="paper"),
                store.close(lease, "b", "0" * 32, filled=0, state="dead"),
                store.unknown(lease, "b", "0" * 32),
                store.fast_forward(lease, "b", seq=1),
                store.hold("b", "why"),
                store.resume("b", who="me"),
                store.journal(book=None, count=1),
                store.entry("b.1.1"),
            ):
                with pytest.raises(StoreUnavailable, match=r"^store /[^\n]+$"):
                    await call

    run(main())


def test_a_server_that_never_answers_costs_one_timeout():
    async def main():
        silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        url = f"redis://127.0.0.1:{port}"
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="no answer in time"):
            await open_store(StoreParams(deployment="d", url=url, timeout_s=0.2))
        assert time.monotonic() - started < 1.0
        silent.close()

    run(main())


def test_a_cancelled_call_leaves_no_answer_behind_for_the_next(params):
    async def main():
        async with opened(msgspec.structs.replace(params, connections=1)) as store:
            await ready(store)
            for delay in (0, 1e-5, 5e-5, 1e-4, 2e-4, 5e-4):
                call = asyncio.create_task(store.books())
                await asyncio.sleep(delay)
                call.cancel()
                await asyncio.wait([call])
                assert (await store.load("b")).book == "b"

    run(main())


def test_more_callers_than_connections_wait_their_turn(params):
    async def main():
        async with opened(msgspec.structs.replace(params, connections=2)) as store:
            await ready(store)
            books = await asyncio.gather(*(store.load("b") for _ in range(200)))
            assert {book.book for book in books} == {"b"}

    run(main())


def test_a_new_incarnation_drops_leases_and_keeps_the_books():
    async def main(home):
        params = StoreParams(deployment="d", state_dir=f"{home}/s", runtime_dir=f"{home}/r")
        watcher = await embedded.attach(params)
        async with contextlib.AsyncExitStack() as leaving, opened(params) as store:
            leaving.push_async_callback(watcher.leave)
            lease = await ready(store)
            await begin(store, lease)
            os.kill(watcher.pid, signal.SIGKILL)
            survivor = None
            deadline = time.monotonic() + 20  # of a busy machine
            while survivor is None and time.monotonic() < deadline:
                with contextlib.suppress(StoreUnavailable):
                    survivor = await store.load("b")
                await asyncio.sleep(0.01)
            assert [i.id for i in survivor.intents] == [intent(store).id]
            for write in (
                store.renew(lease, lease_ms=LEASE_MS),
                begin(store, lease, seq=2),
                store.close(lease, "b", intent(store).id, filled=0, state="dead"),
            ):
                with pytest.raises(LeaseLost, match="from before the server restarted"):
                    await write
            # The old lease has most of a minute to run, but not on this server.
            taken = await store.claim(lease.shard, "w2", lease_ms=LEASE_MS)
            assert taken.epoch > lease.epoch
            assert taken.run_id != lease.run_id
            assert not await store.is_reconciled(taken)
            await begin(store, taken, seq=2)

    with tempfile.TemporaryDirectory(prefix="hs") as home:
        run(main(home), within_s=30)
