"""Two releases on one store: the older one's records while both run, then the newer one's."""

from __future__ import annotations

import contextlib

import pytest

from hedger.core.model import Memory
from hedger.errors import ConfigError, RevisionConflict, UnknownVersion
from hedger.ports import BookSeed, JournalEntry
from hedger.store import keys
from hedger.store.redis import RedisStore
from tests.store import desk
from tests.store.desk import LEASE_MS
from tests.store.real_server import begin, fill, intent, opened, ready, run

NEXT = keys.SCHEMA + 1


@contextlib.asynccontextmanager
async def next_release(params, monkeypatch):
    """The store as the next release opens it: its own version, scripts and digests."""
    with bumped(monkeypatch):
        store = RedisStore(params)
        await store.open()
    try:
        yield store
    finally:
        await store.shutdown()


@contextlib.contextmanager
def bumped(monkeypatch):
    """Everything inside reads and writes as the next release does."""
    with monkeypatch.context() as patch:
        patch.setattr(keys, "SCHEMA", NEXT)
        yield


def versions(raw, params, store):
    """Versions of the book's hash, its memory and its intents, as they stand on the server."""
    names, shard = keys.Keys(params.deployment), store.shard_of("b")
    book, open_ = raw.hgetall(names.book(shard, "b")), raw.hvals(names.intents(shard, "b"))
    return {book[b"v"], book[b"memory"][:1], *(record[:1] for record in open_)}


def test_while_both_run_both_write_what_the_older_one_reads(params, raw, monkeypatch):
    async def main():
        async with opened(params) as old, next_release(params, monkeypatch) as new:
            mine = await ready(old)
            await begin(old, mine)
            await old.release(mine)
            with bumped(monkeypatch):
                theirs = await new.claim(mine.shard, "w2", lease_ms=LEASE_MS)
                assert len((await new.load("b")).intents) == 1
                await begin(new, theirs, seq=2)
                await new.unknown(theirs, "b", intent(old).id)
                assert await new.fill("b", fill(intent(old).id), venue="paper") == "ok"
                await new.release(theirs)
            assert versions(raw, params, old) == {b"%d" % keys.SCHEMA}
            again = await old.claim(mine.shard, "w1", lease_ms=LEASE_MS)
            state = await old.load("b")
            assert [i.state for i in state.intents] == ["unknown", "pending"]
            assert (await old.close(again, "b", intent(old).id, filled=1, state="done")).result
            await begin(old, again, seq=3)

    run(main())


def test_the_scripts_of_two_releases_lie_side_by_side(params, raw, monkeypatch):
    async def main():
        async with opened(params) as old, next_release(params, monkeypatch) as new:
            await ready(old)
            shas = [
                {script.sha for script in store._link._scripts.values()} for store in (old, new)
            ]
            assert not shas[0] & shas[1]
            with bumped(monkeypatch):
                await new.load("b")
            assert all(raw.script_exists(*shas[0], *shas[1]))

    run(main())


def test_after_the_upgrade_the_older_release_writes_nothing_into_what_it_cannot_read(
    params, raw, monkeypatch
):
    async def main():
        async with opened(params) as old, next_release(params, monkeypatch) as new:
            mine = await ready(old)
            await begin(old, mine)
            await old.release(mine)
            with bumped(monkeypatch):
                assert await new.upgrade() == NEXT - 1
                theirs = await new.claim(mine.shard, "w2", lease_ms=LEASE_MS)
                with pytest.raises(RevisionConflict, match=r"^busy"):  # both count
                    await new.begin(
                        theirs,
                        "b",
                        seq=1,
                        intents=[desk.intent(new, 2, lots=1, low=0, high=1)],
                        reduces=False,
                        memory=Memory(),
                        entry=JournalEntry("b.9.1", "b", b"{}"),
                    )
                await begin(new, theirs, seq=2)
                await new.release(theirs)
            assert versions(raw, params, old) == {b"%d" % (NEXT - 1), b"%d" % NEXT}
            again = await old.claim(mine.shard, "w1", lease_ms=LEASE_MS)
            before = raw.hgetall(keys.Keys(params.deployment).book(mine.shard, "b"))
            for act in (
                old.load("b"),
                begin(old, again, seq=3),
                old.note(again, "b", seq=2, memory=Memory(), entry=None),
                old.fill("b", fill(intent(old).id), venue="paper"),
                old.apply(BookSeed("b", "other", {}), positions=False),
            ):
                with pytest.raises(
                    UnknownVersion, match=f"version '{NEXT}', expected '{NEXT - 1}'"
                ):
                    await act
            assert raw.hgetall(keys.Keys(params.deployment).book(mine.shard, "b")) == before
            await old.hold("b", "a person may always", stop=True)
            with pytest.raises(ConfigError, match=f"has schema '{NEXT}', expected"):
                async with opened(params):
                    pass
            with bumped(monkeypatch):
                state = await new.load("b")
                assert (state.stopped, len(state.intents)) == (True, 2)

    run(main())
