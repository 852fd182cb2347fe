"""The paper exchange of a deployment: started or attached to, kept alive, stopped when unused."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Collection

from hedger.errors import HedgerError, StoreUnavailable
from hedger.ports import Store, WorkerInfo
from hedger.settings import Configuration
from hedger.telemetry import logger
from hedger.venues.paper import launch
from hedger.venues.paper.adapter import PaperVenue
from hedger.venues.paper.params import PaperParams

CONTROL_S = 5.0
LOOK_S = 0.5
PAUSE_S_MIN = 0.5
PAUSE_S_MAX = 30.0


class Exchange:
    """One paper exchange process; `start` makes it, `watch` keeps it, `leave` gives it up."""

    def __init__(self, params: PaperParams) -> None:
        self.params = params
        self._launched: launch.Launched | None = None
        self._is_going = False

    async def start(self) -> str:
        """Start it, or attach to the one that answers on its socket; returns which, in words."""
        self._launched = await launch.launch(self.params)
        how = "attached to" if self._launched.was_running else "started"
        params = self.params
        what = f"data of {params.data}" if params.data else "a simulated market"
        return (
            f"paper exchange {params.name}: {how} process {self._launched.pid}, "
            f"{what} at {params.speed:g}x"
        )

    async def go(self) -> None:
        """Start the market clock; nothing if it runs. Raises `VenueUnavailable`."""
        venue = PaperVenue(
            self.params.name, self.params.socket, request_s_max=CONTROL_S, client="go"
        )
        try:
            await venue.go()
        finally:
            await venue.close()
        self._is_going = True

    async def watch(self, *, restarts: bool, failed: Callable[[HedgerError], None]) -> None:
        """Start it again whenever it has died: it goes on from its log. Else tell that it died."""
        log, pause_s = logger(venue=self.params.name), PAUSE_S_MIN
        while True:
            await asyncio.sleep(LOOK_S)
            if self._is_alive():
                continue
            if not restarts:
                failed(HedgerError(f"paper exchange {self.params.name} has ended"))
                return
            log.error("exchange_ended", restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2.0 * pause_s, PAUSE_S_MAX)
            try:
                await self.start()
                if self._is_going:
                    await self.go()
            except HedgerError as error:
                log.error("exchange_not_started", reason=str(error))
            else:
                log.info("exchange_restarted", pid=self._launched.pid if self._launched else None)

    async def leave(
        self, store: Store, config: Configuration, *, own: Collection[str]
    ) -> list[str]:
        """Stop it, unless workers beside our ``own`` still trade on it; returns their names."""
        try:
            others = [info.worker for info in await living(store, config)]
        except StoreUnavailable:
            others = []
        others = [name for name in others if name not in own]
        if self._launched is not None and not others:
            await self._launched.stop()
        return others

    def _is_alive(self) -> bool:
        if self._launched is None:
            return False
        if self._launched.child is not None:
            return self._launched.child.poll() is None
        try:
            os.kill(self._launched.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


async def living(store: Store, config: Configuration) -> list[WorkerInfo]:
    """Workers whose beat is no older than a lease."""
    oldest_ms = 1_000 * config.settings.worker.lease_s
    return [info for info in await store.workers() if info.beat_age_ms <= oldest_ms]
