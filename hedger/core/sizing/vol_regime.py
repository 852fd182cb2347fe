"""Volatility regime (book): less when vol expands against its own past, more when it falls.

More only while the signal that the book is carried for still holds; without one the model only
reduces.
"""

from __future__ import annotations

import math

from hedger.core.model import Scales, Scaling, VolRegimeRule
from hedger.core.sizing.answers import positive, settled, stale, unknown

MODEL = "vol_regime"


def vol_regime(
    rule: VolRegimeRule,
    *,
    short_vol: float | None,
    long_vol: float | None,
    signal: float | None,
    age_ms: int | None,
    before: float,
) -> Scaling:
    """Factor of the base book.

    Parameters
    ----------
    short_vol, long_vol : float
        Forecasts or realised vols over a short and a long time. [1 / sqrt(year)]
    signal : float
        What the book is carried for, above 0 while it holds; None where there is none.

    Notes
    -----
    ``clip((long_vol / short_vol) ** power, lowest, highest)``, not above 1 unless
    ``signal > 0`` and ``signal >= signal_min``.
    """
    fault = stale(age_ms, rule.age_ms_max)
    if not fault and not (positive(short_vol) and positive(long_vol)):
        fault = f"vols are {short_vol} and {long_vol}, expected above 0"
    if fault or short_vol is None or long_vol is None:
        return unknown(MODEL, Scales.BOOK, f"vols: {fault}", factor=min(before, rule.highest))
    wanted = min(max((long_vol / short_vol) ** rule.power, rule.lowest), rule.highest)
    holds = signal is not None and math.isfinite(signal) and 0.0 < signal >= rule.signal_min
    most = rule.highest if holds else 1.0
    factor = min(settled(min(wanted, most), before, rule.inertia), most)
    said = "the signal holds" if holds else "no signal holds: never above 1"
    return Scaling(
        what="book",
        model=MODEL,
        factor=factor,
        reason=f"vol {short_vol:.3g} against {long_vol:.3g} of late; {said}",
        inputs=(("short_vol", short_vol), ("long_vol", long_vol), ("before", before)),
    )
