"""What a venue is known to do with an order whose answer never came: a class, with evidence."""

from __future__ import annotations

from enum import StrEnum

from hedger.core.model.record import Record


class VenueClass(StrEnum):
    """What "never heard of that order" proves, once the order's deadline has passed.

    ``A``: that it never will be, as the matching engine honours deadlines. ``B``: nothing, but its
    ids are unique for ever, so that the same order may be sent again. ``C``: nothing at all.
    """

    A = "A"
    B = "B"
    C = "C"


class Conduct(Record, frozen=True, kw_only=True):
    """The class of one product at one venue: what shows it, and where that is written or measured.

    Classes are never guessed: what is neither documented nor measured is ``C``.
    """

    product: str
    venue_class: VenueClass
    evidence: str
    source: str
