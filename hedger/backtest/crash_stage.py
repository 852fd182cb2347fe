"""Where a crash is played: its exchange, its market, and the book as it stands when it begins."""

from __future__ import annotations

import math
import statistics

from msgspec.structs import replace

from hedger.backtest.replay import MemoryLog
from hedger.core.model import Instrument, Kind, Record
from hedger.errors import ConfigError
from hedger.service.params import BookParams
from hedger.venues.deribit.contracts import instrument
from hedger.venues.paper.crash import CrashMarket
from hedger.venues.paper.depth import Depth
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperAccount, PaperParams
from hedger.venues.paper.synthetic import DAY_MS, DEFAULT_START_MS, SPOTS

__all__ = ["CROWD", "Crash", "deposit_of", "exchange_of", "market_of", "stage", "under_way"]

CROWD, CROWD_LEVERAGE = "crowd", 20.0
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


def stage(params: PaperParams, book: BookParams) -> tuple[int, float]:
    """Where a book's crash begins: market time, and a spot amid its strikes; `ConfigError`."""
    contracts = _contracts(params, book)
    options = [it for it in contracts if it.kind is Kind.OPTION]
    if not options:
        return DEFAULT_START_MS, SPOTS.get(book.underlying, 100.0)
    start_ms = min(it.expiry_ms for it in options) - STARTS_DAYS * DAY_MS
    return start_ms, statistics.median(it.strike for it in options)


def under_way(params: PaperParams, book: BookParams, crash: Crash) -> BookParams:
    """The book with the deposit of its crash, long confirmed by a person."""
    before = next(a.deposit for a in params.accounts if a.name == book.account)
    deposited = params.deposit if before is None else before
    base = max(book.rules.base_coin + crash.deposit - deposited, 0.0)
    if not book.rules.base_coin:
        base = 0.0
    # A book is well under way when a crash comes: a person has long confirmed its first trade.
    limits = replace(book.rules.limits, first_trade_max=math.inf)
    return replace(book, rules=replace(book.rules, base_coin=base, limits=limits))


def _contracts(params: PaperParams, book: BookParams) -> list[Instrument]:
    held = next((a.positions for a in params.accounts if a.name == book.account), {})
    if not held:
        raise ConfigError(f"book {book.name}: holds no positions, expected some to crash with")
    return [instrument(name) for name in held]


def market_of(
    params: PaperParams, book: BookParams, crash: Crash, start_ms: int, spot: float
) -> CrashMarket:
    """The market that crashes."""
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


def exchange_of(params: PaperParams, book: BookParams, crash: Crash, spot: float) -> PaperParams:
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


def deposit_of(
    params: PaperParams, book: BookParams, crash: Crash, start_ms: int, spot: float
) -> float:
    """Coin with which the maintenance margin begins at the wanted share of the balance.

    The balance grows with the deposit one for one and what is asked for does not.
    """
    probe = replace(crash, deposit=1.0, ratio=0.0, crowd_usd=0.0)
    market = market_of(params, book, probe, start_ms, spot)
    engine = Engine(exchange_of(params, book, probe, spot), market=market, log=MemoryLog())
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
