"""What every benchmark shares: fair timing side by side, targets, and one way to print them.

Contestants take turns within each round and keep their best time, so that noise hits all alike.
Look at the ratios: absolute times move from machine to machine.
"""

import argparse
import ctypes
import importlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numba.core.config

__all__ = [
    "Finding", "Table", "best_times", "compiled", "in_unit", "least", "main", "optional", "pin",
]  # fmt: skip

_UNITS = {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1.0}


class Finding(NamedTuple):
    """One promised number: a ratio or a time, what was promised of it, and how it came out."""

    name: str
    value: float
    bound: float
    kind: str  # "most" or "least"
    unit: str = ""
    note: str = ""  # why a target is out of reach, with the measured roofline of that work

    @property
    def met(self) -> bool:
        """Whether the promise holds in this run."""
        return self.value <= self.bound if self.kind == "most" else self.value >= self.bound


class Table(NamedTuple):
    """One benchmark's outcome: every time that was taken, and the promises."""

    title: str
    times: list[tuple[str, float, str]]  # name, value, unit such as "ns an option"
    findings: list[Finding]


def optional(name: str) -> Any:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def pin() -> None:
    """Keep this process on one core where the system allows it, and every batch in one thread.

    Numba counted the cores at its import: unless it is told, our large batches and fast-vollib's
    loops would start a thread for each of those, all on the one core.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    numba.set_num_threads(1)  # numba's own parallel loops: the peers'
    numba.core.config.NUMBA_NUM_THREADS = 1  # read at each call: ours


def compiled(source: pathlib.Path) -> dict[str, ctypes.CDLL]:
    """A C file compiled in the ways that may be fastest here; none without gcc."""
    if shutil.which("gcc") is None:
        return {}
    common = ["-Ofast", "-march=native", "-fopenmp-simd", "-shared", "-fPIC"]
    variants = {
        "512-bit": ["-mprefer-vector-width=512", "-lmvec"],
        "256-bit": ["-mprefer-vector-width=256", "-lmvec"],
        "plain": [],
    }
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in variants.items():
            target = pathlib.Path(folder) / f"{name}.so"
            command = ["gcc", *common, str(source), "-o", str(target), *flags, "-lm"]
            if not subprocess.run(command, capture_output=True, check=False).returncode:
                found[name] = ctypes.CDLL(str(target))
    return found


def best_times(
    runs: Mapping[str, Callable[[], object]], rounds: int, repeats: int = 1
) -> dict[str, float]:
    """Best seconds of each run, taking turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(repeats):
                run()
            best[name] = min(best[name], (time.perf_counter() - start) / repeats)
    return best


def least(times: Mapping[str, float], start: str) -> float | None:
    """The best of the times whose names begin so; None where there is none."""
    return min((value for name, value in times.items() if name.startswith(start)), default=None)


def in_unit(seconds: float, unit: str, count: int = 1) -> float:
    """Seconds for `count` pieces of work as a number of `unit` for each."""
    return seconds / count * _UNITS[unit]


def show(table: Table) -> None:
    """Print one table for people."""
    print(f"\n{table.title}")
    for name, value, unit in table.times:
        print(f"  {name:58} {value:12,.2f} {unit}")
    for found in table.findings:
        verdict = "met" if found.met else "MISSED"
        print(
            f"  > {found.name:56} {found.value:12,.2f} {found.unit:4} "
            f"target: at {found.kind} {found.bound:g}: {verdict}"
        )
        if found.note:
            print(f"      {found.note}")


def main(title: str, *tables: Callable[[bool], Table], pinned: bool = True) -> None:
    """The command line of a benchmark: ``--json`` for one object, ``--quick`` for a short look.

    One that starts other processes is not `pinned`: they would share its core.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="fewer options and rounds")
    arguments = parser.parse_args()
    if pinned:
        pin()
    done = []
    for table in tables:
        done.append(table(arguments.quick))
        if not arguments.json:
            show(done[-1])
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        print(json.dumps(machine | {"tables": [as_json(table) for table in done]}, indent=2))


def as_json(table: Table) -> dict[str, Any]:
    """The table as plain data."""
    return {
        "title": table.title,
        "times": [
            {"name": name, "value": value, "unit": unit} for name, value, unit in table.times
        ],
        "findings": [found._asdict() | {"met": found.met} for found in table.findings],
    }
