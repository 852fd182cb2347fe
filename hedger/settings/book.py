"""The tables of one book: what it holds, what hedges it, its band, its limits, its patience."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from hedger.settings.band import Band
from hedger.settings.ladder import Ladder
from hedger.settings.reference import BookReference
from hedger.settings.scale import Scale
from hedger.settings.scaling import BOOK_MODELS, Scaling
from hedger.settings.scenario import Scenario
from hedger.settings.table import DAY_S, SIZE_MAX, Table, broken
from hedger.settings.texts import (
    ACCOUNT,
    AccountName,
    Elsewhere,
    InstrumentName,
    Name,
    PolicyNames,
    PositionsFile,
    Underlying,
    VenueName,
)


class Other(NamedTuple):
    """A hedge at another venue than the book's; an empty account is called as the book's is."""

    instrument: str
    venue: str
    account: str


class Hedge(Table):
    """What a book is hedged with."""

    buy: InstrumentName = Field(description="Instrument bought when delta is too low.")
    sell: InstrumentName = Field(description="Instrument sold when delta is too high.")
    ratio: float = Field(
        default=1.0, ge=0, le=1.5, description="Multiplies the options' delta before the band."
    )
    also: Elsewhere = Field(
        default="",
        description="Hedges at other venues, INSTRUMENT@VENUE or INSTRUMENT@VENUE/ACCOUNT with"
        " commas between; without an account the book's.",
    )
    share_max: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Largest part of position_max that may stand at one of several venues.",
    )

    @property
    def elsewhere(self) -> tuple[Other, ...]:
        """What `also` names, in its order."""
        found = []
        for entry in self.also.split(",") if self.also else ():
            instrument, _, place = entry.strip().partition("@")
            venue, _, account = place.partition("/")
            found.append(Other(instrument, venue, account))
        return tuple(found)


class Limits(Table):
    """Hard limits of one book, in coin unless the key says otherwise."""

    order_max: float = Field(default=5.0, gt=0, le=SIZE_MAX, description="Largest single order.")
    per_minute_max: float = Field(
        default=20.0, gt=0, le=SIZE_MAX, description="Most that is hedged within a minute."
    )
    position_max: float = Field(
        default=100.0, gt=0, le=SIZE_MAX, description="Largest holding of the hedge instruments."
    )
    slippage_bps_max: float = Field(
        default=10.0, gt=0, le=1_000, description="Limit price at mid plus or minus this."
    )
    hard_band: float = Field(
        default=3.0,
        ge=1,
        le=1_000,
        description="Half-widths beyond which cooldown and minimum move no longer apply.",
    )
    first_trade_max: float = Field(
        default=10.0, gt=0, le=SIZE_MAX, description="A larger first trade needs confirmation."
    )
    close_spread_bps_max: float = Field(
        default=100.0,
        gt=0,
        le=10_000,
        description="Widest market that an option is closed in, of the index.",
    )


class Data(Table):
    """How old a number may be before it counts as unknown."""

    hedge_quote_age_s_max: float = Field(
        default=2.0, gt=0, le=DAY_S, description="Quote of the hedge instrument."
    )
    forward_age_s_max: float = Field(
        default=5.0, gt=0, le=DAY_S, description="Forward of an expiry."
    )
    vol_age_s_warn: float = Field(default=60.0, gt=0, le=DAY_S, description="Vol of a leg: warn.")
    vol_age_s_max: float = Field(
        default=300.0,
        gt=0,
        le=DAY_S,
        description="Vol of a leg: unknown beyond, an interval is used.",
    )
    vol_width: float = Field(
        default=0.10, gt=0, le=5, description="Half-width of the interval around the last good vol."
    )
    option_quote_age_s_max: float = Field(
        default=10.0, gt=0, le=DAY_S, description="Quote of an option that is to be closed."
    )
    delta_gap_max: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Largest difference between our delta of an option and its venue's, a unit;"
        " 0: never asked.",
    )
    delta_gap: Literal["warn", "widen", "freeze"] = Field(
        default="warn",
        description="Beyond it: a warning, an interval from one to the other, or no hedge; the"
        " instrument is named.",
    )

    @model_validator(mode="after")
    def _ages(self) -> Self:
        if self.vol_age_s_warn > self.vol_age_s_max:
            broken(
                f"vol_age_s_warn is {self.vol_age_s_warn:g}, expected at most "
                f"vol_age_s_max ({self.vol_age_s_max:g})"
            )
        return self


class Book(Table):
    """All positions of one underlying on one account, and how their delta is held."""

    name: Name = Field(description="Name of the book, for ever.")
    venue: VenueName = Field(description="One of the [venues]; the same for all books.")
    account: AccountName = Field(
        default="", description="Account at the venue; empty: the book's name."
    )
    underlying: Underlying = Field(description="What all instruments of the book are written on.")
    numeraire: Literal["usd", "coin"] = Field(
        default="usd",
        description="Currency whose P&L is held still; explicit for inverse accounts.",
    )
    base_coin: float = Field(
        default=0.0,
        ge=-SIZE_MAX,
        le=SIZE_MAX,
        description="Coin holding that is not to be hedged; explicit for inverse accounts.",
    )
    positions: PositionsFile = Field(
        description=f"CSV file with header instrument,quantity; '{ACCOUNT}' follows its fills."
    )
    unexplained: Literal["adopt", "stop"] = Field(
        default="adopt",
        description="A hedge position that no order of the book explains: adopt it with an alarm,"
        " or stop the book.",
    )
    transfers: Literal["base", "hedge"] = Field(
        default="base",
        description="Coin paid in or taken out: joins base_coin, or is hedged as exposure.",
    )
    shadows: PolicyNames = Field(
        default="",
        description="Policies that are run beside the book's own band without orders, up to 16,"
        " with commas between; see hedger shadow.",
    )
    hedge: Hedge
    band: Band = Field(default_factory=Band)
    limits: Limits = Field(default_factory=Limits)
    data: Data = Field(default_factory=Data)
    ladder: Ladder = Field(default_factory=Ladder)
    scaling: Scaling = Field(default_factory=Scaling)
    scale: Scale = Field(default_factory=Scale)
    reference: BookReference = Field(default_factory=BookReference)
    scenario: Scenario = Field(default_factory=Scenario)

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        """What a ladder climbs by is measured against something."""
        if (climbs := self.ladder.measured) and not self.scaling.capital:
            broken(f"scaling.capital is 0, expected a number above 0 with ladder.{climbs[0]}")
        if "scenario_loss" in climbs and not self.scaling.tail.limit:
            broken("scaling.tail.limit is 0, expected a number above 0 with ladder.scenario_loss")
        return self

    @model_validator(mode="after")
    def _shrinks(self) -> Self:
        """What a book is scaled by itself for, and what from, is there."""
        if self.scale.shrink == "off":
            return self
        if self.positions == ACCOUNT:
            broken("scale.shrink is on, expected a positions file, which is the base of a scale")
        if not set(BOOK_MODELS) & set(self.scaling.used):
            broken(f"scale.shrink is on, expected one of scaling's {', '.join(BOOK_MODELS)} on")
        if not self.scaling.capital:
            broken("scaling.capital is 0, expected a number above 0 with scale.shrink on")
        return self

    @property
    def account_name(self) -> str:
        """The account at the venue: as configured, else the book's own name."""
        return self.account or self.name

    @property
    def shadow_names(self) -> tuple[str, ...]:
        """What `shadows` names, in its order."""
        return tuple(name.strip() for name in self.shadows.split(",")) if self.shadows else ()

    @property
    def accounts(self) -> dict[str, str]:
        """Account at each venue where the book is hedged, its own first."""
        others = {o.venue: o.account or self.account_name for o in self.hedge.elsewhere}
        return {self.venue: self.account_name} | others
