"""Clients that ask for all of a book's capacity, again and again: one process of several.

``python -m tests.store.askers URL DEPLOYMENT NAME CLIENTS SECONDS SEQ FACTS EPOCH CAPACITY``
prints a line as soon as it is ready, waits for one, and ends with what was granted, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import NamedTuple

from hedger.ports import Store
from hedger.reservations import VALID_MS, Reserve
from hedger.store import StoreParams, open_store


class Granted(NamedTuple):
    """One reservation by the server's clock."""

    begin_ms: int
    end_ms: int
    amount: int
    id: str


class Asked(NamedTuple):
    """What some clients did: how often they asked, and every reservation that they got."""

    times: int
    grants: list[Granted]


async def ask(store: Store, clients: int, seconds: float, wish: Reserve) -> Asked:
    """Ask for all of it until the time is over; ids begin with that of the wish."""
    grants: list[Granted] = []
    times = 0
    end_s = time.monotonic() + seconds

    async def one(client: int) -> None:
        nonlocal times
        count = 0
        while time.monotonic() < end_s:
            count += 1
            name = f"{wish.id}-{client}-{count}"
            # Some want less than all, so that several are alive together.
            amount = max(wish.capacity // (1 + client % 4), 1)
            found = await store.reserve(wish._replace(id=name, amount=amount))
            times += 1
            if found.amount:
                begin_ms = found.until_ms - VALID_MS
                grants.append(Granted(begin_ms, found.until_ms, found.amount, name))
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(one, range(clients)))
    return Asked(times, grants)


async def main(url: str, deployment: str, name: str, clients: int, seconds: float, *of: int) -> str:
    seq, facts, epoch, capacity = of
    store = await open_store(StoreParams(deployment=deployment, url=url, timeout_s=5.0))
    try:
        await store.load("b")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        wish = Reserve(
            book="b",
            id=name,
            sells=True,
            amount=capacity,
            capacity=capacity,
            least=1,
            seq=seq,
            facts=facts,
            epoch=epoch,
        )
        return json.dumps(await ask(store, clients, seconds, wish))
    finally:
        await store.shutdown()


if __name__ == "__main__":
    first, rest = sys.argv[1:4], sys.argv[4:]
    numbers = (int(rest[0]), float(rest[1]), *map(int, rest[2:]))
    sys.stdout.write(asyncio.run(main(*first, *numbers)))  # type: ignore[arg-type]
