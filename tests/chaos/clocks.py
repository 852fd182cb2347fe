"""Wall clocks of other processes, moved while they run: a preloaded library and a mapped number."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import hedger.clock

SOURCE = Path(__file__).with_name("shift.c")


class Unavailable(Exception):
    """Clocks cannot be moved on this machine, and why."""


def library(folder: Path) -> Path:
    """Compile what is preloaded; raises `Unavailable`."""
    made = folder / "shift.so"
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unavailable("no C compiler to build the shifted clock with")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"the shifted clock does not compile: {done.stderr.strip()[-200:]}")
    return made


class ShiftedClock:
    """One number, and the environment under which a process adds it to its wall clock."""

    def __init__(self, library: Path, path: Path) -> None:
        self._path = path
        self.environ = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(path)}
        self.move(0.0)

    def move(self, seconds: float) -> None:
        """From now on the clock is wrong by so much."""
        number = round(seconds * 1e9).to_bytes(8, "little", signed=True)
        # Written in place: a new file would not be the one that is mapped.
        with open(self._path, "r+b" if self._path.exists() else "w+b") as file:
            file.write(number)


def follow() -> None:
    """Add the number to the wall clock of this process, as the library does to others'."""
    path = os.environ.get("CHAOS_CLOCK")
    if not path:
        return
    with open(path, "rb") as file:
        moved = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)

    def time_ns() -> int:
        return time.time_ns() + int.from_bytes(moved[:8], "little", signed=True)

    hedger.clock.time = SimpleNamespace(  # type: ignore[assignment]
        time_ns=time_ns, monotonic=time.monotonic
    )
