"""``python -m tests.simulation --seed N``: play episodes, judge them, shrink what fails."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.ablations import ABLATIONS
from tests.simulation.checker import KINDS
from tests.simulation.faults import LENGTH_S, PROFILES
from tests.simulation.report import Result, Wanted, ablated, replay_command, result_of, shrunk_plan

HASH_SEED = "0"
TELL_S = 10.0


def wanted() -> tuple[Wanted, bool]:
    """What the command line asks for, and whether that is the ablations instead of episodes."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    add = parser.add_argument
    add("--seed", type=int, default=0, help="first seed")
    add("--episodes", type=int, default=1, help="how many, each with the next seed")
    add("--length", type=float, default=LENGTH_S, help="seconds of faults, in virtual time")
    add("--faults", type=int, help="how many faults an episode gets")
    add("--only", default="", help="numbers of the faults to keep, with commas")
    add("--ablation", choices=list(ABLATIONS), default="", help="take one piece out")
    add("--profile", choices=list(PROFILES), default="all", help="which faults are drawn")
    add("--jobs", type=int, default=1, help="processes that play side by side")
    add("--trace", action="store_true", help="show every line that the workers log")
    add("--first", choices=KINDS, default="", help="end at the first violation of this kind")
    add("--no-shrink", action="store_true", help="do not look for the smallest schedule")
    add("--ablations", action="store_true", help="show that every ablation is seen, and end")
    given = parser.parse_args()
    ask = Wanted(
        seed=given.seed,
        episodes=given.episodes,
        length_s=given.length,
        faults=given.faults,
        only=tuple(int(number) for number in given.only.split(",") if number),
        ablation=given.ablation,
        profile=given.profile,
        jobs=given.jobs,
        trace=given.trace,
        first=given.first,
        shrink=not given.no_shrink,
    )
    return ask, given.ablations


def collect_rarely() -> None:
    """Episodes leave little in cycles; to look for it as often as by default costs a seventh."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def results(ask: Wanted) -> Iterator[Result]:
    """One result per seed, in order."""
    seeds = range(ask.seed, ask.seed + ask.episodes)
    if ask.jobs == 1:
        yield from (result_of(ask, seed) for seed in seeds)
        return
    with ProcessPoolExecutor(ask.jobs, initializer=collect_rarely) as pool:
        yield from pool.map(result_of, [ask] * len(seeds), seeds, chunksize=4)


def told(done: Iterator[Result], count: int) -> Iterator[Result]:
    """The same results; how far it has come is told now and then, beside what is printed."""
    next_s, bad = time.perf_counter() + TELL_S, 0
    for number, result in enumerate(done, start=1):
        bad += bool(result.wrong)
        if time.perf_counter() >= next_s:
            print(f"{number} of {count} episodes, {bad} bad", file=sys.stderr, flush=True)
            next_s = time.perf_counter() + TELL_S
        yield result


def ablations(jobs: int) -> int:
    """Print for each what shows it; 1 if one goes unseen, or fails with nothing taken out."""
    with ProcessPoolExecutor(jobs, initializer=collect_rarely) as pool:
        found = list(pool.map(ablated, ABLATIONS))
    print("\n".join(shown.line() for shown in found))
    return int(any(shown.seed is None or shown.whole for shown in found))


def main() -> int:
    """Print every violation with what replays it, and one line for all; 1 if there was one."""
    ask, is_ablations = wanted()
    collect_rarely()
    if is_ablations:
        return ablations(ask.jobs)
    began_s, total, bad = time.perf_counter(), Counter[str](), 0
    longest_s = coin_s = 0.0
    for result in told(results(ask), ask.episodes):
        total.update(result.counts)
        longest_s = max(longest_s, result.naked_s)
        coin_s += result.naked_coin_s
        if ask.episodes == 1:
            print(result.line())
        if not result.wrong:
            continue
        bad += 1
        print(f"seed {result.seed}: {len(result.wrong)} violations ({', '.join(result.kinds)})")
        print("\n".join(f"  {text}" for text in result.wrong[:8]))
        print(f"  replay: {replay_command(ask, result.seed)}")
        if ask.shrink and not ask.trace:
            small = shrunk_plan(ask, result)
            print(f"  shrunk to {len(small.faults)} faults:")
            print("\n".join(f"    {fault}" for fault in small.faults))
            numbers = tuple(fault.number for fault in small.faults)
            print(f"  replay: {replay_command(ask._replace(only=numbers), result.seed)}")
        if ask.first in result.kinds:
            break
    took_s = time.perf_counter() - began_s
    counts = ", ".join(f"{name} {number}" for name, number in sorted(total.items()))
    print(
        f"{ask.episodes} episodes, {bad} with violations, {took_s:.1f} s;"
        f" naked {coin_s / ask.episodes:.1f} coin seconds an episode, {longest_s:.1f} s at most"
    )
    print(counts)
    return 1 if bad else 0


if __name__ == "__main__":
    # Sets of names are walked in the order of their hashes: with another hash seed, an episode
    # would be another one.
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        environment = os.environ | {"PYTHONHASHSEED": HASH_SEED}
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, environment)
    sys.exit(main())
