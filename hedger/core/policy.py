"""Exposure -> `Target`: where the band lies, when to trade, and where a trade should end."""

from __future__ import annotations

from hedger.core import bands
from hedger.core.model import BandRule, Exposure, LimitRule, Target


def target(rule: BandRule, limits: LimitRule, exposure: Exposure, *, lot_delta: float) -> Target:
    """Band, triggers and ends for one exposure.

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
        half_clip = min(0.5 * max(rule.clip_min * half, lot_delta), half)
        triggers = (band.lower - half_clip, band.upper + half_clip)
        ends = (band.lower + half_clip, band.upper - half_clip)
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
