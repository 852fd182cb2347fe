"""A store whose answers get lost: before or after the call took effect, or for a while."""

from __future__ import annotations

from collections import deque
from typing import Any

from hedger.errors import StoreUnavailable
from hedger.store.memory import MemoryStore

FAULTY = {
    "beat",
    "claim",
    "renew",
    "release",
    "leave",
    "seed",
    "load",
    "begin",
    "note",
    "fill",
    "close",
    "unknown",
    "hold",
    "fast_forward",
    "correct",
    "ask",
    "acted",
}


class FaultyStore:
    """A `MemoryStore` behind a line that fails as told; the store itself never errs.

    ``plan`` gives the fate of coming calls (``""`` fine, ``lost`` never arrives, ``deaf`` takes
    effect but the answer is lost); ``only`` narrows it to one method; ``down`` loses everything.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.plan: deque[str] = deque()
        self.only = ""
        self.down = False
        self.faults = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)
        if name not in FAULTY:
            return real

        async def call(*args: Any, **more: Any) -> Any:
            fate = "lost" if self.down else ""
            if not fate and self.plan and self.only in ("", name):
                fate = self.plan.popleft()
            if fate == "lost":
                self.faults += 1
                raise StoreUnavailable(f"{name}: no connection")
            answer = await real(*args, **more)
            if fate == "deaf":
                self.faults += 1
                raise StoreUnavailable(f"{name}: the answer was lost")
            return answer

        return call
