"""Servers and data that must not be used: refused at the door, in one clear line."""

import pytest

from hedger.errors import ConfigError, StoreUnavailable, UnknownVersion
from hedger.store import StoreParams, keys, open_store
from hedger.store.link import Link
from tests.store.real_server import begin, opened, ready, run


def test_a_server_that_may_evict_is_refused_with_what_to_do(params, raw):
    raw.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match=r"allkeys-lru, expected noeviction.*set `maxmem"):
            run(open_store(params))
    finally:
        raw.config_set("maxmemory-policy", "noeviction")
    assert raw.exists(keys.Keys(params.deployment).meta) == 0


def test_data_of_another_schema_are_refused(params, raw):
    raw.hset(keys.Keys(params.deployment).meta, mapping={"schema": "2", "namespace": "x"})
    with pytest.raises(ConfigError, match=r"has schema '2', expected '1'"):
        run(open_store(params))


@pytest.mark.parametrize(
    ("info", "welcome"),
    [
        ({"redis_version": "6.2.14"}, False),
        ({"redis_version": "7.0.15"}, True),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.9"}, False),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, True),
        ({"redis_version": "unstable"}, False),
        ({}, False),
    ],
)
def test_old_servers_are_refused(params, monkeypatch, info, welcome):
    real = Link.info

    async def told(self, section):
        return info if section == "server" else await real(self, section)

    monkeypatch.setattr(Link, "info", told)

    async def main():
        async with opened(params):
            return True

    if welcome:
        assert run(main())
    else:
        with pytest.raises(ConfigError, match=r"expected Redis >= 7 or Valkey >= 8"):
            run(main())


@pytest.mark.parametrize("url", ["http://x", "redis://h:port", "unix:///x?db=y", "x"])
def test_a_bad_url_is_one_clear_line(url):
    with pytest.raises(ConfigError, match=r"^store url: [^\n]+$"):
        run(open_store(StoreParams(deployment="d", url=url)))


def test_a_wrong_password_is_named_but_never_shown(server, raw):
    raw.acl_setuser("desk", enabled=True, passwords=["+right"], keys=["*"], categories=["+@all"])
    try:
        url = server.url.replace("unix://", "unix://desk:wrong-secret@")
        with pytest.raises(ConfigError, match="access denied") as refused:
            run(open_store(StoreParams(deployment="d", url=url)))
        assert "wrong-secret" not in str(refused.value)
    finally:
        raw.acl_deluser("desk")


def test_nobody_listening_is_unavailable_not_a_bad_configuration():
    with pytest.raises(StoreUnavailable):
        run(open_store(StoreParams(deployment="d", url="redis://127.0.0.1:1")))


def test_records_of_another_release_are_refused(params, raw):
    async def main():
        async with opened(params) as store:
            await begin(store, await ready(store))
            shard, names = store.shard_of("b"), keys.Keys(params.deployment)
            spoilt = {
                "version '2'": (names.book(shard, "b"), "v", "2"),
                "memory has version '9'": (names.book(shard, "b"), "memory", '9{"hedges":1}'),
                "intent has version '7'": (names.intents(shard, "b"), None, "7 pending 1"),
            }
            for message, (key, field, value) in spoilt.items():
                place = field or raw.hkeys(key)[0]
                before = raw.hget(key, place)
                raw.hset(key, place, value)
                with pytest.raises(UnknownVersion, match=message):
                    await store.load("b")
                raw.hset(key, place, before)
            assert (await store.load("b")).seq == 1

    run(main())
