"""Start-up: the import of pricing, and the first call from a warm and from an empty cache.

``python -m benchmarks.startup [--quick] [--json]``.  Every figure is the best of several fresh
processes; numba's own import and set-up (registries, scipy.linalg) stand beside them, since they
are most of it.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.measure import Finding, Table, main

ROOT = pathlib.Path(__file__).resolve().parents[1]
OURS = """
import json, time
start = time.perf_counter()
import pricing
imported = time.perf_counter()
pricing.black(forward=100.0, strike=[90.0, 110.0], time_to_expiry=0.5, vol=0.4, is_call=True,
              rate=0.02)
first = time.perf_counter()
pricing.black_second(forward=100.0, strike=[90.0, 110.0], time_to_expiry=0.5, vol=0.4,
                     is_call=True)
second = time.perf_counter()
print(json.dumps({"import of pricing": imported - start, "first call": first - imported,
                  "first call of the next kernel": second - first}))
"""
BARE = """
import json, time
start = time.perf_counter()
import numba, numpy
imported = time.perf_counter()
from numba.core.registry import cpu_target
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
print(json.dumps({"import of numba and numpy alone": imported - start,
                  "numba's own set-up before any kernel": time.perf_counter() - imported}))
"""


def fresh(code: str, home: pathlib.Path) -> dict[str, float]:
    """What the code prints in a new process that keeps its machine code under `home`."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def best(codes: Sequence[str], home: pathlib.Path, rounds: int) -> dict[str, float]:
    """The best of several processes, figure by figure; the codes take turns."""
    found: dict[str, float] = {}
    for _ in range(rounds):
        for code in codes:
            for name, seconds in fresh(code, home).items():
                found[name] = min(seconds, found.get(name, seconds))
    return found


def table(quick: bool) -> Table:
    """Seconds of a fresh process."""
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        cold = fresh(OURS, home)
        warm = best((BARE, OURS), home, rounds)
    times = [(name, value, "s") for name, value in warm.items()]
    times += [
        (f"{name}, compiled", cold[name], "s")
        for name in ("first call", "first call of the next kernel")
    ]
    floor = warm["numba's own set-up before any kernel"]
    note = f"{floor:.2f} s of it is numba's own set-up, which any first kernel of a process pays"
    found = [
        Finding("import of pricing", warm["import of pricing"], 0.5, "most", "s"),
        Finding("first call from a warm cache", warm["first call"], 0.3, "most", "s", note),
    ]
    return Table("Start-up in a fresh process", times, found)


if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], table)
