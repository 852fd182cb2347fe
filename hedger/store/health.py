"""What can be known of the server without changing anything: its settings, its clock, its speed.

Each finding says what was found and, where it is not right, what to do. Nothing here decides
anything: what must not be so is refused when the store is opened.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple

from hedger.errors import LeaseLost, StoreUnavailable
from hedger.ports import Lease
from hedger.store.link import AccessDenied, Link
from hedger.store.reading import memory_of
from hedger.store.redis import RedisStore

_PROBES = 200
_SLOW_US = 1_000
_OFFSET_MS_MAX = 1_000
_LAG_S_MAX = 1


class Finding(NamedTuple):
    """One thing looked at: ``ok``, ``warn`` or ``fail``."""

    what: str
    state: str
    found: str
    advice: str = ""


async def health(
    store: RedisStore, *, wall_ms: Callable[[], int], monotonic_s: Callable[[], float]
) -> list[Finding]:
    """Look at every server behind an open store; raises `StoreUnavailable`."""
    found: list[Finding] = []
    for link in await store.servers():
        info = {name: await link.info(name) for name in _SECTIONS}
        found += [
            _version(link, info["server"]),
            _memory(info["memory"]),
            persistence(info["persistence"]),
            replication(info["replication"], store.replicas),
            await _clock(link, wall_ms),
        ]
    return [*found, await _scripts(store), await _latency(store, monotonic_s)]


async def syncs(store: RedisStore) -> frozenset[str]:
    """When the servers sync what they write: ``always``, ``everysec``, ``no``.

    Empty names a server that does not say: the user of docs/STORE.md may not ask for it.
    """
    said = set()
    for link in await store.servers():
        try:
            ((_, value),) = await link.commands(("CONFIG", "GET", "appendfsync"))
            said.add(str(value.decode()))
        except AccessDenied:
            said.add("")
    return frozenset(said)


_SECTIONS = ("server", "memory", "persistence", "replication")


def _version(link: Link, info: Mapping[str, str]) -> Finding:
    valkey = info.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {info.get('redis_version', '?')}"
    return Finding("server", "ok", f"{name} at {link.where}, incarnation {info['run_id'][:8]}")


def _memory(info: Mapping[str, str]) -> Finding:
    used, limit = memory_of(info)
    policy = info.get("maxmemory_policy", "unknown")
    text = f"{used / 2**20:.0f} MB of {limit / 2**20:.0f} MB, {policy}"
    if policy != "noeviction":
        return Finding("memory", "fail", text, "set maxmemory-policy noeviction")
    if not limit:
        text = f"{used / 2**20:.0f} MB, no limit, {policy}"
        return Finding("memory", "warn", text, "set maxmemory, or the machine's end is the limit")
    if used > 0.8 * limit:
        return Finding("memory", "warn", text, "the journal is being dropped: raise maxmemory")
    return Finding("memory", "ok", text)


def persistence(info: Mapping[str, str]) -> Finding:
    """Whether what is written outlives the server."""
    if info.get("aof_enabled") != "1":
        return Finding("persistence", "warn", "no append-only file", "set appendonly yes")
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding("persistence", "fail", "the last write failed", "look at the server's disk")
    return Finding("persistence", "ok", "append-only file, last write ok")


def replication(info: Mapping[str, str], wanted: int) -> Finding:
    """Whether as many replicas as are wanted keep up."""
    attached = int(info.get("connected_slaves", "0"))
    lags = [
        int(part.partition("=")[2])
        for name, line in info.items()
        if name.startswith("slave") and "lag=" in line
        for part in line.split(",")
        if part.startswith("lag=")
    ]
    text = f"{attached} replicas, store.replicas = {wanted}"
    if lags:
        text += f", slowest {max(lags)} s behind"
    if attached < wanted:
        return Finding("replication", "fail", text, "no intent can be recorded: attach a replica")
    if lags and max(lags) > _LAG_S_MAX:
        return Finding("replication", "warn", text, "a failover would lose what lags behind")
    return Finding("replication", "ok", text)


async def _clock(link: Link, wall_ms: Callable[[], int]) -> Finding:
    before = wall_ms()
    ((seconds, micros),) = await link.commands(("TIME",))
    after = wall_ms()
    theirs = int(seconds) * 1_000 + int(micros) // 1_000
    offset = theirs - (before + after) // 2
    text = f"server {offset:+d} ms from here, known to {max(1, (after - before) // 2)} ms"
    if abs(offset) > _OFFSET_MS_MAX:
        return Finding("clock of server", "warn", text, "set both by NTP: times in logs mislead")
    return Finding("clock of server", "ok", text)


async def _scripts(store: RedisStore) -> Finding:
    """A fenced script under a lease that nobody holds: it must run, and must refuse."""
    try:
        await store.renew(_NOBODY, lease_ms=1)
    except LeaseLost:
        return Finding("scripts", "ok", f"digest {store.digest[:12]}, run and fence")
    except StoreUnavailable as error:
        return Finding("scripts", "fail", str(error), "give the user the rule in docs/STORE.md")
    return Finding(
        "scripts", "fail", "a lease of nobody was renewed", "this is a defect: report it"
    )


async def _latency(store: RedisStore, monotonic_s: Callable[[], float]) -> Finding:
    times = []
    for _ in range(_PROBES):
        start = monotonic_s()
        try:
            await store.renew(_NOBODY, lease_ms=1)
        except LeaseLost:
            times.append(1e6 * (monotonic_s() - start))
    if not times:
        return Finding("latency", "fail", "no answer to measure", "see scripts")
    half, most = statistics.median(times), sorted(times)[int(0.99 * len(times))]
    text = f"fenced call p50 {half:.0f} us, p99 {most:.0f} us"
    if half > _SLOW_US:
        return Finding("latency", "warn", text, "put the store nearer to the workers")
    return Finding("latency", "ok", text)


_NOBODY = Lease(shard=0, owner="doctor", epoch=0, run_id="", until_s=0.0)
