"""A price of the underlying from several sources: what is told, what is believed, and its use."""

from __future__ import annotations

from typing import NamedTuple

from hedger.core.model.record import Record


class SourceFeed(Record, frozen=True, kw_only=True):
    """One source of a reference: an instrument at a venue, its middle or the index beside it.

    ``name`` is as configured, ``INSTRUMENT@VENUE`` or ``INSTRUMENT@VENUE/index``; ``quote`` the
    currency that it is quoted in, ``weight`` what stands behind it, None where that is not told.
    """

    name: str
    instrument: str
    venue: str
    underlying: str
    quote: str = "USD"
    is_index: bool = False
    weight: float | None = None


class Source(NamedTuple):
    """One price of the underlying as a source told it; never, where ``time_ms`` is negative.

    ``volume`` is any measure of how much stands behind it, the same for all; None where that is not
    told. ``quote`` is the currency that the price is in, ``venue`` who told it.
    """

    name: str
    price: float
    time_ms: int
    volume: float | None = None
    quote: str = "USD"
    venue: str = ""


class ReferenceRule(Record, frozen=True, kw_only=True):
    """When a reference price is believed.

    ``deviation_max`` is from the median, as a fraction; ``weight_max`` the largest share of all
    volume that one source counts for; ``depeg_max`` how far a quote currency may be from one
    ``base``; ``guard_max`` how far a venue's mark may be from the reference. ``ahead_ms_max`` is
    how far the clocks of two venues may be apart.
    """

    sources_min: int = 3
    age_ms_max: int = 5_000
    ahead_ms_max: int = 1_000
    deviation_max: float = 0.01
    weight_max: float = 0.5
    depeg_max: float = 0.005
    guard_max: float = 0.02
    base: str = "USD"


class LeftOut(Record, frozen=True, kw_only=True):
    """A source that does not count, and why."""

    name: str
    reason: str


class Depeg(Record, frozen=True, kw_only=True):
    """A quote currency away from its peg: its rate in the base, and how that is known."""

    currency: str
    rate: float
    known_by: str


class Used(Record, frozen=True, kw_only=True):
    """A source that counts, its price in the base currency, and the venue that told it."""

    name: str
    price: float
    venue: str = ""


class Reference(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The price in the base currency, None where there is none to believe, and what it is made of.

    ``time_ms`` is the oldest instant among the sources used, by name in ``parts``; ``spread`` how
    far apart they are.
    """

    price: float | None
    time_ms: int | None
    name: str = ""
    parts: tuple[Used, ...] = ()
    spread: float = 0.0
    left_out: tuple[LeftOut, ...] = ()
    depegs: tuple[Depeg, ...] = ()
    reason: str = ""

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the sources that count."""
        return tuple(part.name for part in self.parts)


class ReferenceUse(Record, frozen=True, kw_only=True):
    """What a book does with a reference; ``venue`` is its own, as sources name it.

    ``is_index``: decisions value by it. ``confirms``: a jump is believed once it stands there too.
    ``guard`` says what follows where index or hedge are too far from it: off, warn or refuse.
    ``is_required``: nothing is decided without it.
    """

    name: str
    venue: str
    rule: ReferenceRule = ReferenceRule()
    is_index: bool = False
    confirms: bool = True
    guard: str = "refuse"
    is_required: bool = False
