"""The digest of a book: changes with any effective value, never with comments or layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from hedger.settings.book import Book
from hedger.settings.ladder import Ladder
from hedger.settings.reference import Reference
from hedger.settings.scale import Scale
from hedger.settings.scaling import Scaling
from hedger.settings.scenario import Scenario
from hedger.settings.texts import ACCOUNT


def digest(
    book: Book, positions: Mapping[str, int] | None, reference: Reference | None = None
) -> str:
    """Return 32 hex characters over the book's effective settings and its positions in lots.

    The path of the positions file does not count, its content does; an account left empty is the
    same as the book's own name written out. None means positions that follow the account.
    ``reference`` is the one that the book names: what it is made of counts, its name does not.
    """
    content = book.model_dump(mode="json")
    content["account"] = book.account_name
    del content["shadows"]  # they change nothing of what is hedged
    content["positions"] = ACCOUNT if positions is None else dict(positions)
    content["hedge"] = _hedge(book, content["hedge"])
    for table in ("band", "data", "limits", "scale"):
        content[table] = _known_before(content[table])
    if book.ladder == Ladder():  # none, as before there was one
        del content["ladder"]
    if book.scaling == Scaling():  # as it was before there were scalers
        del content["scaling"]
    if book.scale == Scale():  # as before there was one
        del content["scale"]
    if not book.reference.name:  # as before there was one
        del content["reference"]
    elif reference is not None:
        content["reference"] |= {"name": reference.model_dump(mode="json")}
    if book.scenario == Scenario():  # no limit, as before there was any
        del content["scenario"]
    canonical = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=16).hexdigest()


def _hedge(book: Book, content: dict[str, Any]) -> dict[str, Any]:
    """Return the hedges with every account written out.

    One venue alone is as it was before there could be several, so that releases agree on it.
    """
    named = dict(content)
    if named["share_max"] == 1.0:
        del named["share_max"]
    del named["also"]
    if book.hedge.also:
        others = [(o.instrument, o.venue, book.accounts[o.venue]) for o in book.hedge.elsewhere]
        named["also"] = others
    return named


_LATER = {
    "vol": "implied",
    "delta": "black",
    "minimum_variance_a": 0.0,
    "minimum_variance_b": 0.0,
    "minimum_variance_c": 0.0,
    "delta_gap": "warn",
    "delta_gap_max": 0.05,
    "tuning": "off",
    "option_quote_age_s_max": 10.0,
    "close_spread_bps_max": 100.0,
    "shrink": "off",
    "grow": "off",
    "grow_day_max": 1.0,
    "apart": 0.25,
    "hold_s": 14_400.0,
    "cap_hold_s": 60.0,
}
"""Keys that came later, with what was done before there was a choice."""


def _known_before(content: dict[str, Any]) -> dict[str, Any]:
    """Return a table without later keys that change nothing, so that releases agree on it."""
    return {k: v for k, v in content.items() if k not in _LATER or _LATER[k] != v}


def _plain(value: Any) -> Any:
    """Return the value without negative zero, which equals zero but prints differently."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value + 0.0 if isinstance(value, float) else value
