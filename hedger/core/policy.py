"""Exposure -> `Target`: where the band lies, when to trade, and where a trade should end."""

from __future__ import annotations

import math

import msgspec

from hedger.core import bands
from hedger.core.bands import adaptive
from hedger.core.bands.formulas import half_clip
from hedger.core.model import BandInputs, BandRule, Exposure, LimitRule, Target

_LEVELS = (
    "lower", "centre", "upper", "trigger_low", "trigger_high",
    "to_low", "to_high", "hard_low", "hard_high",
)  # fmt: skip
"""What of a target is a delta: all of them move together."""


def target(rule: BandRule, limits: LimitRule, exposure: Exposure, *, lot_delta: float) -> Target:
    """Band, triggers and ends of a configured band.

    Parameters
    ----------
    rule : BandRule
        The configured band.
    limits : LimitRule
        Gives ``hard_band``, in half-widths.
    exposure : Exposure
        Gives index and gross delta, for bands written in usd or as a share of gross delta.
    lot_delta : float
        Delta of one lot of the coarser hedge instrument [coin].

    Notes
    -----
    To the edge: with c = ``clip_min`` x half-width, trigger at edge + c/2 and end at edge - c/2,
    so that no order is smaller than c and delta cannot ping-pong over one level. To the centre or
    the target: trigger at the edge itself.
    """
    scale = bands.scale_of(rule, index=exposure.index, gross_delta=exposure.gross_delta)
    band = bands.fixed(rule, scale=scale, lot_delta=lot_delta)
    half = band.half_width
    if rule.rehedge_to == "edge":
        away = half_clip(half, rule.clip_min, lot_delta)
        triggers = (band.lower - away, band.upper + away)
        ends = (band.lower + away, band.upper - away)
    else:
        triggers = (band.lower, band.upper)
        ends = (band.centre, band.centre)
    middle = 0.5 * (band.lower + band.upper)
    reach = max(limits.hard_band, 1.0) * half
    return Target(
        lower=band.lower,
        centre=band.centre,
        upper=band.upper,
        trigger_low=triggers[0],
        trigger_high=triggers[1],
        to_low=ends[0],
        to_high=ends[1],
        hard_low=min(middle - reach, triggers[0]),
        hard_high=max(middle + reach, triggers[1]),
    )


def adaptive_target(
    rule: BandRule,
    limits: LimitRule,
    exposure: Exposure,
    terms: BandInputs,
    *,
    lot_delta: float,
    shift: float,
) -> Target:
    """Band, triggers and ends of a band that follows gamma, or of one that waits for a move.

    Parameters
    ----------
    rule, limits, exposure, lot_delta
        As for `target`; the wanted delta of ``rule`` belongs to its kind ``fixed`` alone.
    terms : BandInputs
        What the band is made of.
    shift : float
        The centre, where the band hedges another delta than the market's [coin].

    Notes
    -----
    A trade ends at least half a lot inside its trigger, and the other trigger is a whole band away:
    a delta that was just traded is inside, so that nothing is traded twice over one level. A kind
    without a width ends at the centre and waits for its gate (`hedger.core.limits.patience`).
    """
    index, curve = exposure.index, exposure.curve
    if rule.kind in adaptive.GATES:
        widths = adaptive.HalfWidths(lot_delta, lot_delta, 0.0)
        natural = max(adaptive.gate_reach(rule, terms, index), lot_delta)
    else:
        widths = adaptive.half_widths(rule, terms, curve, index=index, lot_delta=lot_delta)
        natural = widths.edge
    centre = shift + adaptive.funding_shift(rule, terms, half_width=widths.edge, index=index)
    reach = max(max(limits.hard_band, 1.0) * natural, widths.trigger)
    return Target(
        lower=centre - widths.edge,
        centre=centre,
        upper=centre + widths.edge,
        trigger_low=centre - widths.trigger,
        trigger_high=centre + widths.trigger,
        to_low=centre + widths.further - widths.target,
        to_high=centre + widths.further + widths.target,
        hard_low=centre - reach,
        hard_high=centre + reach,
        move=adaptive.least_move(rule, terms.vol),
        inputs=terms,
    )


def moved(band: Target, shift: float) -> Target:
    """The same band so much higher [coin]."""
    if shift == 0.0:
        return band
    levels = {name: getattr(band, name) + shift for name in _LEVELS}
    return msgspec.structs.replace(band, **levels)


def shifted(band: Target, shift: float, delta_of: str) -> Target:
    """The band around another delta than Black's, which is so much lower [coin]."""
    if shift == 0.0:
        return band
    return msgspec.structs.replace(moved(band, shift), delta_of=delta_of)


def vol_factor(rule: BandRule, terms: BandInputs, exposure: Exposure) -> float:
    """Vol that the band's centre is hedged at, over the market's; NaN where there is none."""
    vol = adaptive.modified_vol(rule, terms, exposure.index)
    if math.isnan(vol):
        return math.nan
    return vol / terms.vol if terms.vol > 0.0 else 1.0
