"""A checker that cannot fail is worthless: without each piece of the protocol it must.

The same seeds and faults, with the piece in place, pass.
"""

from __future__ import annotations

import pytest

from tests.ahead import ABLATIONS as ABLATION_RUN
from tests.ahead import AHEAD
from tests.simulation.ablations import ABLATIONS


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What the command line says of each ablation."""
    done = AHEAD.done(ABLATION_RUN)
    lines = [line.removeprefix("without ").split(": ", 1) for line in done.stdout.splitlines()]
    found = dict(line for line in lines if len(line) == 2)
    assert found.keys() == ABLATIONS.keys(), done.stdout + done.stderr
    return found


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_checker_sees_what_is_missing(name: str, told: dict[str, str]) -> None:
    assert "nothing was" not in told[name]
    assert f"is {ABLATIONS[name].finds}" in told[name]
    assert told[name].endswith("whole: nothing wrong")
