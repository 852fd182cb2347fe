"""Before a crash: how much of a book its own scenario limit lets through, or that it is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from hedger.backtest.crash_stage import Crash, exchange_of, market_of, under_way
from hedger.backtest.replay import MemoryLog
from hedger.core.book import book as columns
from hedger.core.market import Board
from hedger.core.model import BookState, Refusal
from hedger.core.risk.stress import stress, told
from hedger.service.params import BookParams
from hedger.venues.paper.engine import Engine
from hedger.venues.paper.params import PaperParams

__all__ = ["let_through"]

PARTS = 20


def let_through(
    params: PaperParams,
    book: BookParams,
    crash: Crash,
    start_ms: int,
    spot: float,
    tell: Callable[[int, str, str], None],
) -> tuple[float, PaperParams]:
    """The largest share of the book that its scenario limit lets through, by twentieths."""
    own, reason = under_way(params, book, crash), ""
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
    market = market_of(params, book, crash, start_ms, spot)
    engine = Engine(exchange_of(params, book, crash, spot), market=market, log=MemoryLog())
    held = engine.exchange.positions(book.account)
    contracts = engine.instruments((*held, *book.hedges))
    board = Board(contracts)
    for quote in engine.quotes(list(contracts)):
        board.apply(quote)
    account = engine.account(book.account)
    if account is not None:
        board.apply_account(account)
    state = BookState(book=book.name, seq=0, digest=book.digest, positions=held)
    held_book = columns(state, contracts, account=book.account, hedges=book.hedges)
    found = stress(held_book, board.market(), book.rules, engine.market_ms)
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
