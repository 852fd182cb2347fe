"""Several venues' markets as one: what a book sees that is hedged at more than one of them.

Pure, and cheap enough for every tick: columns are put side by side, names get their venue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hedger.core.columns import Index, Market, Suspect, index_name
from hedger.core.model import name_at

OWN_INDEX_MS = 1_000
"""The own venue's index is used unless another venue's is this much newer: two venues' indices
differ by a little, and going to and fro between them would move every forward."""

Part = tuple[str, Market]
"""A venue's name (empty for the book's own, which stands first) and its market."""


def joined(parts: Sequence[Part], *, row: Mapping[str, int]) -> Market:
    """One market of several; ``row`` is `rows` of them.

    Jumps of an index count only for the venue whose index is used.
    """
    markets = [market for _, market in parts]
    index, chosen = _indices(parts)
    suspects: dict[str, Suspect] = {}
    for venue, market in parts:
        for name, suspect in market.suspects.items():
            source = next((u for u in market.index if index_name(u) == name), None)
            if source is None:
                suspects[name_at(name, venue)] = suspect
            elif chosen[source] == venue:
                suspects[name] = suspect
    return Market(
        row=row,
        bid=np.concatenate([market.bid for market in markets]),
        ask=np.concatenate([market.ask for market in markets]),
        bid_size=np.concatenate([market.bid_size for market in markets]),
        ask_size=np.concatenate([market.ask_size for market in markets]),
        vol=np.concatenate([market.vol for market in markets]),
        ratio=np.concatenate([market.ratio for market in markets]),
        delta=np.concatenate([market.delta for market in markets]),
        quote_ms=np.concatenate([market.quote_ms for market in markets]),
        vol_ms=np.concatenate([market.vol_ms for market in markets]),
        ratio_ms=np.concatenate([market.ratio_ms for market in markets]),
        priced=np.concatenate([market.priced for market in markets]),
        index=index,
        accounts={name_at(n, v): a for v, market in parts for n, a in market.accounts.items()},
        suspects=suspects,
        refused={name_at(n, v): r for v, market in parts for n, r in market.refused.items()},
        forecasts={u: f for _, market in reversed(parts) for u, f in market.forecasts.items()},
        smiles={e: s for _, market in reversed(parts) for e, s in market.smiles.items()},
        answers={u: a for _, market in reversed(parts) for u, a in market.answers.items()},
        seen_at={name_at(n, v): i for v, market in parts for n, i in market.seen_at.items()},
    )


def rows(parts: Sequence[Part]) -> dict[str, int]:
    """Where each name stands when the columns of several markets are put side by side."""
    found: dict[str, int] = {}
    ahead = 0
    for venue, market in parts:
        found |= {name_at(name, venue): ahead + row for name, row in market.row.items()}
        ahead += market.bid.size
    return found


def _indices(parts: Sequence[Part]) -> tuple[dict[str, Index], dict[str, str]]:
    """The index of each underlying, and the venue that it is of."""
    index: dict[str, Index] = {}
    chosen: dict[str, str] = {}
    for venue, market in parts:
        for underlying, seen in market.index.items():
            known = index.get(underlying)
            if known is None or seen.time_ms > known.time_ms + OWN_INDEX_MS:
                mine = seen if not venue else Index(seen.value, seen.time_ms, venue)
                index[underlying], chosen[underlying] = mine, venue
    return index, chosen
