"""What every part of a worker is handed: its parameters, the ports, its measurements, its tasks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from hedger.ports import Clock, Feed, Store, Venue
from hedger.service.alarms import Alarms
from hedger.service.params import WorkerParams
from hedger.telemetry import Metrics

Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class World:
    """The surroundings of one worker; `spawn` starts a task that ends with the worker.

    ``signals`` are registered callables by name, of underlying and market instant [ms].
    """

    params: WorkerParams
    store: Store
    venues: Mapping[str, Venue]
    feeds: Mapping[str, Feed]
    clock: Clock
    metrics: Metrics
    alarms: Alarms
    spawn: Spawn
    signals: Mapping[str, Callable[[str, int], float | None]] = field(default_factory=dict)

    @property
    def request_s(self) -> float:
        """Longest wait for one answer of a venue."""
        return self.params.request_timeout_ms / 1_000

    @property
    def margin_s(self) -> float:
        """Safety margin on leases and on venue clocks."""
        return self.params.margin_ms / 1_000
