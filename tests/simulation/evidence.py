"""What an episode leaves behind for the checker; nothing in it is the hedger's opinion but the
decisions that it published, as they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.simulation.exchange import Executed, Seen
from tests.simulation.faults import Plan
from tests.simulation.server import Published

STEP_S = 5.0
STEP_COIN = 1.5
EQUITY_MAX = 6.0


class BookFacts(NamedTuple):
    """One book: where it hedges, and what must be hedged there, as steps (time, coin)."""

    name: str
    venue: str
    account: str
    equity: tuple[tuple[float, float], ...]

    def equity_at(self, at_s: float) -> float:
        value = 0.0
        for since_s, coin in self.equity:
            if since_s > at_s:
                break
            value = coin
        return value


class End(NamedTuple):
    """One book when everything had settled, or the time for it was over."""

    stored: dict[str, int]
    held: dict[str, int]
    open_intents: int
    stopped: str


@dataclass
class Evidence:
    """Everything the checker may look at; times are seconds since the episode began."""

    plan: Plan
    books: list[BookFacts]
    executed: list[Executed] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    ends: dict[str, End] = field(default_factory=dict)
    settled_s: float | None = None
    end_s: float = 0.0
    defects: list[str] = field(default_factory=list)
    alarms: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def equity_path(seed: int, account: str, length_s: float) -> tuple[tuple[float, float], ...]:
    """A walk in steps; it stands still once the faults are over."""
    random = Random(f"{seed}:market:{account}")
    at_s, coin, steps = 0.0, 0.0, []
    while at_s < length_s:
        steps.append((at_s, coin))
        at_s += random.expovariate(1.0 / STEP_S)
        coin = max(-EQUITY_MAX, min(EQUITY_MAX, coin + random.uniform(-STEP_COIN, STEP_COIN)))
    return tuple(steps)
