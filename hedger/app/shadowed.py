"""How the policies in a book's shadow stand beside its own, read from the store."""

from __future__ import annotations

from hedger.core.model import Record
from hedger.ports import Store
from hedger.service.kept import Kept, Score, kept_from, policy_of
from hedger.service.params import BookParams, ShadowParams

SAMPLES_MIN = 48
"""Hourly changes of both sides before one is held against the other."""
CHEAPER, NOISIER = 0.9, 1.0
"""Suggested is what costs a tenth less and hedges no worse."""


class Side(Record, frozen=True, kw_only=True):
    """What one policy did since both began; ``usd`` is quote currency.

    ``cost_usd`` is fees and spread, ``pnl_usd`` what its hedges have come to with funding, at their
    marks; ``std_1h`` that of hourly changes of the whole account, in the numeraire, None before
    there are two; ``outside_share`` the share of time outside its own band; ``gaps`` lots that it
    took over at mid, as no fill had told of them.
    """

    hedges: int
    fills: int
    turnover_usd: float
    fees_usd: float
    spread_usd: float
    cost_usd: float
    funding_usd: float
    pnl_usd: float
    outside_share: float | None
    std_1h: float | None
    samples: int
    gaps: int
    lots: dict[str, int]


class ShadowStanding(Record, frozen=True, kw_only=True):
    """One shadow beside the live policy, over the same time; without sides it has not begun."""

    name: str
    kind: str
    since_ms: int | None = None
    now_ms: int | None = None
    own: Side | None = None
    live: Side | None = None


class BookShadows(Record, frozen=True, kw_only=True):
    """All shadows of one book, and what they suggest to a person; nothing follows by itself."""

    book: str
    numeraire: str
    kind: str
    shadows: tuple[ShadowStanding, ...]
    suggestions: tuple[str, ...]


async def shadowed(params: BookParams, store: Store) -> BookShadows:
    """The shadows of one book; raises `StoreUnavailable`."""
    stored = await store.shadows(params.name)
    found = tuple(_standing(shadow, stored.get(shadow.name)) for shadow in params.shadows)
    return BookShadows(
        book=params.name,
        numeraire=params.rules.numeraire,
        kind=params.rules.band.kind,
        shadows=found,
        suggestions=tuple(text for one in found if (text := suggestion(one))),
    )


def _standing(shadow: ShadowParams, raw: bytes | None) -> ShadowStanding:
    kept = None if raw is None else kept_from(raw)
    if kept is None or kept.policy != policy_of(shadow):
        return ShadowStanding(name=shadow.name, kind=shadow.band.kind)
    return ShadowStanding(
        name=shadow.name,
        kind=shadow.band.kind,
        since_ms=kept.since_ms,
        now_ms=kept.now_ms,
        own=_side(kept, kept.own, 0),
        live=_side(kept, kept.live, 1),
    )


def _side(kept: Kept, score: Score, place: int) -> Side:
    purse, tally = score.purse, score.tally
    return Side(
        hedges=tally.hedges,
        fills=purse.fills,
        turnover_usd=purse.turnover_usd,
        fees_usd=purse.fees_usd,
        spread_usd=purse.spread_usd,
        cost_usd=purse.fees_usd + purse.spread_usd,
        funding_usd=purse.funding_usd,
        pnl_usd=kept.worth_usd[place],
        outside_share=tally.outside_share,
        std_1h=tally.std,
        samples=tally.samples,
        gaps=purse.gaps,
        lots=purse.lots,
    )


def suggestion(one: ShadowStanding) -> str:
    """What a person might think of; empty where too little is known or the live policy is better.

    It looks at one stretch of one market: a backtest over more of them should say the same.
    """
    own, live = one.own, one.live
    if own is None or live is None or own.std_1h is None or live.std_1h is None:
        return ""
    if min(own.samples, live.samples) < SAMPLES_MIN or not (live.std_1h > 0.0 < live.cost_usd):
        return ""
    cost, noise = own.cost_usd / live.cost_usd, own.std_1h / live.std_1h
    if cost > CHEAPER or noise > NOISIER:
        return ""
    return (
        f"{one.name} ({one.kind}) cost {100.0 * (1.0 - cost):.0f} % less than the live policy at "
        f"{100.0 * (1.0 - noise):.0f} % less hourly noise over {own.samples} hours: "
        f"hedger backtest --policy {one.name} on other data, then [book.band]"
    )
