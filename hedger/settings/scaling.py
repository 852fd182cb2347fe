"""The tables of a book's scaling: one for each model, all off until switched on."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hedger.settings.table import DAY_S, SIZE_MAX, Table, broken
from hedger.settings.texts import SignalSource

Use = Literal["off", "on"]


class Static(Table):
    """A delta that the owner wants."""

    use: Use = Field(default="off", description="Whether it moves the centre.")
    target: float = Field(
        default=0.0, ge=-SIZE_MAX, le=SIZE_MAX, description="Wanted delta, long above 0."
    )
    unit: Literal["coin", "usd"] = Field(default="coin", description="What target is in.")


class Signal(Table):
    """A view on direction, from a key of the store or a registered callable."""

    use: Use = Field(default="off", description="Whether it moves the centre.")
    source: SignalSource = Field(
        default="",
        description="key:NAME, a hash of the store with value and time_ms, or call:NAME, an entry"
        " point of the group hedger.signals.",
    )
    capital: float = Field(
        default=0.0, ge=0, le=SIZE_MAX, description="Coin that the signal is given."
    )
    vol_target: float = Field(
        default=0.1, gt=0, le=10, description="Vol that a signal of one unit is worth, of capital."
    )
    unit: float = Field(default=1.0, gt=0, le=1e12, description="Size of a signal of one unit.")
    clip: float = Field(default=1.0, gt=0, le=100, description="Most units that are followed.")
    shift_max: float = Field(
        default=1.0, gt=0, le=SIZE_MAX, description="Largest shift by the signal, in coin."
    )
    inertia: float = Field(
        default=0.0, ge=0, le=SIZE_MAX, description="Least change that is followed, in coin."
    )
    age_s_max: float = Field(
        default=60.0, gt=0, le=30 * DAY_S, description="Older: refused, the last shift is held."
    )
    expire_s: float = Field(
        default=3_600.0, gt=0, le=365 * DAY_S, description="Older still: no signal, shift 0."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.use == "on" and not (self.source and self.capital):
            broken("expected source and capital with use on")
        if self.expire_s < self.age_s_max:
            broken(
                f"expire_s is {self.expire_s:g}, expected at least age_s_max ({self.age_s_max:g})"
            )
        return self


class Grid(Table):
    """A ladder of levels around an anchor: sell a step up, buy a step down."""

    use: Use = Field(default="off", description="Whether it moves the centre.")
    anchor: float = Field(default=0.0, ge=0, le=1e12, description="Price of level 0.")
    step: float = Field(default=0.0, ge=0, le=1e12, description="Price between two levels.")
    size: float = Field(default=0.0, ge=0, le=SIZE_MAX, description="Coin of each level.")
    total_max: float = Field(
        default=1.0, gt=0, le=SIZE_MAX, description="Largest shift by all levels, in coin."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.use == "on" and not (self.anchor and self.step and self.size):
            broken("expected anchor, step and size above 0 with use on")
        return self


class Liquidity(Table):
    """No more at once than the market can take; beyond the hard band all of it."""

    use: Use = Field(default="off", description="Whether it bounds a trade.")
    budget_bps: float = Field(
        default=10.0, ge=0, le=1_000, description="Mean price from mid at most; 0: no bound."
    )
    participation: float = Field(
        default=0.1, ge=0, le=1, description="Share of what the market trades; 0: no bound."
    )
    window_s: float = Field(
        default=60.0, ge=1, le=60, description="Time over which the share is taken."
    )
    impact: float = Field(
        default=1.0, ge=0, le=100, description="Factor of the square-root law; 0: no bound."
    )
    daily_volume: float = Field(
        default=0.0,
        ge=0,
        le=1e12,
        description="Coin that the market trades a day; 0: not known, and no bound.",
    )


class Congestion(Table):
    """Routine hedges wait while the way to the venue is full; urgent ones never do."""

    use: Use = Field(default="off", description="Whether it defers a trade.")
    latency_ms_max: float = Field(
        default=1_000.0, gt=0, le=60_000, description="Mean time of an order's answer."
    )
    error_rate_max: float = Field(
        default=0.2, gt=0, le=1, description="Share of orders without an answer or turned away."
    )
    credits_min: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of the venue's limit of orders left at which a hedge waits.",
    )
    stale_share_max: float = Field(
        default=0.5, gt=0, le=1, description="Share of the legs without a fresh vol."
    )
    clip_max: float = Field(
        default=3.0, ge=1, le=100, description="Factor of the band's clip_min at the limit."
    )


class VolTarget(Table):
    """Book scale: target over risk."""

    use: Use = Field(default="off", description="Whether it scales the book.")
    target: float = Field(
        default=0.2, gt=0, le=100, description="Standard deviation a year over capital."
    )
    cap: float = Field(default=1.0, gt=0, le=100, description="Largest scale.")
    inertia: float = Field(default=0.1, ge=0, le=1, description="Least change, as a share.")


class VolRegime(Table):
    """Book scale: less when vol expands against its own mean."""

    use: Use = Field(default="off", description="Whether it scales the book.")
    power: float = Field(default=1.0, gt=0, le=10, description="Of the ratio of vols.")
    lowest: float = Field(default=0.5, gt=0, le=1, description="Least factor.")
    highest: float = Field(
        default=1.25, ge=1, le=100, description="Largest factor, while the signal holds."
    )
    signal_min: float = Field(
        default=0.0, ge=0, le=1e12, description="Least signal that counts as holding."
    )
    inertia: float = Field(default=0.1, ge=0, le=1, description="Least change, as a share.")
    long_days: float = Field(
        default=30.0, ge=0.1, le=3_650, description="Time constant of the mean vol."
    )


class Kelly(Table):
    """Book scale, a cap: a fraction of the growth optimum."""

    use: Use = Field(default="off", description="Whether it caps the book.")
    fraction: float = Field(default=0.5, gt=0, le=1, description="Of the growth optimum.")
    cap: float = Field(default=1.0, gt=0, le=100, description="Largest scale.")
    inertia: float = Field(default=0.1, ge=0, le=1, description="Least rise, as a share.")


class Tail(Table):
    """Book scale, a cap: so much may be lost in the tail."""

    use: Use = Field(default="off", description="Whether it caps the book.")
    limit: float = Field(
        default=0.0, ge=0, le=1e15, description="Largest tail loss, in the numeraire."
    )
    measure: Literal["expected_shortfall", "value_at_risk"] = Field(
        default="expected_shortfall", description="Which loss is limited."
    )
    method: Literal["full", "delta_gamma", "delta_normal"] = Field(
        default="full", description="How it is measured; delta_gamma falls back on full."
    )
    level: float = Field(default=0.99, ge=0.5, le=0.999, description="Confidence.")
    horizon_days: float = Field(default=1.0, ge=0.01, le=30, description="Time it may take.")
    cap: float = Field(default=1.0, gt=0, le=100, description="Largest scale.")
    inertia: float = Field(default=0.1, ge=0, le=1, description="Least rise, as a share.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.use == "on" and not self.limit:
            broken("expected a limit above 0 with use on")
        return self


class Margin(Table):
    """Book scale, a cap: smaller before the venue makes it so."""

    use: Use = Field(default="off", description="Whether it caps the book.")
    model: Literal["standard", "grid"] = Field(
        default="standard", description="The venue's margin: by leg, or by scenarios."
    )
    reduce_above: float = Field(
        default=0.7, gt=0, le=1, description="Maintenance over equity at which the book is cut."
    )
    aim: float = Field(default=0.5, gt=0, le=1, description="What it is cut to.")
    release_below: float = Field(default=0.4, gt=0, le=1, description="Where a cut ends.")
    distance_min: float = Field(
        default=0.15, gt=0, le=1, description="Least log distance of spot to a liquidation."
    )
    release_distance: float = Field(
        default=0.25, gt=0, le=2, description="Distance at which a cut for it ends."
    )

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.release_below <= self.aim < self.reduce_above:
            broken(
                f"aim is {self.aim:g}, expected from release_below ({self.release_below:g}) to "
                f"below reduce_above ({self.reduce_above:g})"
            )
        if self.release_distance < self.distance_min:
            broken(
                f"release_distance is {self.release_distance:g}, expected at least distance_min "
                f"({self.distance_min:g})"
            )
        return self


class Scaling(Table):
    """How much risk, where delta sits, how fast: see docs/SCALING.md."""

    shift_max: float = Field(
        default=1.0,
        gt=0,
        le=SIZE_MAX,
        description="Largest shift of the centre by all models together, in coin.",
    )
    capital: float = Field(
        default=0.0,
        ge=0,
        le=1e15,
        description="What the book's risk is measured against, in the numeraire.",
    )
    measure_s: float = Field(
        default=30.0, ge=1, le=3_600, description="A book's risk is measured this often."
    )
    age_s_max: float = Field(
        default=600.0, ge=1, le=7 * DAY_S, description="An older measure is refused: scale held."
    )
    vol_of_vol: float = Field(
        default=0.8, ge=0, le=10, description="Of the scenarios of tail and growth, a year."
    )
    correlation: float = Field(
        default=-0.3, ge=-1, le=1, description="Of spot and vol in the scenarios."
    )
    static: Static = Field(default_factory=Static)
    signal: Signal = Field(default_factory=Signal)
    grid: Grid = Field(default_factory=Grid)
    liquidity: Liquidity = Field(default_factory=Liquidity)
    congestion: Congestion = Field(default_factory=Congestion)
    vol_target: VolTarget = Field(default_factory=VolTarget)
    vol_regime: VolRegime = Field(default_factory=VolRegime)
    kelly: Kelly = Field(default_factory=Kelly)
    tail: Tail = Field(default_factory=Tail)
    margin: Margin = Field(default_factory=Margin)

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the models that are on."""
        return tuple(name for name in MODELS if getattr(self, name).use == "on")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        measured = [name for name in self.used if name in MEASURED]
        if measured and not self.capital:
            broken(f"capital is 0, expected a number above 0 with {measured[0]} on")
        if self.age_s_max < self.measure_s:
            broken(
                f"age_s_max is {self.age_s_max:g}, expected at least measure_s ({self.measure_s:g})"
            )
        static = abs(self.static.target) if self.static.unit == "coin" else 0.0
        for name, most in (("static", static), ("grid", self.grid.total_max)):
            if name in self.used and most > self.shift_max:
                broken(f"shift_max is {self.shift_max:g}, expected at least {name}'s {most:g}")
        return self


MODELS = (
    "static", "signal", "grid", "liquidity", "congestion",
    "vol_target", "vol_regime", "kelly", "tail", "margin",
)  # fmt: skip
MEASURED = ("vol_target", "kelly", "tail", "margin")
"""Those that read what a loop measures."""
BOOK_MODELS = ("vol_regime", *MEASURED)
"""Those that scale the book."""
