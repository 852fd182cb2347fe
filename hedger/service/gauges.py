"""What scalers read, made beside the steps: signals, a book's risk, how it goes at the venues.

One loop, one book at a time, the pricing in a thread: a slow measure delays no hedge, only the next
measure. What cannot be made is left out with its reason, and what is kept has its instant, so that
a decision refuses it once it is too old.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable

from msgspec.structs import replace

from hedger.core.believed import believed
from hedger.core.model import NO_READINGS, Measured, Reading, Traffic
from hedger.errors import HedgerError
from hedger.service.markets import Markets
from hedger.service.readings import failed, is_due, measured
from hedger.service.roster import Desk, Roster
from hedger.service.traffic import TrafficMeter
from hedger.service.world import World
from hedger.telemetry import Throttle, logger

LOOK_S = 0.5
MEASURE_S = 10.0
"""A measure that takes longer is given up; its thread ends by itself, the book is asked later."""
LOG_S = 60.0

Signal = Callable[[str, int], float | None]
"""A registered signal: underlying and market instant [ms] -> a number, or None for none now."""


class Gauges:
    """Readings of the books of one worker."""

    def __init__(
        self,
        world: World,
        *,
        roster: Roster,
        markets: Markets,
        traffic: TrafficMeter,
        told: Callable[[Desk, Measured], None],
    ) -> None:
        self._world, self._clock = world, world.clock
        self._roster, self._markets = roster, markets
        self._traffic, self._signals = traffic, world.signals
        self._told = told
        self._calls: dict[tuple[str, str], asyncio.Task[Reading]] = {}
        self._busy: dict[str, asyncio.Task[Measured]] = {}
        self._log = logger(worker=world.params.worker)
        self._throttle = Throttle(LOG_S, world.clock.monotonic_s)

    @property
    def wanted(self) -> bool:
        """Whether any book reads anything."""
        return any(desk.params.readings is not None for desk in self._roster)

    def forget(self, desk: Desk) -> None:
        """The book is another worker's: what was measured here is not its truth any more."""
        desk.readings = NO_READINGS

    async def run(self) -> None:
        """Take readings until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(LOOK_S)

    async def step(self) -> None:
        """Read all signals, then measure those books whose turn it is, one after the other."""
        desks = [d for d in self._roster if d.ready and d.params.readings is not None]
        try:
            await self._read_signals(desks)
        except Exception:  # signals then grow too old, which is what a decision looks at
            self._world.metrics.count("defects")
            self._log.exception("defect", during="signals")
        for desk in desks:
            try:
                await self._read(desk)
            except Exception:  # as above: measures then grow too old
                self._world.metrics.count("defects")
                self._log.exception("defect", during="measures", book=desk.name)

    async def _read(self, desk: Desk) -> None:
        """How it goes at a book's venues, and its risk if it is due."""
        rule = desk.params.readings
        if rule is not None and rule.traffic:
            found = self._moving(desk)
            if found != desk.readings.traffic:
                desk.readings = replace(desk.readings, traffic=found)
        if self._is_due(desk):
            made = await self._measure(desk)
            desk.readings = replace(desk.readings, measured=made)
            self._told(desk, made)

    def _moving(self, desk: Desk) -> Traffic:
        """How it goes at a book's venues; of their credits the least that one of them tells."""
        routes = desk.params.routes
        left = [self._world.venues[route.venue].credits(route.account) for route in routes]
        told = [round(share, 2) for share in left if share is not None]
        seen = self._traffic.of(route.venue for route in routes)
        return replace(seen, credits=min(told, default=None))

    # --- signals --------------------------------------------------------------------------

    async def _read_signals(self, desks: list[Desk]) -> None:
        """Keys in one call for all books; each callable by itself, no longer than it may take."""
        sources = {desk.name: _source(desk) for desk in desks}
        keys = sorted({name for kind, name in sources.values() if kind == "key"})
        by_key = await self._by_key(keys) if keys else {}
        for desk in desks:
            kind, name = sources[desk.name]
            if kind == "key":
                self._take(desk, by_key[name])
            elif kind == "call":
                self._take(desk, await self._call(name, desk.params.underlying))

    async def _by_key(self, names: list[str]) -> dict[str, Reading]:
        try:
            async with asyncio.timeout(self._world.request_s):
                return await self._world.store.signals(names)
        except (HedgerError, TimeoutError) as error:
            reason = f"the store did not tell: {error or 'no answer in time'}"
            return {name: Reading(reason=reason) for name in names}

    async def _call(self, name: str, underlying: str) -> Reading:
        """Ask a callable; one that has not come back is not asked again before it has."""
        key = name, underlying
        task = self._calls.pop(key, None)
        if task is None:
            function = self._signals.get(name)
            if function is None:
                return Reading(reason=f"no signal {name} is registered")
            task = asyncio.create_task(_asked(function, underlying, self._clock.market_ms()))
        done, _ = await asyncio.wait([task], timeout=self._world.request_s)
        if not done:
            self._calls[key] = task
            return Reading(reason=f"signal {name} has not come back")
        return task.result()

    def _take(self, desk: Desk, found: Reading) -> None:
        """What is new; a failure keeps the last value with its instant, and says why."""
        kept = desk.readings.signal
        if found.value is None and found.time_ms is None and kept.time_ms is not None:
            found = replace(kept, reason=found.reason)
        if found != kept:
            desk.readings = replace(desk.readings, signal=found)

    # --- risk -----------------------------------------------------------------------------

    def _is_due(self, desk: Desk) -> bool:
        now, last = self._clock.market_ms(), desk.readings.measured
        return desk.book is not None and is_due(desk.params.readings, last, now)

    async def _measure(self, desk: Desk) -> Measured:
        """Measure a book as it was last decided on."""
        rule = desk.params.readings
        assert rule is not None
        assert rule.measure is not None
        assert desk.book is not None
        now, busy = self._clock.market_ms(), self._busy.pop(desk.name, None)
        rules = desk.params.rules
        market = believed(desk.book, self._markets.of(desk), rules, now).market
        task = busy or asyncio.create_task(
            asyncio.to_thread(measured, desk.book, market, rules, now, rule.measure)
        )
        started_s = self._clock.monotonic_s()
        done, _ = await asyncio.wait([task], timeout=MEASURE_S)
        if not done:
            self._busy[desk.name] = task
            return Measured(time_ms=now, reason=f"not measured within {MEASURE_S:g} s")
        self._world.metrics.observe("measure_us", (self._clock.monotonic_s() - started_s) * 1e6)
        if (error := task.exception()) is None:
            return task.result()
        self._world.metrics.count("measures_failed")
        if (times := self._throttle.passes(desk.name)) is not None:
            self._log.warning("measure_failed", book=desk.name, reason=str(error), times=times)
        return failed(now, error)


def _source(desk: Desk) -> tuple[str, str]:
    """Kind and name of a book's signal; two empty texts for none."""
    rule = desk.params.readings
    kind, _, name = rule.signal.partition(":") if rule is not None else ("", "", "")
    return kind, name


async def _asked(function: Signal, underlying: str, now_ms: int) -> Reading:
    """What a callable says now; whatever it raises is a reason."""
    try:
        value = await _apart(lambda: function(underlying, now_ms))
        if value is None:
            return Reading(reason="no signal now")
        return Reading(value=float(value), time_ms=now_ms)
    except Exception as error:
        return Reading(reason=f"it failed: {type(error).__name__}: {error}")


def _apart(work: Callable[[], float | None]) -> asyncio.Future[float | None]:
    """Run somebody else's code in a thread that a process does not wait for at its end."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[float | None] = loop.create_future()

    def tell(value: float | None, error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(value)
        else:
            found.set_exception(error)

    def run() -> None:
        value, failed = None, None
        try:
            value = work()
        except Exception as error:
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, value, failed)

    threading.Thread(target=run, name="signal", daemon=True).start()
    return found
