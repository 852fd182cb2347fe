"""How one book is to be hedged, as `app` reads it from the configuration."""

from __future__ import annotations

from hedger.core.model.climbing import LadderRule
from hedger.core.model.proportion import ScaleRule
from hedger.core.model.record import Record
from hedger.core.model.scaling import Sizing
from hedger.core.model.sourced import ReferenceUse
from hedger.core.model.stress import ScenarioRule


class HedgeRoute(Record, frozen=True, kw_only=True):
    """What to hedge with at one venue: one instrument for buying, one for selling, often the same.

    ``share_max`` is the part of the position limit that may stand there.
    """

    buy: str
    sell: str
    share_max: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """Its instruments, each once."""
        return (self.buy,) if self.buy == self.sell else tuple(sorted((self.buy, self.sell)))


class HedgeRule(HedgeRoute, frozen=True, kw_only=True):
    """What to hedge with at the book's own venue, and ``also`` at others (names `name_at`)."""

    ratio: float = 1.0
    also: tuple[HedgeRoute, ...] = ()

    @property
    def routes(self) -> tuple[HedgeRoute, ...]:
        """All of them, the book's own venue first."""
        return (self, *self.also)

    @property
    def hedges(self) -> tuple[str, ...]:
        """Names of all hedge instruments, sorted, each once."""
        if not self.also:
            return self.names
        return tuple(sorted({name for route in self.routes for name in route.names}))


class BandRule(Record, frozen=True, kw_only=True):
    """The no-trade band as configured; ``unit`` says what ``target, lower, upper`` are in.

    Those four belong to the kind ``fixed``; the adaptive kinds make their own width from cost,
    risk aversion (numeraire's unit) and gamma, ``half_width_*`` and ``funding_excess`` with them.
    0 means that a key is not given. ``vol`` is the hedging vol: implied, forecast, har or blend,
    ``delta`` the one that is held in the band: black, venue, sticky_moneyness, sticky_delta, or
    minimum_variance with its coefficients (all 0: as fitted).
    ``tuning`` on lets cost and vol be tuned, within `hedger.core.tuning`'s limits.
    """

    kind: str = "fixed"
    unit: str = "coin"
    target: float = 0.0
    lower: float = -0.25
    upper: float = 0.25
    rehedge_to: str = "edge"
    clip_min: float = 0.1
    cooldown_ms: int = 5_000
    min_move_pct: float = 0.0
    risk_aversion: float = 0.0
    daily_cost: float = 0.0
    daily_std: float = 0.0
    horizon_days: float = 30.0
    delay_ms: int = 0
    cost_bps: float = 0.0
    order_cost: float = 0.0
    interval_ms: int = 0
    move_pct: float = 0.0
    move_std: float = 0.0
    half_width_min: float = 0.0
    half_width_max: float = 0.0
    funding_excess: float = 0.0
    vol: str = "implied"
    delta: str = "black"
    minimum_variance_a: float = 0.0
    minimum_variance_b: float = 0.0
    minimum_variance_c: float = 0.0
    tuning: str = "off"

    @property
    def answer(self) -> tuple[float, float, float]:
        """Coefficients of the minimum-variance delta as configured."""
        return self.minimum_variance_a, self.minimum_variance_b, self.minimum_variance_c


class LimitRule(Record, frozen=True, kw_only=True):
    """Hard limits, in coin of the underlying unless the name says otherwise.

    ``close_spread_bps_max`` is the widest market that an option is closed in, as a share of the
    underlying's value.
    """

    order_max: float = 5.0
    per_minute_max: float = 20.0
    position_max: float = 100.0
    slippage_bps_max: float = 10.0
    hard_band: float = 3.0
    first_trade_max: float = 10.0
    close_spread_bps_max: float = 100.0


class DataRule(Record, frozen=True, kw_only=True):
    """How old a number may be before it counts as unknown.

    Where ours and the venue's delta of a unit differ by more than ``delta_gap_max`` (0: never
    asked), ``delta_gap`` says what follows: warn, widen or freeze.
    """

    hedge_quote_age_ms_max: int = 2_000
    option_quote_age_ms_max: int = 10_000
    forward_age_ms_max: int = 5_000
    vol_age_ms_warn: int = 60_000
    vol_age_ms_max: int = 300_000
    vol_width: float = 0.10
    delta_gap: str = "warn"
    delta_gap_max: float = 0.05


class Rules(Record, frozen=True, kw_only=True):
    """Everything `decide` may know of the configuration of one book.

    No ``sizing``: no scaler; no ``reference``: its venue's index is believed alone.
    """

    config: str
    numeraire: str
    base_coin: float = 0.0
    hedge: HedgeRule
    band: BandRule = BandRule()
    limits: LimitRule = LimitRule()
    data: DataRule = DataRule()
    ladder: LadderRule = LadderRule()
    sizing: Sizing | None = None
    scale: ScaleRule = ScaleRule()
    reference: ReferenceUse | None = None
    scenario: ScenarioRule = ScenarioRule()
