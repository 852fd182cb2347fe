"""The way between client and exchange: real latency with jitter, and what is lost on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from hedger.venues.paper.protocol import Refused, Reply
from hedger.venues.paper.session import Session

UNDER_WAY_MAX = 1_000  # requests of one client


class Way:
    """Carries requests to the exchange and answers back, in real time, or loses them.

    Parameters
    ----------
    latency_ms : float
        Mean of there and back [ms]; half of each way is certain, half exponential.
    loss : float
        Probability that the request or its answer is lost, half each.
    """

    def __init__(self, *, latency_ms: float, loss: float, seed: int) -> None:
        self._way_s, self._loss = latency_ms / 2000, loss
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_short(self) -> bool:
        """Whether nothing takes time and nothing is lost."""
        return self._way_s == 0 and self._loss == 0

    def send(self, session: Session, request_id: int, answer: Callable[[], Reply]) -> None:
        """Ask for the answer when the request arrives, and queue it when it is back."""
        if session.under_way >= UNDER_WAY_MAX:
            reason = f"more than {UNDER_WAY_MAX} requests under way"
            session.reply(Refused(request_id, reason))
            return
        session.under_way += 1
        task = asyncio.create_task(self._travel(session, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _travel(self, session: Session, answer: Callable[[], Reply]) -> None:
        now_s = asyncio.get_running_loop().time()
        fate, there_s, back_s = float(self._rng.random()), self._seconds(), self._seconds()
        # one connection keeps its order
        session.arrival_s = max(session.arrival_s, now_s + there_s)
        try:
            await asyncio.sleep(session.arrival_s - now_s)
            if fate < self._loss / 2:
                return
            reply = answer()
            await asyncio.sleep(back_s)
            if fate >= self._loss:
                session.reply(reply)
        except ConnectionError:
            session.close()
        finally:
            session.under_way -= 1

    def _seconds(self) -> float:
        return one_way(self._way_s, self._rng)


def one_way(mean: float, dice: np.random.Generator) -> float:
    """Time of one way, in units of its mean: half of it is certain, half exponential."""
    half = mean / 2
    return half + float(dice.exponential(half)) if half else 0.0
