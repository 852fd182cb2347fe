"""From a plan to intents and orders: ids and deadlines. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from hedger.core.model import Decision, Intent, Order, name_there
from hedger.service.params import BookParams
from hedger.store.keys import intent_id

RECENT_ACKS = 200
ACK_FACTOR = 4.0


class Acks:
    """Recent acknowledgement times of one venue, and the deadline that they suggest."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT_ACKS)
        self._p99 = math.inf

    def see(self, ms: float) -> None:
        """Take one acknowledgement in; sorted here, when no order is waiting for the answer."""
        self._recent.append(ms)
        ordered = sorted(self._recent)
        self._p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]

    def timeout_ms(self, *, least: int, largest: int) -> int:
        """Four times the recent 99 % acknowledgement time, within bounds; none yet: the largest."""
        return round(min(max(ACK_FACTOR * self._p99, least), largest))


def intents_of(
    decision: Decision,
    params: BookParams,
    *,
    namespace: str,
    epoch: int,
    decision_id: str,
    deadlines_ms: Mapping[str, int],
) -> tuple[Intent, ...]:
    """One intent per line of the plan, all of the revision after the one decided on.

    Each goes to its instrument's venue, with a deadline by that venue's clock.
    """
    if decision.plan is None:
        return ()
    seq = decision.seq + 1
    return tuple(
        Intent(
            id=intent_id(namespace, params.name, line.instrument, seq),
            book=params.name,
            venue=route.venue,
            account=route.account,
            instrument=line.instrument,
            lots=line.lots,
            limit_ticks=line.limit_ticks,
            deadline_ms=deadlines_ms[route.venue],
            low=line.low,
            high=line.high,
            seq=seq,
            epoch=epoch,
            decision=decision_id,
            market_ms=decision.time_ms,
        )
        for line in decision.plan.lines
        for route in (params.route_of(line.instrument),)
    )


def told(intent: Intent) -> dict[str, str | int]:
    """What a log line about an intent carries, so that its decision is found."""
    return {
        "book": intent.book,
        "epoch": intent.epoch,
        "decision": intent.decision,
        "intent": intent.id,
    }


def order_of(intent: Intent) -> Order:
    """The order of an intent: its id is the client order id, so that it can always be asked for."""
    return Order(
        client_id=intent.id,
        account=intent.account,
        instrument=name_there(intent.instrument),
        lots=intent.lots,
        limit_ticks=intent.limit_ticks,
        deadline_ms=intent.deadline_ms,
    )
