"""Who may act: the deployment's identity, the living, and the leases, on a Redis server."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from hedger.errors import ConfigError, LeaseLost, RevisionConflict, StoreError, StoreUnavailable
from hedger.ports import Lease, ShardInfo, WorkerInfo
from hedger.store import codec, keys, reading
from hedger.store.cluster import link_of
from hedger.store.link import Access, AccessDenied, Argument, Link
from hedger.store.params import StoreParams
from hedger.store.scripts import digest, scripts

_PRESSURE = 0.8
_EASY = 0.5
_JOURNAL_MIN = 10
"""A share of the server's memory up to which a journal keeps all that it may; from there to
pressure it keeps less and less, down to these few entries: so that there is room for new ones."""
_LOOK_EVERY_S = 2.0
"""How often memory and schema version are looked at, with a beat."""


class Deployment:
    """The half of the store that knows no books; parameters are those of `RedisStore`."""

    def __init__(
        self,
        params: StoreParams,
        *,
        link: Access | None = None,
        leave: Callable[[], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._params = params
        self._link = link or link_of(params)
        self._leave = leave
        self._monotonic = monotonic
        self._keys = keys.Keys(params.deployment)
        self._namespace = self._born = ""
        self._shards = self._schema = 0
        self._pressed = False
        self._journal_max = params.journal_max
        self._looked_s = float("-inf")
        self._journal_dropped = 0

    async def open(self) -> None:
        """Check the server, then create or check schema version, namespace and shard count."""
        if self._shards:
            return
        try:
            await self._check_server()
        except AccessDenied as bad:
            raise ConfigError(str(bad)) from bad
        schema, namespace, shards, born = await self._link.call(
            "meta", [self._keys.meta], keys.SCHEMA, secrets.token_hex(4), self._params.shards
        )
        if int(schema) not in keys.reads():
            raise ConfigError(
                f"store {self._link.where}: deployment {self._params.deployment} has schema"
                f" {reading.text(schema)!r}, expected {keys.expected()}: use the release that wrote"
                " it, or another deployment name"
            )
        self._schema = int(schema)
        self._namespace, self._shards = reading.text(namespace), int(shards)
        self._born = reading.text(born or b"")
        await self._measure_pressure()

    async def _check_server(self) -> None:
        for link in await self._link.links():
            _check_version(link, await link.info("server"))
            _check_memory(link, await link.info("memory"))
            _check_replicas(link, await link.info("replication"), self._params.replicas)

    @property
    def schema(self) -> int:
        """Version that is written: what the deployment has, as far as this release knows it."""
        return self._schema

    async def upgrade(self) -> int:
        """Let this release's own version be written from now on; returns the one before.

        Workers of this release take it up within seconds. One of the older release keeps the books
        that it can read and leaves the others; so this is for when none of them is needed.
        """
        before = self._schema
        await self._link.commands(("HSET", self._keys.meta, "schema", keys.SCHEMA))
        self._schema = keys.SCHEMA
        return before

    async def servers(self) -> Sequence[Link]:
        """Every server behind this store."""
        return await self._link.links()

    @property
    def replicas(self) -> int:
        """How many replicas must have an intent."""
        return self._params.replicas

    @property
    def digest(self) -> str:
        """Digest of the scripts that this release sends: equal among workers that agree."""
        return digest(scripts())

    @property
    def namespace(self) -> str:
        """Eight hex characters, random at creation of the deployment."""
        return self._namespace

    @property
    def shards(self) -> int:
        """Number of shards, chosen at creation, then fixed."""
        return self._shards

    @property
    def born(self) -> str:
        """Incarnation of the server that created the deployment; empty where unknown."""
        return self._born

    @property
    def journal_dropped(self) -> int:
        """Journal entries that were left out because the server is nearly full."""
        return self._journal_dropped

    def shard_of(self, book: str) -> int:
        """``blake2b(book) mod shards``."""
        if not self._shards:
            raise StoreError("the store is not open")
        return keys.shard_of(book, self._shards)

    async def beat(self, worker: str, *, ttl_ms: int) -> list[WorkerInfo]:
        """Register now, drop the old, return the living."""
        codec.checked_word("worker", worker)
        reply = await self._link.call("beat", [self._keys.workers], worker, ttl_ms)
        if self._monotonic() - self._looked_s >= _LOOK_EVERY_S:
            await self._measure_pressure()
            await self._read_schema()
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return [WorkerInfo(reading.text(name), int(age)) for name, age in pairs]

    async def leave(self, worker: str) -> None:
        """Take a worker off the list of the living."""
        await self._link.commands(("ZREM", self._keys.workers, worker))

    async def workers(self) -> list[WorkerInfo]:
        """Everybody on the list with the age of the last beat; registers and drops nobody."""
        (seconds, micros), beats = await self._link.commands(
            ("TIME",), ("ZRANGE", self._keys.workers, 0, -1, "WITHSCORES")
        )
        now = int(seconds) * 1000 + int(micros) // 1000
        pairs = zip(beats[::2], beats[1::2], strict=True)
        return [WorkerInfo(reading.text(name), max(0, now - int(at))) for name, at in pairs]

    async def claim(self, shard: int, owner: str, *, lease_ms: int) -> Lease | None:
        """Take a free or expired shard under a higher epoch; None while a live other holds it.

        ``until_s`` is the local time before the call plus the lease; the margin is the caller's.
        """
        codec.checked_word("owner", owner)
        before = self._monotonic()
        reply = await self._link.call("claim", [self._keys.lease(shard)], owner, lease_ms)
        if reply[0] == b"HELD":
            return None
        return Lease(shard, owner, int(reply[1]), reading.text(reply[2]), before + lease_ms / 1000)

    async def renew(self, lease: Lease, *, lease_ms: int) -> Lease:
        """Extend; raises `LeaseLost`."""
        before = self._monotonic()
        await self._fenced("renew", lease, [], lease_ms)
        return lease._replace(until_s=before + lease_ms / 1000)

    async def release(self, lease: Lease) -> None:
        """Give up at once; raises `LeaseLost`."""
        await self._fenced("release", lease, [])

    async def reconciled(self, lease: Lease) -> None:
        """Record that the shard's books agree with the venues under this server."""
        await self._fenced("reconciled", lease, [])

    async def is_reconciled(self, lease: Lease) -> bool:
        """Whether someone has reconciled this shard under the lease's incarnation."""
        command = ("HGET", self._keys.lease(lease.shard), "reconciled")
        (run_id,) = await self._link.commands(command)
        return bool(run_id) and reading.text(run_id) == lease.run_id

    async def shard_info(self) -> list[ShardInfo]:
        """Leases of the shards that have one."""
        return await reading.shard_info(self._link, self._keys, self._shards)

    async def _fenced(
        self, script: str, lease: Lease, names: Sequence[str], *arguments: Argument
    ) -> Any:
        reply = await self._link.call(
            script,
            [self._keys.lease(lease.shard), *names],
            *(lease.owner, lease.epoch, *arguments),
        )
        if reply[0] in (b"FENCED", b"EXPIRED"):
            reason, owner, epoch = map(reading.text, reply)
            same = reason == "FENCED" and (owner, epoch) == (lease.owner, str(lease.epoch))
            has = "the same, from before the server restarted" if same else owner or "nobody"
            raise LeaseLost(
                f"shard {lease.shard}: {reason.lower()}: {lease.owner} acted under epoch"
                f" {lease.epoch}, the store has {has}{'' if same else f' {epoch}'}"
            )
        return reply

    def _refuse(self, reply: list[Any], book: str) -> None:
        match [reading.text(part) for part in reply]:
            case ["NOBOOK"]:
                raise StoreError(f"book {book!r} is not in the store: seed it first")
            case ["VERSION", version]:
                codec.checked_version(f"book {book}", version.encode())
            case ["HOLD", reason]:
                raise RevisionConflict(f"hold: book {book}: {reason}")
            case ["STALE", seq]:
                raise RevisionConflict(f"stale: book {book} is at revision {seq}")
            case ["BUSY"]:
                raise RevisionConflict(f"busy: book {book} has open intents")
            case ["BUSY", what, low, high]:
                raise RevisionConflict(
                    f"busy: book {book}: {what} could end anywhere in {low}..{high} lots"
                )

    async def _read_schema(self) -> None:
        (raw,) = await self._link.commands(("HGET", self._keys.meta, "schema"))
        if raw is not None and int(raw) in keys.reads():
            self._schema = int(raw)

    async def _measure_pressure(self) -> None:
        fullest = 0.0
        for link in await self._link.links():
            used, limit = reading.memory_of(await link.info("memory"))
            fullest = max(fullest, used / limit if limit > 0 else 0.0)
        self._pressed = fullest > _PRESSURE
        self._journal_max = _kept(self._params.journal_max, self._journal_max, fullest)
        self._looked_s = self._monotonic()


def _kept(most: int, before: int, full: float) -> int:
    """How many entries a shard's journal may keep while the server is so full.

    Each further hundredth of the memory takes the same share of what is left, so that however large
    and many the entries are, they find their number. Under pressure it is half of before at each
    look: until the journal has given way, or is next to nothing, as others fill the memory.
    """
    least = min(_JOURNAL_MIN, most)
    if full > _PRESSURE:
        return max(before // 2, least)
    way = max(full - _EASY, 0.0) / (_PRESSURE - _EASY)
    return max(int(most * (least / most) ** way), least)


def _check_version(link: Link, server: Mapping[str, str]) -> None:
    valkey = server.get("valkey_version")
    found, needed = (valkey, 8) if valkey else (server.get("redis_version", "?"), 7)
    if not found.split(".")[0].isdigit() or int(found.split(".")[0]) < needed:
        raise ConfigError(
            f"store {link.where}: server version {found}, expected Redis >= 7 or Valkey >= 8"
        )


def _check_memory(link: Link, memory: Mapping[str, str]) -> None:
    policy = memory.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        raise ConfigError(
            f"store {link.where}: maxmemory-policy is {policy}, expected noeviction, or the server"
            " may forget orders: set `maxmemory-policy noeviction` in its configuration"
        )


def _check_replicas(link: Link, replication: Mapping[str, str], replicas: int) -> None:
    """With replicas about, somebody must see to it that a lone primary takes no orders."""
    attached = int(replication.get("connected_slaves", "0"))
    guarded = "min_slaves_good_slaves" in replication  # shown where min-replicas-to-write is set
    if attached and not guarded and not replicas:
        raise ConfigError(
            f"store {link.where}: has {attached} replicas, and could go on alone after one of them"
            " has replaced it: set store.replicas = 1, or `min-replicas-to-write 1` and"
            " `min-replicas-max-lag 1` in its configuration"
        )
    if attached < replicas:
        raise StoreUnavailable(
            f"store {link.where}: {attached} replicas attached, expected store.replicas ="
            f" {replicas} or more"
        )
