"""Faults: what may go wrong in an episode, and the schedule that a seed draws.

A schedule is a list of records and nothing else decides what is broken, so that any part of it can
be played alone: that is what makes a failing episode small.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import NamedTuple

POINTS = (
    *("begin.before", "begin.after", "place.before", "place.before", "place.after"),
    *("close.before", "close.after", "fill.before", "fill.after", "claim.after", "renew.before"),
    *("query.before", "reconciled.before", "load.after", "note.before", "now"),
)
"""Where a process may be killed or stopped: before what it writes to a socket leaves it, or after
the other end has acted on it; ``now`` is wherever it stands."""


class Fault(NamedTuple):
    """One misfortune.

    ``who`` is the number of a worker or of a venue, ``what`` the variant, ``size`` its magnitude
    and ``length_s`` how long it lasts.
    """

    number: int
    at_s: float
    kind: str
    who: int
    what: str
    size: float
    length_s: float

    def __str__(self) -> str:
        return (
            f"#{self.number} at {self.at_s:.1f} s: {self.kind} {self.what} of {self.who},"
            f" size {self.size:g}, {self.length_s:.2f} s"
        )


class Plan(NamedTuple):
    """What a seed draws: how long, how many, whether the disk may forget, and the faults."""

    seed: int
    length_s: float
    workers: int
    forgetful: bool
    faults: tuple[Fault, ...]


LENGTH_S = 45.0
KINDS = {
    "kill": 3,
    "pause": 4,
    "term": 1,
    "restart": 3,
    "server_clock": 1,
    "worker_clock": 1,
    "venue_clock": 1,
    "store_line": 3,
    "reply": 2,
    "venue_line": 3,
    "order": 6,
    "stream": 2,
    "reads": 2,
    "feed": 1,
}
"""Kinds and how often each is drawn."""
PROFILES: dict[str, dict[str, int]] = {
    "all": KINDS,
    "slow": {"order:late": 4, "order:reply_lost": 2, "pause:place.before": 4, "kill": 1},
    "back": {"restart:place.before": 4, "restart:note.before": 2, "order:late": 6},
    "reuse": {
        "order:nothing": 4,
        "restart:close.before": 4,
        "order:late": 5,
        "venue_line:reset": 5,
    },
    "again": {"order:refused": 4, "pause:place.before": 4, "reply:close": 2},
}
"""Mixtures that bring about one kind of trouble often: orders that come late, a server that comes
back while orders are on their way, orders that are sent again."""
LINES = ("late", "lost", "reset", "slow", "loss")
ORDERS = ("reply_lost", "late", "lost", "refused", "partial", "slow", "terse", "nothing")
REPLIES = ("begin", "close", "fill", "claim", "renew", "note")


class Shape(NamedTuple):
    """What a kind of fault may look like: variants, magnitudes, durations."""

    whats: tuple[str, ...] = ("",)
    sizes: tuple[float, ...] = (0.0,)
    lengths_s: tuple[float, ...] = (0.0,)


SHAPES = {
    "kill": Shape(POINTS, lengths_s=(0.05, 1.0, 8.0)),
    "pause": Shape(POINTS, lengths_s=(0.3, 1.5, 4.9, 6.0, 12.0, 25.0)),
    "term": Shape(lengths_s=(0.1, 3.0)),
    # Seconds of writes that are lost: nothing, what was not synced, or back to a stale snapshot.
    "restart": Shape(POINTS, (0.0, 0.3, 1.0, 1.0, 8.0), (0.02, 0.2, 2.0, 7.0)),
    # Milliseconds; a worker may be wrong about the venue by less than the margin, no more.
    "server_clock": Shape(sizes=(-5_000, 700, 6_000, 60_000)),
    "worker_clock": Shape(sizes=(-5_000, -400, 400, 5_000), lengths_s=(2.0, 6.0, 15.0)),
    "venue_clock": Shape(sizes=(-90, -40, 40, 90)),
    # Seconds that a slow line takes at most, and the share that a lossy one loses.
    "store_line": Shape(LINES, (0.05, 0.3, 1.5), (0.1, 0.9, 3.0, 8.0)),
    "venue_line": Shape(LINES, (0.05, 0.3, 1.5), (0.1, 0.9, 3.0, 8.0)),
    # How many in a row.
    "reply": Shape(REPLIES, (1, 1, 2)),
    "order": Shape(ORDERS, (1, 1, 1, 3), (0.02, 0.4, 1.0, 2.9, 3.3, 7.0)),
    "stream": Shape(("lost", "twice", "reordered"), (1, 3, 10)),
    "reads": Shape(("5xx", "rate", "hang"), lengths_s=(0.5, 4.0, 12.0)),
    "feed": Shape(),
}


def drawn(
    seed: int,
    *,
    length_s: float = LENGTH_S,
    faults: int | None = None,
    profile: str = "all",
) -> Plan:
    """The plan of a seed; one in two has a server that may forget what was not synced.

    A kind in a profile may name its variant: ``order:late``.
    """
    weights = PROFILES[profile]
    random = Random(f"{seed}:faults")
    forgetful = seed % 2 == 1
    most = max(4, int(length_s / 5.0))
    count = random.randint(most // 3, most) if faults is None else faults
    chosen = random.choices(list(weights), list(weights.values()), k=count)
    times = sorted(random.uniform(min(6.0, length_s / 2), length_s) for _ in chosen)
    return Plan(
        seed=seed,
        length_s=length_s,
        workers=random.choice((2, 3, 3, 4)),
        forgetful=forgetful,
        faults=tuple(
            _fault(random, number, at_s, kind, forgetful)
            for number, (at_s, kind) in enumerate(zip(times, chosen, strict=True))
        ),
    )


def only(plan: Plan, numbers: Collection[int]) -> Plan:
    """The same plan with some of its faults."""
    return plan._replace(faults=tuple(f for f in plan.faults if f.number in numbers))


def _fault(random: Random, number: int, at_s: float, named: str, forgetful: bool) -> Fault:
    kind, _, variant = named.partition(":")
    shape = SHAPES[kind]
    what, size = random.choice(shape.whats), random.choice(shape.sizes)
    if kind == "restart" and not forgetful:
        size = 0.0
    who, length_s = random.randrange(12), random.choice(shape.lengths_s)
    return Fault(number, at_s, kind, who, variant or what, size, length_s)
