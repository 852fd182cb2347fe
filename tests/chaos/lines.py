"""Every worker of a rig behind lines of its own: one to the store, one to the exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from hedger.settings import places, private
from tests.chaos.books import DEADLINE_S, DEPLOYMENT, VENUE
from tests.chaos.proxy import Proxy
from tests.chaos.rig import Rig
from tests.chaos.venue_line import VenueLine
from tests.store.servers import HOST


class Lines:
    """By the names of the workers."""

    def __init__(self) -> None:
        self.store: dict[str, Proxy] = {}
        self.venue: dict[str, VenueLine] = {}


def lines_of(rig: Rig) -> Lines:
    """The lines of a rig that was set up with `behind_lines`."""
    found = rig.lines
    assert isinstance(found, Lines)
    return found


@asynccontextmanager
async def behind_lines(rig: Rig, *, more: int = 0) -> AsyncIterator[None]:
    """Lines for the workers that the setting starts and so many more; others connect directly."""
    made, environ = Lines(), dict[str, dict[str, str]]()
    for number in range(1, rig.setting.workers + more + 1):
        name = f"w{number}"
        own = private(rig.folder / name)
        variables = {"XDG_RUNTIME_DIR": str(own)}
        folder = private(places(DEPLOYMENT, environ={**rig.environ, **variables}).runtime)
        rng = Random(f"{rig.seed}:{name}")
        venue = VenueLine(
            str(folder / f"venue-{VENUE}.sock"), rig.paper.socket, rng, late_s=DEADLINE_S
        )
        await venue.open()
        made.venue[name] = venue
        if rig.url.startswith("redis://"):
            store = Proxy((HOST, 0), (HOST, rig.port))
            await store.open()
            made.store[name] = store
            variables["HEDGER__STORE__URL"] = f"redis://{HOST}:{store.here[1]}"
        environ[name] = variables
    rig.environ_of = lambda name: environ.get(name, {})
    rig.lines = made
    try:
        yield
    finally:
        for line in (*made.venue.values(), *made.store.values()):
            await line.close()
