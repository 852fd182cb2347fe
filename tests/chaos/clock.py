"""Wall clocks that jump: the store's by a minute, a worker's by seconds, the exchange's less."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from random import Random

from hedger.venues.paper.launch import COMMAND
from tests.chaos.books import MARGIN_MS, Setting
from tests.chaos.clocks import ShiftedClock, Unavailable, library
from tests.chaos.judge import Verdict
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.store.servers import Group

SERVER_S = (-60.0, -1.0, 1.0, 60.0)
WORKER_S = (-5.0, -0.4, 0.4, 5.0)
VENUE_S = (-0.25, -0.05, 0.05, 0.25)
ALARM = b'"venue_clock"'


class Clocks:
    """Every clock of a rig that can be moved, by what is moved."""

    def __init__(self) -> None:
        self.of: dict[str, ShiftedClock] = {}

    def move(self, rig: Rig, rng: Random) -> None:
        """Move one of them to another wrong time, or back."""
        name = rng.choice(list(self.of))
        kind = name if name in ("server", "venue") else "worker"
        by_s = rng.choice({"server": SERVER_S, "venue": VENUE_S, "worker": WORKER_S}[kind])
        seconds = rng.choice((by_s, by_s, 0.0))
        self.of[name].move(seconds)
        rig.count(f"{kind} clock")
        rig.count("clock jumps")
        if kind == "venue" and abs(seconds) * 1_000 > 2 * MARGIN_MS:
            rig.count("venue clock beyond the margin")


@contextlib.contextmanager
def shifted(rig: Rig) -> Iterator[None]:
    """One server and an exchange whose clocks can be moved."""
    clocks = Clocks()
    try:
        made = library(rig.folder)
    except Unavailable as error:
        sys.exit(f"clock: {error}")
    for name in ("server", "venue", *(f"w{n}" for n in range(1, rig.setting.workers + 1))):
        clocks.of[name] = ShiftedClock(made, rig.folder / f"clock-{name}")
    venue = [f"{name}={value}" for name, value in clocks.of["venue"].environ.items()]
    rig.exchange_command = ("env", *venue, *COMMAND)
    rig.clocks = clocks
    with Group(rig.folder) as group:
        rig.group = group
        group.start(rig.port, appendonly="yes", environ=clocks.of["server"].environ)
        yield


@contextlib.asynccontextmanager
async def told(rig: Rig) -> AsyncIterator[None]:
    """Workers are forked, too late for a preloaded library: they are patched to read the number."""
    clocks = rig.clocks
    assert isinstance(clocks, Clocks)
    before = rig.environ_of

    def environ(name: str) -> dict[str, str]:
        moved = clocks.of.get(name)
        own = {"CHAOS_CLOCK": moved.environ["CHAOS_CLOCK"]} if moved else {}
        return before(name) | own

    rig.environ_of = environ
    yield


async def inject(rig: Rig, rng: Random) -> None:
    clocks = rig.clocks
    assert isinstance(clocks, Clocks)
    while rig.goes_on():
        await rig.sleep(rng.uniform(0.2, 1.5))
        clocks.move(rig, rng)
    for clock in clocks.of.values():
        clock.move(0.0)


def refused(rig: Rig, verdict: Verdict) -> list[str]:
    """A skew beyond the margin must have been seen, and said."""
    alarms = sum(ALARM in line for line in rig.log.read_bytes().splitlines())
    rig.facts["alarms venue_clock"] = alarms
    if rig.faults["venue clock beyond the margin"] and not alarms:
        return ["the exchange's clock was beyond the margin, and nobody said so"]
    return []


RUNS = [
    Run(
        name="clock",
        figure="server +-60 s, worker +-5 s, exchange +-250 ms: 0 over, 0 lost, skews are said",
        minutes=2.4,
        inject=inject,
        setting=Setting(
            workers=3, books=24, serve=shifted, lines=told, patch="tests.chaos.clocks:follow"
        ),
        least={"clock jumps": 150},
        judge=refused,
    )
]
