"""Decisions as they are published, read from the journals while they are written.

A journal is bounded and a server may forget its last writes; what was published counts all the
same, so it is kept here as soon as it can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from hedger.service.read_back import decoded
from hedger.store.keys import Keys

BLOCK_MS, PAUSE_S, AGAIN_MS = 200, 0.02, 20_000
PAGE = 500
KEPT = ("id", "book", "worker", "epoch", "wall_ms", "action", "reason")
ASKED = ("id", "lots", "instrument", "account", "low", "high", "seq", "market_ms")


class Recorder:
    """Follows every journal of one deployment; ``port`` names the server asked now."""

    def __init__(self, port: Callable[[], int], deployment: str, shards: int) -> None:
        self._port = port
        self._streams = [Keys(deployment).journal(shard) for shard in range(shards)]
        self._last = dict.fromkeys(self._streams, "0-0")
        self._ids: set[tuple[str, int]] = set()
        self.decisions: list[dict[str, Any]] = []
        """In the order in which the server held them, per book."""
        self.breaks = 0

    async def run(self) -> None:
        """Read until cancelled; a server that is away is asked again and again."""
        while True:
            port = self._port()
            client = redis.asyncio.Redis(port=port, socket_timeout=2.0, retry=None)
            try:
                while self._port() == port:
                    await self._read(client, BLOCK_MS)
                self._step_back()
            except (RedisError, OSError, TimeoutError):
                self.breaks += 1
                self._step_back()
            finally:
                with contextlib.suppress(Exception):
                    await client.aclose()
            await asyncio.sleep(PAUSE_S)

    async def last(self) -> None:
        """Read what is there still; the workers have stopped."""
        client = redis.asyncio.Redis(port=self._port(), socket_timeout=5.0)
        try:
            while await self._read(client, None):
                pass
        finally:
            await client.aclose()

    async def _read(self, client: redis.asyncio.Redis, block_ms: int | None) -> int:
        rows = await client.xread(dict(self._last), count=PAGE, block=block_ms)
        new = 0
        for stream, lines in rows.items() if isinstance(rows, dict) else rows or ():
            name = stream.decode()
            pages = lines[0] if isinstance(rows, dict) else lines
            for place, values in pages:
                self._last[name] = place.decode()
                new += 1
                self.hear(values[b"id"].decode(), values[b"payload"])
        return new

    def hear(self, id_: str, payload: bytes) -> None:
        """One entry, from wherever it was read; the first time counts.

        Workers whose clocks were set may give one id to two decisions of a book: both count.
        """
        key = id_, hash(payload)
        if key not in self._ids:
            self._ids.add(key)
            self.decisions.append(kept(payload))

    def _step_back(self) -> None:
        """A server that forgot its last writes may write new ones before the places seen."""
        for stream, place in self._last.items():
            ms = int(place.partition("-")[0])
            self._last[stream] = f"{max(ms - AGAIN_MS, 0)}-0"


def kept(payload: bytes) -> dict[str, Any]:
    """What the judge may ask for; half an hour of whole decisions would not fit into memory."""
    entry = decoded(payload)
    seen = entry.exposure
    return {
        **{name: getattr(entry, name) for name in KEPT},
        "intents": [{name: getattr(one, name) for name in ASKED} for one in entry.intents],
        "exposure": {"low": seen.low if seen else 0.0, "high": seen.high if seen else 0.0},
    }
