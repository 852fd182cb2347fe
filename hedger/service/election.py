"""Who should own each shard: rendezvous hashing over the living who can be expected to take it.

A living worker need not want a shard: it may run another configuration, or know no book in it. Such
a one just lets it lie, so whoever was elected and did not take what stood free is passed over.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b


def owner_of(shard: int, workers: Collection[str]) -> str:
    """Worker that should own a shard: the highest hash, so that a change moves only its share.

    Examples
    --------
    >>> owner_of(7, ["a", "b", "c"]) == owner_of(7, ["c", "b", "a"])
    True
    """
    return max(workers, key=lambda worker: (blake2b(f"{shard}:{worker}".encode()).digest(), worker))


class Election:
    """What one worker thinks of who should own what; the leases alone say who may."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._passed: dict[int, set[str]] = {}
        self._lying: dict[int, tuple[str, int]] = {}
        self.living: tuple[str, ...] = (worker,)

    def hear(self, living: Collection[str]) -> bool:
        """Take the list of the living in, ourselves always on it; whether it has changed."""
        names = tuple(sorted({self._worker, *living}))
        changed, self.living = names != self.living, names
        for passed in self._passed.values():
            passed.intersection_update(names)
        return changed

    def owner(self, shard: int, *, yields: bool = False) -> str:
        """Who should own a shard; with ``yields`` any other who can be expected to, before us."""
        passed = self._passed.get(shard, set()) | ({self._worker} if yields else set())
        return owner_of(shard, set(self.living) - passed or {self._worker})

    def look(self, free: Collection[int], *, yields: Collection[int] = ()) -> list[int]:
        """Pass over whom we elected for what stands free at a second look; which shards those are.

        Where we yield, everybody else has time to pass over everybody else first.
        """
        lying, given_up = {}, []
        for shard in free:
            worker = self.owner(shard, yields=shard in yields)
            before, looks = self._lying.get(shard, (worker, 0))
            looks = looks + 1 if before == worker else 1
            lying[shard] = worker, looks
            patience = 2 * len(self.living) + 2 if shard in yields else 2
            if worker != self._worker and looks >= patience:
                self._passed.setdefault(shard, set()).add(worker)
                given_up.append(shard)
        self._lying = lying
        return given_up
