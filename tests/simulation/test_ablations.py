"""A checker that cannot fail is worthless: without each piece of the protocol it must.

The same seeds and faults, with the piece in place, pass.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.ablations import ABLATIONS
from tests.simulation.test_episodes import simulation


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What the command line says of each ablation."""
    done = simulation("--ablations", "--jobs", str(os.cpu_count() or 1))
    lines = [line.removeprefix("without ").split(": ", 1) for line in done.stdout.splitlines()]
    return dict(lines)


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_checker_sees_what_is_missing(name: str, told: dict[str, str]) -> None:
    assert "nothing was" not in told[name]
    assert f"is {ABLATIONS[name].finds}" in told[name]
    assert told[name].endswith("whole: nothing wrong")
