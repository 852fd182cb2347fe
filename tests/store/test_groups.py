"""Servers that come in groups: Sentinel names the primary, a cluster has several."""

import asyncio
import itertools
import pathlib
import signal
import tempfile

import pytest

from hedger.errors import ConfigError, LeaseLost, StoreUnavailable
from hedger.store import StoreParams, access, open_store
from hedger.store.health import syncs
from hedger.store.redis import RedisStore
from hedger.store.servers import parsed
from tests.store import servers
from tests.store.desk import LEASE_MS
from tests.store.real_server import begin, opened, ready, run


@pytest.fixture(scope="module")
def desk():
    with tempfile.TemporaryDirectory(prefix="hw") as home, servers.watched(home) as found:
        yield found


def params(url, **options):
    return StoreParams(deployment="d", url=url, shards=16, timeout_s=2.0, **options)


async def claimed(store, shard, owner):
    """The shard's lease, as soon as a primary gives it."""
    for _ in range(150):
        try:
            lease = await store.claim(shard, owner, lease_ms=LEASE_MS)
            if lease is not None:
                return lease
        except StoreUnavailable:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("no primary in 15 s")


async def failovers(found, faults):
    """Each fault makes another server the primary: the old lease is void, nothing sent is lost."""
    group, url, ports, eyes = found
    async with opened(params(url, replicas=1)) as store:
        lease = await ready(store)
        for seq, fault in enumerate(faults, 1):
            await begin(store, lease, seq=seq)
            old = servers.primary_port(eyes)
            group.kill(old) if fault == "kill" else group.signal(old, signal.SIGSTOP)
            fresh = await claimed(store, lease.shard, "w1")
            assert fresh.run_id != lease.run_id
            assert (await store.load("b")).seq == seq, "what WAIT has confirmed is on the next"
            with pytest.raises(LeaseLost):
                await begin(store, lease, seq=seq + 1)
            group.again(old) if fault == "kill" else group.signal(old, signal.SIGCONT)
            now = servers.primary_port(eyes)
            servers.until(
                lambda p=now: servers.client(p).info("replication")["connected_slaves"] == 2,
                "the old primary follows the new one",
            )
            lease = await claimed(store, lease.shard, "w1")
        assert ports


@pytest.mark.long
def test_another_primary_voids_the_leases_and_keeps_what_was_begun(desk):
    run(failovers(desk, ["pause"]), within_s=60)


@pytest.mark.long
def test_twenty_failovers():
    with tempfile.TemporaryDirectory(prefix="hw") as home, servers.watched(home) as found:
        faults = itertools.islice(itertools.cycle(["kill", "pause"]), 20)
        run(failovers(found, list(faults)), within_s=400)


def test_what_reaches_no_replica_is_not_recorded_for_sure(desk):
    group, url, ports, eyes = desk

    async def main():
        async with opened(params(url, replicas=2)) as store:
            lease = await ready(store)
            held = (await store.load("b")).seq
            await begin(store, lease, seq=held + 1)
            primary = servers.primary_port(eyes)
            still = next(port for port in ports if port != primary)
            group.signal(still, signal.SIGSTOP)
            try:
                with pytest.raises(StoreUnavailable, match=r"on \d replicas instead of 2"):
                    await begin(store, lease, seq=held + 2)
            finally:
                group.signal(still, signal.SIGCONT)

    run(main(), within_s=30)


def test_replicas_that_nobody_guards_are_refused(desk):
    _, url, _, eyes = desk
    with pytest.raises(ConfigError, match=r"has \d replicas.*store\.replicas = 1"):
        run(open_store(params(url)))
    primary = servers.client(servers.primary_port(eyes))
    primary.config_set("min-replicas-to-write", 1)
    try:

        async def main():
            async with opened(params(url)) as store:
                assert store.shards == 16

        run(main())
    finally:
        primary.config_set("min-replicas-to-write", 0)


def test_a_replica_is_never_taken_for_the_primary(desk):
    _, _, ports, eyes = desk
    replica = next(port for port in ports if port != servers.primary_port(eyes))
    with pytest.raises(StoreUnavailable, match="is a replica"):
        run(open_store(params(f"redis://127.0.0.1:{replica}")))


def test_sentinels_that_know_nothing_or_are_gone_are_named(desk):
    _, url, _, _ = desk
    with pytest.raises(StoreUnavailable, match="knows no 'other'"):
        run(open_store(params(url.replace("/desk", "/other"))))
    port = servers.free_port()
    with pytest.raises(StoreUnavailable, match=f"no Sentinel names a primary .*{port}"):
        run(open_store(params(f"sentinel://127.0.0.1:{port}/desk")))


def test_a_cluster_goes_on_with_the_replica_of_a_dead_node():
    async def main(group, url, ports):
        async with opened(params(url, replicas=1)) as store:
            lease = await ready(store)
            await begin(store, lease)
            link = store._link
            dead = int((await link._node(store._keys.lease(lease.shard))).rpartition(":")[2])
            assert dead in ports[:3]
            group.kill(dead)
            fresh = await claimed(store, lease.shard, "w2")
            assert fresh.run_id != lease.run_id
            assert (await store.load("b")).seq == 1
            assert [info.owner for info in await store.shard_info()] == ["w2"]

    with (
        tempfile.TemporaryDirectory(prefix="hc") as home,
        servers.cluster(home, replicas=1) as found,
    ):
        run(main(*found), within_s=40)


def test_keys_of_two_shards_in_one_call_are_refused_by_a_cluster():
    async def main(url):
        async with opened(params(url)) as store:
            names = [store._keys.lease(1), store._keys.lease(2)]
            with pytest.raises(StoreUnavailable, match="slot"):
                await store._link.call("renew", names, "w", 1, 1)

    with tempfile.TemporaryDirectory(prefix="hc") as home, servers.cluster(home) as (_, url, _):
        run(main(url))


def test_the_documented_user_may_do_nothing_else():
    with tempfile.TemporaryDirectory(prefix="ht") as home, servers.guarded(home, "d") as url:

        async def main():
            async with opened(params(url)) as store:
                for command in (("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
                    with pytest.raises(StoreUnavailable, match="access denied"):
                        await store._link.commands(command)
                assert await syncs(store) == {""}, "doctor can live with that"
            other = RedisStore(params(url.replace("hedger:secret", "hedger:wrong")))
            with pytest.raises(ConfigError, match="access denied") as refused:
                await other.open()
            assert "wrong" not in str(refused.value)

        run(main())


def test_the_rule_names_no_command_that_no_script_calls():
    from hedger.store.scripts import scripts

    text = "\n".join(script.source for script in scripts().values()).lower()
    called = {name for name in (*access.READS, *access.WRITES) if f"call('{name}'" in text}
    sent_plainly = {"hvals", "zrange", "time", "xrange", "xrevrange", "zrem", "hget", "hmget"}
    assert called | sent_plainly == {*access.READS, *access.WRITES}


def test_the_rule_is_documented():
    page = pathlib.Path(__file__).parents[2] / "docs" / "STORE.md"
    assert access.rule("desk") in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sentinel://h:1,g:2", "expected sentinel://host:port,host:port/NAME"),
        ("sentinel://h:1/a/b", "expected sentinel://host:port,host:port/NAME"),
        ("cluster://", "expected cluster://host:port"),
        ("cluster://h:99999", "Port out of range"),
        ("http://h", "store url: "),
    ],
)
def test_addresses_that_are_none(url, said):
    with pytest.raises(ConfigError, match=r"^store url: ") as refused:
        parsed(url)
    assert said in str(refused.value)


def test_addresses_of_groups():
    found = parsed("sentinels://u:p@a:1,b/desk?ssl_ca_certs=/ca")
    assert (found.kind, found.service) == ("sentinel", "desk")
    assert [host["port"] for host in found.hosts] == [1, 26379]
    assert {(host["username"], host["password"], host["ssl_ca_certs"]) for host in found.hosts} == {
        ("u", "p", "/ca")
    }
    assert [host["host"] for host in parsed("cluster://a:1,b:2").hosts] == ["a", "b"]
