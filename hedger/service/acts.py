"""What a worker does for an act beside deciding: it cancels orders, and says when all is done.

Everything that an act trades is a decision like any other. Here is what is none: the request to
take back an order that works, and the end of an act that has done what it was asked for.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from hedger.clock import wall_ms
from hedger.core.acts import WAITS, finished
from hedger.core.model import Act, ActKind, BookState, Decision, Intent, Resize, Resizing
from hedger.errors import HedgerError, LeaseLost
from hedger.ports import Lease
from hedger.service.execution import ENDS, Execution
from hedger.service.intents import told
from hedger.service.roster import Desk
from hedger.service.world import World
from hedger.telemetry import logger

LONGEST_MS = {ActKind.CANCEL: 30_000, ActKind.NEUTRAL: 900_000}
"""How long (wall clock) an act may wait before it is given up: nobody wants what was asked for in
the morning done in the evening, and no order without an answer may stop a book from hedging."""
WHO = "the scalers"


class Acts:
    """Follows the acts of one worker's books."""

    def __init__(self, world: World, *, execution: Execution, mark: Callable[[str], None]) -> None:
        self._store = world.store
        self._venues = world.venues
        self._request_s = world.request_s
        self._spawn = world.spawn
        self._alarms = world.alarms
        self._metrics = world.metrics
        self._mark = mark
        self._execution = execution
        self._cancelling: set[str] = set()
        self._log = logger(worker=world.params.worker)

    async def follow(self, desk: Desk, lease: Lease, state: BookState, decision: Decision) -> None:
        """Go on with a book's act after a decision was made for it, or ask for one."""
        act, resize = state.act, decision.resize
        if act is None:
            if resize is not None and resize.ask is not None:
                await self._ask(desk, resize)
            return
        if finished(act, decision) and not state.intents:
            await self._end(desk, lease, act, decision.text)
        elif act.cause and resize is not None and resize.state is Resizing.WITHDRAWS:
            await self._end(desk, lease, act, f"taken back: {resize.text}")
        elif wall_ms() - act.asked_ms > LONGEST_MS.get(act.kind, math.inf):
            text = f"given up after {LONGEST_MS[act.kind] // 1_000} s: {decision.text}"
            self._alarms.raise_("act_given_up", book=desk.name, reason=f"{act.text}; {text}")
            await self._store.acted(lease, desk.name, act, outcome=text)
        elif act.kind is ActKind.CANCEL:
            for intent in state.intents:
                if intent.id not in self._cancelling:
                    self._cancelling.add(intent.id)
                    self._spawn(self._cancel(desk, intent))
        elif decision.reason == WAITS:
            self._alarms.raise_(WAITS, book=desk.name, reason=f"{act.text}; {decision.text}")

    async def _ask(self, desk: Desk, resize: Resize) -> None:
        """What the book's models want of its scale, as an act like any other."""
        act = Act(
            kind=ActKind.SCALE,
            who=WHO,
            reason=resize.text,
            asked_ms=wall_ms(),
            scale=resize.ask or 0.0,
            grows=resize.grows,
            cause=resize.cause,
        )
        answer = await self._store.ask(desk.name, act)
        if answer == "ok":
            self._metrics.count("scaled_in" if act.grows else "scaled_out")
            self._log.warning("scale_acts", book=desk.name, act=act.text)
            self._mark(desk.name)
        else:  # somebody was faster, whose word goes first
            self._log.info("scale_refused", book=desk.name, act=act.text, answer=answer)

    async def _end(self, desk: Desk, lease: Lease, act: Act, outcome: str) -> None:
        if await self._store.acted(lease, desk.name, act, outcome=outcome):
            self._log.info("act_done", book=desk.name, act=act.text, text=outcome)
            self._mark(desk.name)

    async def _cancel(self, desk: Desk, intent: Intent) -> None:
        """Ask once; what has no answer is asked again at the book's next step."""
        venue = self._venues[intent.venue]
        try:
            async with asyncio.timeout(self._request_s):
                report = await venue.cancel(intent.account, intent.id)
            self._log.info("cancel", **told(intent), status=report.status, filled=report.filled)
            if report.status in ENDS:
                await self._execution.settle(desk, intent, report)
        except LeaseLost as error:
            self._log.info("cancel_stops", **told(intent), reason=str(error))
        except (HedgerError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            self._log.warning("cancel_failed", **told(intent), reason=reason)
        except Exception:
            self._log.exception("defect", during="cancel", **told(intent))
        finally:
            self._cancelling.discard(intent.id)
