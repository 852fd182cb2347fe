"""What fills tell: running means that are bounded, kept with the memory, and narrow the band."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hedger.core.decide import decide
from hedger.core.measured import DELAY_MS_MAX, SAMPLES, SLIPPAGE_MAX, learned
from hedger.core.model import Action, Memory, Sample, Target
from tests.core.desk import rules
from tests.core.test_bands import rule, straddle


def sample(delay_ms: float = 100.0, slippage: float = 0.0) -> Sample:
    return Sample(delay_ms=delay_ms, slippage=slippage)


@given(st.lists(st.floats(0.0, 1e12), min_size=1, max_size=60))
def test_a_mean_lies_within_its_samples_and_its_bound(delays: list[float]) -> None:
    memory = learned(Memory(), map(sample, delays))
    kept = [min(d, DELAY_MS_MAX) for d in delays]
    assert min(kept) - 1e-6 <= memory.delay_ms <= max(kept) + 1e-6
    assert memory.fills == min(len(delays), SAMPLES)
    if len(delays) <= SAMPLES:
        assert memory.delay_ms == pytest.approx(sum(kept) / len(kept))


def test_a_mean_follows_what_has_changed() -> None:
    slow = learned(learned(Memory(), [sample(100.0)] * 500), [sample(10_000.0)] * 60)
    assert slow.delay_ms == pytest.approx(10_000.0, rel=0.05)
    wild = learned(Memory(), [sample(slippage=-5.0), sample(slippage=1.0), sample(slippage=1.0)])
    assert wild.slippage == pytest.approx(SLIPPAGE_MAX / 3)


def test_what_is_no_number_teaches_nothing() -> None:
    memory = Memory(fills=3, delay_ms=5.0)
    assert learned(memory, [sample(math.nan), sample(slippage=math.inf)]) is memory


def band_with(memory: Memory, *samples: Sample, **keys: float) -> Target:
    desk = straddle()
    book = replace(desk.book(memory=memory), samples=samples)
    made = decide(book, desk.board.market(), rules(band=rule(**keys)), desk.now).target
    assert made is not None
    assert made.inputs is not None
    return made


def test_the_band_is_narrowed_by_the_measured_delay_and_never_by_less_than_the_cooldown() -> None:
    none, slow = band_with(Memory()), band_with(Memory(), sample(60_000.0))
    assert slow.upper < none.upper
    assert slow.inputs is not None
    assert slow.inputs.delay == pytest.approx(60.0 / (365 * 86_400))
    assert slow.inputs.delay_of == "mean of the last fills, 1"
    patient = band_with(Memory(fills=4, delay_ms=900.0), cooldown_ms=5_000).inputs
    assert patient is not None
    assert (patient.delay * 365 * 86_400, patient.delay_of) == (pytest.approx(5.0), "cooldown")
    given_ = band_with(Memory(fills=4, delay_ms=900.0), delay_ms=7_000).inputs
    assert given_ is not None
    assert given_.delay_of == "configured"


def test_samples_become_memory_with_the_hedge() -> None:
    desk = straddle()
    desk.hedge_lots = 20_000
    book = replace(
        desk.book(memory=Memory(hedges=1, fills=1, delay_ms=300.0, slippage=1e-4)),
        samples=(sample(100.0, 3e-4),),
    )
    made = decide(book, desk.board.market(), rules(band=rule()), desk.now)
    assert made.action is Action.HEDGE
    assert (made.memory.fills, made.memory.delay_ms) == (2, 200.0)
    assert made.memory.slippage == pytest.approx(2e-4)
