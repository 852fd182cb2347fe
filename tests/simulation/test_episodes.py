"""The short form of the proof: many seeds without a violation, each replayed exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.faults import KINDS

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 300
LONG_SEEDS = 10_000


def simulation(
    *arguments: str, within_s: float = 600.0, hash_seed: str = "random"
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a developer would."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def test_no_seed_hedges_twice_or_loses_a_hedge() -> None:
    done = simulation("--episodes", str(SEEDS), "--jobs", str(os.cpu_count() or 1))
    assert done.returncode == 0, done.stdout + done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith(f"{SEEDS} episodes, 0 with violations")
    counts = {name: int(number) for name, number in map(str.split, last.split(", "))}
    assert all(counts[kind] > SEEDS / 20 for kind in KINDS), "every kind of fault must strike"
    assert counts["trades"] > 10 * SEEDS
    assert counts["lost_writes"] > SEEDS


@pytest.mark.long
def test_no_seed_of_the_long_run_does() -> None:
    jobs = str(os.cpu_count() or 1)
    done = simulation("--episodes", str(LONG_SEEDS), "--jobs", jobs, within_s=7_200.0)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_nor_under_very_many_faults() -> None:
    many = ("--seed", "50000", "--episodes", "500", "--length", "120", "--faults", "40")
    done = simulation(*many, "--jobs", str(os.cpu_count() or 1), within_s=7_200.0)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_the_same_episode_every_time_whatever_the_hash_seed() -> None:
    with ThreadPoolExecutor() as pool:
        first, again, other = pool.map(line_of, ("9", "9", "10"), ("1", "2", "1"))
    assert "digest" in first
    assert first == again
    assert other != first


def line_of(seed: str, hash_seed: str) -> str:
    told = simulation("--seed", seed, "--faults", "12", hash_seed=hash_seed)
    return told.stdout.splitlines()[0]


def test_a_violation_prints_its_seed_what_replays_it_and_a_smaller_schedule() -> None:
    late = ("--profile", "slow", "--faults", "12", "--ablation", "no-deadline")
    done = simulation("--seed", "0", "--episodes", "40", *late, "--first", "over")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "violations (over)" in done.stdout
    assert "shrunk to " in done.stdout
    replay = done.stdout.split("replay: python -m tests.simulation ")[2].splitlines()[0]
    assert "--only" in replay
    again = simulation(*replay.split(), "--no-shrink")
    assert again.returncode == 1, "the smaller schedule must fail too"
    assert "violations (over)" in again.stdout
