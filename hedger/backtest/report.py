"""The report of one book's run: every number with its definition beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hedger.backtest import pnl
from hedger.backtest.definitions import DEFINITIONS
from hedger.backtest.history import Floats, History, history
from hedger.backtest.journalled import Told, told
from hedger.backtest.ledger import Contracts
from hedger.backtest.reckoning import Reckoning, reckoned
from hedger.backtest.settlements import settlements
from hedger.backtest.statistics import percentile
from hedger.backtest.trades import Trades, trades
from hedger.core.model import Record, Rules
from hedger.service.entry import Entry
from hedger.venues.simulator.events import Event
from hedger.venues.simulator.instant import Instant

__all__ = ["Subject", "report", "reported"]


class Subject(Record, frozen=True, kw_only=True):
    """The book that is reported on."""

    book: str
    account: str
    rules: Rules


def report(
    events: Iterable[Event],
    subject: Subject,
    contracts: Contracts,
    *,
    published: Iterable[Instant] = (),
    decisions: Sequence[Entry] = (),
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    """Report of one book; the JSON that `hedger demo` prints.

    Parameters
    ----------
    events
        The exchange's trade log, whole.
    subject
        Whose account, hedged how.
    contracts
        Contract data by name.
    published
        The market's instants made again, in order, with the book's instruments shown: deltas are
        judged by them. Without them the marks for P&L serve, which may know the next snapshot.
    decisions
        The book's journal entries: the time that decisions took, and bands that follow gamma.
    notes
        How the market was made.

    Raises
    ------
    ConfigError
        If the log does not hold the account.
    """
    past = history(
        events,
        subject.account,
        hedges=(subject.rules.hedge.buy, subject.rules.hedge.sell),
        contracts=contracts,
        published=published,
    )
    known = told(decisions)
    found = reported(past, subject, contracts, known, reckoned(past, subject.rules, known))
    return {**found, **_decisions(decisions), "notes": list(notes), "definitions": DEFINITIONS}


def reported(
    past: History, subject: Subject, contracts: Contracts, known: Told, seen: Reckoning
) -> dict[str, Any]:
    """Everything that a history tells; ``known`` are the bands that were in force."""
    rules = subject.rules
    made = trades(past, rules, contracts, known)
    return {
        "book": subject.book,
        "numeraire": rules.numeraire,
        **_money(past, rules, made, seen),
        **_hedging(past, made, seen),
    }


def _money(past: History, rules: Rules, made: Trades, seen: Reckoning) -> dict[str, Any]:
    """P&L, its spread with and without the hedge, and its parts."""
    parts, own, bare = seen.parts, seen.own, seen.bare
    turnover = made.turnover_usd
    if rules.numeraire == "coin":
        turnover /= float(past.index.mean())
    return {
        **pnl.noise(past, own, bare, rules),
        **pnl.delta_part(past, parts, own, bare),
        "pnl_total": float(own[-1] - own[0]),
        "pnl_unhedged_total": float(bare[-1] - bare[0]),
        **pnl.totals(parts, own, bare, turnover),
        "equity_initial_coin": float(past.equity[0]),
        "equity_final_coin": float(past.equity[-1]),
    }


def _hedging(past: History, made: Trades, seen: Reckoning) -> dict[str, Any]:
    """Orders, where the delta was, and the settlements."""
    book, band, days = seen.book, seen.band, float(past.ms[-1] - past.ms[0]) / 86_400_000
    return {
        "hedges": made.hedges,
        "orders": made.orders,
        "orders_per_day": made.orders / days if days else None,
        "rejected": made.rejected,
        "unfilled": made.unfilled,
        "partially_filled": made.partial,
        "turnover_usd": made.turnover_usd,
        "hedges_in_band_share": made.in_band / made.judged if made.judged else None,
        "band_half_width": _mean(0.5 * (band.upper - band.lower)[1:]),
        **seen.shares(),
        "delta_worst": float(np.nanmax(np.abs(book.book[1:]))),
        "settlements": settlements(past, book, band),
        "bars": past.bars,
        "bars_left_out": past.left_out,
        "market_hours": float(past.ms[-1] - past.ms[0]) / 3_600_000,
    }


def _mean(values: Floats) -> float | None:
    """Mean of what is known, None where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _decisions(decisions: Sequence[Entry]) -> dict[str, Any]:
    """Latencies in real milliseconds, from the entries that carry them."""
    timed = [entry.timings for entry in decisions if entry.timings is not None]
    whole = [
        (t.quote_us + t.load_us + t.decide_us) / 1_000 for t in timed if t.quote_us is not None
    ]
    alone = [t.decide_us / 1_000 for t in timed]
    return {
        "decisions": sum(entry.repeats for entry in decisions),
        "decisions_timed": len(whole),
        "decision_ms_p50": percentile(whole, 50),
        "decision_ms_p99": percentile(whole, 99),
        "decide_ms_p50": percentile(alone, 50),
        "decide_ms_p99": percentile(alone, 99),
    }
