"""What a run is: a kind of harm, done to a rig for a while, and the figure that must come of it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.books import Setting

if TYPE_CHECKING:
    from tests.chaos.judge import Verdict
    from tests.chaos.rig import Rig

MODULES = (
    *("calm", "kill", "pause", "server", "replicas", "partition", "clock", "venue", "stale"),
    *("ablations", "soak"),
)
"""One file for each run or a few; `RUNS` in each lists them."""


def no_more(rig: Rig, verdict: Verdict) -> list[str]:
    return []


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the table.

    ``inject`` harms until `Rig.goes_on` says no; faults are counted with `Rig.count`. ``least``
    are faults by kind that the full ``minutes`` must have seen, ``orders`` likewise; a shorter run
    must see its share. ``judge`` adds what only this run can be blamed for. ``must_fail`` names
    the violations that an ablation has to show: then their absence is what is wrong.
    """

    name: str
    figure: str
    minutes: float
    inject: Callable[[Rig, Random], Awaitable[None]]
    setting: Setting = field(default_factory=Setting)
    least: Mapping[str, int] = field(default_factory=dict)
    orders: int = 0
    judge: Callable[[Rig, Verdict], list[str]] = no_more
    must_fail: tuple[str, ...] = ()


def runs() -> dict[str, Run]:
    """Every run, by name, in the order of the table."""
    found: dict[str, Run] = {}
    for name in MODULES:
        for run in importlib.import_module(f"tests.chaos.{name}").RUNS:
            assert run.name not in found, run.name
            found[run.name] = run
    return found
