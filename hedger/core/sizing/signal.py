"""Signal (centre): a view on direction moves where delta sits, by so much and no further.

Where the signal comes from, a callable or a key of the store, is the caller's; here it is a number
with an age.
"""

from __future__ import annotations

import math

from hedger.core.model import Scales, Scaling, SignalRule
from hedger.core.sizing.answers import positive, stale, unknown

MODEL = "signal"


def signal(
    rule: SignalRule,
    *,
    value: float | None,
    age_ms: int | None,
    vol: float | None,
    before: float,
) -> Scaling:
    """Shift of the centre.

    Parameters
    ----------
    rule : SignalRule
    value : float
        Above 0 for long.
    age_ms : int
        Of the value. [ms]
    vol : float
        Of the underlying. [1 / sqrt(year)]
    before : float
        The shift that this model gave last. [coin]

    Notes
    -----
    ``capital x vol_target / vol x clip(value / unit, -clip, clip)``, within ``shift_max``. Zero is
    zero at once, whatever the inertia. A signal that is stale, missing or no number holds the last
    shift; one that is older than ``expire_ms`` is none, and the shift is 0.
    """
    if age_ms is not None and age_ms > rule.expire_ms:
        return Scaling(
            what="centre",
            model=MODEL,
            reason=f"the signal is {age_ms} ms old, expired after {rule.expire_ms} ms",
            inputs=(("before", before),),
        )
    held = min(max(before, -rule.shift_max), rule.shift_max)
    if value == 0.0 and not stale(age_ms, rule.age_ms_max):
        return Scaling(what="centre", model=MODEL, reason="signal 0", inputs=(("signal", 0.0),))
    fault = stale(age_ms, rule.age_ms_max)
    if value is None or fault or not math.isfinite(value):
        return unknown(MODEL, Scales.CENTRE, f"signal: {fault or f'is {value}'}", shift=held)
    if vol is None or not positive(vol):
        return unknown(MODEL, Scales.CENTRE, f"vol is {vol}", shift=held)
    units = min(max(value / rule.unit, -rule.clip), rule.clip)
    wanted = rule.capital * rule.vol_target / vol * units
    wanted = min(max(wanted, -rule.shift_max), rule.shift_max)
    return Scaling(
        what="centre",
        model=MODEL,
        shift=held if abs(wanted - held) <= rule.inertia else wanted,
        reason=f"signal {value:+.3g} of {rule.unit:g}, vol {vol:.3g}",
        inputs=(("signal", value), ("vol", vol), ("wanted", wanted), ("before", before)),
    )
