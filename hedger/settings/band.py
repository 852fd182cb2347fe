"""The table of a book's no-trade band: its kind, and the keys that belong to each kind."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from hedger.settings.table import DAY_S, SIZE_MAX, Table, broken

HORIZON_DAYS_MIN = 7
"""Below it the band that remains without gamma explodes; a study has its own horizon."""

ANSWER_MAX = 5.0
"""Of each coefficient by which vols answer to their forward; those met are below 1."""

_CONFIGURED = ("target", "lower", "upper", "rehedge_to")
_RISK = ("risk_aversion", "daily_cost", "daily_std", "horizon_days", "cost_bps", "funding_excess")
_WIDTH = (*_RISK, "vol", "clip_min", "half_width_min", "half_width_max", "tuning")
OWN_KEYS: dict[str, tuple[str, ...]] = {
    "fixed": ("unit", "clip_min", *_CONFIGURED),
    "relative": ("clip_min", *_CONFIGURED),
    "price_move": ("move_pct", "move_std", "vol"),
    "interval": ("interval_s",),
    "leland": ("interval_s", "cost_bps", "vol"),
    "whalley_wilmott": _WIDTH,
    "zakamouline": _WIDTH,
    "cubic": (*_WIDTH, "delay_s", "order_cost"),
}
"""What of the table each kind reads, beside the keys that all of them do."""
_ANSWER = ("minimum_variance_a", "minimum_variance_b", "minimum_variance_c")
_EVERYWHERE = ("kind", "delta", "cooldown_s", "min_move_pct", *_ANSWER)


class Band(Table):
    """The no-trade band of the book's delta after hedges."""

    kind: Literal[
        "cubic",
        "whalley_wilmott",
        "zakamouline",
        "leland",
        "interval",
        "price_move",
        "relative",
        "fixed",
    ] = Field(
        default="cubic",
        description="Rule that makes the band; fixed where one of unit, target, lower and upper"
        " is given without a kind.",
    )
    unit: Literal["coin", "usd", "gross_delta"] = Field(
        default="coin",
        description="fixed: unit of target, lower and upper; gross_delta: a fraction of it.",
    )
    target: float = Field(
        default=0.0, ge=-SIZE_MAX, le=SIZE_MAX, description="fixed, relative: wanted delta."
    )
    lower: float = Field(
        default=-0.25,
        ge=-SIZE_MAX,
        le=SIZE_MAX,
        description="fixed, relative: buy below this delta; relative: as a fraction of the gross"
        " delta.",
    )
    upper: float = Field(
        default=0.25,
        ge=-SIZE_MAX,
        le=SIZE_MAX,
        description="fixed, relative: sell above this delta.",
    )
    rehedge_to: Literal["edge", "centre", "target"] = Field(
        default="edge", description="fixed, relative: where a hedge brings the delta."
    )
    clip_min: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Least trade as a fraction of the half-width, split around the edge.",
    )
    cooldown_s: float = Field(
        default=5.0,
        ge=0,
        le=DAY_S,
        description="Market time between two hedges within the hard band.",
    )
    min_move_pct: float = Field(
        default=0.0, ge=0, le=100, description="Least move of the hedge price since the last hedge."
    )
    risk_aversion: float = Field(
        default=0.0,
        ge=0,
        le=1e12,
        description="Absolute risk aversion, 1 / numeraire; 0: from daily_cost and"
        " daily_std, or such that half a daily standard deviation reaches the band at the first"
        " hedge, then frozen.",
    )
    daily_cost: float = Field(
        default=0.0,
        ge=0,
        le=1e12,
        description="Accepted cost of hedging a day, in the numeraire; with daily_std.",
    )
    daily_std: float = Field(
        default=0.0,
        ge=0,
        le=1e12,
        description="Accepted standard deviation of a day's P&L, in the numeraire.",
    )
    horizon_days: float = Field(
        default=30.0,
        ge=HORIZON_DAYS_MIN,
        le=3650,
        description="Hedging horizon, whatever expires when.",
    )
    cost_bps: float = Field(
        default=0.0,
        ge=0,
        le=1_000,
        description="One-way cost of a hedge; 0: taker fee, half-spread, depth at the size and"
        " recent slippage, of the cheapest usable venue.",
    )
    order_cost: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="cubic: fixed cost of an order in quote currency; hedges then end inside.",
    )
    delay_s: float = Field(
        default=0.0,
        ge=0,
        le=DAY_S,
        description="cubic: least time from due to fill that narrows the trigger; cooldown_s and"
        " what the book's fills took count where longer.",
    )
    interval_s: float = Field(
        default=0.0, ge=0, le=30 * DAY_S, description="interval, leland: time between two hedges."
    )
    move_pct: float = Field(
        default=0.0, ge=0, le=100, description="price_move: hedge after such a move of the index."
    )
    move_std: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="price_move: hedge after so many daily standard deviations.",
    )
    vol: Literal["implied", "forecast", "har", "blend"] = Field(
        default="implied",
        description="Hedging vol: the legs' own; a forecast from the index's returns of the last"
        " week; har, one for the next day from its last 1, 6 and 24 hours, fitted each hour to the"
        " last week (until three days are known: forecast); or half the variance of implied and"
        " forecast. Without a forecast yet: implied.",
    )
    delta: Literal["black", "sticky_moneyness", "sticky_delta", "minimum_variance", "venue"] = (
        Field(
            default="black",
            description="Delta that is held in the band: Black's, with vols that travel with the"
            " forward (both sticky ones), with vols that answer to it as they did"
            " (minimum_variance), or the venue's; Black's while that is not known of every leg.",
        )
    )
    minimum_variance_a: float = Field(
        default=0.0,
        ge=-ANSWER_MAX,
        le=ANSWER_MAX,
        description="delta minimum_variance: vol moves by (a + b D + c D^2) / sqrt(years) for each"
        " unit of log forward, D the delta of the strike's call; a, b and c all 0: as workers fit"
        " them to the vols that they saw.",
    )
    minimum_variance_b: float = Field(
        default=0.0, ge=-ANSWER_MAX, le=ANSWER_MAX, description="b of minimum_variance_a."
    )
    minimum_variance_c: float = Field(
        default=0.0, ge=-ANSWER_MAX, le=ANSWER_MAX, description="c of minimum_variance_a."
    )
    half_width_min: float = Field(
        default=0.0, ge=0, le=SIZE_MAX, description="Least half-width in coin; at least one lot."
    )
    half_width_max: float = Field(
        default=0.0,
        ge=0,
        le=SIZE_MAX,
        description="Largest half-width in coin; 0: none configured.",
    )
    funding_excess: float = Field(
        default=0.0,
        ge=-10,
        le=10,
        description="Funding a year beyond the forwards' carry; shifts the centre by at most half"
        " a half-width. A carry bet, off at 0.",
    )

    tuning: Literal["off", "on"] = Field(
        default="off",
        description="on: cost and vol follow what is measured, never the risk aversion; a band is"
        " widened by at most 10 % a day and never while vol rises. A configured cost_bps moves"
        " towards fees, half-spread and slippage, an implied vol towards the forecast.",
    )

    @model_validator(mode="before")
    @classmethod
    def _kind(cls, data: Any) -> Any:
        """Bounds without a kind are those of a fixed band, as they always were."""
        bounds = {"unit", "target", "lower", "upper"}
        if isinstance(data, dict) and "kind" not in data and bounds & data.keys():
            return {**data, "kind": "fixed"}
        return data

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.lower < self.upper:
            broken(f"lower is {self.lower:g}, expected a number below upper ({self.upper:g})")
        if not self.lower <= self.target <= self.upper:
            broken(
                f"target is {self.target:g}, expected a number from lower ({self.lower:g}) "
                f"to upper ({self.upper:g})"
            )
        return self

    @model_validator(mode="after")
    def _own_keys(self) -> Self:
        """A key that the kind does not read would be obeyed by nobody; its default does no harm."""
        foreign = self.model_fields_set - {*_EVERYWHERE, *OWN_KEYS[self.kind]}
        fields = type(self).model_fields
        for key in sorted(k for k in foreign if getattr(self, k) != fields[k].default):
            kinds = ", ".join(kind for kind, keys in OWN_KEYS.items() if key in keys)
            broken(f"{key} is given with kind {self.kind}, expected it only with {kinds}")
        return self

    @model_validator(mode="after")
    def _answer(self) -> Self:
        given = [key for key in _ANSWER if getattr(self, key)]
        if given and self.delta != "minimum_variance":
            broken(f"{given[0]} is given with delta {self.delta}, expected minimum_variance")
        return self

    @model_validator(mode="after")
    def _needed(self) -> Self:
        if self.kind in ("interval", "leland") and not self.interval_s >= 1:
            broken(f"interval_s is {self.interval_s:g}, expected at least 1 with kind {self.kind}")
        if self.kind == "price_move" and bool(self.move_pct) is bool(self.move_std):
            broken("expected one of move_pct and move_std with kind price_move")
        if bool(self.daily_cost) is not bool(self.daily_std):
            broken("expected daily_cost and daily_std together")
        if self.risk_aversion and self.daily_cost:
            broken("expected either risk_aversion or daily_cost and daily_std")
        if 0.0 < self.half_width_max < self.half_width_min:
            broken(
                f"half_width_min is {self.half_width_min:g}, expected at most half_width_max "
                f"({self.half_width_max:g})"
            )
        return self
