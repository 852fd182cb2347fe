"""How a book's scaling is configured, and the numbers that its models read: one record each.

A rule that is None is off. `Readings` are made outside a decision, each with its instant, so that a
decision can say how old they are.
"""

from __future__ import annotations

import math

from hedger.core.model.record import Record


class StaticRule(Record, frozen=True, kw_only=True):
    """``target`` in coin, or in quote currency where ``is_usd``."""

    target: float
    is_usd: bool = False


class SignalRule(Record, frozen=True, kw_only=True):
    """``capital`` [coin] at ``vol_target`` for a signal of ``unit``; ``clip`` bounds the units.

    ``inertia`` is the least change [coin] that is followed. Beyond ``age_ms_max`` the shift is
    held, beyond ``expire_ms`` the signal is none.
    """

    capital: float
    vol_target: float
    unit: float = 1.0
    clip: float = 1.0
    shift_max: float = math.inf
    inertia: float = 0.0
    age_ms_max: int = 60_000
    expire_ms: int = 3_600_000


class GridRule(Record, frozen=True, kw_only=True):
    """``step`` between levels [quote currency], ``size`` of each [coin], ``total_max`` of all."""

    step: float
    size: float
    total_max: float


class LiquidityRule(Record, frozen=True, kw_only=True):
    """``budget`` beyond mid as a fraction of price; 0 switches a bound off.

    ``participation`` is the share of what the market trades in ``window_s``, ``impact`` the factor
    Y of the square-root law.
    """

    budget: float = 0.0010
    participation: float = 0.10
    window_s: float = 60.0
    impact: float = 1.0
    age_ms_max: int = 2_000


class CongestionRule(Record, frozen=True, kw_only=True):
    """Limits at which routine hedges wait; ``clip_max`` is the largest factor of the clip."""

    latency_ms_max: float = 1_000.0
    error_rate_max: float = 0.20
    credits_min: float = 0.20
    stale_share_max: float = 0.50
    clip_max: float = 3.0


class Traffic(Record, frozen=True, kw_only=True):
    """How it goes at a venue; None where nothing was measured of late, which says nothing.

    ``credits`` is the share of the rate limit that is left, ``stale_share`` that of quotes.
    """

    latency_ms: float | None = None
    error_rate: float | None = None
    credits: float | None = None
    stale_share: float | None = None


class VolTargetRule(Record, frozen=True, kw_only=True):
    """Target of annual standard deviation over capital; ``inertia`` a share of the scale."""

    target: float
    cap: float = 1.0
    inertia: float = 0.10
    age_ms_max: int = 600_000


class VolRegimeRule(Record, frozen=True, kw_only=True):
    """``power`` of the ratio of vols, its bounds, and the least |signal| that lets a book grow."""

    power: float = 1.0
    lowest: float = 0.5
    highest: float = 1.25
    signal_min: float = 0.0
    inertia: float = 0.10
    age_ms_max: int = 600_000
    long_days: float = 30.0


class KellyRule(Record, frozen=True, kw_only=True):
    """``fraction`` of the optimum: c keeps c (2 - c) of the growth at much less risk."""

    fraction: float = 0.5
    cap: float = 1.0
    inertia: float = 0.10
    age_ms_max: int = 86_400_000


class Growth(Record, frozen=True, kw_only=True):
    """The scale of most expected log growth, of shrunken outcomes, and what it was made of."""

    fraction: float
    mean: float
    shrunken_mean: float
    std: float
    outcomes: int


class TailRule(Record, frozen=True, kw_only=True):
    """``limit`` of the tail loss in the book's numeraire; ``cap`` the most that it may allow."""

    limit: float
    cap: float = 1.0
    inertia: float = 0.10
    age_ms_max: int = 600_000


class MarginRule(Record, frozen=True, kw_only=True):
    """Above ``reduce_above`` the scale is cut to reach ``aim``; it returns below ``release_below``.

    ``distance_min`` is the least log distance of spot to a liquidation on either side; a cut for it
    ends where the distance is ``release_distance``.
    """

    reduce_above: float = 0.70
    aim: float = 0.50
    release_below: float = 0.40
    distance_min: float = 0.15
    release_distance: float = 0.25
    age_ms_max: int = 60_000


class Sizing(Record, frozen=True, kw_only=True):
    """The models of one book; ``shift_max`` bounds the sum of all shifts of its centre [coin]."""

    shift_max: float = math.inf
    static: StaticRule | None = None
    signal: SignalRule | None = None
    grid: GridRule | None = None
    grid_anchor: float = 0.0
    liquidity: LiquidityRule | None = None
    daily_volume: float = 0.0
    congestion: CongestionRule | None = None
    vol_target: VolTargetRule | None = None
    vol_regime: VolRegimeRule | None = None
    kelly: KellyRule | None = None
    tail: TailRule | None = None
    margin: MarginRule | None = None

    @property
    def moves_centre(self) -> bool:
        """Whether a model of the centre is on."""
        return not (self.static is None and self.signal is None and self.grid is None)

    @property
    def measures_book(self) -> bool:
        """Whether a model of the book is on that reads what a loop measures."""
        models = (self.vol_target, self.kelly, self.tail, self.margin)
        return any(rule is not None for rule in models)

    @property
    def scales_book(self) -> bool:
        """Whether any model of the book is on."""
        return self.measures_book or self.vol_regime is not None


class Reading(Record, frozen=True, kw_only=True):
    """A number from outside and its instant; None, with a ``reason``, where there is none."""

    value: float | None = None
    time_ms: int | None = None
    reason: str = ""


class Measured(Record, frozen=True, kw_only=True):
    """A book's risk at one instant, as it was held; None with a ``reason`` where not known.

    ``risk`` is the annual standard deviation over capital, ``loss`` that of the tail in the
    numeraire and ``loss_of`` which it is and how it was made, ``ratio`` maintenance margin over
    equity, ``distance`` the least log distance of spot to a liquidation. The book was held at
    ``scale`` times its base; ``capital`` [numeraire] is what its risk is measured against.
    """

    time_ms: int
    risk: float | None = None
    loss: float | None = None
    loss_of: str = "expected shortfall"
    ratio: float | None = None
    distance: float | None = None
    optimum: Growth | None = None
    scale: float = 1.0
    capital: float = 1.0
    reason: str = ""


class Readings(Record, frozen=True, kw_only=True):
    """What a decision reads of its book's scaling; empty where nothing was ever made."""

    signal: Reading = Reading()
    measured: Measured | None = None
    traffic: Traffic = Traffic()


NO_READINGS = Readings()
