"""A book through a crash: the very `decide()` on the paper exchange, with margin, in virtual time.

The exchange asks for margin by its rules and liquidates by them; spreads and depth react to the
crash, the way to the exchange takes longer, and one funding print comes at its height. What is
told is what became of the account: liquidated or not, and what it lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from hedger.backtest.crash_limit import let_through
from hedger.backtest.crash_stage import (
    CROWD,
    Crash,
    deposit_of,
    exchange_of,
    market_of,
    stage,
    under_way,
)
from hedger.backtest.laddered import Laddered, Tell
from hedger.backtest.replay import Replayed, Terms, replayed
from hedger.core.model import (
    FillKind,
    OrderStatus,
    Record,
)
from hedger.errors import ConfigError
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import PaperParams
from hedger.venues.simulator.events import Covered, OrderSeen, Traded

__all__ = ["CROWD", "Crash", "Outcome", "crashed", "stage"]

GAP = "gap"


class Outcome(Record, frozen=True, kw_only=True):
    """What became of the account.

    ``loss_usd`` is what the book lost in its own numeraire, in quote currency at the end: for
    ``usd`` without the coin that is not to be hedged. ``liquidated`` and ``deleveraged`` count
    fills, ``rejected`` orders that the exchange refused. ``ratio_worst`` is infinite once nothing
    was left. ``rung`` is the highest of the ladder, ``acts`` what it asked for, ``scale`` the share
    of the book that its scenario limit let through before the crash (0: refused).
    """

    kind: str
    seed: int
    deposit: float
    ratio: float
    ratio_worst: float
    liquidated: int
    bankrupt: bool
    deleveraged: int
    loss_usd: float
    fees_coin: float
    hedges: int
    rejected: int
    blocked: int
    ladder: bool = False
    rung: int = 0
    acts: int = 0
    scale: float = 1.0

    @property
    def has_survived(self) -> bool:
        """Whether the venue never liquidated anything."""
        return not self.liquidated and not self.bankrupt


@dataclass(slots=True)
class _Watch:
    """The account as it stood at each instant."""

    account: str
    ratio: float = math.nan
    worst: float = 0.0
    path: list[tuple[int, float, float]] = field(default_factory=list)

    def see(self, engine: Engine) -> None:
        found = engine.exchange.margin(self.account)
        if found is None:
            raise ConfigError("a crash needs rules of margin, found none")
        if not self.path:
            self.ratio = found.ratio
        self.worst = max(self.worst, found.ratio)
        index = engine.exchange.index(engine.exchange.underlying(self.account))
        self.path.append((found.time_ms, index, found.equity))


def crashed(
    params: PaperParams,
    book: BookParams,
    terms: Terms,
    crash: Crash,
    each: Callable[[Engine], None] = lambda engine: None,
    tell: Tell = lambda ms, kind, text: None,
) -> Outcome:
    """Play a book through one crash; the same arguments give the same outcome.

    Parameters
    ----------
    params
        The exchange with the book's account; without rules of margin the standard ones hold.
    book, terms
        Who decides, by which rules.
    crash
        Which crash, from which margin.
    each
        Shown the exchange after every instant: whoever acts on the account beside the hedging.
    tell
        Told the story: rungs, acts, what is sent for them, liquidations, and how it ends.

    Raises
    ------
    ConfigError
        If the book holds nothing, or the crash cannot be played.
    """
    params = replace(params, margin=params.margin or margin_rules())
    start_ms, spot = stage(params, book)
    spot = crash.spot or spot
    if crash.ratio:
        crash = replace(crash, deposit=deposit_of(params, book, crash, start_ms, spot))
    scale = 1.0
    if crash.ladder and crash.kind == GAP:
        scale, params = let_through(params, book, crash, start_ms, spot, tell)
    if not scale:
        return _refused(crash)
    own = under_way(params, book, crash)
    market = market_of(params, book, crash, start_ms, spot)
    watch = _Watch(book.account)

    def shown(engine: Engine) -> None:
        watch.see(engine)
        each(engine)

    beside = Laddered(own, tell) if crash.ladder else None
    run = replayed(
        exchange_of(params, book, crash, spot), market, own, terms, each=shown, beside=beside
    )
    found = replace(_outcome(run, watch, own, crash), scale=scale)
    if beside is not None:
        found = replace(found, rung=int(beside.rung), acts=len(beside.acts))
    _tell_end(run, watch, found, book.account, tell)
    return found


def _refused(crash: Crash) -> Outcome:
    """Nothing was held when the crash came: the limit let none of the book through."""
    return Outcome(
        kind=crash.kind,
        seed=crash.seed,
        deposit=crash.deposit,
        ratio=0.0,
        ratio_worst=0.0,
        liquidated=0,
        bankrupt=False,
        deleveraged=0,
        loss_usd=0.0,
        fees_coin=0.0,
        hedges=0,
        rejected=0,
        blocked=0,
        ladder=True,
        scale=0.0,
    )


def _tell_end(run: Replayed, watch: _Watch, found: Outcome, account: str, tell: Tell) -> None:
    """What the venue did by itself, and what became of the book."""
    for event in run.events:
        if isinstance(event, Traded) and event.account == account and event.kind != FillKind.TRADE:
            tell(event.ms, event.kind, f"{event.lots:+d} {event.instrument} at {event.price:g}")
    words = "survived" if found.has_survived else "liquidated"
    tell(
        watch.path[-1][0],
        "end",
        f"{words}: margin ratio {found.ratio:.1%} at the start, {found.ratio_worst:.1%} at worst;"
        f" lost {found.loss_usd:,.0f} in quote currency",
    )


def _outcome(run: Replayed, watch: _Watch, book: BookParams, crash: Crash) -> Outcome:
    mine = [e for e in run.events if isinstance(e, Traded) and e.account == book.account]
    seen = [e for e in run.events if isinstance(e, OrderSeen) and e.account == book.account]
    kinds = [event.kind for event in mine]
    return Outcome(
        kind=crash.kind,
        seed=crash.seed,
        deposit=crash.deposit,
        ratio=watch.ratio,
        ratio_worst=watch.worst,
        liquidated=kinds.count(FillKind.LIQUIDATION),
        bankrupt=any(isinstance(e, Covered) and e.account == book.account for e in run.events),
        deleveraged=kinds.count(FillKind.DELEVERAGING),
        loss_usd=_loss(watch, book),
        fees_coin=sum(event.fee / (1.0 if _is_coin(event) else event.index) for event in mine),
        hedges=len(run.hedges),
        rejected=sum(event.status is OrderStatus.REJECTED for event in seen),
        blocked=sum(run.blocked.values()),
        ladder=crash.ladder,
    )


def _is_coin(event: Traded) -> bool:
    contract = instrument(event.instrument)
    return contract.settlement == contract.underlying


def _loss(watch: _Watch, book: BookParams) -> float:
    """What the book lost in its numeraire, in quote currency."""
    (_, first, begun), (_, last, ended) = watch.path[0], watch.path[-1]
    if book.rules.numeraire == "coin":
        return (begun - ended) * last
    base = book.rules.base_coin
    return (begun - base) * first - (ended - base) * last
