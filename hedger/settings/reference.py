"""The tables of reference prices: which sources make one, when it is believed, and its use."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from hedger.settings.table import DAY_S, Table, broken
from hedger.settings.texts import PriceSources, ReferenceName, Weights

INDEX = "index"


class PriceSource(NamedTuple):
    """One source as configured: an instrument at a venue, its middle or the index beside it."""

    name: str
    instrument: str
    venue: str
    is_index: bool


class Reference(Table):
    """One price of an underlying from several sources."""

    sources: PriceSources = Field(
        description="2 to 16 of INSTRUMENT@VENUE, the middle of its best prices, or"
        " INSTRUMENT@VENUE/index, the venue's index, with commas between; at most half of one"
        " venue.",
    )
    weights: Weights = Field(
        default="",
        description="Volume behind each source, in any one unit, with commas between; empty: all"
        " alike.",
    )
    sources_min: int = Field(
        default=2, ge=2, le=16, description="So many sources must agree, and be a majority."
    )
    age_s_max: float = Field(
        default=5.0, gt=0, le=DAY_S, description="An older price does not count."
    )
    deviation_max: float = Field(
        default=0.01,
        gt=0,
        le=0.5,
        description="Farthest from the median that a price counts, as a share of it.",
    )
    weight_max: float = Field(
        default=0.5, gt=0, le=1, description="Largest share of all volume that one source has."
    )
    depeg_max: float = Field(
        default=0.005,
        gt=0,
        le=0.5,
        description="Farthest from 1 USD that a quote currency counts as on its peg.",
    )
    guard_max: float = Field(
        default=0.02,
        gt=0,
        le=0.5,
        description="Farthest from the reference that a venue's own index or perpetual is"
        " believed, as a share of it.",
    )

    @property
    def feeds(self) -> tuple[PriceSource, ...]:
        """What `sources` names, in its order."""
        found = []
        for entry in self.sources.split(","):
            instrument, _, place = entry.strip().partition("@")
            venue, _, what = place.partition("/")
            found.append(PriceSource(entry.strip(), instrument, venue, what == INDEX))
        return tuple(found)

    @property
    def volumes(self) -> tuple[float | None, ...]:
        """Volume behind each source, None where it is not told."""
        if not self.weights:
            return (None,) * len(self.feeds)
        return tuple(float(weight) for weight in self.weights.split(","))

    @model_validator(mode="after")
    def _counts(self) -> Self:
        feeds = self.feeds
        if not 2 <= len(feeds) <= 16:
            broken(f"sources names {len(feeds)}, expected 2 to 16")
        for feed in feeds:
            if sum(other == feed for other in feeds) > 1:
                broken(f"sources names {feed.name} twice, expected each once")
        if len(self.volumes) != len(feeds):
            broken(f"weights has {len(self.volumes)} numbers, expected {len(feeds)}: one a source")
        if self.sources_min > len(feeds):
            broken(f"sources_min is {self.sources_min}, expected at most the {len(feeds)} sources")
        for venue in {feed.venue for feed in feeds}:
            mine = sum(feed.venue == venue for feed in feeds)
            if 2 * mine > len(feeds):
                broken(
                    f"sources has {mine} of {len(feeds)} from {venue}, expected at most half: a"
                    " venue would agree with itself"
                )
        return self


class BookReference(Table):
    """What a book does with a reference price."""

    name: ReferenceName = Field(
        default="", description="One of the [reference.NAME]; empty: the venue is believed alone."
    )
    index: Literal["venue", "reference"] = Field(
        default="venue", description="Which index the book is valued by."
    )
    jumps: Literal["venue", "reference"] = Field(
        default="reference",
        description="Who confirms a jump: another price of the venue alone, or other venues too.",
    )
    guard: Literal["off", "warn", "refuse"] = Field(
        default="refuse",
        description="Where index or hedge are farther than guard_max from the reference: nothing, a"
        " warning, or no decision on them.",
    )
    missing: Literal["venue", "refuse"] = Field(
        default="venue",
        description="Without a reference to believe: the venue is believed alone, with a warning,"
        " or nothing is decided.",
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        given = [key for key in ("index", "jumps", "guard", "missing") if key in self.changed]
        if not self.name and given:
            broken(f"{given[0]} is given without a name, expected the name of a [reference.NAME]")
        return self

    @property
    def changed(self) -> set[str]:
        """Keys that are not at their default."""
        fields = type(self).model_fields
        return {key for key, field in fields.items() if getattr(self, key) != field.default}
