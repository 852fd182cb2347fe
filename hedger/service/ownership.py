"""Which shards this worker should own, which it may act for, and until when.

The election among the living says who *should*; a lease with an epoch says who *may*.
A lease counts as lost here one margin before the store could give it to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from hedger.errors import LeaseLost, StoreUnavailable
from hedger.ports import Lease
from hedger.service.election import Election
from hedger.service.world import World
from hedger.telemetry import logger

BEAT_MS_MAX = 500
TICK_MS = 250
LOOK_S = 1.0
"""How often a worker looks for shards that nobody takes: longer than taking one ever lasts."""
TICKS_A_LEASE = 20


class Ownership:
    """The leases of one worker.

    Parameters
    ----------
    wanted
        Shards that hold books which this worker is configured to keep.
    partial
        Whether a wanted shard also holds a book that only another configuration may run.
    claimed, lost
        Called when a shard becomes ours, and when it is ours no more.
    idle
        Whether nothing of a shard is in flight, so that it may be handed over.
    """

    def __init__(
        self,
        world: World,
        *,
        wanted: Callable[[], Collection[int]],
        partial: Callable[[int], bool],
        claimed: Callable[[Lease], None],
        lost: Callable[[int], None],
        idle: Callable[[int], bool],
    ) -> None:
        self._worker = world.params.worker
        self._store = world.store
        self._clock = world.clock
        self._metrics = world.metrics
        self._lease_ms = world.params.lease_ms
        self._margin_s = world.margin_s
        self._drain_s = world.params.drain_ms / 1_000
        self._wanted, self._partial = wanted, partial
        self._claimed, self._lost, self._idle = claimed, lost, idle
        self._leases: dict[int, Lease] = {}
        self._leaving: dict[int, float] = {}
        self._election = Election(self._worker)
        self._beat_s = self._look_s = float("-inf")
        self._log = logger(worker=self._worker)
        self.closing = False
        self.reachable = True
        """Whether the store answered the last beat."""
        self._looked_at: frozenset[int] = frozenset()

    # --- what the other loops ask ---------------------------------------------------------

    def held(self, shard: int) -> Lease | None:
        """The lease under which results may be recorded, or None."""
        lease = self._leases.get(shard)
        return lease if lease is not None and self.left_s(lease) > 0.0 else None

    def lease(self, shard: int) -> Lease | None:
        """The lease under which something new may begin, or None: not held, or on its way out."""
        return None if shard in self._leaving or self.closing else self.held(shard)

    def keeps(self, lease: Lease) -> bool:
        """Whether a lease is on our list still, be it on its way out or about to run out.

        Such a lease can be renewed or kept after all; only its end is told to `lost`.
        """
        now = self._leases.get(lease.shard)
        return now is not None and now.epoch == lease.epoch

    def left_s(self, lease: Lease) -> float:
        """Seconds for which a lease is surely ours: its local deadline less the margin."""
        return lease.until_s - self._margin_s - self._clock.monotonic_s()

    @property
    def shards(self) -> tuple[int, ...]:
        """Shards held now."""
        return tuple(self._leases)

    @property
    def living(self) -> tuple[str, ...]:
        """Workers that live, as of the last beat."""
        return self._election.living

    def has_looked(self, shards: Collection[int]) -> bool:
        """Whether all of these have been claimed, or found with or left to another."""
        return self._looked_at.issuperset(shards)

    # --- the loop -------------------------------------------------------------------------

    async def run(self) -> None:
        """Step until cancelled."""
        tick_s = min(TICK_MS, self._lease_ms / TICKS_A_LEASE) / 1_000
        while True:
            await self.step()
            await asyncio.sleep(tick_s)

    async def step(self) -> None:
        """Beat and renew where it is time, hand over what another should own, claim what is free.

        A store out of reach changes nothing here: leases simply run out on the local clock.
        """
        try:
            await self._beat()
            await asyncio.gather(*(self._renew(lease) for lease in tuple(self._leases.values())))
            self._drop_expired()
            if not self.closing:
                await self._look()
                await self._hand_over()
                await self._claim_free()
        except StoreUnavailable as error:
            self.reachable = False
            self._metrics.count("store_unavailable")
            self._drop_expired()
            self._log.warning("store_unavailable", during="ownership", reason=str(error))

    async def release_all(self) -> None:
        """Give up every lease and leave the list of the living; what fails runs out by itself."""
        await asyncio.gather(*(self._release(shard) for shard in tuple(self._leases)))
        try:
            await self._store.leave(self._worker)
        except StoreUnavailable as error:
            self._log.warning("store_unavailable", during="leave", reason=str(error))

    # --- steps ----------------------------------------------------------------------------

    async def _beat(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._beat_s + min(BEAT_MS_MAX, self._lease_ms / 3) / 1_000:
            return
        living = await self._store.beat(self._worker, ttl_ms=self._lease_ms)
        self._beat_s, self.reachable = now_s, True
        if self._election.hear([info.worker for info in living]):
            self._log.info("workers", living=self._election.living)

    async def _renew(self, lease: Lease) -> None:
        if lease.until_s - self._clock.monotonic_s() > self._lease_ms / 1_000 * 2 / 3:
            return
        try:
            renewed = await self._store.renew(lease, lease_ms=self._lease_ms)
        except LeaseLost as error:
            self._drop(lease.shard, str(error))
        except StoreUnavailable as error:
            self.reachable = False  # said before the lease runs out, that its books are watched on
            self._log.warning("renew_failed", shard=lease.shard, reason=str(error))
        else:
            if lease.shard in self._leases:
                self._leases[lease.shard] = renewed

    async def _look(self) -> None:
        """Pass over workers that let lie what they should own: they cannot or will not have it."""
        now_s = self._clock.monotonic_s()
        missing = set(self._wanted()).difference(self._leases)
        if now_s < self._look_s + LOOK_S or not missing:
            return
        self._look_s = now_s
        held = {info.shard for info in await self._store.shard_info() if info.lease_ms_left > 0}
        yields = {shard for shard in missing if self._partial(shard)}
        given_up = self._election.look(missing - held, yields=yields)
        if given_up:
            self._log.info("passed_over", shards=given_up)

    def _is_ours(self, shard: int) -> bool:
        return self._election.owner(shard, yields=self._partial(shard)) == self._worker

    async def _hand_over(self) -> None:
        now_s = self._clock.monotonic_s()
        wanted = self._wanted()
        for shard in tuple(self._leases):
            if shard in wanted and self._is_ours(shard):
                self._leaving.pop(shard, None)
                continue
            since_s = self._leaving.setdefault(shard, now_s)
            if self._idle(shard) or now_s - since_s > self._drain_s:
                await self._release(shard)

    async def _claim_free(self) -> None:
        wanted = self._wanted()
        mine = [shard for shard in wanted if shard not in self._leases and self._is_ours(shard)]
        for lease in await asyncio.gather(*(self._claim(shard) for shard in mine)):
            if lease is not None and not self.closing:
                self._leases[lease.shard] = lease
                self._metrics.count("claims")
                self._log.info("claimed", shard=lease.shard, epoch=lease.epoch)
                self._claimed(lease)
        self._looked_at = frozenset(wanted)

    async def _claim(self, shard: int) -> Lease | None:
        """One claim; its failure must not hide the leases that others of the same pass won."""
        try:
            return await self._store.claim(shard, self._worker, lease_ms=self._lease_ms)
        except StoreUnavailable as error:
            self._log.warning("claim_failed", shard=shard, reason=str(error))
            return None

    async def _release(self, shard: int) -> None:
        lease = self._leases.get(shard)
        if lease is None:
            return
        self._drop(shard, "released")
        try:
            await self._store.release(lease)
        except (LeaseLost, StoreUnavailable) as error:
            self._log.warning("release_failed", shard=shard, reason=str(error))

    def _drop_expired(self) -> None:
        for lease in tuple(self._leases.values()):
            if self.left_s(lease) <= 0.0:
                self._drop(lease.shard, "ran out")

    def _drop(self, shard: int, reason: str) -> None:
        self._leaving.pop(shard, None)
        if self._leases.pop(shard, None) is not None:
            self._log.info("lease_ended", shard=shard, reason=reason)
            self._lost(shard)
