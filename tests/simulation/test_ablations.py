"""A checker that cannot fail is worthless: without each piece of the protocol it must.

The same seeds and faults, with the piece in place, pass.
"""

from __future__ import annotations

import pytest

from tests.simulation.ablations import ABLATIONS
from tests.simulation.report import Wanted, result_of

SEEDS = 40


@pytest.mark.parametrize("name", ABLATIONS)
def test_the_checker_sees_what_is_missing(name: str) -> None:
    broken, whole = Wanted(ablation=name), Wanted(faults_for=name)
    for seed in range(SEEDS):
        result = result_of(broken, seed)
        if ABLATIONS[name].finds in result.kinds:
            sound = result_of(whole, seed)
            assert not sound.wrong, f"seed {seed}: {sound.wrong}"
            return
    pytest.fail(f"{SEEDS} seeds without {name}, and nothing was {ABLATIONS[name].finds}")
