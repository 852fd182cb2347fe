"""The smile and the quoted width of options of which nothing was recorded."""

from __future__ import annotations

import math

from hedger.core.model import Instrument
from hedger.venues.paper.depth import step_at
from hedger.venues.paper.publish import OptionState
from pricing.conventions import MS_PER_YEAR

__all__ = ["HALF_SPREAD_VOL", "option_state"]

SKEW, CURVATURE = -0.03, 0.02  # of the smile, per standard deviation of log-moneyness
DEVIATIONS_MAX = 5.0
HALF_SPREAD_VOL = 0.01  # options are quoted this far in vol from the mark, at least one tick
HOUR_MS = 3_600_000


def option_state(
    instrument: Instrument, *, time_ms: int, forward: float, atm: float, widening: float = 1.0
) -> OptionState:
    """An option on a parabola in standard deviations around its expiry's ``atm`` vol."""
    years = (instrument.expiry_ms - time_ms) / MS_PER_YEAR
    width = atm * math.sqrt(max(years, HOUR_MS / MS_PER_YEAR))
    deviations = math.log(instrument.strike / forward) / width
    z = max(-DEVIATIONS_MAX, min(DEVIATIONS_MAX, deviations))
    vol = atm * (1 + SKEW * z + CURVATURE * z * z)
    vega = math.sqrt(max(years, 0.0) / (2 * math.pi)) * math.exp(-deviations * deviations / 2)
    half = widening * HALF_SPREAD_VOL * vega * (1.0 if instrument.inverse else forward)
    half = max(half, step_at(half, instrument))
    return OptionState(instrument, vol, forward, half, vol, forward)
