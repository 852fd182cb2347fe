"""Signals that an installed package registers: entry points of the group ``hedger.signals``.

Each is a callable of (underlying, market instant in ms) that returns a number or None. It runs in a
thread, beside the decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points

from hedger.errors import ConfigError
from hedger.service.params import WorkerParams

GROUP = "hedger.signals"


def registered(
    params: WorkerParams, known: Iterable[EntryPoint] | None = None
) -> dict[str, Callable[[str, int], float | None]]:
    """Load those that the books name.

    Raises
    ------
    ConfigError
        One that is named is not registered, cannot be loaded, or cannot be called.
    """
    sources = {b.readings.signal for b in params.books if b.readings is not None}
    wanted = sorted(s.removeprefix("call:") for s in sources if s.startswith("call:"))
    if not wanted:
        return {}
    points = {p.name: p for p in (entry_points(group=GROUP) if known is None else known)}
    found: dict[str, Callable[[str, int], float | None]] = {}
    for name in wanted:
        if name not in points:
            names = ", ".join(sorted(points)) or "(there is none)"
            raise ConfigError(f"signal call:{name}: expected an entry point of {GROUP}: {names}")
        try:
            function = points[name].load()
        except Exception as error:
            raise ConfigError(f"signal call:{name}: cannot be loaded: {error}") from error
        if not callable(function):
            raise ConfigError(f"signal call:{name}: is {function!r}, expected a callable")
        found[name] = function
    return found
