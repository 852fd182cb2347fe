"""The liquidity-scaled schedule on the recorded book: never dearer, cheaper where thin."""

from __future__ import annotations

import pytest

from benchmarks.depth import FILE, outcomes, paid, recorded, thinned

SIDE = ((100.0, 1.0), (101.0, 2.0))


def test_what_was_taken_is_gone() -> None:
    assert thinned(SIDE, 1.5) == ((101.0, 1.5),)
    assert thinned(SIDE, 0.0) == SIDE
    assert thinned(SIDE, 9.0) == ((101.0, 1e9),)
    assert paid(SIDE, 2.0) == (201.0, 0.0)
    assert paid(SIDE, 4.0) == (403.0, 1.0)


@pytest.mark.skipif(not FILE.is_file(), reason="recorded data are not here")
@pytest.mark.parametrize("half_life_s", [0.0, 5.0])
def test_the_schedule_is_never_dearer_than_one_order(half_life_s: float) -> None:
    for found in outcomes(recorded(), half_life_s=half_life_s):
        assert found.scheduled <= 1.02 * found.at_once, found
        if found.multiple <= 50:
            assert found.scheduled <= 0.85 * found.at_once, found
