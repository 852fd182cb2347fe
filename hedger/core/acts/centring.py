"""The band of an act: to the centre, and for what goes neutral with no room beside it."""

from __future__ import annotations

import msgspec

from hedger.core.model import Target


def ending_at_centre(band: Target) -> Target:
    """The band whose trades end at its centre; when a trade is due stays as it was."""
    return msgspec.structs.replace(band, to_low=band.centre, to_high=band.centre)


def centred(band: Target, *, least: float) -> Target:
    """The band that asks for a trade as soon as one can be made; the hard band stays.

    Parameters
    ----------
    band : Target
        As the rules make it.
    least : float
        Delta of the least order of the hedge instruments [coin]: nearer is not to be had.

    Examples
    --------
    >>> band = Target(lower=-1.0, centre=0.5, upper=2.0, trigger_low=-1.0, trigger_high=2.0,
    ...     to_low=0.0, to_high=1.0, hard_low=-4.0, hard_high=5.0)
    >>> narrow = centred(band, least=0.1)
    >>> narrow.trigger_low, narrow.to_low, narrow.trigger_high, narrow.hard_high
    (0.4, 0.5, 0.6, 5.0)
    """
    return msgspec.structs.replace(
        ending_at_centre(band),
        lower=band.centre,
        upper=band.centre,
        trigger_low=band.centre - least,
        trigger_high=band.centre + least,
        move=0.0,
    )
