"""A journal entry: a decision, who made it, and what came of it."""

from __future__ import annotations

from hedger.core.model import Decision, Intent, Record

UNDECIDED_MS = 60_000
"""Whoever runs a book writes of it at least every 40 s, also where nothing is to be done."""


class Timings(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Microseconds of one step; None where the step had no such part.

    ``quote_us`` is the age of the newest quote when the step began, ``begin_us`` the store's write.
    """

    quote_us: int | None
    load_us: int
    decide_us: int
    begin_us: int | None = None


class Entry(Decision, frozen=True, kw_only=True):
    """A decision as it stands in the journal: itself, and who made it and what came of it.

    ``repeats`` is the number of like decisions since the last entry. An entry whose ``reason`` is
    ``venue_rejected`` repeats the decision whose order (``intents``) the venue refused, with the
    venue's words as ``text``.
    """

    id: str
    worker: str
    epoch: int
    wall_ms: int
    intents: tuple[Intent, ...] = ()
    timings: Timings | None = None
    repeats: int = 1
