"""What a difference between store and venue means, and what is to be done about it. Pure.

A difference is explained by the newest foreign fills that add up to it. What the venue itself did
(auto-deleveraging, liquidation, exercise, settlement) is a fact, whatever it concerns. What
somebody traded, or nobody explains, follows the book's policy: in a hedge instrument, alone or as
a leg of a block with other instruments, it is adopted or the book stops; anything else stops it,
because what is to be hedged must be said by whoever keeps the positions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hedger.core.model import Fill, FillKind
from hedger.ports import Changes
from hedger.service.foreign import Foreign

STOP = "stop"
FACTS = frozenset(
    (FillKind.DELEVERAGING, FillKind.LIQUIDATION, FillKind.EXERCISE, FillKind.SETTLEMENT)
)
UNEXPLAINED = "unexplained"
BLOCK = "block"
MANUAL = "foreign_trade"


class Cause(NamedTuple):
    """One named reason why positions changed: the name for alarm and journal, and the words."""

    name: str
    text: str
    instruments: tuple[str, ...]


class Verdict(NamedTuple):
    """Corrections with their causes, or why the book must stop (then nothing is corrected)."""

    changes: Changes
    causes: tuple[Cause, ...]
    fills: tuple[Fill, ...]
    stop: str


def verdict(
    differences: Mapping[str, tuple[int, int]],
    foreign: Foreign,
    *,
    hedges: Collection[str],
    policy: str,
) -> Verdict:
    """Judge differences (instrument -> lots stored, lots at the venue).

    Examples
    --------
    >>> verdict({"PERP": (10, 12)}, Foreign(), hedges=["PERP"], policy="adopt").causes[0].text
    'PERP: 10 lots became 12: no trade of the account explains it'
    """
    causes: list[Cause] = []
    fills: list[Fill] = []
    stops: list[str] = []
    for name, (ours, theirs) in sorted(differences.items()):
        because = foreign.explaining(name, theirs - ours)
        fills += because
        cause = _cause(name, ours, theirs, because)
        causes.append(cause)
        is_fact = bool(because) and all(fill.kind in FACTS for fill in because)
        is_hedge = name in hedges or _beside_a_hedge(because, foreign, hedges)
        if not is_fact and (policy == STOP or not is_hedge):
            stops.append(cause.text)
    return Verdict(dict(differences), _joined(causes), tuple(fills), "; ".join(stops))


def _beside_a_hedge(because: tuple[Fill, ...], foreign: Foreign, hedges: Collection[str]) -> bool:
    """Whether all of it was traded in blocks that had a leg in a hedge instrument."""
    return bool(because) and all(
        fill.block and any(leg.instrument in hedges for leg in foreign.legs(fill.block))
        for fill in because
    )


def _cause(name: str, ours: int, theirs: int, because: tuple[Fill, ...]) -> Cause:
    change = f"{name}: {ours} lots became {theirs}"
    if not because:
        return Cause(UNEXPLAINED, f"{change}: no trade of the account explains it", (name,))
    kinds = {_name(fill) for fill in because}
    told = ", ".join(_told(fill) for fill in because[-3:])
    more = f" and {len(because) - 3} more" if len(because) > 3 else ""
    # Of several kinds the gravest gives the name: what the venue did goes before what was traded.
    named = next((kind for kind in _GRAVEST if kind in kinds), MANUAL)
    return Cause(named, f"{change} by {told}{more}", (name,))


_GRAVEST = (
    FillKind.LIQUIDATION.value,
    FillKind.DELEVERAGING.value,
    FillKind.EXERCISE.value,
    FillKind.SETTLEMENT.value,
    MANUAL,
    BLOCK,
)


def _name(fill: Fill) -> str:
    if fill.kind != FillKind.TRADE:
        return str(fill.kind)
    return BLOCK if fill.block else MANUAL


def _told(fill: Fill) -> str:
    if fill.kind != FillKind.TRADE:
        return f"{fill.kind} ({fill.lots:+d}, trade {fill.trade_id})"
    within = f"block {fill.block}, " if fill.block else ""
    return f"{fill.client_id or 'somebody else'} ({fill.lots:+d}, {within}trade {fill.trade_id})"


def _joined(causes: list[Cause]) -> tuple[Cause, ...]:
    """One cause per name: a block is one event, however many legs it has."""
    names = dict.fromkeys(cause.name for cause in causes)
    joined = []
    for name in names:
        same = [cause for cause in causes if cause.name == name]
        text = "; ".join(cause.text for cause in same)
        joined.append(Cause(name, text, tuple(i for cause in same for i in cause.instruments)))
    return tuple(joined)
