"""Which delta is held in the band, and what follows where ours and the venue's disagree.

Whatever cannot be known of every leg is not known: then Black's delta is held, and that is noted.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hedger.core import policy
from hedger.core.columns import Book, Market, VolAnswer
from hedger.core.exposure import (
    Opinions,
    disagreements,
    least_variance_shift,
    opinions,
    sticky_shift,
    venue_shift,
)
from hedger.core.freshness import doubt_refusal
from hedger.core.model import Doubt, Exposure, Refusal, Rules, Target

NAMED_MAX = 3
"""Disagreements that one warning names."""


class Look(NamedTuple):
    """Exposure after a look at the venue's deltas, what forbids a hedge, and what is to be said."""

    seen: Exposure
    said: Opinions | None
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def second_opinion(book: Book, market: Market, rules: Rules, now: int, seen: Exposure) -> Look:
    """The venue's deltas beside ours; where they disagree, what the rule says follows."""
    limit = rules.data.delta_gap_max
    said = opinions(book, market, rules, now) if limit or rules.band.delta == "venue" else None
    if said is None or not limit:
        return Look(seen, said)
    found = disagreements(book, market, rules, now, said)
    if not found:
        return Look(seen, said)
    match rules.data.delta_gap:
        case "freeze":
            return Look(seen, said, tuple(doubt_refusal("delta_disagrees", d) for d in found))
        case "widen":
            return Look(_widened(seen, found), said)
        case _:
            more = f" and {len(found) - NAMED_MAX} more" if len(found) > NAMED_MAX else ""
            text = "; ".join(f"{d.instrument}: {d.reason}" for d in found[:NAMED_MAX])
            return Look(seen, said, notes=(f"{text}{more}",))


def _widened(seen: Exposure, found: tuple[Doubt, ...]) -> Exposure:
    """With an interval from one delta to the other for each of these legs."""
    return msgspec.structs.replace(
        seen,
        low=seen.low + sum(d.low for d in found),
        high=seen.high + sum(d.high for d in found),
        doubts=(*seen.doubts, *found),
        fresh_legs=seen.fresh_legs - len(found),
    )


def held(
    book: Book, market: Market, rules: Rules, now: int, band: Target, said: Opinions | None
) -> tuple[Target, tuple[str, ...]]:
    """The band around the delta that is to be held in it, and a note where that is not known."""
    kind, answer = rules.band.delta, None
    if kind == "black":
        return band, ()
    if kind == "venue":
        lacks = "any leg" if said is None else ""
        if said is not None and said.wanting.any():
            lacks = book.legs.names[int(said.wanting.argmax())]
        shift = 0.0 if said is None or lacks else venue_shift(said)
    elif kind in ("sticky_moneyness", "sticky_delta"):
        shift, lacks = sticky_shift(book, market, rules, now)
    elif kind == "minimum_variance":
        shift, lacks, answer = least_variance_shift(book, market, rules, now)
    else:
        raise ValueError(f"delta {kind!r}: expected black, {', '.join(_LACKS)}")
    if lacks:
        return band, (f"held at Black's delta: no fresh {_LACKS[kind]} for {lacks}",)
    return policy.shifted(band, shift, _named(answer) if answer else kind), ()


_LACKS = {
    "venue": "delta of the venue's",
    "sticky_moneyness": "smile",
    "sticky_delta": "smile",
    "minimum_variance": "answer of vol",
}
"""What a delta is made of, where it is not Black's."""


def _named(answer: VolAnswer) -> str:
    """The coefficients and where they come from."""
    source = f"fitted to {answer.changes} changes" if answer.changes else "given"
    return f"minimum_variance (a {answer.a:.4g}, b {answer.b:.4g}, c {answer.c:.4g}, {source})"
