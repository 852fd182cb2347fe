"""What a book's own fills have told of hedging it: bounded running means, kept in its memory.

A sample is of one filled order. The means begin as plain ones and then forget, so that they follow
a venue that has become slow or thin; no single sample can move them beyond what a sample may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from hedger.core.model import Memory, Sample

SAMPLES = 20
"""A new sample counts for at least one part in so many."""
DELAY_MS_MAX = 300_000.0
"""An hour without quotes is not how long a hedge takes."""
SLIPPAGE_MAX = 0.01
"""No order goes further from mid than its limit, which is at most one per cent."""


def learned(memory: Memory, samples: Iterable[Sample]) -> Memory:
    """Memory with further samples in its means; what is not finite is left out.

    Examples
    --------
    >>> memory = learned(Memory(), [Sample(delay_ms=100.0, slippage=0.0)] * 3)
    >>> memory.fills, memory.delay_ms
    (3, 100.0)
    """
    fills, delay_ms, slippage = memory.fills, memory.delay_ms, memory.slippage
    for sample in samples:
        if not (math.isfinite(sample.delay_ms) and math.isfinite(sample.slippage)):
            continue
        fills = min(fills + 1, SAMPLES)
        delay_ms += (_within(sample.delay_ms, 0.0, DELAY_MS_MAX) - delay_ms) / fills
        slippage += (_within(sample.slippage, -SLIPPAGE_MAX, SLIPPAGE_MAX) - slippage) / fills
    if fills == memory.fills and delay_ms == memory.delay_ms and slippage == memory.slippage:
        return memory
    return msgspec.structs.replace(memory, fills=fills, delay_ms=delay_ms, slippage=slippage)


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
