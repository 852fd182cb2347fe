"""From a failing plan to a small one: take faults away as long as it still fails alike."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.faults import Plan, only

REPLAYS_MAX = 80


def shrunk(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A plan that fails, of which no single fault can be spared (or the replays are used up).

    Halves are tried first, then ever smaller pieces; what is taken out stays out only if the rest
    still fails. The faults keep their numbers, times and sizes.
    """
    replays = 0
    piece = max(1, len(plan.faults) // 2)
    while replays < REPLAYS_MAX:
        smaller = False
        start = 0
        while start < len(plan.faults) and replays < REPLAYS_MAX:
            kept = [*plan.faults[:start], *plan.faults[start + piece :]]
            without = only(plan, {fault.number for fault in kept})
            replays += 1
            if fails(without):
                plan, smaller = without, True
            else:
                start += piece
        if piece == 1 and not smaller:
            break
        piece = max(1, piece // 2) if not smaller or piece > 1 else 1
    return plan
