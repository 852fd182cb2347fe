"""A checker that cannot fail is worthless: without each piece of the protocol it must.

The same seeds and faults, with the piece in place, pass.
"""

from __future__ import annotations

import pytest

from tests.simulation.ablations import ABLATIONS
from tests.simulation.test_episodes import simulation

EPISODES = 40
FAULTS = 12


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_checker_sees_what_is_missing(name: str) -> None:
    """Any seed from a known one on will do: other code makes other episodes."""
    _, finds, profile, known = ABLATIONS[name]
    faults = ("--profile", profile, "--faults", str(FAULTS))
    search = ("--seed", str(known), "--episodes", str(EPISODES), "--first", finds)
    broken = simulation(*search, *faults, "--ablation", name, "--no-shrink")
    assert broken.returncode == 1, f"nothing was seen without {name}: {broken.stdout}"
    heads = [line for line in broken.stdout.splitlines() if line.startswith("seed ")]
    assert finds in heads[-1], broken.stdout
    seed = heads[-1].removeprefix("seed ").split(":")[0]
    whole = simulation("--seed", seed, *faults)
    assert whole.returncode == 0, whole.stdout
