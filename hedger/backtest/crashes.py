"""A book through a crash: the very `decide()` on the paper exchange, with margin, in virtual time.

The exchange asks for margin by its rules and liquidates by them; spreads and depth react to the
crash, the way to the exchange takes longer, and one funding print comes at its height. What is
told is what became of the account: liquidated or not, and what it lost.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from hedger.backtest.laddered import Laddered, Tell
from hedger.backtest.replay import MemoryLog, Replayed, Terms, replayed
from hedger.core.book import book as made
from hedger.core.market import Board
from hedger.core.model import (
    BookState,
    FillKind,
    Instrument,
    Kind,
    OrderStatus,
    Record,
    Refusal,
)
from hedger.core.risk.stress import stress, told
from hedger.errors import ConfigError
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.crash import CrashMarket
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.margins import margin_rules
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.paper.synthetic import DAY_MS, DEFAULT_START_MS, SPOTS
from hedger.venues.simulator.events import Covered, OrderSeen, Traded

__all__ = ["CROWD", "Crash", "Outcome", "crashed", "stage"]

CROWD, CROWD_LEVERAGE = "crowd", 20.0
GAP = "gap"
PARTS = 20
STARTS_DAYS = 7
"""A crash begins so long before the first option expires."""


class Crash(Record, frozen=True, kw_only=True):
    """One crash to be played; ``ratio`` is maintenance over margin balance at its start.

    With ``ratio`` 0 the account starts with ``deposit`` coin. ``crowd_usd`` of perpetuals stand
    against the crash on another account, with a leverage of 20: where they go bankrupt and no
    insurance pays, the book's own hedges are deleveraged. ``latency`` multiplies the venue's. With
    ``ladder`` the book climbs its own, and before a gap it is made as small as its scenario limit
    has it.
    """

    kind: str
    seed: int
    deposit: float
    ratio: float = 0.0
    spot: float = 0.0
    spread_most: float = 10.0
    latency: float = 20.0
    funding: float = 0.00375
    crowd_usd: float = 0.0
    step_ms: int = 2_000
    ladder: bool = False


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


def stage(params: PaperParams, book: BookParams) -> tuple[int, float]:
    """Where a book's crash begins: market time, and a spot amid its strikes; `ConfigError`."""
    contracts = _contracts(params, book)
    options = [it for it in contracts if it.kind is Kind.OPTION]
    if not options:
        return DEFAULT_START_MS, SPOTS.get(book.underlying, 100.0)
    start_ms = min(it.expiry_ms for it in options) - STARTS_DAYS * DAY_MS
    return start_ms, statistics.median(it.strike for it in options)


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
        crash = replace(crash, deposit=_deposit(params, book, crash, start_ms, spot))
    scale = 1.0
    if crash.ladder and crash.kind == GAP:
        scale, params = _let_through(params, book, crash, start_ms, spot, tell)
    own = _under_way(params, book, crash)
    market = _market(params, book, crash, start_ms, spot)
    watch = _Watch(book.account)

    def shown(engine: Engine) -> None:
        watch.see(engine)
        each(engine)

    beside = Laddered(own, tell) if crash.ladder else None
    run = replayed(
        _exchange(params, book, crash, spot), market, own, terms, each=shown, beside=beside
    )
    found = replace(_outcome(run, watch, own, crash), scale=scale)
    if beside is not None:
        found = replace(found, rung=int(beside.rung), acts=len(beside.acts))
    _tell_end(run, watch, found, book.account, tell)
    return found


def _under_way(params: PaperParams, book: BookParams, crash: Crash) -> BookParams:
    """The book with the deposit of its crash, long confirmed by a person."""
    before = next(a.deposit for a in params.accounts if a.name == book.account)
    deposited = params.deposit if before is None else before
    base = max(book.rules.base_coin + crash.deposit - deposited, 0.0)
    if not book.rules.base_coin:
        base = 0.0
    # A book is well under way when a crash comes: a person has long confirmed its first trade.
    limits = replace(book.rules.limits, first_trade_max=math.inf)
    return replace(book, rules=replace(book.rules, base_coin=base, limits=limits))


def _let_through(
    params: PaperParams,
    book: BookParams,
    crash: Crash,
    start_ms: int,
    spot: float,
    tell: Tell,
) -> tuple[float, PaperParams]:
    """The largest share of the book that its scenario limit lets through, by twentieths."""
    own, reason = _under_way(params, book, crash), ""
    if not own.rules.scenario.stresses:
        return 1.0, params
    for part in range(PARTS, 0, -1):
        smaller = _scaled(params, book, part / PARTS)
        why = _refused(smaller, own, crash, start_ms, spot)
        if not why:
            if reason:
                tell(start_ms, "limit", f"the book is held at {part / PARTS:.0%} of it: {reason}")
            return part / PARTS, smaller
        reason = reason or why
    tell(start_ms, "limit", f"the book is refused: {reason}")
    return 0.0, _scaled(params, book, 0.0)


def _refused(
    params: PaperParams, book: BookParams, crash: Crash, start_ms: int, spot: float
) -> str:
    """Why a book may not be held as it stands before the crash; empty where it may."""
    market = _market(params, book, crash, start_ms, spot)
    engine = Engine(_exchange(params, book, crash, spot), market=market, log=MemoryLog())
    held = engine.exchange.positions(book.account)
    contracts = engine.instruments((*held, *book.hedges))
    board = Board(contracts)
    for quote in engine.quotes(list(contracts)):
        board.apply(quote)
    account = engine.account(book.account)
    if account is not None:
        board.apply_account(account)
    state = BookState(book=book.name, seq=0, digest=book.digest, positions=held)
    columns = made(state, contracts, account=book.account, hedges=book.hedges)
    found = stress(columns, board.market(), book.rules, engine.market_ms)
    if isinstance(found, Refusal):
        return found.reason
    tight = min(found.limits, key=lambda limit: float(limit.left.min()))
    at = int(np.argmin(tight.left))
    return told(found, tight, at) if tight.left[at] < 0.0 else ""


def _scaled(params: PaperParams, book: BookParams, scale: float) -> PaperParams:
    """The exchange with the book's account at a share of its positions, to whole lots."""
    accounts = tuple(
        replace(a, positions={n: int(lots * scale) for n, lots in a.positions.items()})
        if a.name == book.account
        else a
        for a in params.accounts
    )
    return replace(params, accounts=accounts)


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


def _contracts(params: PaperParams, book: BookParams) -> list[Instrument]:
    held = next((a.positions for a in params.accounts if a.name == book.account), {})
    if not held:
        raise ConfigError(f"book {book.name}: holds no positions, expected some to crash with")
    return [instrument(name) for name in held]


def _market(
    params: PaperParams, book: BookParams, crash: Crash, start_ms: int, spot: float
) -> CrashMarket:
    return CrashMarket(
        crash.kind,
        crash.seed,
        Depth(params.half_spread_bps, params.depth_levels, params.depth_usd),
        underlying=book.underlying,
        spot=spot,
        start_ms=start_ms,
        step_ms=crash.step_ms,
        spread_most=crash.spread_most,
        funding=crash.funding,
    )


def _exchange(params: PaperParams, book: BookParams, crash: Crash, spot: float) -> PaperParams:
    """The exchange of one crash: the book's account with its deposit, and perhaps a crowd."""
    own = next(a for a in params.accounts if a.name == book.account)
    accounts = [replace(own, deposit=crash.deposit)]
    if crash.crowd_usd:
        perpetual = instrument(f"{book.underlying}-PERPETUAL")
        lots = round(crash.crowd_usd / perpetual.lot)
        accounts.append(
            PaperAccount(
                name=CROWD,
                underlying=book.underlying,
                deposit=crash.crowd_usd / spot / CROWD_LEVERAGE,
                positions={perpetual.name: -lots if crash.kind == "ramp-up" else lots},
            )
        )
    return replace(
        params,
        accounts=tuple(accounts),
        instruments=tuple({**dict.fromkeys(book.hedges), **dict.fromkeys(book.instruments)}),
        latency_ms=params.latency_ms * crash.latency,
        funding_rate_8h=0.0,
        events_per_day=0.0,
        seed=crash.seed,
        data="",
    )


def _deposit(
    params: PaperParams, book: BookParams, crash: Crash, start_ms: int, spot: float
) -> float:
    """Coin with which the maintenance margin begins at the wanted share of the balance.

    The balance grows with the deposit one for one and what is asked for does not.
    """
    probe = replace(crash, deposit=1.0, ratio=0.0, crowd_usd=0.0)
    market = _market(params, book, probe, start_ms, spot)
    engine = Engine(_exchange(params, book, probe, spot), market=market, log=MemoryLog())
    found = engine.exchange.margin(book.account)
    if found is None or found.maintenance <= 0.0:
        raise ConfigError(f"book {book.name}: no margin is asked of it, it has no ratio")
    wanted = found.maintenance / crash.ratio - (found.balance - 1.0)
    if wanted <= 0.0:
        raise ConfigError(
            f"book {book.name}: premium alone is more than a ratio of {crash.ratio:g} leaves,"
            " expected a smaller one"
        )
    return wanted


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
