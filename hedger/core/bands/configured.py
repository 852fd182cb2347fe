"""Bands whose bounds are configured: in coin, in usd, or relative to the gross delta."""

from __future__ import annotations

from typing import NamedTuple

from hedger.core.model import BandRule


class Band(NamedTuple):
    """Bounds of the book's delta after hedges."""

    lower: float
    centre: float
    upper: float

    @property
    def half_width(self) -> float:
        """Half the distance between the bounds."""
        return 0.5 * (self.upper - self.lower)


def scale_of(rule: BandRule, *, index: float, gross_delta: float) -> float:
    """Coin per unit in which the rule is written.

    ``coin`` is itself, ``usd`` is worth 1/index coin, ``gross_delta`` is the sum of the absolute
    deltas of the option legs.
    """
    match rule.unit:
        case "coin":
            return 1.0
        case "usd":
            return 1.0 / index
        case "gross_delta":
            return gross_delta
        case _:
            raise ValueError(f"band unit {rule.unit!r}: expected coin, usd or gross_delta")


def fixed(rule: BandRule, *, scale: float, lot_delta: float) -> Band:
    """Band as configured, never narrower than one lot.

    Parameters
    ----------
    rule : BandRule
        ``lower``, ``target`` and ``upper`` in the rule's unit.
    scale : float
        Coin per unit, see `scale_of`.
    lot_delta : float
        Delta of one lot of the hedge instrument [coin].

    Returns
    -------
    Band
        Its ``centre`` is the middle, or the target where the rule trades to the target.

    Examples
    --------
    >>> fixed(BandRule(lower=-0.2, upper=0.3), scale=1.0, lot_delta=0.001)
    Band(lower=-0.2, centre=0.04999999999999999, upper=0.3)
    """
    lower, upper = rule.lower * scale, rule.upper * scale
    middle = 0.5 * (lower + upper)
    if upper - lower < lot_delta:
        lower, upper = middle - 0.5 * lot_delta, middle + 0.5 * lot_delta
    centre = min(max(rule.target * scale, lower), upper) if rule.rehedge_to == "target" else middle
    return Band(lower, centre, upper)
