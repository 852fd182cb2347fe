"""What venues do to orders and to their account stream, one or two kinds at a time."""

from __future__ import annotations

from random import Random

from tests.chaos.books import Setting
from tests.chaos.lines import behind_lines, lines_of
from tests.chaos.rig import Rig
from tests.chaos.run import Run
from tests.chaos.venue_line import ORDERS, OTHERS

LASTS_S = (0.5, 1.0, 2.0)


async def inject(rig: Rig, rng: Random) -> None:
    lines = lines_of(rig).venue.values()
    try:
        deck: list[str] = []
        while rig.goes_on():
            # From a shuffled deck, so that even a short run sees every kind.
            deck = deck or rng.sample((*ORDERS, *OTHERS), len(ORDERS) + len(OTHERS))
            faults = frozenset({deck.pop(), rng.choice(ORDERS)})
            for line in lines:
                line.faults = faults
            await rig.sleep(rng.choice(LASTS_S))
            for line in lines:
                line.calm()
            await rig.sleep(rng.uniform(0.1, 1.0))
    finally:
        for line in lines:
            line.calm()
            for kind, times in line.done.items():
                rig.count(kind, times)
                rig.count("venue faults", times)
            line.done.clear()


RUNS = [
    Run(
        name="venue",
        figure="all kinds of venue faults, partial fills, 0 over, 0 lost",
        minutes=2.4,
        inject=inject,
        # A thin market: most orders fill in part, and the end of each comes as a cancellation.
        setting=Setting(workers=3, books=24, lines=behind_lines, depth_usd=40_000.0),
        least=dict.fromkeys((*ORDERS, *OTHERS), 5),
    )
]
